use std::net::IpAddr;

use probe_common::parse::number::ether;
use probe_common::parse::number::tcp::{ACK, RST, SYN};
use probe_common::{Counters, FlowValue};

use super::*;
use crate::filter::Filter;
use crate::model::signal::{ContainerOf, Owner, Signals, Sockets};
use crate::model::{
    Container, Device, Envelope, Event, FlowCounts, FlowFacts, HostId, Interval, Peer, Pod, Socket,
    TcpCounts, TcpSocket, Watch,
};
use crate::traffic::Traffic;

fn key(protocol: u8, local: (&str, u16), remote: (&str, u16)) -> FlowKey {
    let address = |text: &str| text.parse::<IpAddr>().unwrap();
    let octets = |address| match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6.octets(),
    };
    let ends = [address(local.0), address(remote.0)];
    FlowKey {
        local: octets(ends[0]),
        remote: octets(ends[1]),
        ether_type: if ends[0].is_ipv4() {
            ether::IPV4
        } else {
            ether::IPV6
        },
        local_port: local.1,
        remote_port: remote.1,
        protocol,
        ..FlowKey::default()
    }
}

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

/// A Kubernetes pod behind slot 0, and its server.
fn owned_flow() -> (Vec<Device>, Signals, FlowFacts) {
    let container = Container {
        name: Some("server".to_owned()),
        pod: Some(Pod {
            name: Some("shop/web-1".to_owned()),
            ..Pod::default()
        }),
        ..Container::default()
    };
    let namespace = Namespace {
        id: 1,
        name: Some("blue".to_owned()),
        pid: None,
        container: Some(container),
        unknown: None,
    };
    let device = Device {
        name: "veth1".to_owned(),
        peer: Some(Peer {
            index: 2,
            namespace: Some(namespace),
            device: None,
        }),
        watch: Watch::Yes {
            slot: 0,
            hooks: crate::model::Hooks::Tcx,
            local: crate::model::LocalEnd::Here,
        },
        ..Device::default()
    };
    let owner = Owner {
        cookie: 7,
        namespace: 0,
        pid: 100,
        command: "nginx".to_owned(),
        executable: Some("/usr/sbin/nginx-real".to_owned()),
        started: 0,
        others: 0,
    };
    let signals = Signals {
        owners: vec![owner],
        ..Signals::default()
    };
    let tcp = TcpSocket {
        srtt: 12_000,
        ..TcpSocket::default()
    };
    let mut facts = FlowFacts::default();
    facts.tcp[1] = TcpCounts {
        retransmitted: 2,
        ..TcpCounts::default()
    };
    facts.sockets[1] = Some(Socket {
        cookie: 7,
        cgroup: 0,
        tcp: Some(tcp),
    });
    (vec![device], signals, facts)
}

#[test]
fn states_flags_and_numbers_are_those_of_the_flow() {
    let second = Duration::from_secs(1);
    let web = key(6, ("10.0.1.7", 443), ("192.168.9.21", 51820));
    let ssh = key(6, ("10.0.1.7", 22), ("192.0.2.1", 40000));
    let dns6 = key(17, ("fd00:5::5", 41234), ("fd00::9", 53));
    let (devices, signals, facts) = owned_flow();
    let web = FlowCounts {
        facts: Some(Box::new(facts)),
        ..counts(web, [10, 20], [SYN | ACK, SYN | ACK])
    };
    let flows = [
        ("web", web),
        ("ssh", counts(ssh, [2, 1], [SYN, RST | ACK])),
        ("dns6", counts(dns6, [0, 1], [0, 0])),
    ];
    let mut traffic = Traffic::default();
    traffic.apply(&Envelope::from(Event::Devices(devices)));
    traffic.apply(&Envelope::from(Event::Signals(Box::new(signals))));
    for at in 1..=2_u32 {
        let mut flows: Vec<FlowCounts> = flows.iter().map(|(_, it)| it.clone()).collect();
        // The web server's is older.
        flows.truncate(if at == 1 { 1 } else { 3 });
        traffic.apply(&Envelope::from(Event::Interval(Interval {
            at: second * at,
            length: second,
            flows,
            ..Interval::default()
        })));
    }
    let known = Known {
        host: traffic.host(HostId::default()),
        diagnosis: None,
        concerns: None,
        nodes: None,
    };
    let matched = |text: &str| {
        let filter = Filter::parse(text).expect(text);
        let mut names = Vec::new();
        for (name, counts) in &flows {
            let about = known.about(known.host.flows.get(&counts.key).expect(name));
            let matches = |direction| filter.matches_flow(&counts.key, &about, "nk0", direction);
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
        ("rtt > 11ms", "web"),
        ("rtt > 12ms", ""),
        // Two in each interval.
        ("retrans >= 4", "web"),
        ("retrans < 1", "ssh"),
        ("process nginx", "web"),
        ("process nginx-*", "web"),
        ("pod shop/web-1", "web ssh dns6"),
        ("pod web-* and udp", "dns6"),
        ("container server and netns blue and udp", "dns6"),
        ("problem", ""),
    ] {
        assert_eq!(matched(text), names, "{text}");
    }
}

/// A host's own devices lead to no namespace.
#[test]
fn a_socket_tells_its_container_where_the_device_does_not() {
    let key = key(6, ("10.0.1.7", 443), ("192.168.9.21", 51820));
    let (_, mut signals, mut facts) = owned_flow();
    facts.sockets[1] = Some(Socket {
        cookie: 7,
        cgroup: 44,
        tcp: None,
    });
    signals.containers.push(ContainerOf {
        sockets: Sockets::Cgroup(44),
        container: Container {
            id: "abc".to_owned(),
            pod: Some(Pod {
                uid: "1".to_owned(),
                name: Some("kube-system/etcd".to_owned()),
            }),
            ..Container::default()
        },
    });
    let flow = FlowCounts {
        facts: Some(Box::new(facts)),
        ..counts(key, [1, 1], [0, 0])
    };
    let mut traffic = Traffic::default();
    traffic.apply(&Envelope::from(Event::Signals(Box::new(signals))));
    traffic.apply(&Envelope::from(Event::Interval(Interval {
        flows: vec![flow],
        ..Interval::default()
    })));
    let known = Known {
        host: traffic.host(Envelope::from(Event::Devices(Vec::new())).host),
        diagnosis: None,
        concerns: None,
        nodes: None,
    };
    let flow = known.host.flows.iter().next().unwrap();
    assert_eq!(known.about(flow).pod(), Some("kube-system/etcd"));
}

#[test]
fn a_device_is_found_by_what_it_leads_to() {
    let (devices, ..) = owned_flow();
    let device = &devices[0];
    let matches = |text: &str| {
        let filter: Filter = text.parse().unwrap();
        filter.matches_device(device.name.as_str(), &Behind(device))
    };
    for text in [
        "",
        "dev veth*",
        "netns blue",
        "pod web-*",
        "container server and not dev eth0",
    ] {
        assert!(matches(text), "{text}");
    }
    for text in ["dev eth0", "netns red", "pod db-*", "not netns blue"] {
        assert!(!matches(text), "{text}");
    }
}
