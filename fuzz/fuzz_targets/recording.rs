//! The reader of recordings on arbitrary bytes: it ends, takes no more memory than
//! the file warrants, and reads again what it has read.

#![no_main]

use libfuzzer_sys::fuzz_target;
use nkview::recording::{Item, Reader, Writer};

#[path = "shared/framed.rs"]
mod framed;

fuzz_target!(|input: &[u8]| {
    let recording = framed::recording(input);
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
