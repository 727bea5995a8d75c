//! What goes wrong with established connections and with answers, and healthy ones
//! that look alike.

use probe_common::parse::number::{ether, ip as protocol, tcp};
use probe_common::{FlowKey, FlowValue};

use super::*;
use crate::model::{FlowFacts, TcpCounts};

const PORT: u16 = 40_000;

fn key() -> FlowKey {
    let address = |it: [u8; 4]| std::net::Ipv4Addr::from(it).to_ipv6_mapped().octets();
    FlowKey {
        local: address(CLIENT),
        remote: address(SERVER),
        ether_type: ether::IPV4,
        local_port: PORT,
        remote_port: 5432,
        protocol: protocol::TCP,
        ..FlowKey::default()
    }
}

/// A second of the connection: packets of so many bytes in and out, and what TCP
/// shows of what goes out.
fn second(packets: [u64; 2], bytes: u64, out: TcpCounts, duplicate_acks: u32) -> FlowCounts {
    let mut value = FlowValue::default();
    for (counters, packets) in value.directions.iter_mut().zip(packets) {
        counters.packets = packets;
        counters.bytes = packets * bytes;
        counters.tcp_flags = if packets > 0 { tcp::ACK } else { 0 };
        counters.hop_limit = 64;
        counters.window = if packets > 0 { 501 } else { 0 };
    }
    let back = TcpCounts {
        duplicate_acks,
        ..TcpCounts::default()
    };
    FlowCounts {
        key: key(),
        value,
        facts: Some(Box::new(FlowFacts {
            tcp: [back, out],
            ..FlowFacts::default()
        })),
    }
}

fn again(retransmitted: u32, duplicate_acks: u32) -> FlowCounts {
    let out = TcpCounts {
        retransmitted,
        retransmitted_bytes: u64::from(retransmitted) * 1448,
        ..TcpCounts::default()
    };
    second([100, 200], 1500, out, duplicate_acks)
}

#[test]
fn segments_that_are_asked_for_again_are_loss() {
    let mut lab = Lab::new();
    for _ in 0..5 {
        lab.count(vec![again(5, 20)]);
    }
    assert_eq!(lab.kinds(), ["packet-loss"]);
    let sentence = lab.sentence();
    assert!(
        sentence.contains("10.0.0.1 sends to 10.0.0.2"),
        "{sentence}"
    );
}

#[test]
fn segments_are_lost_also_where_acknowledgments_are() {
    let mut lab = Lab::new();
    for _ in 0..5 {
        lab.count(vec![again(5, 8)]);
    }
    assert_eq!(lab.kinds(), ["packet-loss"]);
}

/// A second in which the client probes a window that stays closed.
fn probed() -> FlowCounts {
    let mut counts = second([1, 1], 66, TcpCounts::default(), 0);
    counts.value.directions[0].window = 0;
    counts.facts = None;
    counts
}

#[test]
fn a_window_that_was_closed_before_it_was_watched_is_closed() {
    let mut lab = Lab::new();
    lab.count(vec![probed()]);
    lab.pass(1);
    assert_eq!(lab.kinds(), ["zero-window"]);
    let sentence = lab.sentence();
    assert!(
        sentence.contains("10.0.0.2:5432 does not read") && sentence.contains("10.0.0.1:40000"),
        "{sentence}"
    );
}

#[test]
fn data_that_a_closed_window_does_not_take_is_not_data_that_gets_through() {
    let mut lab = Lab::new();
    for _ in 0..3 {
        let mut counts = again(3, 0);
        counts.value.directions[0].window = 0;
        counts.value.directions[1].packets = 3;
        counts.value.directions[1].bytes = 3 * 1514;
        lab.count(vec![counts]);
    }
    assert_eq!(lab.kinds(), ["zero-window"]);
}

#[test]
fn a_window_that_opens_again_or_that_nobody_waits_for_is_no_finding() {
    let mut lab = Lab::new();
    lab.count(vec![probed()]);
    lab.count(vec![second([1, 0], 66, TcpCounts::default(), 0)]);
    lab.pass(3);
    assert_eq!(lab.kinds(), Vec::<&str>::new());

    // Nothing is sent any more.
    let mut lab = Lab::new();
    let mut closed = second([3, 0], 66, TcpCounts::default(), 0);
    closed.value.directions[0].window = 0;
    lab.count(vec![closed]);
    lab.pass(3);
    assert_eq!(lab.kinds(), Vec::<&str>::new());

    // A reset has no window.
    let mut lab = Lab::new();
    let mut reset = probed();
    reset.value.directions[0].tcp_flags |= tcp::RST;
    lab.count(vec![reset]);
    lab.pass(3);
    assert_eq!(lab.kinds(), Vec::<&str>::new());
}

/// A second in which the server closes its window, with these flags.
fn closed_with(flags: u8) -> FlowCounts {
    let mut counts = second([2, 1], 66, TcpCounts::default(), 0);
    let server = &mut counts.value.directions[0];
    server.window = 0;
    server.tcp_flags |= flags;
    let facts = FlowFacts {
        tcp: [
            TcpCounts {
                zero_windows: 1,
                ..TcpCounts::default()
            },
            TcpCounts::default(),
        ],
        ..FlowFacts::default()
    };
    counts.facts = Some(Box::new(facts));
    counts
}

/// The same ports half a minute later: a connection whose answer is not there yet.
fn begun_again(lab: &mut Lab, server: u8) {
    lab.pass(30);
    let mut begun = second([1, 3], 66, TcpCounts::default(), 0);
    begun.value.directions[0].tcp_flags = server;
    begun.value.directions[1].tcp_flags |= tcp::SYN;
    lab.count(vec![begun]);
    lab.pass(3);
}

#[test]
fn a_window_that_was_closed_is_not_that_of_the_next_connection_of_its_ports() {
    // It ended with its window closed: a reset does not show any other.
    let mut lab = Lab::new();
    lab.count(vec![closed_with(tcp::RST)]);
    begun_again(&mut lab, tcp::RST | tcp::ACK);
    assert_eq!(lab.kinds(), Vec::<&str>::new());
    // It ended unseen.
    let mut lab = Lab::new();
    lab.count(vec![closed_with(0)]);
    begun_again(&mut lab, tcp::SYN | tcp::ACK);
    assert_eq!(lab.kinds(), Vec::<&str>::new());
}

#[test]
fn segments_that_a_late_timer_repeats_are_no_loss() {
    let mut lab = Lab::new();
    for _ in 0..5 {
        // Each is answered by a duplicate SACK.
        lab.count(vec![again(5, 5)]);
    }
    assert_eq!(lab.kinds(), Vec::<&str>::new());
}

#[test]
fn keep_alives_that_nobody_answers_are_a_finding() {
    let mut lab = Lab::new();
    lab.count(vec![second([1, 1], 100, TcpCounts::default(), 0)]);
    lab.pass(2);
    for _ in 0..2 {
        lab.count(vec![second([0, 1], 66, TcpCounts::default(), 0)]);
    }
    assert_eq!(lab.kinds(), Vec::<&str>::new());
    lab.count(vec![second([0, 1], 66, TcpCounts::default(), 0)]);
    assert_eq!(lab.kinds(), ["keepalive-unanswered"]);
    let sentence = lab.sentence();
    assert!(sentence.contains("10.0.0.2:5432"), "{sentence}");
}

#[test]
fn keep_alives_that_are_answered_and_a_stream_of_acknowledgments_are_none() {
    let mut lab = Lab::new();
    for _ in 0..6 {
        lab.count(vec![second([1, 1], 66, TcpCounts::default(), 0)]);
    }
    // What is acknowledged goes another way.
    for _ in 0..6 {
        lab.count(vec![second([0, 50], 66, TcpCounts::default(), 0)]);
    }
    assert_eq!(lab.kinds(), Vec::<&str>::new());
}

/// A segment of the server with this IPv4 identification.
fn segment(lab: &mut Lab, id: u16, seq: u32) {
    let builder = ip(SERVER, CLIENT, 64).tcp(5432, PORT, seq, 64240).ack(1);
    let mut bytes = written(builder, &[]);
    bytes[18..20].copy_from_slice(&id.to_be_bytes());
    lab.send(bytes, Direction::In);
}

#[test]
fn packets_that_come_twice_are_a_finding_and_retransmissions_are_none() {
    let mut lab = Lab::new();
    for number in 0..20 {
        // A sender numbers what it repeats anew.
        segment(&mut lab, 2 * number + 1, number.into());
        segment(&mut lab, 2 * number + 2, number.into());
    }
    lab.pass(1);
    assert_eq!(lab.kinds(), Vec::<&str>::new());
    for number in 0..4 {
        segment(&mut lab, 100 + number, 1000 + u32::from(number));
        segment(&mut lab, 100 + number, 1000 + u32::from(number));
    }
    lab.pass(1);
    assert_eq!(lab.kinds(), ["duplicate-packets"]);
    let sentence = lab.sentence();
    assert!(sentence.contains("from 10.0.0.2 to 10.0.0.1"), "{sentence}");
}

/// Small data of a connection after some seconds without a packet: first sent in one
/// interval, sent again in those that follow.
fn unanswered_after(seconds: u64) -> Lab {
    let mut lab = Lab::new();
    lab.count(vec![second([1, 1], 74, TcpCounts::default(), 0)]);
    lab.pass(seconds);
    lab.count(vec![second([0, 1], 74, TcpCounts::default(), 0)]);
    for _ in 0..3 {
        let again = TcpCounts {
            retransmitted: 1,
            retransmitted_bytes: 8,
            ..TcpCounts::default()
        };
        lab.count(vec![second([0, 1], 74, again, 0)]);
    }
    lab
}

#[test]
fn a_connection_is_lost_when_its_first_data_after_idle_time_is_never_answered() {
    assert_eq!(unanswered_after(6).kinds(), ["connection-lost"]);
    assert_eq!(unanswered_after(1).kinds(), ["stalled"]);
}

/// Answers of the DNS server after so many milliseconds each.
fn answers(lab: &mut Lab, times: &[u64]) {
    for (id, time) in times.iter().enumerate() {
        let name = format!("n{id}.example.com");
        dns(lab, id as u16, &name, None);
        let asked = lab.now;
        lab.now += Duration::from_millis(*time);
        dns(lab, id as u16, &name, Some(0));
        lab.now = asked;
    }
    lab.pass(1);
}

#[test]
fn a_dns_server_that_is_always_late_is_slow() {
    let mut lab = Lab::new();
    answers(&mut lab, &[600, 620, 610, 640, 600]);
    assert_eq!(lab.kinds(), ["dns-slow"]);
}

#[test]
fn a_dns_server_on_a_busy_machine_is_not_slow() {
    let mut lab = Lab::new();
    answers(&mut lab, &[2, 400, 350, 5, 500, 3, 420]);
    assert_eq!(lab.kinds(), Vec::<&str>::new());
}

#[test]
fn how_long_a_handshake_took_is_known_as_long_as_the_flow() {
    let mut lab = Lab::new();
    lab.syn(PORT, 7);
    lab.now += Duration::from_millis(30);
    let syn_ack = ip(SERVER, CLIENT, 64)
        .tcp(5432, PORT, 9, 64240)
        .syn()
        .ack(8);
    lab.send(written(syn_ack, &[]), Direction::In);
    for _ in 0..90 {
        lab.count(vec![second([1, 1], 100, TcpCounts::default(), 0)]);
    }
    let (to_server, _) = lab.diagnosis.handshake(&key()).unwrap_or_default();
    assert_eq!(to_server, Duration::from_millis(30));
    // Flows are forgotten some time after their last packet.
    lab.pass(4000);
    assert_eq!(lab.diagnosis.handshake(&key()), None);
}

/// An ICMP error of the server about a SYN of the client.
fn icmp_error(lab: &mut Lab, port: u16, code: u8) {
    let syn = ip(CLIENT, SERVER, 64).tcp(port, 5432, 7, 64240).syn();
    let quoted = written(syn, &[]);
    let mut bytes = Vec::new();
    let unreachable = etherparse::Icmpv4Type::Unknown {
        type_u8: 3,
        code_u8: code,
        bytes5to8: [0; 4],
    };
    let builder = ip(SERVER, CLIENT, 64).icmpv4(unreachable);
    builder
        .write(&mut bytes, &quoted[14..42])
        .unwrap_or_default();
    lab.send(bytes, Direction::In);
}

#[test]
fn tcp_that_is_answered_by_port_unreachable_is_rejected_by_a_firewall() {
    let mut lab = Lab::new();
    for port in 40_000..40_003 {
        lab.syn(port, 7);
        icmp_error(&mut lab, port, 3);
    }
    lab.pass(1);
    assert_eq!(lab.kinds(), ["prohibited"]);
}

#[test]
fn an_icmp_error_finds_its_connection_among_many() {
    let mut lab = Lab::new();
    for port in 1..2000 {
        lab.syn(port, 7);
    }
    icmp_error(&mut lab, 1000, 13);
    let rejected: Vec<u16> = lab
        .diagnosis
        .evidence
        .connections
        .iter()
        .filter(|it| it.icmp.is_some())
        .map(|it| it.client.port)
        .collect();
    assert_eq!(rejected, [1000]);
}
