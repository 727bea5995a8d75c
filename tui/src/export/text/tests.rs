use std::net::Ipv4Addr;
use std::time::Duration;

use etherparse::PacketBuilder;
use probe_common::parse::number::ip;
use probe_common::{FlowKey, FlowValue, LinkLayer};

use super::*;
use crate::model::{Device, FlowCounts, Hooks, Notice, Watch};

fn session() -> Session {
    Session {
        host: "node-3".to_owned(),
        hosts: Vec::new(),
        started: "2026-01-02T03:04:05.678Z".parse().unwrap(),
        remark: None,
        privileges: None,
    }
}

fn devices() -> Event {
    Event::Devices(vec![Device {
        name: "lxc1".to_owned(),
        watch: Watch::Yes {
            slot: 0,
            hooks: Hooks::Netkit,
            local: crate::model::LocalEnd::Here,
        },
        ..Device::default()
    }])
}

fn key() -> FlowKey {
    let [local, remote] = [[10, 0, 1, 7], [10, 0, 9, 2]];
    FlowKey {
        local: Ipv4Addr::from(local).to_ipv6_mapped().octets(),
        remote: Ipv4Addr::from(remote).to_ipv6_mapped().octets(),
        ether_type: ether::IPV4,
        local_port: 53,
        remote_port: 51820,
        protocol: ip::UDP,
        ..FlowKey::default()
    }
}

fn packet(direction: Direction) -> Packet {
    let mut data = Vec::new();
    PacketBuilder::ipv4([10, 0, 9, 2], [10, 0, 1, 7], 64)
        .udp(51820, 9)
        .write(&mut data, b"12345")
        .unwrap();
    Packet {
        at: Duration::from_micros(1_000_001),
        key: key(),
        direction,
        link_layer: LinkLayer::None,
        ..Packet::sample(data)
    }
}

fn text(events: Vec<Event>, selection: Selection) -> String {
    let mut output = Vec::new();
    let mut sink = Text::new(&session(), &mut output, selection, TimeZone::UTC);
    for event in events {
        sink.event(&event.into()).unwrap();
    }
    sink.lost(3).unwrap();
    sink.finish().unwrap();
    drop(sink);
    String::from_utf8(output).unwrap()
}

fn packets_alone() -> Selection {
    Selection {
        flows: false,
        packets: true,
        ..Selection::default()
    }
}

#[test]
fn packets_are_lines_like_tcpdumps() {
    let packets = Direction::BOTH.map(packet).to_vec();
    let notice = Notice {
        at: Duration::from_secs(2),
        level: Level::Warning,
        text: "odd \u{1b}[2J".to_owned(),
    };
    let text = text(
        vec![devices(), Event::Packets(packets), Event::Notice(notice)],
        packets_alone(),
    );
    assert_eq!(
        text,
        "03:04:06.678001 lxc1 In  IP 10.0.9.2.51820 > 10.0.1.7.53: UDP, length 5\n\
         03:04:06.678001 lxc1 Out IP 10.0.1.7.53 > 10.0.9.2.51820: UDP, length 5\n\
         -- 03:04:07.678000 warning: odd \u{fffd}[2J\n\
         -- missing here: 3 packets, as the output was too slow\n"
    );
}

#[test]
fn flows_and_sums_of_devices_follow_where_asked_for() {
    let mut value = FlowValue::default();
    value.directions[0].packets = 2;
    value.directions[0].bytes = 200;
    let interval = || {
        let mut interval = Interval {
            at: Duration::from_secs(1),
            length: Duration::from_secs(1),
            wall: session().wall_clock().at(Duration::from_secs(1)),
            flows: vec![FlowCounts {
                key: key(),
                value,
                facts: None,
            }],
            devices: vec![crate::model::DeviceTotals::default()],
            ..Interval::default()
        };
        interval.devices[0].directions[0].packets = 2;
        Event::Interval(interval)
    };
    let flow = "03:04:06.678000 lxc1 flow udp 10.0.1.7.53 - 10.0.9.2.51820: \
                in 2 packets, 200 bytes; out 0 packets, 0 bytes\n";
    let sum = "-- lxc1: 2 packets seen, 0 captured, 0 lost in the ring buffer\n";
    let with_flows = text(vec![devices(), interval()], Selection::default());
    assert!(with_flows.starts_with(flow), "{with_flows}");
    assert!(with_flows.ends_with(sum), "{with_flows}");
    let without = text(vec![devices(), interval()], packets_alone());
    assert!(!without.contains("flow"), "{without}");
}
