//! One cause is one finding.

use std::net::Ipv6Addr;

use super::*;
use crate::diagnosis::decode::Endpoint;

const SERVER_V6: [u16; 8] = [0xfd00, 0, 0, 0, 0, 0, 0, 2];

/// A claim about a service behind a device.
fn about(kind: Kind, address: IpAddr, port: u16) -> Claim {
    Claim {
        about: vec![address],
        sentence: format!("about {address}"),
        subjects: vec![
            Subject::tcp(Endpoint { address, port }),
            Subject::Device {
                name: "veth0".to_owned(),
            },
        ],
        ..claim(kind, &format!("{address}/{port}"), &[])
    }
}

#[test]
fn one_port_that_refuses_over_both_versions_of_ip_is_one_finding() {
    let v4 = IpAddr::from(SERVER);
    let v6 = IpAddr::from(Ipv6Addr::from(SERVER_V6));
    let mut claims = vec![
        about(Kind::TCP_REFUSED, v6, 80),
        about(Kind::TCP_REFUSED, v4, 80),
        about(Kind::TCP_REFUSED, v4, 443),
        about(Kind::SYN_UNANSWERED, v6, 443),
    ];
    claims::join_families(&mut claims);
    let sentences: Vec<_> = claims.iter().map(|it| it.sentence.as_str()).collect();
    assert_eq!(
        sentences,
        [
            "about 10.0.0.2; the same over IPv6 (fd00::2)",
            "about 10.0.0.2",
            "about fd00::2"
        ]
    );
    assert_eq!(claims[0].about, [v4, v6]);
}

#[test]
fn several_hosts_are_several_findings_whatever_their_family() {
    let other = IpAddr::from([10, 0, 0, 3]);
    let v6 = IpAddr::from(Ipv6Addr::from(SERVER_V6));
    let mut claims = vec![
        about(Kind::TCP_REFUSED, SERVER.into(), 80),
        about(Kind::TCP_REFUSED, other, 80),
        about(Kind::TCP_REFUSED, v6, 80),
    ];
    claims::join_families(&mut claims);
    assert_eq!(claims.len(), 3);
}

#[test]
fn a_finding_that_was_two_is_one_when_they_are_joined() {
    let v4 = IpAddr::from(SERVER);
    let v6 = IpAddr::from(Ipv6Addr::from(SERVER_V6));
    let mut findings = Findings::default();
    let first = vec![about(Kind::TCP_REFUSED, v6, 80)];
    findings.update(first, Duration::from_secs(1));
    let mut both = vec![
        about(Kind::TCP_REFUSED, v6, 80),
        about(Kind::TCP_REFUSED, v4, 80),
    ];
    claims::join_families(&mut both);
    findings.update(both, Duration::from_secs(2));
    assert_eq!(findings.list().len(), 1);
}

#[test]
fn two_ports_of_a_host_are_two_findings() {
    let v4 = IpAddr::from(SERVER);
    let mut findings = Findings::default();
    for (port, second) in [(80, 1), (443, 2)] {
        let claim = about(Kind::TCP_REFUSED, v4, port);
        findings.update(vec![claim], Duration::from_secs(second));
    }
    assert_eq!(findings.list().len(), 2);
}

#[test]
fn what_is_known_with_its_port_is_not_replaced_by_what_is_not() {
    let v4 = IpAddr::from(SERVER);
    let mut findings = Findings::default();
    findings.update(
        vec![about(Kind::SOCKET_BUFFER, v4, 80)],
        Duration::from_secs(1),
    );
    let counter = claim(Kind::SOCKET_BUFFER, "counter", &[CLIENT, SERVER]);
    findings.update(vec![counter], Duration::from_secs(2));
    let sentences: Vec<_> = findings.list().into_iter().map(|it| it.sentence).collect();
    assert_eq!(sentences, ["about 10.0.0.2"]);
}
