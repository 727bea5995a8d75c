//! The reader of recordings on arbitrary bytes: it ends, takes no more memory than
//! the file warrants, and reads again what it has read.
//!
//! The input follows a valid signature. Each frame's checksums are put right, so
//! that the fuzzer gets behind them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use nkview::recording::{Item, Reader, Writer};

/// Bytes of a frame's header; its length is at 12, the checksums are at 16 and 20.
const HEADER: usize = 24;

fuzz_target!(|input: &[u8]| {
    let mut recording = b"\x89nkv\r\n\x1a\n\x01\x00".to_vec();
    let mut rest = input;
    while let Some((header, behind)) = rest.split_at_checked(HEADER) {
        let mut header = header.to_vec();
        let length = usize::from(header[12]) | usize::from(header[13]) << 8;
        let (payload, behind) = behind.split_at(length.min(behind.len()));
        header[..4].copy_from_slice(b"\x9enkf");
        header[14..16].fill(0);
        header[16..20].copy_from_slice(&crc32fast::hash(payload).to_le_bytes());
        let checksum = crc32fast::hash(&header[..20]);
        header[20..].copy_from_slice(&checksum.to_le_bytes());
        recording.extend(header);
        recording.extend(payload);
        rest = behind;
    }
    recording.extend(rest);
    let Ok(mut reader) = Reader::open(&*recording) else {
        return;
    };
    let mut again = Vec::new();
    let mut writer = Writer::new(&mut again, reader.head()).expect("memory takes it");
    let mut events = Vec::new();
    while let Some(item) = reader.next_item().expect("memory can be read") {
        if let Item::Event(event) = item {
            writer.event(&event).expect("memory takes it");
            events.push(event);
        }
    }
    let mut reader = Reader::open(&*again).expect("what was written is a recording");
    for event in events {
        assert_eq!(
            reader.next_item().expect("it can be read"),
            Some(Item::Event(event))
        );
    }
    assert_eq!(reader.next_item().expect("it can be read"), None);
});
