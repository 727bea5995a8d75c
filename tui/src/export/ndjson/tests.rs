use std::{
    collections::{BTreeMap, HashMap},
    io::{self, Write},
    net::Ipv4Addr,
    time::Duration,
};

use probe_common::{
    Counters, FlowKey, FlowValue, KeyFlags,
    parse::number::{
        ether, ip,
        tcp::{ACK, FIN, SYN},
    },
};
use serde_json::Value;

use super::{Ndjson, line};
use crate::export::{Selection, Sink};
use crate::model::{
    Device, DeviceKind, DeviceTotals, EndReason, Envelope, Event, Fate, FlowCounts, Hooks, HostId,
    Interval, Level, LocalEnd, Notice, Session, Totals, Watch, WatchFailure,
};
use crate::synthetic::Synthetic;

mod lookups;
mod schema;

fn session() -> Session {
    Session {
        host: "node-3".to_owned(),
        hosts: Vec::new(),
        started: "2026-01-02T03:04:05.678Z".parse().unwrap(),
        remark: None,
        privileges: None,
    }
}

fn device(name: &str, index: u32, watch: Watch) -> Device {
    Device {
        name: name.to_owned(),
        index,
        kind: DeviceKind::Other("veth".to_owned()),
        up: true,
        mtu: 1500,
        watch,
        ..Device::default()
    }
}

fn watched(name: &str, slot: u32) -> Device {
    let hooks = Hooks::Netkit;
    device(
        name,
        10 + slot,
        Watch::Yes {
            slot,
            hooks,
            local: LocalEnd::Peer,
        },
    )
}

fn key(device: u32, protocol: u8, ports: [u16; 2]) -> FlowKey {
    let [local, remote] = [1, 2].map(|n| Ipv4Addr::new(10, 0, 0, n).to_ipv6_mapped().octets());
    FlowKey {
        local,
        remote,
        device,
        ether_type: ether::IPV4,
        local_port: ports[0],
        remote_port: ports[1],
        protocol,
        flags: 0,
        ..FlowKey::default()
    }
}

fn counts(key: FlowKey, packets: [u64; 2], flags: u8) -> FlowCounts {
    let directions = packets.map(|packets| Counters {
        packets,
        extra_segments: packets * 2,
        bytes: packets * 100,
        tcp_flags: flags,
        ..Counters::default()
    });
    FlowCounts {
        key,
        value: FlowValue { directions },
        facts: None,
    }
}

/// An interval of one second whose totals are the flows' and of three untracked
/// packets in each direction of each device.
fn interval(at: u64, flows: Vec<FlowCounts>) -> Event {
    let mut devices = BTreeMap::<u32, DeviceTotals>::new();
    for FlowCounts { key, value, .. } in &flows {
        let device = devices.entry(key.device).or_insert_with(|| DeviceTotals {
            slot: key.device,
            directions: [Totals {
                packets: 3,
                segments: 3,
                bytes: 180,
                untracked_packets: 3,
                untracked_bytes: 180,
                filtered_packets: 0,
                blocked_packets: 0,
                blocked_bytes: 0,
                filtered_bytes: 0,
                events: 2,
                lost: 1,
                over_budget: crate::model::ByReason::default(),
                fate: None,
            }; 2],
            ..DeviceTotals::default()
        });
        for (totals, counters) in device.directions.iter_mut().zip(value.directions) {
            totals.packets += counters.packets;
            totals.segments += counters.packets + counters.extra_segments;
            totals.bytes += counters.bytes;
        }
    }
    Event::Interval(Interval {
        at: Duration::from_secs(at),
        wall: session().wall_clock().at(Duration::from_secs(at)),
        length: Duration::from_secs(1),
        devices: devices.into_values().collect(),
        flows,
        ..Interval::default()
    })
}

/// The lines without the problems, which tests of their own are about: here the
/// table has lost packets, so that each stream has one.
fn lines(events: &[Event]) -> Vec<String> {
    let mut lines = selected_lines(events, Selection::default());
    lines.retain(|line| !line.starts_with(r#"{"type":"problem""#));
    lines
}

fn envelope(event: &Event) -> Envelope {
    event.clone().into()
}

fn selected_lines(events: &[Event], selection: Selection) -> Vec<String> {
    let mut output = Vec::new();
    let mut sink = Ndjson::new(session(), &mut output, selection);
    for event in events {
        sink.event(&envelope(event)).unwrap();
    }
    sink.finish().unwrap();
    drop(sink);
    let text = String::from_utf8(output).unwrap();
    assert!(text.ends_with('\n'));
    text.lines().map(str::to_owned).collect()
}

#[test]
fn lines_have_the_documented_members_in_order() {
    let devices = vec![
        watched("lab0", 0),
        device("lo", 1, Watch::No),
        device(
            "tun0",
            9,
            Watch::Failed(WatchFailure::Other("no hook".to_owned())),
        ),
    ];
    let notice = Notice {
        at: Duration::from_millis(1500),
        level: Level::Warning,
        text: "a program came in front".to_owned(),
    };
    let lines = lines(&[
        Event::Devices(devices),
        interval(
            1,
            vec![counts(key(0, ip::TCP, [443, 50000]), [2, 1], SYN | ACK)],
        ),
        Event::Notice(notice),
        Event::Ended(EndReason::Silent),
    ]);
    let version = env!("CARGO_PKG_VERSION");
    let expected = [
        format!(
            r#"{{"type":"start","time":"2026-01-02T03:04:05.678Z","schema":1,"version":"{version}","host":"node-3","devices":[{{"name":"lab0","index":10,"hooks":"netkit"}},{{"name":"tun0","index":9,"error":"no hook"}}]}}"#
        ),
        r#"{"type":"flow","time":"2026-01-02T03:04:06.678Z","seconds":1.0,"device":"lab0","protocol":"tcp","ether_type":2048,"ip_protocol":6,"local":{"address":"10.0.0.1","port":443},"remote":{"address":"10.0.0.2","port":50000},"in":{"packets":2,"segments":6,"bytes":200},"out":{"packets":1,"segments":3,"bytes":100},"state":"open","age":1.0,"total_in":{"packets":2,"segments":6,"bytes":200},"total_out":{"packets":1,"segments":3,"bytes":100}}"#.to_owned(),
        r#"{"type":"notice","time":"2026-01-02T03:04:07.178Z","level":"warning","text":"a program came in front"}"#.to_owned(),
        r#"{"type":"ended","time":"2026-01-02T03:04:06.678Z","text":"the source stopped without a reason; the screen keeps the last data"}"#.to_owned(),
        r#"{"type":"totals","device":"lab0","in":{"packets":5,"segments":9,"bytes":380},"out":{"packets":4,"segments":6,"bytes":280},"flows":1,"untracked":{"packets":6,"bytes":360},"ring":{"events":4,"lost":2}}"#.to_owned(),
    ];
    assert_eq!(lines, expected);
}

#[test]
fn packets_and_flows_say_what_their_device_leads_to() {
    let events = Synthetic::new(3, 20).story(3).into_iter();
    let events: Vec<Event> = events.map(|envelope| envelope.event).collect();
    let selection = Selection {
        packets: true,
        ..Selection::default()
    };
    let lines = selected_lines(&events, selection);
    let behind = |kind: &str| -> HashMap<String, [Value; 3]> {
        let lines = lines.iter().map(|line| serde_json::from_str(line).unwrap());
        let lines = lines.filter(|line: &Value| line["type"] == kind);
        lines
            .map(|line| {
                let names = ["container", "pod", "netns"].map(|name| line[name].clone());
                (line["device"].as_str().unwrap().to_owned(), names)
            })
            .collect()
    };
    let [flows, packets] = ["flow", "packet"].map(behind);
    assert!(!packets.is_empty());
    for (device, names) in &packets {
        assert_eq!(Some(names), flows.get(device), "{device}");
    }
    let mut names = packets.values().flatten();
    assert!(names.any(|name| name == "web-7d9f"), "{packets:?}");
}

/// What is written of a flow besides the counts.
fn facts(key: FlowKey) -> String {
    let lines = lines(&[interval(1, vec![counts(key, [1, 0], 0)])]);
    let line = &lines[1];
    let from = line.find(r#""protocol""#).unwrap();
    line[from..line.find(r#","in":"#).unwrap()].to_owned()
}

#[test]
fn what_has_no_ports_has_none_in_its_line() {
    let icmp6 = FlowKey {
        local: [0xfd; 16],
        ether_type: ether::IPV6,
        ..key(0, ip::ICMPV6, [7, 128])
    };
    let fragment = FlowKey {
        flags: KeyFlags::FRAGMENT,
        ..key(0, ip::UDP, [0, 0])
    };
    let lldp = FlowKey {
        local: [0; 16],
        remote: [0; 16],
        ether_type: 0x88cc,
        flags: KeyFlags::MALFORMED,
        ..key(0, 0, [0, 0])
    };
    let arp = FlowKey {
        ether_type: ether::ARP,
        ..key(0, 0, [0, 0])
    };
    let ends = r#""local":{"address":"10.0.0.1"},"remote":{"address":"10.0.0.2"}"#;
    let table = [
        (
            key(0, ip::ICMP, [0, 3]),
            format!(
                r#""protocol":"icmp","ether_type":2048,"ip_protocol":1,{ends},"icmp":{{"type":3,"name":"destination unreachable"}}"#
            ),
        ),
        (
            icmp6,
            r#""protocol":"icmp6","ether_type":34525,"ip_protocol":58,"local":{"address":"fdfd:fdfd:fdfd:fdfd:fdfd:fdfd:fdfd:fdfd"},"remote":{"address":"10.0.0.2"},"icmp":{"type":128,"name":"echo request","id":7}"#.to_owned(),
        ),
        (
            fragment,
            format!(
                r#""protocol":"udp","ether_type":2048,"ip_protocol":17,{ends},"fragments":true"#
            ),
        ),
        (
            lldp,
            r#""protocol":"lldp","ether_type":35020,"local":{},"remote":{},"malformed":true"#.to_owned(),
        ),
        (
            arp,
            format!(r#""protocol":"arp","ether_type":2054,{ends}"#),
        ),
    ];
    for (key, text) in table {
        assert_eq!(facts(key), text);
    }
}

#[test]
fn flow_lines_and_untracked_packets_add_up_to_the_totals() {
    let tcp = |device, port| key(device, ip::TCP, [port, 443]);
    let mut events = vec![Event::Devices(vec![watched("lab0", 0), watched("lab1", 1)])];
    // Flows that come back after they were forgotten count once.
    for (at, port) in (1..300).zip([1, 2, 3, 2].into_iter().cycle()) {
        let flags = if at % 7 == 0 { FIN | ACK } else { ACK };
        events.push(interval(
            at * if at > 200 { 100 } else { 1 },
            vec![
                counts(tcp(0, port), [at, 1], flags),
                counts(tcp(1, 9), [0, at * 3], ACK),
            ],
        ));
    }
    let lines: Vec<Value> = lines(&events)
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for (device, flows) in [("lab0", 3), ("lab1", 1)] {
        let of = |kind: &str| {
            let is_it = |line: &&Value| line["type"] == kind && line["device"] == device;
            lines.iter().filter(is_it).collect::<Vec<_>>()
        };
        let [totals] = of("totals")[..] else {
            panic!("{device} has not one line of totals");
        };
        assert_eq!(totals["flows"], flows);
        let number = |value: &Value| value.as_u64().unwrap();
        let mut untracked = number(&totals["untracked"]["packets"]);
        for direction in ["in", "out"] {
            let sum: u64 = of("flow")
                .iter()
                .map(|line| number(&line[direction]["packets"]))
                .sum();
            untracked -= number(&totals[direction]["packets"]) - sum;
        }
        assert_eq!(untracked, 0);
    }
}

#[test]
fn totals_so_far_and_the_state_go_on_from_interval_to_interval() {
    let flow = key(0, ip::TCP, [443, 50000]);
    let lines = lines(&[
        interval(1, vec![counts(flow, [5, 1], SYN | ACK)]),
        interval(3, vec![counts(flow, [1, 1], FIN | ACK)]),
    ]);
    let last: Value = serde_json::from_str(&lines[2]).unwrap();
    assert_eq!(last["in"]["packets"], 1);
    assert_eq!(last["total_in"]["packets"], 6);
    assert_eq!(last["total_out"]["packets"], 2);
    assert_eq!(
        (&last["state"], &last["age"]),
        (&"closed".into(), &3.0.into())
    );
}

#[test]
fn devices_that_come_and_go_are_reported() {
    let gone = device("lab0", 10, Watch::Gone { slot: 0 });
    let lines = lines(&[
        Event::Devices(vec![watched("lab0", 0)]),
        interval(1, vec![counts(key(0, ip::UDP, [1, 2]), [1, 1], 0)]),
        Event::Devices(vec![watched("lab0", 0), watched("lab1", 1)]),
        Event::Devices(vec![gone, watched("lab1", 1)]),
        // Another device in the same slot.
        Event::Devices(vec![watched("lab1", 1), watched("lab2", 0)]),
        interval(2, vec![counts(key(0, ip::UDP, [1, 2]), [5, 5], 0)]),
    ]);
    assert_eq!(
        lines[2..5],
        [
            r#"{"type":"device","time":"2026-01-02T03:04:06.678Z","name":"lab1","index":11,"hooks":"netkit"}"#,
            r#"{"type":"device","time":"2026-01-02T03:04:06.678Z","name":"lab0","index":10,"gone":true}"#,
            r#"{"type":"device","time":"2026-01-02T03:04:06.678Z","name":"lab2","index":10,"hooks":"netkit"}"#,
        ]
    );
    assert!(lines[5].contains(r#""device":"lab2""#));
    let (sum, totals) = lines[6..].split_last().unwrap();
    let start = r#"{"type":"sum","devices":3,"in":{"packets":12,"#;
    assert!(sum.starts_with(start), "{sum}");
    assert_eq!(totals.len(), 3);
    for (line, (device, packets)) in totals.iter().zip([("lab0", 4), ("lab1", 0), ("lab2", 8)]) {
        let start = format!(r#"{{"type":"totals","device":"{device}","in":{{"packets":{packets},"#);
        assert!(line.starts_with(&start), "{line}");
    }
    assert!(totals[2].contains(r#""flows":1,"#), "{}", totals[2]);
}

#[test]
fn an_empty_source_gives_a_start_and_nothing_else() {
    let lines = lines(&[]);
    assert_eq!(lines.len(), 1);
    assert!(lines[0].ends_with(r#""devices":[]}"#));
}

/// A reader that has gone.
struct Gone;

impl Write for Gone {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_broken_pipe_is_reported_as_such_at_the_first_event() {
    let mut sink = Ndjson::new(session(), Gone, Selection::default());
    let devices = envelope(&Event::Devices(Vec::new()));
    let error = sink.event(&devices).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    // Within an event too, when the buffer is full.
    let flows = (0..1000).map(|port| counts(key(0, ip::TCP, [port, 1]), [1, 1], ACK));
    let mut sink = Ndjson::new(session(), Gone, Selection::default());
    let interval = envelope(&interval(1, flows.collect()));
    let error = sink.event(&interval).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
}

#[test]
fn it_starts_when_all_devices_are_watched() {
    let first = vec![watched("lab0", 0), device("lab1", 11, Watch::Starting)];
    let all = vec![watched("lab0", 0), watched("lab1", 1)];
    let lines = lines(&[Event::Devices(first), Event::Devices(all)]);
    let start: Value = serde_json::from_str(&lines[0]).unwrap();
    assert_eq!(start["type"], "start");
    let devices = start["devices"].as_array().unwrap().iter();
    let names: Vec<_> = devices.map(|device| &device["name"]).collect();
    assert_eq!(names, ["lab0", "lab1"]);
}

#[test]
fn a_filter_and_a_count_choose_lines_but_not_totals() {
    let flows = (1..=4).map(|port| counts(key(0, ip::UDP, [port, 9]), [1, 0], 0));
    let events = [
        Event::Devices(vec![watched("lab0", 0)]),
        interval(1, flows.collect()),
    ];
    let ports = |text: &str, remaining| {
        let selection = Selection {
            filter: text.parse().unwrap(),
            remaining,
            ..Selection::default()
        };
        let lines = selected_lines(&events, selection);
        let lines: Vec<Value> = lines
            .iter()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let totals = lines.last().unwrap();
        assert_eq!(totals["flows"], 4);
        assert_eq!(totals["in"]["packets"], 7);
        let flows = lines.iter().filter(|line| line["type"] == "flow");
        flows
            .map(|line| line["local"]["port"].as_u64().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(ports("", None), [1, 2, 3, 4]);
    assert_eq!(ports("portrange 2-3", None), [2, 3]);
    assert_eq!(ports("dev lab1 or out", None), [0; 0]);
    assert_eq!(ports("not port 2", Some(2)), [1, 3]);
}

#[test]
fn lost_packets_have_a_line_where_packets_have_lines() {
    for packets in [false, true] {
        let mut output = Vec::new();
        let selection = Selection {
            packets,
            ..Selection::default()
        };
        let mut sink = Ndjson::new(session(), &mut output, selection);
        sink.event(&envelope(&Event::Devices(Vec::new()))).unwrap();
        sink.lost(7).unwrap();
        let Event::Interval(mut late) = interval(1, Vec::new()) else {
            unreachable!();
        };
        late.probe.late = 9;
        sink.event(&Event::Interval(late).into()).unwrap();
        sink.finish().unwrap();
        drop(sink);
        let text = String::from_utf8(output).unwrap();
        for line in [
            r#"{"type":"lost","time":"2026-01-02T03:04:05.678Z","packets":7}"#,
            r#"{"type":"lost","time":"2026-01-02T03:04:06.678Z","packets":9}"#,
        ] {
            assert_eq!(text.lines().any(|it| it == line), packets, "{text}");
        }
    }
}

#[test]
fn fates_are_told_in_words() {
    let fates = |directions: [(Option<u64>, u64); 2]| {
        let directions = directions.map(|(diverted, bypassed)| Totals {
            fate: Some(Fate { diverted, bypassed }),
            ..Totals::default()
        });
        line::Fates::from(&directions).to_string()
    };
    assert_eq!(
        fates([(Some(1), 0), (Some(0), 30)]),
        "1 packet in dropped or redirected by programs behind nkview's; \
         30 packets out came past the hook of nkview"
    );
    assert_eq!(
        fates([(None, 2), (None, 3)]),
        "2 packets in and 3 packets out came past the hook of nkview"
    );
    let mut blocked = [Totals::default(); 2];
    blocked[1].blocked_packets = 4;
    assert_eq!(
        line::Fates::from(&blocked).to_string(),
        "4 packets out blocked by rules"
    );
}

#[test]
fn devices_of_several_hosts_are_told_apart() {
    let names = ["a", "b"].map(str::to_owned).to_vec();
    let session = Session {
        hosts: names,
        ..session()
    };
    let mut output = Vec::new();
    let selection = Selection {
        filter: "node b or dev a/lab0".parse().unwrap(),
        ..Selection::default()
    };
    let mut sink = Ndjson::new(session, &mut output, selection);
    let lists = [
        vec![watched("lab0", 0)],
        vec![watched("eth0", 0), watched("lab0", 1)],
    ];
    for (host, devices) in (0..).zip(lists) {
        let envelope = Envelope {
            host: HostId(host),
            event: Event::Devices(devices),
        };
        sink.event(&envelope).unwrap();
    }
    // The same flow on both, in a slot of the same number.
    for at in [1, 2] {
        for host in [0, 1] {
            let flows = vec![counts(key(0, ip::UDP, [53, 50000]), [2, 1], 0)];
            let event = interval(at, flows);
            let envelope = Envelope {
                host: HostId(host),
                event,
            };
            sink.event(&envelope).unwrap();
        }
    }
    sink.finish().unwrap();
    drop(sink);
    let text = String::from_utf8(output).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let of = |kind: &str| -> Vec<&Value> {
        let is_of = |line: &&Value| line["type"] == kind;
        lines.iter().filter(is_of).collect()
    };
    let devices = |kind| -> Vec<&str> {
        let names = of(kind).into_iter().map(|line| line["device"].as_str());
        names.map(Option::unwrap).collect()
    };
    assert_eq!(devices("flow"), ["a/lab0", "b/eth0", "a/lab0", "b/eth0"]);
    assert_eq!(devices("totals"), ["a/lab0", "b/eth0", "b/lab0"]);
    assert_eq!(of("start")[0]["devices"][0]["name"], "a/lab0");
    assert_eq!(of("device").len(), 2);
    // What both have seen is summed once.
    let sums = of("sum");
    assert_eq!(sums.len(), 1);
    // Two intervals with 2 packets of the flow, and 3 on each host that no flow has.
    assert_eq!(sums[0]["in"]["packets"], 2 * (2 + 2 * 3));
    assert_eq!(sums[0]["repeated"]["packets"], 2 * (2 + 1));
    let problems = of("problem").into_iter();
    let mut sentences = problems.map(|line| line["sentence"].as_str().unwrap());
    assert!(sentences.all(|it| it.starts_with("a: ") || it.starts_with("b: ")));
}
