use std::num::NonZeroU64;

use pcap_parser::traits::PcapReaderIterator;
use pcap_parser::{OptionCode, PcapBlockOwned, PcapError, PcapNGReader};
use probe_common::Direction;

use super::*;
use crate::model::Hooks;
use crate::model::signal::Signals;
use crate::synthetic::{Synthetic, session};

fn story(seconds: usize) -> Vec<Event> {
    let events = Synthetic::new(1, 60).story(seconds);
    events.into_iter().map(|envelope| envelope.event).collect()
}

/// A block: its type and its body.
struct Block<'a> {
    kind: u32,
    body: &'a [u8],
}

fn word(bytes: &[u8], place: usize) -> u32 {
    u32::from_ne_bytes(bytes[place..place + 4].try_into().unwrap())
}

/// Reads blocks as the specification has them: their length stands at both ends
/// and is a multiple of 4.
fn blocks(mut file: &[u8]) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    while !file.is_empty() {
        let length = word(file, 4) as usize;
        assert_eq!(length % 4, 0);
        assert_eq!(word(file, length - 4) as usize, length);
        blocks.push(Block {
            kind: word(file, 0),
            body: &file[8..length - 4],
        });
        file = &file[length..];
    }
    blocks
}

/// The options from a place on, which must end with the end.
fn options(mut bytes: &[u8]) -> Vec<(u16, Vec<u8>)> {
    let mut options = Vec::new();
    loop {
        let number = |place| u16::from_ne_bytes([bytes[place], bytes[place + 1]]);
        let (code, length) = (number(0), usize::from(number(2)));
        if code == option::END {
            assert_eq!((length, bytes.len()), (0, 4));
            return options;
        }
        options.push((code, bytes[4..4 + length].to_vec()));
        bytes = &bytes[4 + length.next_multiple_of(4)..];
    }
}

fn file(events: Vec<Event>, lost: u64) -> Vec<u8> {
    let mut output = Vec::new();
    let selection = Selection {
        flows: false,
        packets: true,
        ..Selection::default()
    };
    let mut sink = Pcapng::new(&session(), &mut output, selection).unwrap();
    for event in events {
        sink.lost(lost).unwrap();
        sink.event(&event.into()).unwrap();
    }
    sink.finish().unwrap();
    drop(sink);
    output
}

#[test]
fn each_packet_is_a_block_with_time_direction_and_reason() {
    let events = story(3);
    let packets: Vec<Packet> = events
        .iter()
        .filter_map(|event| match event {
            Event::Packets(packets) => Some(packets.clone()),
            _ => None,
        })
        .flatten()
        .collect();
    let file = file(events, 0);
    let blocks = blocks(&file);
    assert_eq!(blocks[0].kind, block::SECTION_HEADER);
    assert_eq!(word(blocks[0].body, 0), BYTE_ORDER_MAGIC);
    let mut interfaces = Vec::new();
    let mut written = packets.iter();
    for block in &blocks[1..] {
        match block.kind {
            block::INTERFACE_DESCRIPTION => {
                assert!(options(&block.body[8..]).contains(&(option::IF_TSRESOL, vec![9])));
                interfaces.push(block.body[0]);
            }
            block::ENHANCED_PACKET => {
                let packet = written.next().unwrap();
                assert!((word(block.body, 0) as usize) < interfaces.len());
                let time = u64::from(word(block.body, 4)) << 32 | u64::from(word(block.body, 8));
                let wall = session().wall_clock().at(packet.at);
                assert_eq!(u128::from(time), wall.as_nanosecond() as u128);
                let captured = word(block.body, 12) as usize;
                let tag = if packet.vlan_tci == 0 { 0 } else { VLAN_TAG };
                assert_eq!(captured, packet.data.len() + tag);
                assert_eq!(word(block.body, 16) as usize, packet.len as usize + tag);
                let end = 20 + captured.next_multiple_of(4);
                let options = options(&block.body[end..]);
                let [(code, comment), (flags, value)] = &options[..] else {
                    panic!("{options:?}");
                };
                assert_eq!((*code, *flags), (option::COMMENT, option::EPB_FLAGS));
                assert!(comment.starts_with(reason(packet.reason).as_bytes()));
                assert!([1, 2].contains(&word(value, 0)));
            }
            block::INTERFACE_STATISTICS => {}
            other => panic!("a block of type {other}"),
        }
    }
    assert!(written.next().is_none());
    let statistics = blocks
        .iter()
        .filter(|block| block.kind == block::INTERFACE_STATISTICS);
    assert_eq!(statistics.count(), interfaces.len());
    let mut sorted = interfaces.clone();
    sorted.sort_unstable();
    assert!(!sorted.is_empty());
}

#[test]
fn what_was_lost_is_in_the_next_packet_and_in_the_statistics() {
    let mut events = story(1);
    let Event::Interval(interval) = &mut events[1] else {
        panic!("the devices come first, then an interval");
    };
    for device in &mut interval.devices {
        device.directions[0].lost = 5;
    }
    let file = file(events, 2);
    let (mut in_packets, mut in_statistics) = (0, 0);
    let number = |bytes: &[u8]| u64::from_ne_bytes(bytes.try_into().unwrap());
    for block in blocks(&file) {
        let (start, code) = match block.kind {
            block::ENHANCED_PACKET => {
                let captured = word(block.body, 12) as usize;
                (20 + captured.next_multiple_of(4), option::EPB_DROP_COUNT)
            }
            block::INTERFACE_STATISTICS => (12, option::ISB_DROPPED),
            _ => continue,
        };
        let options = options(&block.body[start..]);
        let sum: u64 = options
            .iter()
            .filter(|(it, _)| *it == code)
            .map(|(_, value)| number(value))
            .sum();
        match block.kind {
            block::ENHANCED_PACKET => in_packets += sum,
            _ => in_statistics += sum,
        }
    }
    // Three events came, each after two losses of the output; each device with a
    // packet has lost five in the ring.
    assert_eq!(in_packets - 6, in_statistics);
    assert!(in_statistics >= 5);
}

#[test]
fn a_netkit_primary_sends_what_comes_in_to_its_container() {
    let mut events = story(1);
    let Event::Devices(devices) = &mut events[0] else {
        panic!("the devices come first");
    };
    for device in devices {
        if let Watch::Yes { hooks, local, .. } = &mut device.watch {
            *hooks = Hooks::Netkit;
            *local = LocalEnd::Peer;
        }
    }
    let Event::Packets(packets) = &mut events[2] else {
        panic!("the packets come last");
    };
    packets.retain(|packet| packet.direction == Direction::In);
    assert!(!packets.is_empty());
    let file = file(events, 0);
    for block in blocks(&file) {
        if block.kind == block::ENHANCED_PACKET {
            let captured = word(block.body, 12) as usize;
            let options = options(&block.body[20 + captured.next_multiple_of(4)..]);
            assert!(options.contains(&(option::EPB_FLAGS, 2_u32.to_ne_bytes().to_vec())));
        }
    }
}

/// What another reader of the format finds: the comments of each packet.
fn comments(file: &[u8]) -> Vec<String> {
    let mut reader = PcapNGReader::new(1 << 16, file).unwrap();
    let mut comments = Vec::new();
    loop {
        match reader.next() {
            Ok((length, block)) => {
                if let PcapBlockOwned::NG(pcap_parser::Block::EnhancedPacket(packet)) = block {
                    let options = packet.options.iter();
                    let comment = options
                        .filter(|it| it.code == OptionCode::Comment)
                        .map(|it| String::from_utf8(it.value.to_vec()).unwrap());
                    comments.push(comment.collect::<Vec<_>>().join("|"));
                }
                reader.consume(length);
            }
            Err(PcapError::Incomplete(_)) => reader.refill().unwrap(),
            Err(PcapError::Eof) => return comments,
            Err(error) => panic!("{error:?}"),
        }
    }
}

#[test]
fn another_reader_finds_why_whose_and_what_is_wrong() {
    let mut events: Vec<Event> = Synthetic::new(7, 200)
        .story(90)
        .into_iter()
        .map(|it| it.event)
        .collect();
    let mut expected = Vec::new();
    for event in &mut events {
        if let Event::Packets(packets) = event {
            for (number, packet) in packets.iter_mut().enumerate() {
                packet.cookie = NonZeroU64::new(if number % 2 == 0 { 77 } else { 78 });
                expected.push((reason(packet.reason), number % 2 == 0));
            }
        }
    }
    let signals = Signals {
        owners: vec![Owner {
            cookie: 77,
            namespace: 1,
            pid: 4711,
            command: "nginx".to_owned(),
            executable: None,
            started: 1,
            others: 0,
        }],
        ..Signals::default()
    };
    events.insert(1, Event::Signals(Box::new(signals)));
    let comments = comments(&file(events, 0));
    assert_eq!(comments.len(), expected.len());
    for (comment, (reason, is_known)) in comments.iter().zip(expected) {
        assert!(comment.starts_with(reason), "{comment}");
        assert_eq!(comment.contains("; sent by nginx (PID 4711)"), is_known);
    }
    let wrong = comments.iter().filter(|it| it.contains("; problem: "));
    assert_ne!(wrong.count(), 0);
    let behind = comments.iter().filter(|it| it.contains("; container "));
    assert_ne!(behind.count(), 0);
}
