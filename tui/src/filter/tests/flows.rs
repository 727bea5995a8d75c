//! Terms about more than the key of a flow.

use std::time::Duration;

use probe_common::parse::number::tcp::{ACK, RST, SYN};
use probe_common::{Counters, Direction, FlowKey, FlowValue};

use super::{parse, samples};
use crate::flow::FlowTable;
use crate::model::{FlowCounts, Interval};

fn counts(key: FlowKey, packets: [u64; 2], flags: [u8; 2]) -> FlowCounts {
    let directions = [0, 1].map(|side| Counters {
        packets: packets[side],
        bytes: packets[side] * 1000,
        tcp_flags: flags[side],
        ..Counters::default()
    });
    FlowCounts {
        key,
        value: FlowValue { directions },
        ..FlowCounts::default()
    }
}

#[test]
fn states_flags_and_numbers_are_those_of_the_flow() {
    let second = Duration::from_secs(1);
    let ssh = samples::flow(6, ("10.0.1.7", 22), ("192.0.2.1", 40000));
    let flows = [
        (
            "web",
            counts(samples::web(), [10, 20], [SYN | ACK, SYN | ACK]),
        ),
        ("ssh", counts(ssh, [2, 1], [SYN, RST | ACK])),
        ("dns6", counts(samples::dns6(), [0, 1], [0, 0])),
    ];
    let mut table = FlowTable::default();
    for at in 1..=2_u32 {
        let mut flows: Vec<FlowCounts> = flows.iter().map(|(_, it)| it.clone()).collect();
        // The web server's is older.
        flows.truncate(if at == 1 { 1 } else { 3 });
        table.ingest(&Interval {
            at: second * at,
            length: second,
            flows,
            ..Interval::default()
        });
    }
    let matched = |text: &str| {
        let filter = parse(text);
        let mut names = Vec::new();
        for (name, counts) in &flows {
            let flow = table.get(&counts.key).unwrap();
            let matches = |direction| filter.matches_flow(flow, table.clock(), "nk0", direction);
            match Direction::BOTH.map(matches) {
                [true, true] => names.push((*name).to_owned()),
                [true, false] => names.push(format!("{name}:in")),
                [false, true] => names.push(format!("{name}:out")),
                [false, false] => {}
            }
        }
        names.join(" ")
    };
    for (text, names) in [
        ("state open", "web"),
        ("state refused, unanswered", "ssh dns6"),
        ("not state open", "ssh dns6"),
        ("state syn", ""),
        ("tcp.flags rst", "ssh:out"),
        ("tcp.flags syn", "web ssh:in"),
        ("tcp and not tcp.flags syn", "ssh:out"),
        // 30 packets and 30 kB a second, for two seconds.
        ("rate > 29k", "web"),
        ("rate >= 30k", "web"),
        ("rate > 30k", ""),
        ("bytes < 4000", "ssh dns6"),
        ("bytes >= 60k", "web"),
        ("packets <= 3", "ssh dns6"),
        ("age < 2s", "ssh dns6"),
        ("age >= 2s and port 443", "web"),
    ] {
        assert_eq!(matched(text), names, "{text}");
    }
}

#[test]
fn vlans_are_those_of_either_tag() {
    let key = FlowKey {
        vlan: 5,
        inner_vlan: 7,
        ..samples::web()
    };
    let matches = |text: &str, key: &FlowKey| parse(text).matches(key, "nk0", Direction::In);
    for text in ["vlan", "vlan 5", "vlan 7", "vlan 1, 7", "not vlan 6"] {
        assert!(matches(text, &key), "{text}");
    }
    assert!(!matches("vlan 6", &key));
    assert!(!matches("vlan", &samples::web()) && matches("not vlan", &samples::web()));
}
