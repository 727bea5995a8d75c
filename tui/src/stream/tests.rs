use super::*;
use crate::source::{DeviceTotals, FlowCounts};
use probe_common::FlowValue;

#[test]
fn flows_and_totals_have_the_promised_form() {
    let mut value = FlowValue::default();
    value.directions[1].packets = 2;
    value.directions[1].extra_segments = 3;
    value.directions[1].bytes = 400;
    let key = FlowKey {
        local: std::net::Ipv4Addr::new(10, 0, 0, 1)
            .to_ipv6_mapped()
            .octets(),
        remote: Ipv6Addr::LOCALHOST.octets(),
        device: 0,
        ether_type: 0x0800,
        local_port: 443,
        remote_port: 50000,
        protocol: 6,
        flags: 0,
    };
    let mut device = DeviceTotals::default();
    device.directions[1] = Totals {
        packets: 2,
        segments: 5,
        bytes: 400,
        events: 1,
        ..Totals::default()
    };
    let interval = Interval {
        devices: vec![device],
        flows: vec![FlowCounts { key, value }],
        ..Interval::default()
    };
    let mut output = Vec::new();
    let mut stream = Stream::start(&mut output, vec!["lab0".to_owned()]).unwrap();
    stream.interval(&interval).unwrap();
    stream.interval(&interval).unwrap();
    stream.finish().unwrap();
    let text = String::from_utf8(output).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 4);
    assert!(lines[1].contains(
        r#""local":{"address":"10.0.0.1","port":443},"remote":{"address":"::1","port":50000},"in":{"packets":0,"segments":0,"bytes":0},"out":{"packets":2,"segments":5,"bytes":400}"#
    ));
    assert_eq!(
        lines[3],
        r#"{"type":"totals","device":"lab0","in":{"packets":0,"segments":0,"bytes":0},"out":{"packets":4,"segments":10,"bytes":800},"flows":1,"untracked":{"packets":0,"bytes":0},"ring":{"events":2,"lost":0}}"#
    );
}
