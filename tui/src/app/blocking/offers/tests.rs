use std::net::Ipv4Addr;

use probe_common::Direction;

use super::*;
use crate::app::blocking::tests::{host, traffic};
use crate::diagnosis::{Kind, Severity};
use crate::filter::{filter_of_rule, parse_rule};
use crate::model::Moment;

fn key(protocol: u8, local_port: u16, remote_port: u16) -> FlowKey {
    FlowKey {
        local: Ipv4Addr::new(10, 0, 1, 5).to_ipv6_mapped().octets(),
        remote: Ipv4Addr::new(203, 0, 113, 9).to_ipv6_mapped().octets(),
        device: 0,
        ether_type: ether::IPV4,
        protocol,
        local_port,
        remote_port,
        ..FlowKey::default()
    }
}

#[test]
fn a_flow_offers_itself_its_service_and_its_remote_end() {
    assert_eq!(
        rules_of_flow(&key(ip::TCP, 443, 50_123), "web-7d9f"),
        [
            "web-7d9f: tcp remote 203.0.113.9 remote port 50123 local 10.0.1.5 local port 443",
            "web-7d9f: tcp remote 203.0.113.9 local port 443",
            "web-7d9f: remote 203.0.113.9",
        ]
    );
    let dns = rules_of_flow(&key(ip::UDP, 40_000, 53), "web-7d9f");
    assert_eq!(dns[1], "web-7d9f: udp remote 203.0.113.9 remote port 53");
    assert_eq!(
        rules_of_flow(&key(ip::ICMP, 7, 8), "web-7d9f")[0],
        "web-7d9f: proto 1 remote 203.0.113.9"
    );
}

/// The first rule matches the flow that it is of, in both directions, and no other.
#[test]
fn the_first_rule_of_a_flow_is_about_that_flow_alone() {
    let traffic = traffic();
    let host = host(&traffic);
    let mut seen = 0;
    for flow in host
        .flows
        .iter()
        .filter(|flow| flow.key.protocol == ip::TCP)
    {
        let rules = rules_of_flow(&flow.key, host.devices.names().get(flow.key.device));
        let filter = filter_of_rule(&rules[0]).unwrap();
        for other in host.flows.iter() {
            for direction in Direction::BOTH {
                let name = host.devices.names().of(other.key.device);
                let matches = filter.matches(&other.key, name, direction);
                assert_eq!(matches, other.key == flow.key, "{}", rules[0]);
            }
        }
        seen += 1;
    }
    assert!(seen > 5);
}

#[test]
fn a_problem_offers_its_connections_and_then_its_services() {
    let finding = Finding {
        id: "x".to_owned(),
        severity: Severity::Error,
        kind: Kind::PACKET_LOSS,
        sentence: String::new(),
        since: Moment::ZERO,
        last: Moment::ZERO,
        count: 1,
        subjects: vec![
            Subject::Service {
                address: "10.0.9.1".parse().unwrap(),
                port: 80,
                protocol: "tcp",
            },
            Subject::Flow {
                client: "[fd00::1]:50000".to_owned(),
                server: "[fd00::2]:443".to_owned(),
                protocol: "tcp",
            },
        ],
        evidence: Vec::new(),
        not_looked_at: Vec::new(),
        advice: String::new(),
        past: false,
    };
    let rules = rules_of_finding(&finding);
    assert_eq!(
        rules,
        [
            "tcp host fd00::1 host fd00::2 port 443",
            "tcp and host 10.0.9.1 and port 80",
        ]
    );
    for rule in rules {
        assert!(parse_rule(&rule).is_ok(), "{rule}");
    }
}
