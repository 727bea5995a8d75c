use std::time::Duration;

use probe_common::FlowValue;
use probe_common::parse::number::{ether, ip, tcp};

use super::*;
use crate::model::{FlowCounts, Interval};
use crate::synthetic::Synthetic;

const SECOND: Duration = Duration::from_secs(1);
const HOST: HostId = HostId(0);

fn key(port: u16) -> FlowKey {
    FlowKey {
        ether_type: ether::IPV4,
        protocol: ip::TCP,
        local_port: port,
        ..FlowKey::default()
    }
}

/// A second in which each of these flows had a packet of 5,000 bytes each way.
fn interval(second: u32, flows: &[(FlowKey, u8)]) -> Envelope {
    let counts = |(key, flags): &(FlowKey, u8)| {
        let mut value = FlowValue::default();
        for counters in &mut value.directions {
            counters.packets = 1;
            counters.bytes = 5000;
            counters.tcp_flags = *flags;
        }
        FlowCounts {
            key: *key,
            value,
            facts: None,
        }
    };
    Event::Interval(Interval {
        at: SECOND * second,
        length: SECOND,
        flows: flows.iter().map(counts).collect(),
        ..Interval::default()
    })
    .into()
}

fn selector(filter: &str) -> Selector {
    let selection = Selection {
        filter: filter.parse().unwrap(),
        packets: true,
        ..Selection::default()
    };
    Selector::new(selection, &[])
}

#[test]
fn filters_know_the_flow_as_it_is_after_the_interval() {
    let (old, new) = (key(1), key(2));
    for (filter, takes_old, takes_new) in [
        ("bytes > 15k", true, false),
        ("age < 2s", false, true),
        ("rate > 1k", true, true),
        ("state reset", false, true),
        ("tcp.flags rst", false, true),
    ] {
        let mut selector = selector(filter);
        selector.apply(&interval(1, &[(old, tcp::ACK)]));
        selector.apply(&interval(2, &[(old, tcp::ACK), (new, tcp::SYN | tcp::RST)]));
        let mut takes = |key| selector.takes_flow(HOST, key, "lxc1".into(), [true; 2]);
        assert_eq!(
            (takes(&old), takes(&new)),
            (takes_old, takes_new),
            "{filter}"
        );
    }
}

#[test]
fn packets_are_chosen_by_what_their_flow_has_counted() {
    let mut source = Synthetic::new(1, 10);
    let interval = source.interval();
    let packet = source.packets(&interval).remove(0);
    let mut selector = selector("packets > 0");
    assert!(!selector.takes_packet(HOST, &packet, "lxc1".into()));
    selector.apply(&Event::Interval(interval).into());
    assert!(selector.takes_packet(HOST, &packet, "lxc1".into()));
    assert!(!selector.takes_packet(HostId(1), &packet, "lxc1".into()));
}
