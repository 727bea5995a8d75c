use super::*;
use crate::filter::{filter_of_addresses, parse_rule};
use crate::model::{Namespace, Peer};

fn sessions() -> Vec<OwnSession> {
    [
        "198.51.100.9 50122 192.0.2.7 22",
        "2001:db8::9 50122 2001:db8::7 2222",
    ]
    .map(|text| OwnSession::parse(text).unwrap())
    .to_vec()
}

#[test]
fn the_session_through_which_it_is_asked_is_never_cut_off() {
    for (text, is_refused) in [
        ("eth0: 198.51.100.9", true),
        ("198.51.100.0/24 tcp", true),
        ("lxc1: tcp port 22", true),
        ("eth0: src 192.0.2.7 out", true),
        ("remote 198.51.100.9 tcp port 22 in", true),
        ("local 198.51.100.9", true),
        ("2001:db8::/32", true),
        ("port 50122", true),
        ("tcp", true),
        ("eth0:", true),
        ("198.51.100.9 udp", false),
        ("198.51.100.10", false),
        ("tcp port 23", false),
        ("10.0.0.0/8 tcp port 22", false),
        ("2001:db9::/32", false),
    ] {
        let filter = filter_of_addresses(text).unwrap();
        assert_eq!(
            of_sessions(&filter, &sessions()).is_err(),
            is_refused,
            "{text}"
        );
        assert!(of_sessions(&filter, &[]).is_ok(), "{text}");
    }
}

fn device(name: &str, kind: &str, is_elsewhere: bool) -> Device {
    let elsewhere = Peer {
        index: 2,
        namespace: Some(Namespace {
            id: 0,
            name: None,
            pid: None,
            container: None,
            unknown: None,
        }),
        device: None,
    };
    Device {
        name: name.to_owned(),
        kind: DeviceKind::Other(kind.to_owned()),
        peer: is_elsewhere.then_some(elsewhere),
        ..Device::default()
    }
}

#[test]
fn everything_is_refused_but_on_one_containers_device() {
    let lo = device("lo", "loopback", false);
    let eth = device("eth0", "device", false);
    let pod = device("lxc1", "veth", true);
    let here = device("veth0", "veth", false);
    for (text, all, devices, is_fine) in [
        ("eth0: 10.0.9.21", false, &[&eth][..], true),
        ("10.0.9.21", false, &[&eth, &pod], true),
        ("lo: 10.0.9.21", true, &[&lo], false),
        ("eth0:", false, &[&eth], false),
        ("eth0:", true, &[&eth], false),
        ("eth0: tcp", false, &[&eth], false),
        ("eth0: arp host 10.0.9.21", false, &[&eth], false),
        ("eth0: proto icmp6 and fd00::1", true, &[&eth], false),
        ("lxc1:", false, &[&pod], false),
        ("lxc1:", true, &[&pod], true),
        ("lxc1: arp", true, &[&pod], true),
        ("lxc*:", true, &[&pod], false),
        ("", true, &[&pod], false),
        ("veth0:", true, &[&here], false),
    ] {
        let rule = parse_rule(text).unwrap();
        let refused = of_everything(&rule, all, devices);
        assert_eq!(refused.is_ok(), is_fine, "{text}: {refused:?}");
    }
}
