use probe_common::parse::number::ether;

use super::*;
use crate::diagnosis::Kind;
use crate::model::Moment;

fn finding(severity: Severity, past: bool, subjects: Vec<Subject>) -> Finding {
    Finding {
        id: "x".to_owned(),
        severity,
        kind: Kind::TCP_REFUSED,
        sentence: String::new(),
        since: Moment::ZERO,
        last: Moment::ZERO,
        count: 1,
        subjects,
        evidence: Vec::new(),
        not_looked_at: Vec::new(),
        advice: String::new(),
        past,
    }
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn service(port: u16) -> Subject {
    Subject::Service {
        address: address("10.0.0.2"),
        port,
        protocol: "tcp",
    }
}

fn host(text: &str) -> Subject {
    Subject::Host {
        address: address(text),
    }
}

/// A TCP flow of 10.0.0.1 with a port of 10.0.0.2.
fn flow(local_port: u16, remote_port: u16) -> FlowKey {
    let mapped = |n| {
        std::net::Ipv4Addr::new(10, 0, 0, n)
            .to_ipv6_mapped()
            .octets()
    };
    FlowKey {
        local: mapped(1),
        remote: mapped(2),
        ether_type: ether::IPV4,
        protocol: ip::TCP,
        local_port,
        remote_port,
        ..FlowKey::default()
    }
}

#[test]
fn a_service_concerns_the_flows_of_its_port_alone() {
    let subjects = vec![service(80), host("10.0.0.1")];
    let concerns = Concerns::of(&[finding(Severity::Error, false, subjects)]);
    assert_eq!(concerns.flow(&flow(40000, 80)), Some(Severity::Error));
    assert_eq!(concerns.findings(&flow(40000, 80)), [0]);
    // The port of the other end, and another one.
    assert_eq!(concerns.flow(&flow(80, 40000)), None);
    assert_eq!(concerns.flow(&flow(40000, 81)), None);
    let udp = FlowKey {
        protocol: ip::UDP,
        ..flow(40000, 80)
    };
    assert_eq!(concerns.flow(&udp), None);
}

#[test]
fn a_connection_concerns_no_other_one() {
    let subjects = vec![Subject::Flow {
        client: "10.0.0.1:40000".to_owned(),
        server: "10.0.0.2:80".to_owned(),
        protocol: "tcp",
    }];
    let concerns = Concerns::of(&[finding(Severity::Warning, false, subjects)]);
    assert_eq!(concerns.flow(&flow(40000, 80)), Some(Severity::Warning));
    assert_eq!(concerns.flow(&flow(40001, 80)), None);
}

#[test]
fn a_host_alone_concerns_all_its_flows_and_the_prefixes_around_it() {
    let concerns = Concerns::of(&[
        finding(Severity::Warning, false, vec![host("10.0.0.1")]),
        finding(Severity::Error, false, vec![service(443)]),
    ]);
    assert_eq!(concerns.flow(&flow(1, 2)), Some(Severity::Warning));
    let group = |text: &str| text.parse::<IpNet>().unwrap();
    assert_eq!(
        concerns.hosts(&group("10.0.0.1/32")),
        Some(Severity::Warning)
    );
    assert_eq!(concerns.hosts(&group("10.0.0.0/24")), Some(Severity::Error));
    assert_eq!(concerns.hosts(&group("10.0.1.0/24")), None);
}

#[test]
fn of_two_hosts_the_flows_between_them_are_meant() {
    let findings = |other: &str| {
        let subjects = vec![host("10.0.0.1"), host(other)];
        Concerns::of(&[finding(Severity::Error, false, subjects)])
    };
    assert_eq!(findings("10.0.0.9").flow(&flow(1, 2)), None);
    assert_eq!(
        findings("10.0.0.2").flow(&flow(1, 2)),
        Some(Severity::Error)
    );
}

#[test]
fn what_is_over_or_only_good_to_know_concerns_nobody() {
    let device = || Subject::Device {
        name: "eth0".to_owned(),
    };
    let concerns = Concerns::of(&[
        finding(Severity::Error, true, vec![host("10.0.0.1"), device()]),
        finding(Severity::Info, false, vec![host("10.0.0.1"), device()]),
    ]);
    assert_eq!(concerns.flow(&flow(1, 2)), None);
    assert_eq!(concerns.device("eth0"), None);
    let concerns = Concerns::of(&[finding(Severity::Warning, false, vec![device()])]);
    assert_eq!(concerns.device("eth0"), Some(Severity::Warning));
}
