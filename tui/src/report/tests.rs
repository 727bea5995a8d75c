use super::*;
use crate::diagnosis::Kind;

fn finding() -> Finding {
    Finding {
        id: "tcp-refused/10.0.0.2:80".to_owned(),
        severity: Severity::Error,
        kind: Kind::TCP_REFUSED,
        sentence: "10.0.0.1 cannot connect to 10.0.0.2:80".to_owned(),
        since: std::time::Duration::from_secs(1),
        last: std::time::Duration::from_millis(2500),
        count: 3,
        subjects: vec![Subject::Host {
            address: [10, 0, 0, 2].into(),
        }],
        evidence: vec!["3 SYNs".to_owned()],
        not_looked_at: Vec::new(),
        advice: "look".to_owned(),
        past: false,
    }
}

#[test]
fn a_problem_line_has_the_documented_members() {
    let mut bytes = Vec::new();
    write_problem(&mut bytes, &finding(), Timestamp::UNIX_EPOCH).unwrap_or_default();
    let line: serde_json::Value = serde_json::from_slice(&bytes).unwrap_or_default();
    assert_eq!(line["type"], "problem");
    assert_eq!(line["kind"], "tcp-refused");
    assert_eq!(line["severity"], "error");
    assert_eq!(line["since"], "1970-01-01T00:00:01.000Z");
    assert_eq!(line["last"], "1970-01-01T00:00:02.500Z");
    assert_eq!(line["subjects"][0]["address"], "10.0.0.2");
}

#[test]
fn the_text_numbers_findings_and_ends_with_what_was_looked_at() {
    let summary = Summary {
        host: "node".to_owned(),
        seconds: 10.0,
        devices: vec!["veth1".to_owned()],
        packets: 7,
        flows: 2,
        left_out: 3,
        not_looked_at: vec!["drops: no BTF".to_owned()],
    };
    let mut text = Vec::new();
    write_text(&mut text, &[finding()], &summary).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    assert!(
        text.starts_with("1. ERROR: 10.0.0.1 cannot connect to 10.0.0.2:80\n   Seen: 3 SYNs.\n")
    );
    assert!(text.contains("1 finding in 10 s on node: 7 packets of 2 flows on veth1.\n"));
    assert!(text.contains("The filter leaves out 3 findings.\n"));
    assert!(text.ends_with("Not looked at: drops: no BTF.\n"));
}
