use serde_json::Value;

use super::*;
use crate::model::{Namespace, Peer, PeerDevice};
use crate::synthetic;

fn table(devices: &[Device]) -> String {
    let mut text = Vec::new();
    write_table(devices, &mut text).unwrap();
    String::from_utf8(text).unwrap()
}

fn json(devices: &[Device]) -> Vec<Value> {
    let mut text = Vec::new();
    write_json(devices, &mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn the_table_has_a_row_for_each_device_and_its_programs_below() {
    insta::assert_snapshot!(table(&synthetic::devices()));
}

#[test]
fn an_object_has_what_is_known() {
    let devices = synthetic::devices();
    let objects = json(&devices);
    assert_eq!(objects.len(), devices.len());
    let pair = objects.iter().find(|it| it["kind"] == "netkit").unwrap();
    assert_eq!(pair["netkit"]["peer_policy"], "blackhole");
    assert_eq!(pair["peer"]["name"], "eth0");
    let container = &pair["peer"]["namespace"]["container"];
    assert_eq!(container["host_name"], "web-7d9f");
    assert_eq!(pair["hooks"][0]["hook"], "netkit primary");
    assert_eq!(pair["hooks"][0]["programs"][1]["name"], "cil_to_container");
    // What there is not has no member.
    let loopback = objects.iter().find(|it| it["name"] == "lo").unwrap();
    assert_eq!(loopback.get("peer"), None);
    assert_eq!(loopback.get("netkit"), None);
    assert_eq!(loopback["hooks"], Value::Array(Vec::new()));
}

#[test]
fn names_that_a_container_has_chosen_do_no_harm() {
    let mut device = synthetic::devices().remove(0);
    device.peer = Some(Peer {
        index: 2,
        namespace: Some(Namespace {
            id: 0,
            name: None,
            pid: Some(7),
            container: None,
            unknown: None,
        }),
        device: Some(PeerDevice {
            name: "\u{1b}[2J".to_owned(),
            mac: Vec::new(),
            mtu: 1500,
            up: true,
            counters: LinkCounters::default(),
        }),
    });
    let text = table(&[device]);
    assert!(!text.contains('\u{1b}'), "{text:?}");
    assert!(text.contains("of pid 7"), "{text}");
}
