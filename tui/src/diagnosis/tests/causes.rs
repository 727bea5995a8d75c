//! The cause is named where something beside the packets of a flow shows it.

use std::net::SocketAddr;

use probe_common::parse::number::{ether, ip as protocol};
use probe_common::{FlowKey, FlowValue, KeyFlags};

use super::*;
use crate::model::signal::{DropCount, DroppedFlow, Reset, ResetBy, Signals, Where};
use crate::model::stack::{Conntrack, FlowState, NatPair, Stack, StackCounters};
use crate::model::{
    Block, DeviceKind, Dropped as BlockDropped, Hooks, NamespaceInode, Peer, PeerDevice, Tuple,
};

pub(super) const POD: NamespaceInode = 9;
const OTHER: [u8; 4] = [10, 0, 0, 3];
const NODE_MAC: [u8; 6] = [1, 1, 1, 1, 1, 1];
const POD_MAC: [u8; 6] = [2, 2, 2, 2, 2, 2];
const NOBODY: [u8; 6] = [2, 0, 0, 0, 0, 9];

/// A device that leads to a pod.
fn device() -> Device {
    Device {
        name: "veth0".to_owned(),
        index: 3,
        kind: DeviceKind::Other("veth".to_owned()),
        up: true,
        carrier: true,
        mtu: 1500,
        mac: NODE_MAC.to_vec(),
        peer: Some(Peer {
            index: 2,
            namespace: None,
            device: Some(PeerDevice {
                name: "eth0".to_owned(),
                mac: POD_MAC.to_vec(),
                mtu: 1500,
                up: true,
                counters: Default::default(),
            }),
        }),
        watch: Watch::Yes {
            slot: 0,
            hooks: Hooks::Tcx,
            local: crate::model::LocalEnd::Here,
        },
        ..Device::default()
    }
}

/// The stack of the pod behind the device.
pub(super) fn stack() -> Stack {
    Stack {
        namespace: POD,
        devices: vec![3],
        period: Some(Duration::from_secs(1)),
        ..Stack::default()
    }
}

pub(super) fn tuple(from: ([u8; 4], u16), to: ([u8; 4], u16), protocol: u8) -> Tuple {
    Tuple::between(SocketAddr::from(from), SocketAddr::from(to), protocol)
}

/// Packets that a firewall of the pod drops, seen at a device or before any.
pub(super) fn dropped(device: &str, packets: u64, tuple: Tuple) -> DropCount {
    DropCount {
        at: Where {
            namespace: POD,
            index: 0,
            device: device.to_owned(),
        },
        reason: "NETFILTER_DROP".to_owned(),
        place: "nft_do_chain".to_owned(),
        packets,
        noise: false,
        flows: vec![DroppedFlow { tuple, packets }],
    }
}

impl Lab {
    pub(super) fn signals(&mut self, signals: Signals) {
        let signals = Signals {
            at: self.now,
            ..signals
        };
        self.diagnosis
            .observe(&Event::Signals(Box::new(signals)), &self.flows);
    }

    /// A SYN between two hosts and hardware addresses.
    fn syn_of(&mut self, from: ([u8; 4], u16), macs: [[u8; 6]; 2], direction: Direction) {
        let builder = PacketBuilder::ethernet2(macs[0], macs[1])
            .ipv4(from.0, SERVER, 64)
            .tcp(from.1, 5432, 7, 64240)
            .syn();
        self.send(written(builder, &[]), direction);
    }

    fn answer(&mut self, to: ([u8; 4], u16)) {
        let builder = ip(SERVER, to.0, 64).tcp(5432, to.1, 9, 64240).syn().ack(8);
        self.send(written(builder, &[]), Direction::Out);
        let builder = ip(to.0, SERVER, 64).tcp(to.1, 5432, 8, 64240).ack(10).fin();
        self.send(written(builder, &[]), Direction::In);
    }
}

#[test]
fn packets_to_a_hardware_address_that_nobody_has_are_a_stale_neighbor() {
    let mut lab = Lab::new();
    lab.device(device());
    for _ in 0..4 {
        lab.syn_of((CLIENT, 40000), [POD_MAC, NOBODY], Direction::In);
        lab.pass(1);
    }
    assert_eq!(lab.kinds(), ["neighbor-stale"]);
    let sentence = lab.sentence();
    for name in ["10.0.0.1", "10.0.0.2", "02:00:00:00:00:09", "veth0"] {
        assert!(sentence.contains(name), "{sentence}");
    }
}

#[test]
fn unanswered_packets_to_the_right_hardware_address_or_over_a_bridge_are_none() {
    for (to, bridged) in [(NODE_MAC, NODE_MAC), (NOBODY, [2, 0, 0, 0, 0, 8])] {
        let mut lab = Lab::new();
        lab.device(device());
        for _ in 0..4 {
            lab.syn_of((CLIENT, 40000), [POD_MAC, to], Direction::In);
            // What comes from other hosts shows that the device is a bridge's port.
            lab.syn_of((OTHER, 50000), [bridged, POD_MAC], Direction::Out);
            lab.pass(1);
        }
        assert!(
            !lab.kinds().contains(&"neighbor-stale"),
            "{:?}",
            lab.kinds()
        );
    }
}

#[test]
fn a_client_that_alone_gets_no_answer_is_named() {
    let mut lab = Lab::new();
    for attempt in 0..3 {
        lab.syn_of(
            (CLIENT, 40000 + attempt),
            [POD_MAC, NODE_MAC],
            Direction::In,
        );
        lab.syn_of((OTHER, 50000 + attempt), [POD_MAC, NODE_MAC], Direction::In);
        lab.answer((OTHER, 50000 + attempt));
        lab.pass(1);
    }
    lab.pass(2);
    assert_eq!(lab.kinds(), ["syn-unanswered"]);
    assert!(
        lab.sentence().contains("while 10.0.0.3 can"),
        "{}",
        lab.sentence()
    );
}

#[test]
fn what_a_firewall_drops_before_it_leaves_is_a_finding_and_what_it_keeps_out_is_none() {
    let leaving = tuple((CLIENT, 40000), (SERVER, 5432), protocol::TCP);
    for (device, kinds) in [("", vec!["firewall-drop"]), ("eth0", vec![])] {
        let mut lab = Lab::new();
        lab.signals(Signals {
            drops: vec![dropped(device, 3, leaving)],
            stacks: vec![stack()],
            ..Signals::default()
        });
        lab.pass(1);
        assert_eq!(lab.kinds(), kinds);
    }
}

#[test]
fn a_firewall_that_drops_by_chance_is_told_from_one_that_keeps_a_client_out() {
    for (gets_through, kind) in [(true, "packet-loss"), (false, "firewall-drop")] {
        let mut lab = Lab::new();
        let macs = [POD_MAC, NODE_MAC];
        for port in [40_000, 40_001] {
            lab.syn_of((CLIENT, port), macs, Direction::In);
            lab.pass(1);
            lab.syn_of((CLIENT, port), macs, Direction::In);
            if gets_through {
                lab.answer((CLIENT, port));
            }
        }
        lab.signals(Signals {
            drops: [40_000, 40_001]
                .map(|port| {
                    let syn = tuple((CLIENT, port), (SERVER, 5432), protocol::TCP);
                    dropped("eth0", 1, syn)
                })
                .to_vec(),
            stacks: vec![stack()],
            ..Signals::default()
        });
        lab.pass(1);
        assert_eq!(lab.kinds(), [kind]);
        let sentence = lab.sentence();
        assert_eq!(sentence.contains("some of"), gets_through, "{sentence}");
    }
}

#[test]
fn a_node_that_does_not_forward_is_one_finding() {
    let mut lab = Lab::new();
    for port in [5432, 5433] {
        let builder = PacketBuilder::ethernet2(POD_MAC, NODE_MAC)
            .ipv4(CLIENT, SERVER, 64)
            .tcp(40_000, port, 7, 64240)
            .syn();
        lab.send(written(builder, &[]), Direction::In);
        let syn = tuple((CLIENT, 40_000), (SERVER, port), protocol::TCP);
        lab.signals(Signals {
            drops: vec![DropCount {
                reason: "IP_INADDRERRORS".to_owned(),
                place: "ip_error".to_owned(),
                ..dropped("eth0", u64::from(port % 10), syn)
            }],
            stacks: vec![stack()],
            ..Signals::default()
        });
    }
    lab.pass(2);
    assert_eq!(lab.kinds(), ["forwarding-off"]);
    assert!(lab.sentence().contains("5433"), "{}", lab.sentence());
}

#[test]
fn what_nkview_itself_blocks_is_told_from_what_others_drop() {
    let syn = tuple((CLIENT, 40000), (SERVER, 5432), protocol::TCP);
    for (on, is_ours) in [("eth0", true), ("eth1", false)] {
        let mut lab = Lab::new();
        for _ in 0..3 {
            lab.syn(40000, 7);
            lab.pass(1);
        }
        let block = Block {
            id: Default::default(),
            rule: "eth0: tcp port 5432".to_owned(),
            since: lab.now,
            left: Some(Duration::from_secs(60)),
            end: None,
            devices: vec![on.to_owned()],
            dropped: [BlockDropped {
                packets: 3,
                bytes: 180,
            }; 2],
        };
        lab.diagnosis
            .observe(&Event::Blocks(vec![block]), &lab.flows);
        lab.signals(Signals {
            drops: vec![DropCount {
                reason: "TC_EGRESS".to_owned(),
                ..dropped("eth0", 3, syn)
            }],
            stacks: vec![stack()],
            ..Signals::default()
        });
        lab.pass(1);
        assert_eq!(lab.kinds(), ["policy-drop"]);
        let finding = lab.diagnosis.findings().remove(0);
        assert_eq!(finding.sentence.contains("nkview's block"), is_ours);
        let rule = "nkview blocks eth0: tcp port 5432".to_owned();
        assert_eq!(finding.evidence.contains(&rule), is_ours);
    }
}

#[test]
fn a_full_connection_tracking_table_explains_what_the_firewall_drops() {
    let mut lab = Lab::new();
    for _ in 0..3 {
        lab.syn(40000, 7);
        lab.pass(1);
    }
    let syn = tuple((CLIENT, 40000), (SERVER, 5432), protocol::TCP);
    lab.signals(Signals {
        drops: vec![dropped("eth0", 3, syn)],
        stacks: vec![Stack {
            conntrack: Some(Conntrack {
                entries: 60,
                capacity: Some(64),
                drops: 3,
                ..Conntrack::default()
            }),
            ..stack()
        }],
        ..Signals::default()
    });
    lab.pass(1);
    assert_eq!(lab.kinds(), ["conntrack-full"]);
    let sentence = lab.sentence();
    assert!(sentence.contains("10.0.0.1 to 10.0.0.2:5432"), "{sentence}");
}

#[test]
fn a_host_without_a_route_for_its_answers_is_named() {
    let mut lab = Lab::new();
    lab.device(device());
    for _ in 0..3 {
        lab.syn(40000, 7);
        lab.pass(1);
    }
    assert_eq!(lab.kinds(), ["syn-unanswered"]);
    lab.signals(Signals {
        stacks: vec![Stack {
            counters: StackCounters {
                ip_out_no_routes: 3,
                ..StackCounters::default()
            },
            ..stack()
        }],
        ..Signals::default()
    });
    lab.pass(1);
    assert_eq!(lab.kinds(), ["no-route"]);
    let sentence = lab.sentence();
    assert!(sentence.contains("no route back to 10.0.0.1"), "{sentence}");
}

/// The counters of a UDP flow from the client to the server, and back.
fn udp(port: u16, flags: u8, packets: [u64; 2]) -> FlowCounts {
    let mut value = FlowValue::default();
    for (counters, packets) in value.directions.iter_mut().zip(packets) {
        counters.packets = packets;
    }
    let address = |octets: [u8; 4]| std::net::Ipv4Addr::from(octets).to_ipv6_mapped().octets();
    FlowCounts {
        key: FlowKey {
            local: address(CLIENT),
            remote: address(SERVER),
            ether_type: ether::IPV4,
            local_port: port,
            remote_port: if port == 0 { 0 } else { 7000 },
            protocol: protocol::UDP,
            flags,
            ..FlowKey::default()
        },
        value,
        ..FlowCounts::default()
    }
}

#[test]
fn datagrams_in_fragments_that_get_no_answer_are_told_from_small_ones() {
    for (fragments, kind) in [(4, "fragments-incomplete"), (0, "one-way-udp")] {
        let mut lab = Lab::new();
        for second in 0..6 {
            let mut flows = vec![
                // It was answered at first.
                udp(40000, 0, [u64::from(second == 0), 2]),
                udp(40001, 0, [1, 1]),
            ];
            if fragments > 0 {
                flows.push(udp(0, KeyFlags::FRAGMENT, [0, fragments]));
            }
            lab.count(flows);
        }
        assert_eq!(lab.kinds(), [kind]);
        let sentence = lab.sentence();
        assert!(sentence.contains("10.0.0.2:7000"), "{sentence}");
    }
}

#[test]
fn a_dns_server_of_which_some_answers_are_late_is_slow_at_times() {
    let mut lab = Lab::new();
    let mut id = 0;
    for number in 0..20 {
        id += 1;
        let name = format!("n{number}.example.com");
        dns(&mut lab, id, &name, None);
        if number % 4 == 0 {
            lab.now += Duration::from_millis(1500);
        }
        dns(&mut lab, id, &name, Some(0));
    }
    lab.pass(1);
    assert_eq!(lab.kinds(), ["dns-slow"]);
    assert!(lab.sentence().contains("at times"), "{}", lab.sentence());
}

#[test]
fn a_cause_at_one_port_does_not_explain_what_is_wrong_at_another() {
    let at = |kind, port| Claim {
        subjects: vec![Subject::Service {
            address: SERVER.into(),
            port,
            protocol: "tcp",
        }],
        ..claim(kind, &format!("{port}"), &[SERVER])
    };
    let mut findings = Findings::default();
    let claims = vec![
        at(Kind::FIREWALL_DROP, 80),
        at(Kind::SYN_UNANSWERED, 80),
        at(Kind::SYN_UNANSWERED, 443),
    ];
    findings.update(claims, Duration::from_secs(1));
    let ids: Vec<_> = findings.list().into_iter().map(|it| it.id).collect();
    assert_eq!(ids, ["firewall-drop/80", "syn-unanswered/443"]);
}

/// The counters of connections to the server, by the flags of the client and of the
/// server.
fn tcp(ports: std::ops::Range<u16>, flags: [u8; 2]) -> Vec<FlowCounts> {
    let flow = |port| {
        let mut flow = udp(port, 0, [1, 1]);
        flow.key.protocol = protocol::TCP;
        flow.key.remote_port = 5432;
        // In is sent by the remote end, the server.
        flow.value.directions[0].tcp_flags = flags[1];
        flow.value.directions[1].tcp_flags = flags[0];
        flow
    };
    ports.map(flow).collect()
}

#[test]
fn connections_that_are_refused_in_masses_are_no_syn_flood() {
    use probe_common::parse::number::tcp::{ACK, RST, SYN};
    for (theirs, kinds) in [(RST | ACK, vec![]), (SYN | ACK, vec!["syn-flood"])] {
        let mut lab = Lab::new();
        for second in 0..4 {
            let ports = 20_000 + second * 100..20_100 + second * 100;
            lab.count(tcp(ports, [SYN, theirs]));
        }
        assert_eq!(lab.kinds(), kinds);
    }
}

#[test]
fn a_port_that_refused_works_again_though_no_packet_of_that_was_captured() {
    use probe_common::parse::number::tcp::{ACK, SYN};
    let mut lab = Lab::new();
    for attempt in 0..3 {
        lab.syn(40000 + attempt, 7);
        refuse(&mut lab, 40000 + attempt, 7, 64);
    }
    lab.count(tcp(30_000..30_001, [SYN | ACK, SYN | ACK]));
    assert_eq!(lab.kinds(), Vec::<&str>::new());
}

/// A connection that the kernel sends to a backend instead of the server.
fn translated(port: u16, backend: ([u8; 4], u16)) -> Signals {
    translation(protocol::TCP, (CLIENT, port), (SERVER, 5432), backend)
}

fn translation(
    protocol: u8,
    client: ([u8; 4], u16),
    server: ([u8; 4], u16),
    backend: ([u8; 4], u16),
) -> Signals {
    let [client, server, backend] = [client, server, backend].map(SocketAddr::from);
    let pair = NatPair {
        original: [client, server],
        reply: [backend, client],
    };
    Signals {
        flows: vec![FlowState {
            tuple: Tuple::between(client, server, protocol),
            // Both namespaces may track it.
            connections: vec![(1, pair), (2, pair)],
            ..FlowState::default()
        }],
        ..Signals::default()
    }
}

#[test]
fn the_backend_behind_a_service_address_is_named() {
    let mut lab = Lab::new();
    for number in 0..3 {
        lab.syn(40000 + number, 7);
        lab.signals(translated(40000 + number, (OTHER, 9000)));
        lab.pass(1);
    }
    lab.pass(1);
    lab.pass(1);
    assert_eq!(lab.kinds(), ["syn-unanswered"]);
    let sentence = lab.sentence();
    let name = "to 10.0.0.2:5432 (translated to 10.0.0.3:9000)";
    assert!(sentence.contains(name), "{sentence}");
    let finding = &lab.diagnosis.findings()[0];
    assert!(finding.advice.contains("10.0.0.3"), "{}", finding.advice);
    let evidence = "connection tracking translates 10.0.0.2:5432 to 10.0.0.3:9000";
    assert!(finding.evidence.iter().any(|it| it == evidence));
}

#[test]
fn of_several_backends_none_is_blamed() {
    let mut lab = Lab::new();
    for number in 0..3 {
        lab.syn(40000 + number, 7);
        lab.signals(translated(40000 + number, (OTHER, 9000 + number % 2)));
        lab.pass(1);
    }
    lab.pass(1);
    lab.pass(1);
    let sentence = lab.sentence();
    let names = "(translated to 10.0.0.3:9000 and 10.0.0.3:9001)";
    assert!(sentence.contains(names), "{sentence}");
    let finding = &lab.diagnosis.findings()[0];
    assert!(!finding.advice.contains("10.0.0.3"), "{}", finding.advice);
    // What translates only the sender is no service.
    let mut lab = Lab::new();
    let mut masqueraded = translated(40000, (SERVER, 5432));
    masqueraded.flows[0].connections[0].1.reply[1] = SocketAddr::from((OTHER, 1024));
    lab.signals(masqueraded);
    for number in 0..3 {
        lab.syn(40000 + number, 7);
        lab.pass(1);
    }
    lab.pass(1);
    lab.pass(1);
    let sentence = lab.sentence();
    assert!(!sentence.contains("translated"), "{sentence}");
}

/// A lab in which a client's SYNs to a service's address are refused; `also` is called
/// with the number of each attempt behind its SYN.
fn refused_service(also: impl Fn(&mut Lab, u16)) -> Lab {
    let mut lab = Lab::new();
    for attempt in 0..3 {
        let isn = 7 + u32::from(attempt);
        lab.syn(40000 + attempt, isn);
        also(&mut lab, attempt);
        refuse(&mut lab, 40000 + attempt, isn, 64);
    }
    lab.pass(1);
    lab
}

const REFUSED: &str = "cannot connect to 10.0.0.2:5432 (translated to 10.0.0.3:9000): connection \
                       refused";

#[test]
fn the_backend_that_refuses_is_known_by_its_reset() {
    let reset = |lab: &mut Lab, attempt: u16, cookie| {
        let reset = Reset {
            at: lab.now,
            by: ResetBy::Sent,
            namespace: POD,
            cookie,
            tuple: tuple((OTHER, 9000), (CLIENT, 40000 + attempt), protocol::TCP),
            state: 0,
            reason: None,
        };
        lab.signals(Signals {
            resets: vec![reset],
            ..Signals::default()
        });
    };
    let lab = refused_service(|lab, attempt| reset(lab, attempt, 0));
    assert_eq!(lab.kinds(), ["tcp-refused"]);
    let sentence = lab.sentence();
    assert!(sentence.contains(REFUSED), "{sentence}");
    let advice = lab.diagnosis.findings()[0].advice.clone();
    assert!(
        advice.contains("on 10.0.0.3: `ss -ltn 'sport = :9000'`"),
        "{advice}"
    );
    // A socket that resets its connection refuses none.
    let sentence = refused_service(|lab, attempt| reset(lab, attempt, 5)).sentence();
    assert!(!sentence.contains("translated"), "{sentence}");
}

#[test]
fn the_backend_that_refuses_is_known_by_its_syn_and_is_no_further_problem() {
    let lab = refused_service(|lab, attempt| {
        let isn = 7 + u32::from(attempt);
        lab.now += Duration::from_millis(1);
        let builder = ip(CLIENT, OTHER, 63)
            .tcp(40000 + attempt, 9000, isn, 64240)
            .syn();
        lab.send(written(builder, &[]), Direction::In);
        let builder = ip(OTHER, CLIENT, 64).tcp(9000, 40000 + attempt, 0, 0);
        let builder = builder.rst().ack(isn + 1);
        lab.send(written(builder, &[]), Direction::Out);
    });
    assert_eq!(lab.kinds(), ["tcp-refused"]);
    let sentence = lab.sentence();
    assert!(sentence.contains(REFUSED), "{sentence}");
}

/// An ICMP error at the device of a slot, about what the client sent to a host that
/// does not listen.
fn port_unreachable(lab: &mut Lab, slot: u32, (host, port): ([u8; 4], u16)) {
    let sent = ip(CLIENT, host, 64).udp(40000, port);
    let mut quoted = Vec::new();
    sent.write(&mut quoted, b"hello").unwrap();
    let error = etherparse::Icmpv4Type::DestinationUnreachable(
        etherparse::icmpv4::DestUnreachableHeader::Port,
    );
    let error = ip(host, CLIENT, 64).icmpv4(error);
    let mut packet = Vec::new();
    error.write(&mut packet, &quoted[14..]).unwrap();
    lab.send_on(slot, packet, Direction::In);
}

#[test]
fn a_service_and_its_backend_that_are_both_watched_are_one_problem() {
    let mut lab = Lab::new();
    lab.diagnosis.ready.insert(1);
    for _ in 0..4 {
        port_unreachable(&mut lab, 0, (SERVER, 7000));
        port_unreachable(&mut lab, 1, (OTHER, 9000));
        lab.pass(1);
    }
    // Not before it is known that they are the same.
    assert_eq!(lab.kinds(), ["port-unreachable"; 2]);
    for backend in [OTHER, [10, 0, 0, 4]] {
        let client = (CLIENT, 40000);
        lab.signals(translation(
            protocol::UDP,
            client,
            (SERVER, 7000),
            (backend, 9000),
        ));
        lab.pass(1);
        assert_eq!(lab.kinds(), ["port-unreachable"]);
        let sentence = lab.sentence();
        let name = "behind UDP 10.0.0.2:7000 (translated to 10.0.0.3:9000)";
        assert!(sentence.contains(name), "{sentence}");
    }
    assert_eq!(lab.diagnosis.findings().len(), 1);
}

#[test]
fn the_backend_of_a_udp_service_is_named() {
    let client = (CLIENT, 40000);
    let signals = || translation(protocol::UDP, client, (SERVER, 7000), (OTHER, 9000));
    let mut lab = Lab::new();
    lab.signals(signals());
    for second in 0..6 {
        lab.count(vec![udp(40000, 0, [u64::from(second == 0), 2])]);
    }
    assert_eq!(lab.kinds(), ["one-way-udp"]);
    let sentence = lab.sentence();
    let name = "no answer from 10.0.0.2:7000 (translated to 10.0.0.3:9000) (UDP)";
    assert!(sentence.contains(name), "{sentence}");

    let mut lab = Lab::new();
    lab.signals(signals());
    for _ in 0..4 {
        // Its translation is undone on the way back.
        port_unreachable(&mut lab, 0, (SERVER, 7000));
        lab.pass(1);
    }
    assert_eq!(lab.kinds(), ["port-unreachable"]);
    let finding = &lab.diagnosis.findings()[0];
    let name = "behind UDP 10.0.0.2:7000 (translated to 10.0.0.3:9000)";
    assert!(finding.sentence.contains(name), "{}", finding.sentence);
    assert!(
        finding.advice.starts_with("on 10.0.0.3: "),
        "{}",
        finding.advice
    );
}
