use std::time::Duration;

use super::*;
use crate::model::{DeviceTotals, FlowCounts};
use crate::synthetic::{self, Synthetic};

fn session() -> Session {
    Session {
        host: "node".to_owned(),
        hosts: Vec::new(),
        started: jiff::Timestamp::UNIX_EPOCH,
        remark: None,
        privileges: None,
    }
}

#[test]
fn counters_add_up_and_findings_have_a_series_before_there_is_one() {
    let mut metrics = Metrics::new(&session(), None);
    let mut interval = Interval {
        length: Duration::from_secs(1),
        devices: vec![DeviceTotals::default()],
        ..Interval::default()
    };
    interval.devices[0].directions[1].packets = 7;
    interval.devices[0].directions[1].bytes = 700;
    for _ in 0..2 {
        let event = Event::Interval(interval.clone());
        metrics.event(&event.into(), &Traffic::default(), &Diagnoses::default());
    }
    let text = metrics.encode().unwrap_or_default();
    let line = |start: &str| text.lines().find(|line| line.starts_with(start));
    assert!(line("nkview_device_packets_total{").is_some(), "{text}");
    assert!(text.contains("direction=\"out\"} 14\n"), "{text}");
    assert!(text.contains("direction=\"out\"} 1400\n"), "{text}");
    assert!(text.contains("nkview_findings{kind=\"tcp-refused\",severity=\"error\"} 0\n"));
    assert!(text.ends_with("# EOF\n"));

    let text = classic(&text);
    assert!(text.contains(
        "# HELP nkview_device_packets_total Packets that the hooks saw (skbs).\n\
         # TYPE nkview_device_packets_total counter\n\
         nkview_device_packets_total{"
    ));
    assert!(text.contains("# TYPE nkview_findings gauge\n"), "{text}");
    assert!(
        !text.contains("# EOF") && !text.contains("# UNIT"),
        "{text}"
    );
}

#[test]
fn devices_and_findings_of_several_hosts_are_kept_apart() {
    let names = ["a", "b"].map(str::to_owned);
    let session = Session {
        hosts: names.to_vec(),
        ..session()
    };
    let mut metrics = Metrics::new(&session, Some(2));
    let mut traffic = Traffic::of(&names);
    let mut diagnoses = Diagnoses::new(crate::diagnosis::Policy::default(), &names);
    let mut sent = [0_u64; 2];
    for (host, sent) in (0..).zip(&mut sent) {
        let mut source = Synthetic::new(u64::from(host), 30);
        let mut interval = source.interval();
        // Each host has other devices in the same slots.
        let mut devices = synthetic::devices();
        devices.rotate_left(usize::from(host));
        for (slot, device) in (0..).zip(&mut devices) {
            if let crate::model::Watch::Yes { slot: own, .. } = &mut device.watch {
                *own = slot;
            }
        }
        interval.devices.truncate(1);
        for totals in &interval.devices {
            let directions = totals.directions.iter();
            *sent += directions.map(|it| it.packets).sum::<u64>();
        }
        for event in [Event::Devices(devices), Event::Interval(interval)] {
            let host = HostId(host);
            let envelope = Envelope { host, event };
            traffic.apply(&envelope);
            diagnoses.observe(&envelope, &traffic.host(host).flows);
            metrics.event(&envelope, &traffic, &diagnoses);
        }
    }
    let text = metrics.encode().unwrap_or_default();
    let packets = |node: &str| -> u64 {
        let start = format!("nkview_device_packets_total{{device=\"{node}/");
        let lines = text.lines().filter(|line| line.starts_with(&start));
        let values = lines.map(|line| line.rsplit(' ').next().unwrap_or_default().parse::<u64>());
        values.map(Result::unwrap_or_default).sum()
    };
    assert_eq!(["a", "b"].map(packets), sent);
    let flows: usize = traffic.hosts().map(|(_, host)| host.flows.len()).sum();
    assert!(text.contains(&format!("nkview_flows {flows}\n")), "{text}");
    // Of each host the same number of flows, both directions of each.
    let busiest = |node: &str| {
        let start = format!("nkview_top_flow_bytes_per_second{{device=\"{node}/");
        text.lines().filter(|line| line.starts_with(&start)).count()
    };
    assert_eq!(["a", "b"].map(busiest), [4, 4], "{text}");
}

#[test]
fn only_the_busiest_flows_of_the_last_interval_are_served() {
    let mut metrics = Metrics::new(&session(), Some(3));
    let mut source = Synthetic::new(1, 30);
    let rate = |flow: &FlowCounts| -> u64 { flow.value.directions.iter().map(|it| it.bytes).sum() };
    let intervals = [(); 2].map(|()| source.interval());
    for interval in &intervals {
        let mut interval = interval.clone();
        interval.length = Duration::from_secs(1);
        let event = Event::Interval(interval);
        metrics.event(&event.into(), &Traffic::default(), &Diagnoses::default());
    }
    let mut rates: Vec<_> = intervals[1].flows.iter().map(rate).collect();
    rates.sort_unstable_by(|a, b| b.cmp(a));
    let text = metrics.encode().unwrap_or_default();
    let series = text
        .lines()
        .filter(|it| it.starts_with("nkview_top_flow_bytes_per_second{"));
    let mut served = BTreeMap::<String, u64>::new();
    for line in series {
        let (labels, rate) = line.rsplit_once(' ').unwrap_or_default();
        let flow = labels
            .replace("direction=\"in\"", "")
            .replace("direction=\"out\"", "");
        *served.entry(flow).or_default() += rate.parse::<u64>().unwrap_or_default();
    }
    let mut served: Vec<_> = served.into_values().collect();
    served.sort_unstable_by(|a, b| b.cmp(a));
    assert_eq!(served, rates[..3], "{text}");
}
