//! What is wrong with devices, and healthy ones that look alike.

use probe_common::parse::number::{ether, ip};
use probe_common::{FlowKey, FlowValue};

use super::*;
use crate::model::signal::Signals;
use crate::model::stack::{LinkState, NicReceive, Softnet, Stack};
use crate::model::{DeviceKind, Fate, Hooks, Netkit, Peer, PeerDevice};

fn device() -> Device {
    Device {
        name: "veth0".to_owned(),
        index: 3,
        kind: DeviceKind::Other("veth".to_owned()),
        up: true,
        carrier: true,
        carrier_changes: 2,
        mtu: 1500,
        watch: Watch::Yes {
            slot: 0,
            hooks: Hooks::Tcx,
            local: crate::model::LocalEnd::Here,
        },
        ..Device::default()
    }
}

fn with_peer(mtu: u32) -> Device {
    Device {
        peer: Some(Peer {
            index: 2,
            namespace: None,
            device: Some(PeerDevice {
                name: "eth0".to_owned(),
                mac: Vec::new(),
                mtu,
                up: true,
                counters: Default::default(),
            }),
        }),
        ..device()
    }
}

#[test]
fn a_link_that_goes_up_and_down_again_and_again_is_flapping_and_a_restart_is_none() {
    let mut lab = Lab::new();
    lab.device(device());
    lab.pass(1);
    for changes in [3, 4] {
        lab.device(Device {
            carrier: changes % 2 == 0,
            carrier_changes: changes,
            ..device()
        });
        lab.pass(1);
    }
    assert_eq!(lab.kinds(), Vec::<&str>::new());
    for changes in [5, 6] {
        lab.device(Device {
            carrier: changes % 2 == 0,
            carrier_changes: changes,
            ..device()
        });
        lab.pass(1);
    }
    assert_eq!(lab.kinds(), ["link-flapping"]);
    assert!(lab.sentence().contains("veth0"), "{}", lab.sentence());
}

#[test]
fn a_link_that_is_flapping_explains_routes_that_go_with_it() {
    let mut lab = Lab::new();
    lab.device(device());
    lab.pass(1);
    lab.syn(40_000, 7);
    for changes in 3..8 {
        // The node says that it has no route to the host behind the device.
        let answer = ip(SERVER, CLIENT, 64)
            .tcp(5432, 40_000, 7, 64240)
            .syn()
            .ack(8);
        let quoted = written(answer, &[]);
        let unreachable = etherparse::Icmpv4Type::Unknown {
            type_u8: 3,
            code_u8: 0,
            bytes5to8: [0; 4],
        };
        let mut bytes = Vec::new();
        let builder = ip([10, 0, 0, 254], SERVER, 64).icmpv4(unreachable);
        builder
            .write(&mut bytes, &quoted[14..42])
            .unwrap_or_default();
        lab.send(bytes, Direction::Out);
        lab.device(Device {
            carrier: changes % 2 == 0,
            carrier_changes: changes,
            ..device()
        });
        lab.pass(1);
    }
    assert_eq!(lab.kinds(), ["link-flapping"]);
}

#[test]
fn a_link_that_stays_down_is_a_finding_and_a_device_that_is_removed_is_none() {
    let mut lab = Lab::new();
    let down = || Device {
        carrier: false,
        carrier_changes: 3,
        ..device()
    };
    lab.device(device());
    lab.pass(1);
    lab.device(down());
    lab.pass(1);
    assert_eq!(lab.kinds(), Vec::<&str>::new());
    lab.pass(2);
    assert_eq!(lab.kinds(), ["link-down"]);

    let mut lab = Lab::new();
    lab.device(device());
    lab.pass(1);
    lab.device(down());
    lab.device(Device {
        watch: Watch::Gone { slot: 0 },
        ..down()
    });
    lab.pass(5);
    assert_eq!(lab.kinds(), Vec::<&str>::new());
}

#[test]
fn a_device_that_was_never_up_is_no_finding() {
    let mut lab = Lab::new();
    lab.device(Device {
        up: false,
        carrier: false,
        ..device()
    });
    lab.pass(5);
    assert_eq!(lab.kinds(), Vec::<&str>::new());
}

#[test]
fn ends_with_different_mtus_are_worth_knowing() {
    let mut lab = Lab::new();
    lab.device(with_peer(1500));
    lab.pass(1);
    assert_eq!(lab.kinds(), Vec::<&str>::new());
    lab.device(with_peer(1400));
    lab.pass(1);
    assert_eq!(lab.kinds(), ["mtu-mismatch"]);
    assert_eq!(lab.diagnosis.findings()[0].severity, Severity::Info);
}

#[test]
fn a_blackhole_policy_is_a_finding_once_it_drops() {
    let mut lab = Lab::new();
    lab.device(Device {
        kind: DeviceKind::Netkit(Netkit {
            mode: "l3".to_owned(),
            policy: "blackhole".to_owned(),
            peer_policy: "forward".to_owned(),
            scrub: None,
            peer_scrub: None,
        }),
        ..device()
    });
    lab.pass(1);
    assert_eq!(lab.kinds(), Vec::<&str>::new());
    let diverted = Totals {
        packets: 10,
        fate: Some(Fate {
            diverted: Some(10),
            bypassed: 0,
        }),
        ..Totals::default()
    };
    lab.interval(Interval {
        devices: vec![DeviceTotals {
            directions: [Totals::default(), diverted],
            ..DeviceTotals::default()
        }],
        ..Interval::default()
    });
    assert_eq!(lab.kinds(), ["policy-blackhole"]);
}

/// Packets to everybody that go out in a second.
fn to_all(to: [u8; 4], ether_type: u16, packets: u64) -> FlowCounts {
    let address = |it: [u8; 4]| std::net::Ipv4Addr::from(it).to_ipv6_mapped().octets();
    let mut value = FlowValue::default();
    value.directions[Direction::Out as usize].packets = packets;
    FlowCounts {
        key: FlowKey {
            local: address(CLIENT),
            remote: address(to),
            ether_type,
            protocol: ip::UDP,
            ..FlowKey::default()
        },
        value,
        facts: None,
    }
}

#[test]
fn a_broadcast_storm_is_a_finding_and_multicast_streams_are_none() {
    let mut lab = Lab::new();
    for _ in 0..5 {
        lab.count(vec![
            to_all([239, 1, 1, 1], ether::IPV4, 5000),
            to_all([10, 0, 0, 255], ether::IPV4, 100),
            to_all([10, 0, 0, 7], ether::ARP, 100),
        ]);
    }
    assert_eq!(lab.kinds(), Vec::<&str>::new());
    for _ in 0..3 {
        lab.count(vec![to_all([10, 0, 0, 7], ether::ARP, 5000)]);
    }
    assert_eq!(lab.kinds(), ["broadcast-storm"]);
    assert!(lab.sentence().contains("10.0.0.1"), "{}", lab.sentence());
}

fn softnet(processed: [u64; 2], squeezed: u64) -> Event {
    Event::Signals(Box::new(Signals {
        stacks: vec![Stack {
            period: Some(Duration::from_secs(5)),
            ..Stack::default()
        }],
        softnet: (0..2)
            .map(|cpu| Softnet {
                cpu,
                processed: processed[cpu as usize],
                dropped: 0,
                squeezed,
            })
            .collect(),
        ..Signals::default()
    }))
}

#[test]
fn one_cpu_that_does_all_the_work_and_is_at_its_limit_is_worth_knowing() {
    for (processed, squeezed, kinds) in [
        ([1_000_000, 10], 100, vec!["one-cpu"]),
        ([500_000, 500_000], 100, vec![]),
        ([1000, 10], 100, vec![]),
        ([1_000_000, 10], 0, vec![]),
    ] {
        let mut lab = Lab::new();
        lab.diagnosis
            .observe(&softnet(processed, squeezed), &lab.flows);
        lab.pass(1);
        assert_eq!(lab.kinds(), kinds, "{processed:?} {squeezed}");
    }
}

fn card(receive: NicReceive) -> Event {
    Event::Signals(Box::new(Signals {
        stacks: vec![Stack {
            is_own: true,
            period: Some(Duration::from_secs(5)),
            links: vec![LinkState {
                index: 2,
                name: "eth0".to_owned(),
                receive: Some(receive),
                ..LinkState::default()
            }],
            ..Stack::default()
        }],
        ..Signals::default()
    }))
}

#[test]
fn a_network_card_whose_ring_is_full_or_whose_cable_is_bad_is_a_finding() {
    let packets = 50_000;
    let row = |missed, overruns, crc| NicReceive {
        packets,
        missed,
        overruns,
        crc,
        misaligned: 0,
    };
    for (receive, kinds) in [
        (row(1_200, 0, 0), vec!["nic-drops"]),
        (row(0, 1_200, 0), vec!["nic-drops"]),
        (row(0, 0, 40), vec!["checksum-errors"]),
        (row(1_200, 0, 40), vec!["checksum-errors", "nic-drops"]),
        // As when it was set up.
        (row(4, 4, 1), vec![]),
        // A burst among very many.
        (
            NicReceive {
                packets: 5_000_000,
                ..row(30, 0, 0)
            },
            vec![],
        ),
    ] {
        let mut lab = Lab::new();
        lab.diagnosis.observe(&card(receive), &lab.flows);
        lab.pass(1);
        assert_eq!(lab.kinds(), kinds, "{receive:?}");
        if kinds == ["nic-drops"] {
            let sentence = lab.sentence();
            assert!(
                sentence.contains("eth0 of this node has dropped 1,200 frames of 51,200"),
                "{sentence}"
            );
        }
    }
}

#[test]
fn what_the_probe_missed_is_worth_knowing() {
    let mut lab = Lab::new();
    lab.pass(1);
    assert_eq!(lab.kinds(), Vec::<&str>::new());
    lab.interval(Interval {
        devices: vec![DeviceTotals {
            directions: [
                Totals {
                    untracked_packets: 7,
                    ..Totals::default()
                },
                Totals::default(),
            ],
            ..DeviceTotals::default()
        }],
        ..Interval::default()
    });
    assert_eq!(lab.kinds(), ["observer-incomplete"]);
    assert!(lab.sentence().contains('7'), "{}", lab.sentence());
}

/// An ARP announcement of the server (RFC 5227) from a hardware address.
fn announce(lab: &mut Lab, mac: [u8; 6]) {
    let mut bytes = Vec::new();
    bytes.extend([0xff; 6]);
    bytes.extend(mac);
    bytes.extend([8, 6, 0, 1, 8, 0, 6, 4, 0, 1]);
    bytes.extend(mac);
    bytes.extend(SERVER);
    bytes.extend([0; 6]);
    bytes.extend(SERVER);
    lab.send(bytes, Direction::In);
}

#[test]
fn a_hardware_address_that_changes_again_and_again_is_a_finding_and_a_failover_is_none() {
    let mut lab = Lab::new();
    announce(&mut lab, [2; 6]);
    for _ in 0..3 {
        announce(&mut lab, [4; 6]);
        lab.pass(1);
    }
    assert_eq!(lab.kinds(), Vec::<&str>::new());
    for _ in 0..2 {
        announce(&mut lab, [2; 6]);
        lab.pass(1);
        announce(&mut lab, [4; 6]);
        lab.pass(1);
    }
    assert_eq!(lab.kinds(), ["mac-flapping"]);
    let sentence = lab.sentence();
    for who in ["10.0.0.2", "02:02:02:02:02:02", "04:04:04:04:04:04"] {
        assert!(sentence.contains(who), "{sentence}");
    }
}
