//! What nkview itself drops, and what becomes of the connections afterwards.

use probe_common::parse::number::{ether, ip as protocol, tcp};
use probe_common::{FlowKey, FlowValue};

use super::*;
use crate::model::{
    Block, BlockEnded, BlockId, Dropped, FlowFacts, Hooks, LocalEnd, TcpCounts, Watch,
};

const RULE: &str = "veth0: tcp port 5432";

fn lab() -> Lab {
    let mut lab = Lab::new();
    lab.device(Device {
        name: "veth0".to_owned(),
        watch: Watch::Yes {
            slot: 0,
            hooks: Hooks::Tcx,
            local: LocalEnd::Here,
        },
        ..Device::default()
    });
    lab
}

/// A second of a connection to a port of the server: packets in and out, and how many
/// of those that go out were sent before.
fn second(port: u16, packets: [u64; 2], again: u32) -> FlowCounts {
    let address = |it: [u8; 4]| std::net::Ipv4Addr::from(it).to_ipv6_mapped().octets();
    let mut value = FlowValue::default();
    for (counters, packets) in value.directions.iter_mut().zip(packets) {
        counters.packets = packets;
        counters.bytes = packets * 1500;
        counters.tcp_flags = if packets > 0 { tcp::ACK } else { 0 };
        counters.hop_limit = 64;
    }
    let out = TcpCounts {
        retransmitted: again,
        retransmitted_bytes: u64::from(again) * 1448,
        ..TcpCounts::default()
    };
    FlowCounts {
        key: FlowKey {
            local: address(CLIENT),
            remote: address(SERVER),
            ether_type: ether::IPV4,
            local_port: 40_000,
            remote_port: port,
            protocol: protocol::TCP,
            ..FlowKey::default()
        },
        value,
        facts: Some(Box::new(FlowFacts {
            tcp: [TcpCounts::default(), out],
            ..FlowFacts::default()
        })),
    }
}

/// Seconds in which nothing of a connection to a port gets through.
fn stalls(lab: &mut Lab, port: u16, seconds: u32) {
    for _ in 0..seconds {
        lab.count(vec![second(port, [0, 1], 1)]);
    }
}

fn block(since: Duration, packets: u64, end: Option<BlockEnded>) -> Event {
    let dropped = Dropped {
        packets,
        bytes: packets * 1500,
    };
    Event::Blocks(vec![Block {
        id: BlockId(1),
        rule: RULE.to_owned(),
        since,
        left: end.is_none().then_some(Duration::from_secs(60)),
        end,
        devices: vec!["veth0".to_owned()],
        dropped: [Dropped::default(), dropped],
    }])
}

/// A connection is blocked for some seconds, and then the block ends.
fn blocked(lab: &mut Lab, port: u16) {
    lab.count(vec![second(port, [10, 10], 0)]);
    let since = lab.now;
    for packets in 1..=5 {
        stalls(lab, port, 1);
        let event = block(since, packets, None);
        lab.diagnosis.observe(&event, &lab.flows);
    }
    stalls(lab, port, 1);
    let event = block(since, 6, Some(BlockEnded::Time));
    lab.diagnosis.observe(&event, &lab.flows);
}

#[test]
fn what_nkview_itself_drops_is_no_fault_of_the_network() {
    let mut lab = lab();
    blocked(&mut lab, 5432);
    assert_eq!(lab.kinds(), ["policy-drop"]);
    let sentence = lab.sentence();
    assert!(sentence.contains("nkview itself drops"), "{sentence}");
    assert!(sentence.contains(RULE), "{sentence}");
}

#[test]
fn a_connection_that_waits_after_a_block_is_due_to_it() {
    let mut lab = lab();
    blocked(&mut lab, 5432);
    // TCP waits for longer each time.
    for _ in 0..4 {
        stalls(&mut lab, 5432, 1);
        assert_eq!(lab.kinds(), ["policy-drop"]);
        let sentence = lab.sentence();
        assert!(sentence.contains("not recovered yet"), "{sentence}");
        lab.pass(11);
    }
    lab.count(vec![second(5432, [10, 10], 0)]);
    lab.pass(11);
    assert_eq!(lab.kinds(), Vec::<&str>::new());
}

#[test]
fn what_the_rule_does_not_match_or_began_otherwise_is_reported() {
    let mut other_port = lab();
    blocked(&mut other_port, 80);
    assert_eq!(other_port.kinds(), ["stalled"]);
    let mut before = lab();
    before.count(vec![second(5432, [10, 10], 0)]);
    stalls(&mut before, 5432, 8);
    let (since, flows) = (before.now, &before.flows);
    before.diagnosis.observe(&block(since, 1, None), flows);
    stalls(&mut before, 5432, 2);
    assert_eq!(before.kinds(), ["stalled"]);
    let mut after = lab();
    blocked(&mut after, 5432);
    for _ in 0..10 {
        after.count(vec![second(5432, [10, 10], 0)]);
    }
    stalls(&mut after, 5432, 6);
    assert!(after.kinds().contains(&"stalled"), "{:?}", after.kinds());
}
