//! Going to other places of a recording of arbitrary bytes: it ends, whatever an index
//! at the end says, and afterwards the start reads as if nobody had gone anywhere.

#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use nkview::recording::{Item, Reader};

#[path = "shared/framed.rs"]
mod framed;

/// Places that are gone to.
const PLACES: usize = 8;

fuzz_target!(|input: &[u8]| {
    let recording = framed::recording(input);
    let Ok(mut untouched) = Reader::open(Cursor::new(&*recording)) else {
        return;
    };
    let all = items(&mut untouched);
    let mut reader = Reader::open(Cursor::new(&*recording)).expect("it was opened before");
    let index = reader.index().expect("memory can be read");
    assert_eq!(items(&mut reader), all);
    for key in index.keys.iter().take(PLACES) {
        reader.go_to(key.place).expect("memory can be sought");
        items(&mut reader);
    }
    // Where no frame begins.
    let middle = recording.len() as u64 / 2;
    reader.go_to(middle).expect("memory can be sought");
    items(&mut reader);
    assert_eq!(reader.index().expect("memory can be read"), index);
    assert_eq!(items(&mut reader), all);
});

fn items(reader: &mut Reader<Cursor<&[u8]>>) -> Vec<Item> {
    std::iter::from_fn(|| reader.next_item().expect("memory can be read")).collect()
}
