use std::io::Write;
use std::sync::{Arc, Mutex};

use probe_common::parse::number::{ether, ip};

use super::*;
use crate::recording::{Item, Reader};
use crate::synthetic::{self, Synthetic};

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
    let limits = Limits {
        snapshot,
        bytes: most,
        time: Duration::MAX,
    };
    let recorder = Recorder::new(shared.clone(), head, limits).unwrap();
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

#[test]
fn a_full_file_is_followed_by_the_next_which_stands_alone() {
    let events = Synthetic::new(5, 20).story(100);
    let head = recorder(0, 0).0.head;
    let limits = Limits {
        snapshot: 128,
        bytes: u64::MAX,
        time: Duration::from_secs(30),
    };
    let files: Arc<Mutex<Vec<Shared>>> = Arc::default();
    let next = {
        let files = Arc::clone(&files);
        move || {
            let file = Shared::default();
            files.lock().unwrap().push(file.clone());
            Ok(file)
        }
    };
    let first = Shared::default();
    let mut recorder = Recorder::new(first.clone(), head, limits)
        .unwrap()
        .followed_by(Box::new(next));
    for event in &events {
        recorder.event(event).unwrap();
        assert!(!recorder.is_complete());
    }
    recorder.finish().unwrap();
    let mut all = vec![first];
    all.extend(files.lock().unwrap().clone());
    assert_eq!(all.len(), 4);
    let mut intervals = Vec::new();
    for file in &all {
        let bytes = file.0.lock().unwrap();
        let mut reader = Reader::open(io::Cursor::new(&**bytes)).unwrap();
        assert!(reader.index().unwrap().end > Duration::ZERO);
        let items: Vec<_> = std::iter::from_fn(|| reader.next_item().unwrap()).collect();
        let Some(Item::Event(first)) = items.first() else {
            panic!("no event");
        };
        assert!(matches!(first.event, Event::Devices(_)), "devices first");
        intervals.extend(items.into_iter().filter_map(|item| match item {
            Item::Event(envelope) => match envelope.event {
                Event::Interval(interval) => Some(interval),
                _ => None,
            },
            other => panic!("{other:?}"),
        }));
    }
    let expected: Vec<_> = events
        .into_iter()
        .filter_map(|it| match it.event {
            Event::Interval(interval) => Some(interval),
            _ => None,
        })
        .collect();
    assert_eq!(intervals, expected);
}
