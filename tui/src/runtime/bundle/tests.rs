use std::collections::BTreeMap;
use std::io::Read;

use flate2::read::GzDecoder;

use super::*;
use crate::export::redacted_head;
use crate::recording::{History, Reader};
use crate::synthetic::{self, Synthetic};

#[test]
fn a_bundle_has_all_files_and_its_recording_is_what_was_remembered() {
    let head = Head {
        session: synthetic::session(),
        kernel: "7.0.0".to_owned(),
        nkview: "0.1.0".to_owned(),
        options: Vec::new(),
    };
    let events = Synthetic::new(3, 20).story(40);
    let mut history = History::new(head.clone(), u64::MAX).unwrap();
    for event in &events {
        history.event(event).unwrap();
    }
    let contents = Contents {
        head,
        redaction: None,
        devices: synthetic::devices(),
        problems: "error: nothing works\n".to_owned(),
        policy: Policy::default(),
        pasts: std::array::from_fn(|_| history.all()),
    };
    let mut bytes = Vec::new();
    write(&mut bytes, "bundle", contents, "ok\n").unwrap();

    let mut archive = tar::Archive::new(GzDecoder::new(&*bytes));
    let mut files = BTreeMap::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().display().to_string();
        let mut contents = Vec::new();
        entry.read_to_end(&mut contents).unwrap();
        files.insert(path, contents);
    }
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "bundle/devices.json",
            "bundle/devices.txt",
            "bundle/doctor.txt",
            "bundle/manifest.json",
            "bundle/packets.pcapng",
            "bundle/problems.txt",
            "bundle/recording.nkv",
        ]
    );
    let manifest: serde_json::Value =
        serde_json::from_slice(&files["bundle/manifest.json"]).unwrap();
    for name in manifest["files"].as_object().unwrap().keys() {
        assert!(files.contains_key(&format!("bundle/{name}")), "{name}");
    }
    assert_eq!(files["bundle/problems.txt"], b"error: nothing works\n");
    let mut reader = Reader::open(&*files["bundle/recording.nkv"]).unwrap();
    let read: Vec<_> = std::iter::from_fn(|| reader.next_item().unwrap()).collect();
    let expected: Vec<_> = events
        .iter()
        .map(|event| Item::Event(without_payload(event, 0).into_owned()))
        .collect();
    assert_eq!(read, expected);
    assert_eq!(
        files["bundle/packets.pcapng"][..4],
        [0x0a, 0x0d, 0x0d, 0x0a]
    );
}

#[test]
fn a_redacted_bundle_has_neither_names_nor_addresses() {
    let head = Head {
        session: synthetic::session(),
        kernel: "7.0.0".to_owned(),
        nkview: "0.1.0".to_owned(),
        options: vec!["web-7d9f".to_owned()],
    };
    let redaction = Redaction::random().unwrap();
    let mut history = History::new(head.clone(), u64::MAX).unwrap();
    for event in &Synthetic::new(3, 20).story(40) {
        history.event(event).unwrap();
    }
    let contents = Contents {
        head: redacted_head(&head, &redaction),
        redaction: Some(redaction),
        devices: synthetic::devices(),
        problems: "error: 203.0.113.9 does not answer\n".to_owned(),
        policy: Policy::default(),
        pasts: std::array::from_fn(|_| history.all()),
    };
    let mut bytes = Vec::new();
    write(&mut bytes, "bundle", contents, "web-7d9f: ok\n").unwrap();
    let mut archive = tar::Archive::new(GzDecoder::new(&*bytes));
    let mut names = Vec::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().display().to_string();
        let mut contents = Vec::new();
        entry.read_to_end(&mut contents).unwrap();
        // What is compressed is read as it is told.
        let text = if name.ends_with(".nkv") {
            let mut reader = Reader::open(&*contents).unwrap();
            let items = std::iter::from_fn(|| reader.next_item().unwrap());
            items.map(|item| format!("{item:?}")).collect()
        } else {
            String::from_utf8_lossy(&contents).into_owned()
        };
        for secret in ["web-7d9f", "db-0", "node-3", "203.0.113"] {
            assert!(!text.contains(secret), "{secret} is in {name}: {text}");
        }
        names.push(name);
    }
    assert!(!names.contains(&"bundle/doctor.txt".to_owned()));
    assert_eq!(names.len(), 6, "{names:?}");
}
