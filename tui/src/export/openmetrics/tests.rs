use std::time::Duration;

use super::*;
use crate::model::DeviceTotals;

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
    let mut metrics = Metrics::new(&session());
    let host = Host::default();
    let mut interval = Interval {
        length: Duration::from_secs(1),
        devices: vec![DeviceTotals::default()],
        ..Interval::default()
    };
    interval.devices[0].directions[1].packets = 7;
    interval.devices[0].directions[1].bytes = 700;
    for _ in 0..2 {
        let event = Event::Interval(interval.clone());
        metrics.event(&event, &host, &Diagnosis::default());
    }
    let text = metrics.encode().unwrap_or_default();
    let line = |start: &str| text.lines().find(|line| line.starts_with(start));
    assert!(line("nkview_device_packets_total{").is_some(), "{text}");
    assert!(text.contains("direction=\"out\"} 14\n"), "{text}");
    assert!(text.contains("direction=\"out\"} 1400\n"), "{text}");
    assert!(text.contains("nkview_findings{kind=\"tcp-refused\",severity=\"error\"} 0\n"));
    assert!(text.ends_with("# EOF\n"));
}
