use std::time::Duration;

use probe_common::{Counters, FlowKey, FlowValue};
use proptest::prelude::*;

use super::frame::HEADER;
use super::*;
use crate::model::signal::{
    ContainerOf, Owner, Reset, ResetBy, Signals, SocketError, Sockets, Trace,
};
use crate::model::stack::Stack;
use crate::model::{
    Container, Envelope, Event, FlowCounts, FlowFacts, HostId, Interval, Level, Moment, Notice,
    Socket, TcpCounts, TcpSocket,
};
use crate::model::{EndReason, Tuple};
use crate::synthetic::{self, Synthetic};

fn head() -> Head {
    Head {
        session: synthetic::session(),
        kernel: "7.0.0".to_owned(),
        nkview: "0.1.0".to_owned(),
        options: vec!["--interval".to_owned(), "1".to_owned()],
    }
}

fn write(events: &[Envelope]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&mut bytes, &head()).unwrap();
    for event in events {
        writer.event(event).unwrap();
    }
    writer.finish().unwrap();
    assert_eq!(writer.bytes(), bytes.len() as u64);
    bytes
}

fn read(bytes: &[u8]) -> Vec<Item> {
    let mut reader = Reader::open(bytes).unwrap();
    std::iter::from_fn(|| reader.next_item().unwrap()).collect()
}

fn items(events: &[Envelope]) -> Vec<Item> {
    events.iter().cloned().map(Item::Event).collect()
}

/// Where each frame of an undamaged recording begins, and the end.
fn frames(bytes: &[u8]) -> Vec<usize> {
    let mut places = vec![SIGNATURE.len() + 2];
    while let Some(header) = bytes
        .get(places[places.len() - 1]..)
        .filter(|it| !it.is_empty())
    {
        let length = u32::from_le_bytes(header[12..16].try_into().unwrap());
        places.push(places[places.len() - 1] + HEADER + length as usize);
    }
    places
}

/// A pipe whose writer hands over one piece at a time, and is not to be waited for
/// while what it has written is not read.
struct Pipe<'a> {
    pieces: std::slice::ChunksExact<'a, u8>,
    may_wait: std::rc::Rc<std::cell::Cell<bool>>,
}

impl io::Read for Pipe<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        assert!(self.may_wait.get(), "waits although there is an event");
        let piece = self.pieces.next().unwrap_or_default();
        buffer[..piece.len()].copy_from_slice(piece);
        Ok(piece.len())
    }
}

#[test]
fn events_are_read_from_a_pipe_as_soon_as_they_are_written() {
    let events = story(3);
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&mut bytes, &head()).unwrap();
    writer.event(&events[0]).unwrap();
    let first = writer.bytes() as usize;
    writer.event(&events[1]).unwrap();
    let may_wait = std::rc::Rc::new(std::cell::Cell::new(true));
    let pipe = Pipe {
        pieces: bytes[..first].chunks_exact(1),
        may_wait: may_wait.clone(),
    };
    let mut reader = Reader::open(pipe).unwrap();
    assert_eq!(
        reader.next_item().unwrap(),
        Some(Item::Event(events[0].clone()))
    );
    // The last byte was the last of the event: nothing was asked for beyond it.
    may_wait.set(false);
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| reader.next_item())).is_err());
}

/// An event of each kind, with keyframes in between.
fn story(seconds: usize) -> Vec<Envelope> {
    let mut events = Synthetic::new(7, 6).story(seconds);
    let tuple = Tuple::sent(&FlowKey::default());
    let signals = Signals {
        at: Duration::from_millis(1_500),
        socket_errors: vec![SocketError {
            at: Duration::from_millis(1_200),
            namespace: 4_026_531_840,
            cookie: 9,
            tuple,
            errno: 111,
        }],
        resets: vec![Reset {
            at: Duration::from_millis(1_300),
            by: ResetBy::Received,
            namespace: 1,
            cookie: 0,
            tuple,
            state: 2,
            reason: Some("NO_SOCKET".to_owned()),
        }],
        containers: vec![ContainerOf {
            sockets: Sockets::Cgroup(44),
            container: Container::default(),
        }],
        owners: vec![Owner {
            cookie: 9,
            namespace: 1,
            pid: 4711,
            command: "nginx".to_owned(),
            executable: None,
            started: 1,
            others: 2,
        }],
        stacks: vec![Stack {
            namespace: 1,
            is_own: true,
            ..Stack::default()
        }],
        trace: Some(Trace::Off("no BTF".to_owned())),
        ..Signals::default()
    };
    events.insert(3, Event::Signals(Box::new(signals)).into());
    let notice = Notice {
        at: Duration::from_secs(1),
        level: Level::Warning,
        text: "The device eth1 is gone.".to_owned(),
    };
    events.push(Envelope {
        host: HostId(3),
        event: Event::Notice(notice),
    });
    events.push(Event::Ended(EndReason::Counters("the end".to_owned())).into());
    events
}

fn counters() -> impl Strategy<Value = Counters> {
    (
        any::<[u64; 3]>(),
        any::<u32>(),
        any::<u16>(),
        any::<[u8; 2]>(),
    )
        .prop_map(
            |([packets, extra_segments, bytes], largest, window, [tcp_flags, hop_limit])| {
                Counters {
                    packets,
                    extra_segments,
                    bytes,
                    largest,
                    window,
                    tcp_flags,
                    hop_limit,
                }
            },
        )
}

fn tcp_counts() -> impl Strategy<Value = TcpCounts> {
    (any::<[u32; 4]>(), any::<u64>(), any::<[u8; 4]>()).prop_map(
        |(counts, retransmitted_bytes, [syn, syn_ack, fin, rst])| {
            let [retransmitted, gaps, duplicate_acks, zero_windows] = counts;
            TcpCounts {
                retransmitted,
                retransmitted_bytes,
                gaps,
                duplicate_acks,
                zero_windows,
                syn,
                syn_ack,
                fin,
                rst,
            }
        },
    )
}

fn socket() -> impl Strategy<Value = Socket> {
    let tcp = (any::<[u32; 5]>(), any::<Option<u32>>()).prop_map(
        |([srtt, cwnd, mss, total_retrans, packets_out], min_rtt)| TcpSocket {
            srtt,
            min_rtt,
            cwnd,
            mss,
            total_retrans,
            packets_out,
        },
    );
    (any::<[u64; 2]>(), proptest::option::of(tcp)).prop_map(|([cookie, cgroup], tcp)| Socket {
        cookie,
        cgroup,
        tcp,
    })
}

/// Flows of few keys, so that most are seen again.
fn flow() -> impl Strategy<Value = FlowCounts> {
    let facts = (
        [tcp_counts(), tcp_counts()],
        [
            proptest::option::of(socket()),
            proptest::option::of(socket()),
        ],
    );
    let facts = facts.prop_map(|(tcp, sockets)| Box::new(FlowFacts { tcp, sockets }));
    (
        0..6_u16,
        [counters(), counters()],
        proptest::option::of(facts),
    )
        .prop_map(|(port, directions, facts)| FlowCounts {
            key: FlowKey {
                local_port: port,
                ..FlowKey::default()
            },
            value: FlowValue { directions },
            facts,
        })
}

fn envelope() -> impl Strategy<Value = Envelope> {
    let interval =
        (any::<Duration>(), proptest::collection::vec(flow(), 0..8)).prop_map(|(length, flows)| {
            Event::Interval(Interval {
                at: length,
                length,
                flows,
                ..Interval::default()
            })
        });
    let event = prop_oneof![
        8 => interval,
        1 => any::<String>().prop_map(|text| Event::Ended(EndReason::Counters(text))),
        1 => Just(Event::Devices(synthetic::devices())),
    ];
    (0..3_u16, event).prop_map(|(host, event)| Envelope {
        host: HostId(host),
        event,
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read(events in proptest::collection::vec(envelope(), 0..60)) {
        prop_assert_eq!(read(&write(&events)), items(&events));
    }

    #[test]
    fn arbitrary_bytes_are_no_recording(bytes: Vec<u8>) {
        prop_assert!(matches!(Reader::open(&*bytes), Err(Error::Foreign)));
    }

    #[test]
    fn arbitrary_bytes_behind_a_head_do_no_harm(bytes: Vec<u8>) {
        let mut recording = write(&[]);
        let end = frames(&recording)[1];
        recording.truncate(end);
        recording.extend(bytes);
        let is_damage = |item: &Item| matches!(item, Item::Damage(_));
        prop_assert!(read(&recording).iter().all(is_damage));
    }
}

#[test]
fn all_kinds_of_events_are_read_back() {
    let events = story(40);
    assert_eq!(read(&write(&events)), items(&events));
}

#[test]
fn a_cut_loses_the_last_frame_only() {
    let events = story(3);
    let bytes = write(&events);
    let places = frames(&bytes);
    // The head, the events with one keyframe, the index and its place.
    assert_eq!(places.len(), 1 + events.len() + 1 + 2 + 1);
    for length in 0..bytes.len() {
        let cut = &bytes[..length];
        if length < places[1] {
            let error = Reader::open(cut).unwrap_err();
            assert!(
                matches!(error, Error::Foreign | Error::Head),
                "{length}: {error}"
            );
            continue;
        }
        let whole = places[2..].iter().filter(|end| **end <= length).count();
        // The keyframe, before the first interval, is no item.
        let expected = items(&events[..(whole - usize::from(whole > 1)).min(events.len())]);
        let mut found = read(cut);
        if !places.contains(&length) {
            let last = found.pop();
            assert!(
                matches!(&last, Some(Item::Damage(text)) if text.contains("cut off")),
                "{length}: {last:?}"
            );
        }
        assert_eq!(found, expected, "{length}");
    }
}

#[test]
fn a_damaged_byte_is_reported_and_makes_nothing_up() {
    let events = story(2);
    let bytes = write(&events);
    let places = frames(&bytes);
    let expected = items(&events);
    for place in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[place] ^= 0x40;
        let mut reader = match Reader::open(&*damaged) {
            Ok(reader) => reader,
            Err(_) => {
                assert!(place < places[1], "{place}");
                continue;
            }
        };
        let found: Vec<_> = std::iter::from_fn(|| reader.next_item().unwrap()).collect();
        let (damage, read): (Vec<_>, Vec<_>) = found
            .into_iter()
            .partition(|item| matches!(item, Item::Damage(_)));
        assert!(!damage.is_empty(), "{place} is not noticed");
        // What was read is true, in order, and at most the frame and the intervals
        // that build on it are missing.
        let mut rest = expected.iter();
        assert!(read.iter().all(|item| rest.any(|it| it == item)), "{place}");
        let missing = expected.iter().filter(|item| !read.contains(item));
        let others = missing.filter(|item| {
            !matches!(
                item,
                Item::Event(Envelope {
                    event: Event::Interval(_),
                    ..
                })
            )
        });
        assert!(others.count() <= 1, "{place}");
    }
}

#[test]
fn intervals_are_read_again_from_the_next_keyframe_on() {
    let events = story(40);
    let bytes = write(&events);
    let places = frames(&bytes);
    // Head, devices, keyframe; then the first interval.
    let mut damaged = bytes.clone();
    damaged[places[3] + HEADER] ^= 1;
    let found = read(&damaged);
    let is_interval = |item: &&Item| {
        matches!(
            item,
            Item::Event(Envelope {
                event: Event::Interval(_),
                ..
            })
        )
    };
    assert_eq!(found.iter().filter(is_interval).count(), 40 - 16);
    let reported = found
        .iter()
        .any(|item| matches!(item, Item::Damage(text) if text.starts_with("15 intervals after")));
    assert!(reported, "{found:?}");
}

#[test]
fn unknown_kinds_are_skipped_and_unknown_versions_reported() {
    let events = story(1);
    let bytes = write(&events);
    let places = frames(&bytes);
    let patched = |offset: usize, value: u8| {
        let mut bytes = bytes.clone();
        let start = places[1];
        bytes[start + offset] = value;
        let checksum = crc32fast::hash(&bytes[start..start + 20]);
        bytes[start + 20..start + HEADER].copy_from_slice(&checksum.to_le_bytes());
        read(&bytes)
    };
    assert_eq!(patched(4, 99), items(&events)[1..]);
    let newer = patched(5, 2);
    assert!(matches!(&newer[0], Item::Damage(text) if text.contains("another version")));
    assert_eq!(newer[1..], items(&events)[1..]);
}

#[test]
fn foreign_files_and_later_formats_get_a_clear_error() {
    let error = |bytes: &[u8]| Reader::open(bytes).unwrap_err().to_string();
    assert_eq!(error(b""), "this is not a recording of nkview");
    assert_eq!(
        error(b"\x0a\x0d\x0d\x0a and more of a pcapng file"),
        "this is not a recording of nkview"
    );
    let mut later = write(&[]);
    later[SIGNATURE.len()] = 2;
    assert!(error(&later).starts_with("its format is version 2"));
}

/// Of a busy machine: most flows change in each interval.
#[test]
fn a_flow_and_interval_takes_few_bytes() {
    let mut source = Synthetic::new(1, 2_000);
    let events: Vec<_> = (0..32).map(|_| source.interval()).collect();
    let flows: usize = events.iter().map(|it| it.flows.len()).sum();
    let events: Vec<_> = events
        .into_iter()
        .map(|it| Event::Interval(it).into())
        .collect();
    let bytes = write(&events).len();
    let each = bytes as f64 / flows as f64;
    eprintln!("{each:.1} bytes a changed flow and interval");
    assert!(each <= 20.0, "{each} bytes");
}

/// A recording of this version must stay readable by later ones. Where the model
/// has changed, a released version needs a new `frame::VERSION` and a conversion;
/// before the first release, `NKVIEW_BLESS=1` writes the file again.
#[test]
fn the_golden_file_is_readable() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/src/recording/tests/golden-1.nkv"
    );
    if std::env::var_os("NKVIEW_BLESS").is_some() {
        std::fs::write(path, write(&story(3))).unwrap();
    }
    let golden = std::fs::read(path).unwrap();
    assert_eq!(Reader::open(&*golden).unwrap().head(), &head());
    assert_eq!(read(&golden), items(&story(3)));
}

#[test]
fn the_index_is_read_or_made_anew_and_leads_to_every_moment() {
    let events = story(100);
    let bytes = write(&events);
    let mut reader = Reader::open(io::Cursor::new(&*bytes)).unwrap();
    let index = reader.index().unwrap();
    assert_eq!(index.keys.len(), 7);
    assert_eq!(index.begin(), Moment::ZERO);
    assert_eq!(index.end, Duration::from_secs(100));
    assert_eq!(
        std::iter::from_fn(|| reader.next_item().unwrap()).collect::<Vec<_>>(),
        items(&events),
        "reading the index changes nothing"
    );
    // Without the index, cut anywhere in the last frames, or damaged there.
    let places = frames(&bytes);
    let last = places[places.len() - 3];
    for cut in [last, last + 1, last + HEADER, bytes.len() - 1] {
        let mut reader = Reader::open(io::Cursor::new(&bytes[..cut])).unwrap();
        assert_eq!(reader.index().unwrap(), index, "cut at {cut}");
    }
    for place in last..bytes.len() {
        let mut bytes = bytes.clone();
        bytes[place] ^= 0x40;
        let mut reader = Reader::open(io::Cursor::new(&*bytes)).unwrap();
        assert_eq!(reader.index().unwrap(), index, "damaged at {place}");
    }
    for keyframe in &index.keys {
        reader.go_to(keyframe.place).unwrap();
        let Some(Item::Event(first)) = reader.next_item().unwrap() else {
            panic!("no event at {keyframe:?}");
        };
        assert!(matches!(first.event, Event::Devices(_)));
        let rest: Vec<_> = std::iter::from_fn(|| reader.next_item().unwrap()).collect();
        let intervals = rest.iter().filter_map(|item| match item {
            Item::Event(envelope) => match &envelope.event {
                Event::Interval(interval) => Some(interval),
                _ => None,
            },
            other => panic!("{other:?}"),
        });
        let expected = events.iter().filter_map(|it| match &it.event {
            Event::Interval(interval) if interval.at > keyframe.at => Some(interval),
            _ => None,
        });
        assert!(intervals.eq(expected), "from {keyframe:?} on");
    }
}

#[test]
fn a_recording_without_intervals_has_nothing_to_go_to() {
    let mut reader = Reader::open(io::Cursor::new(write(&[]))).unwrap();
    let index = reader.index().unwrap();
    assert_eq!(index, Index::default());
    assert_eq!(index.before(Duration::from_secs(1)), None);
}
