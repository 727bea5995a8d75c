use std::fs;
use std::os::unix::fs::symlink;
use std::sync::{Arc, Mutex};

use probe_common::parse::number::{ether, ip};

use super::*;
use crate::recording::{Item, Reader};
use crate::synthetic::{self, Synthetic};

#[test]
fn the_file_is_private_and_never_behind_a_link() {
    let directory = tempfile::tempdir().unwrap();
    let [file, link, other] = ["file", "link", "other"].map(|name| directory.path().join(name));
    create(&file, false).unwrap();
    assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
    let error = create(&file, false).unwrap_err().to_string();
    assert!(error.ends_with("exists; --force overwrites it"), "{error}");

    fs::write(&file, "old").unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    create(&file, true).unwrap();
    let metadata = fs::metadata(&file).unwrap();
    assert_eq!((metadata.len(), metadata.mode() & 0o777), (0, 0o600));

    fs::write(&file, "old").unwrap();
    symlink(&file, &link).unwrap();
    fs::hard_link(&file, &other).unwrap();
    for force in [false, true] {
        create(&link, force).unwrap_err();
        create(&other, force).unwrap_err();
    }
    assert_eq!(fs::read(&file).unwrap(), b"old");
}

/// A writer that can be looked at.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn recorder(snapshot: usize, most: u64) -> (Recorder<Shared>, Shared) {
    let head = Head {
        session: synthetic::session(),
        kernel: String::new(),
        nkview: String::new(),
        options: Vec::new(),
    };
    let shared = Shared::default();
    let recorder = Recorder {
        writer: Writer::new(shared.clone(), &head).unwrap(),
        snapshot,
        most,
    };
    (recorder, shared)
}

fn record(events: &[Envelope], snapshot: usize, most: u64) -> Vec<Envelope> {
    let (mut recorder, shared) = recorder(snapshot, most);
    for event in events {
        recorder.event(event).unwrap();
    }
    recorder.finish().unwrap();
    let bytes = shared.0.lock().unwrap();
    let mut reader = Reader::open(&**bytes).unwrap();
    let items = std::iter::from_fn(|| reader.next_item().unwrap());
    items
        .map(|item| match item {
            Item::Event(event) => event,
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn payload_is_left_out_unless_it_is_asked_for() {
    let events = Synthetic::new(5, 50).story(10);
    let packets = |events: &[Envelope]| -> Vec<_> {
        let packets = events.iter().filter_map(|it| match &it.event {
            Event::Packets(packets) => Some(packets.clone()),
            _ => None,
        });
        packets.flatten().collect()
    };
    assert_eq!(record(&events, 128, u64::MAX), events);
    let [whole, cut] = [&events, &record(&events, 0, u64::MAX)].map(|it| packets(it));
    assert_eq!(whole.len(), cut.len());
    let (mut shorter, mut control) = (0, 0);
    for (whole, cut) in whole.iter().zip(&cut) {
        assert!(whole.data.starts_with(&cut.data));
        let is_control = [ip::ICMP, ip::ICMPV6].contains(&whole.key.protocol)
            || whole.key.ether_type == ether::ARP
            || whole.key.local_port == 53;
        if is_control {
            assert_eq!(whole, cut);
        }
        control += usize::from(is_control);
        shorter += usize::from(cut.data.len() < whole.data.len());
        // What is left of TCP and UDP has no payload, and is dissected as before.
        let payload =
            probe_common::parse::parse(&*cut.data, cut.link_layer, cut.key.device, cut.direction);
        assert_eq!(payload.key.local_port, cut.key.local_port);
        assert_eq!(payload.key.remote_port, cut.key.remote_port);
    }
    assert!(shorter > 0 && control > 0);
}

#[test]
fn a_recording_ends_with_the_event_that_fills_it() {
    let events = Synthetic::new(5, 50).story(10);
    let (mut recorder, shared) = recorder(0, 3_000);
    let mut written = 0;
    for event in &events {
        recorder.event(event).unwrap();
        written += usize::from(!recorder.is_complete());
    }
    assert!(recorder.is_complete() && written < events.len() - 1);
    recorder.finish().unwrap();
    assert_eq!(record(&events, 0, 3_000).len(), written + 1);
    assert!(shared.0.lock().unwrap().len() < 20_000);
}
