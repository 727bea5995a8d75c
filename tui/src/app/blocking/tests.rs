use std::net::Ipv4Addr;

use super::*;
use crate::diagnosis::{Kind, Severity};
use crate::model::{Envelope, Event, Moment};
use crate::synthetic::{Synthetic, devices};
use crate::traffic::Traffic;

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

fn traffic() -> Traffic {
    let mut traffic = Traffic::default();
    for envelope in Synthetic::new(3, 60).story(30) {
        traffic.apply(&envelope);
    }
    traffic
}

fn host(traffic: &Traffic) -> &Host {
    traffic.host(crate::model::HostId::default())
}

fn dialog(rules: &[&str], sessions: &[&str]) -> Dialog {
    let traffic = traffic();
    let mut dialog = Dialog::new(rules.iter().map(|&it| it.to_owned()).collect());
    let sessions: Vec<_> = sessions
        .iter()
        .filter_map(|text| OwnSession::parse(text))
        .collect();
    dialog.judge(&sessions, host(&traffic));
    dialog.look(host(&traffic));
    dialog
}

fn refusal(dialog: &Dialog) -> Option<&str> {
    let judged = dialog.choice()?.judged.as_ref()?;
    judged.as_ref().err().map(String::as_str)
}

fn types(dialog: &mut Dialog, text: &str) {
    let traffic = traffic();
    for character in text.chars() {
        dialog.edit(Edit::Insert(character), host(&traffic));
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

#[test]
fn what_must_not_be_dropped_is_refused_before_anything_is_asked() {
    let session = "203.0.113.9 50122 10.0.1.5 22";
    for (rule, reason) in [
        ("web-7d9f: remote 203.0.113.9", "SSH session"),
        ("web-7d9f:", "SSH session"),
        ("web-7d9f: ether 0x0806", "ARP"),
        ("process nginx", "single packets"),
        ("nothing: 10.0.0.1", "no device"),
        ("web*: 10.0.0.1", "pattern"),
    ] {
        let mut dialog = dialog(&[rule], &[session]);
        let refused = refusal(&dialog).unwrap_or_default();
        assert!(refused.contains(reason), "{rule}: {refused}");
        types(&mut dialog, "block");
        assert!(!dialog.accept() && dialog.confirmed().is_none(), "{rule}");
    }
    assert_eq!(refusal(&dialog(&["203.0.113.8"], &[session])), None);
    let everything = dialog(&["web-7d9f:"], &[]);
    assert!(refusal(&everything).unwrap().contains("neither addresses"));
}

#[test]
fn loopback_is_left_out_or_refused() {
    let mut list = devices();
    let lo = Device {
        name: "lo".to_owned(),
        kind: crate::model::DeviceKind::Other("loopback".to_owned()),
        ..list[0].clone()
    };
    list.push(lo);
    let mut traffic = Traffic::default();
    traffic.apply(&Envelope::from(Event::Devices(list)));
    for (rule, is_refused) in [("lo: 10.0.0.1", true), ("10.0.0.1", false)] {
        let mut dialog = Dialog::new(vec![rule.to_owned()]);
        dialog.judge(&[], host(&traffic));
        assert_eq!(refusal(&dialog).is_some(), is_refused, "{rule}");
        let judged = dialog.judged().map(|it| it.devices.clone());
        assert!(!judged.unwrap_or_default().contains(&"lo".to_owned()));
    }
}

#[test]
fn packets_are_dropped_only_when_the_word_was_typed() {
    let mut dialog = dialog(&["10.0.9.1", "10.0.9.2"], &[]);
    assert!(!dialog.accept(), "the time alone");
    for word in ["", "yes", "bloc"] {
        dialog.word = Line::new(word);
        assert!(!dialog.accept(), "{word}");
        assert!(dialog.error.is_some());
    }
    dialog.word = Line::default();
    types(&mut dialog, "block");
    assert!(dialog.error.is_none());
    assert!(dialog.accept());
    let (rule, time) = dialog.confirmed().unwrap();
    assert_eq!((&*rule.text, time.as_secs()), ("10.0.9.1", 600));
    assert!(dialog.confirmed().is_none(), "only once");
}

#[test]
fn the_word_is_for_one_rule_and_one_time() {
    let traffic = traffic();
    let mut dialog = dialog(&["10.0.9.1", "10.0.9.2"], &[]);
    dialog.accept();
    types(&mut dialog, "block");
    dialog.edit(Edit::Later, host(&traffic));
    assert_eq!(dialog.choice().unwrap().text, "10.0.9.2");
    assert!(!dialog.accept(), "it was typed for the other rule");
    types(&mut dialog, "block");
    dialog.edit(Edit::Complete, host(&traffic));
    types(&mut dialog, "0");
    dialog.edit(Edit::Complete, host(&traffic));
    assert!(!dialog.accept(), "it was typed for another time");
}

#[test]
fn a_time_of_more_than_an_hour_is_asked_for_twice() {
    let mut dialog = dialog(&["10.0.9.1"], &[]);
    dialog.time = Line::new("25h");
    assert!(!dialog.accept());
    assert_eq!(dialog.field, Field::Time);
    assert!(dialog.error.as_ref().unwrap().contains("24h"));
    dialog.time = Line::new("2h");
    dialog.accept();
    types(&mut dialog, "block");
    assert!(!dialog.accept());
    assert_eq!(dialog.field, Field::Again);
    types(&mut dialog, "block");
    assert!(dialog.accept());
    assert_eq!(dialog.confirmed().unwrap().1.as_secs(), 7200);
}

#[test]
fn the_flows_that_it_would_drop_are_those_of_the_filter() {
    let traffic = traffic();
    let host = host(&traffic);
    let dialog = dialog(&["tcp port 443"], &[]);
    let has_port = |key: &FlowKey| key.local_port == 443 || key.remote_port == 443;
    let flows = host.flows.iter().map(|flow| flow.key);
    let expected = flows.filter(|key| key.protocol == ip::TCP && has_port(key));
    let mut expected: Vec<_> = expected.collect();
    expected.sort();
    let found = &dialog.matches.flows;
    assert!(found.is_sorted_by(|(_, a), (_, b)| a[0] + a[1] >= b[0] + b[1]));
    let mut found: Vec<_> = found.iter().map(|(key, _)| *key).collect();
    found.sort();
    assert!(!found.is_empty());
    assert_eq!(found, expected);
    assert!(dialog.matches.rates[0] > 0.0);
}

#[test]
fn times_have_units_and_an_end() {
    for (text, seconds) in [
        ("90s", Some(90)),
        ("10m", Some(600)),
        ("24h", Some(86_400)),
        ("25h", None),
        ("0s", None),
        ("10", None),
        ("", None),
        ("99999999999999999999h", None),
        ("-5m", None),
    ] {
        assert_eq!(time(text).ok().map(|it| it.as_secs()), seconds, "{text}");
    }
}
