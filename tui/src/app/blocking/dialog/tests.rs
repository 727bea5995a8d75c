use probe_common::parse::number::ip;

use super::*;
use crate::app::blocking::tests::{host, traffic};
use crate::model::{Envelope, Event};
use crate::synthetic::devices;
use crate::traffic::Traffic;

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
