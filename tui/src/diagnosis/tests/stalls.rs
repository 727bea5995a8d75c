//! Data that is sent again and again: for its size, for a firewall, or for nobody knows
//! what.

use probe_common::parse::number::{ether, ip as protocol, tcp};
use probe_common::{FlowKey, FlowValue};

use super::causes::{dropped, stack, tuple};
use super::*;
use crate::model::signal::Signals;
use crate::model::{FlowFacts, TcpCounts};

pub(super) const PORT: u16 = 40_000;
pub(super) const FULL: u64 = 1448;

/// A second of the connection, of the client at the local end: packets in and out of
/// this payload, and how many of those that go out were sent before.
pub(super) fn second(packets: [u64; 2], payload: u64, again: u32) -> FlowCounts {
    let address = |it: [u8; 4]| std::net::Ipv4Addr::from(it).to_ipv6_mapped().octets();
    let mut value = FlowValue::default();
    let sizes = [66, payload + 66];
    for ((counters, packets), size) in value.directions.iter_mut().zip(packets).zip(sizes) {
        counters.packets = packets;
        counters.bytes = packets * size;
        counters.tcp_flags = if packets > 0 { tcp::ACK } else { 0 };
        counters.hop_limit = 64;
        counters.window = 501;
    }
    let out = TcpCounts {
        retransmitted: again,
        retransmitted_bytes: u64::from(again) * payload,
        ..TcpCounts::default()
    };
    FlowCounts {
        key: FlowKey {
            local: address(CLIENT),
            remote: address(SERVER),
            ether_type: ether::IPV4,
            local_port: PORT,
            remote_port: 5432,
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

/// The connection or another one begins: its handshake.
pub(super) fn begins(lab: &mut Lab, port: u16, to: u16) {
    let syn = ip(CLIENT, SERVER, 64).tcp(port, to, 7, 64240).syn();
    let answer = ip(SERVER, CLIENT, 64).tcp(to, port, 9, 64240).syn().ack(8);
    let last = ip(CLIENT, SERVER, 64).tcp(port, to, 8, 64240).ack(10);
    lab.send(written(syn, &[]), Direction::Out);
    lab.send(written(answer, &[]), Direction::In);
    lab.send(written(last, &[]), Direction::Out);
}

/// Segments of this payload that are not answered for some seconds.
fn stalls(lab: &mut Lab, payload: u64) {
    for _ in 0..4 {
        lab.count(vec![second([0, 1], payload, 1)]);
    }
}

fn firewall(lab: &mut Lab) {
    let packet = tuple((CLIENT, PORT), (SERVER, 5432), protocol::TCP);
    lab.signals(Signals {
        drops: vec![dropped("eth0", 4, packet)],
        stacks: vec![stack()],
        ..Signals::default()
    });
    lab.pass(1);
}

#[test]
fn full_size_segments_that_never_come_through_after_a_handshake_are_in_a_black_hole() {
    let mut lab = Lab::new();
    begins(&mut lab, PORT, 5432);
    lab.count(vec![second([1, 10], FULL, 0)]);
    stalls(&mut lab, FULL);
    assert_eq!(lab.kinds(), ["mtu-black-hole"]);
    let sentence = lab.sentence();
    assert!(
        sentence.contains("probably an MTU black hole"),
        "{sentence}"
    );
    // A firewall that drops them for their size is named.
    firewall(&mut lab);
    assert_eq!(lab.kinds(), ["mtu-black-hole"]);
    let sentence = lab.sentence();
    assert!(sentence.contains("a firewall of the host in"), "{sentence}");
}

#[test]
fn small_packets_that_are_answered_show_that_it_is_the_size() {
    // It began before it was watched.
    let mut lab = Lab::new();
    stalls(&mut lab, FULL);
    assert_eq!(lab.kinds(), ["stalled"]);
    begins(&mut lab, PORT + 1, 8080);
    stalls(&mut lab, FULL);
    assert_eq!(lab.kinds(), ["mtu-black-hole"]);
    // What another port answers says nothing where a firewall drops it.
    let mut lab = Lab::new();
    lab.count(vec![second([0, 1], FULL, 1)]);
    firewall(&mut lab);
    begins(&mut lab, PORT + 1, 8080);
    stalls(&mut lab, FULL);
    firewall(&mut lab);
    assert_eq!(lab.kinds(), ["firewall-drop"]);
}

#[test]
fn a_connection_whose_full_size_segments_came_through_is_in_no_black_hole() {
    let mut lab = Lab::new();
    begins(&mut lab, PORT, 5432);
    for _ in 0..3 {
        lab.count(vec![second([10, 20], FULL, 0)]);
    }
    begins(&mut lab, PORT + 1, 8080);
    stalls(&mut lab, FULL);
    begins(&mut lab, PORT + 2, 8080);
    lab.pass(1);
    assert_eq!(lab.kinds(), ["stalled"]);
    firewall(&mut lab);
    assert_eq!(lab.kinds(), ["firewall-drop"]);
    let sentence = lab.sentence();
    let named = "between 10.0.0.1 and 10.0.0.2:5432 (TCP)";
    assert!(sentence.contains(named), "{sentence}");
}

#[test]
fn a_host_that_answers_nothing_any_more_is_behind_no_black_hole() {
    let mut lab = Lab::new();
    begins(&mut lab, PORT, 5432);
    lab.count(vec![second([1, 10], FULL, 0)]);
    stalls(&mut lab, FULL);
    assert_eq!(lab.kinds(), ["mtu-black-hole"]);
    let mut lab = Lab::new();
    begins(&mut lab, PORT, 5432);
    lab.count(vec![second([1, 10], FULL, 0)]);
    lab.syn(PORT + 1, 7);
    stalls(&mut lab, FULL);
    assert!(
        !lab.kinds().contains(&"mtu-black-hole"),
        "{:?}",
        lab.kinds()
    );
}
