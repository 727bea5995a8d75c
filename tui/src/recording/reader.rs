//! Reads recordings.

use std::collections::BTreeMap;
use std::io::{self, Read};

use super::flows::Decoder;
use super::frame::{Found, Frames, Header, VERSION, kind};
use super::writer::{Key, Recorded};
use super::{Error, FORMAT, Head, SIGNATURE};
use crate::model::{Envelope, Event, HostId, Interval};

/// What comes next in a recording.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// What the source reported.
    Event(Envelope),
    /// So many packets are missing here, since the disk was too slow.
    Lost(u64),
    /// Something could not be read: a sentence.
    Damage(String),
}

/// Reads a recording from its start to its end.
#[derive(Debug)]
pub struct Reader<R> {
    frames: Frames<R>,
    head: Head,
    /// The number of the next frame.
    sequence: u32,
    flows: BTreeMap<HostId, Decoder>,
    /// Whether all intervals since the last keyframe have been read.
    follows: bool,
    /// Intervals that could not be read since that is not so.
    skipped: u64,
}

impl<R: Read> Reader<R> {
    /// Reads the head of a recording.
    ///
    /// # Errors
    /// When it is none, or cannot be read.
    pub fn open(mut reader: R) -> Result<Self, Error> {
        let mut start = Vec::new();
        let length = SIGNATURE.len() + size_of_val(&FORMAT);
        (&mut reader).take(length as u64).read_to_end(&mut start)?;
        let version = match start.strip_prefix(&SIGNATURE) {
            Some(&[low, high]) => u16::from_le_bytes([low, high]),
            Some(_) => return Err(Error::Head),
            None => return Err(Error::Foreign),
        };
        if version != FORMAT {
            return Err(Error::Version(version));
        }
        let mut frames = Frames::new(reader, length as u64);
        let head = match frames.next_frame()? {
            Found::Frame(header, payload) if header.kind == kind::HEAD => {
                postcard::from_bytes(&payload).map_err(|_| Error::Head)?
            }
            _ => return Err(Error::Head),
        };
        Ok(Self {
            frames,
            head,
            sequence: 1,
            flows: BTreeMap::new(),
            follows: false,
            skipped: 0,
        })
    }

    /// What the recording is of.
    pub const fn head(&self) -> &Head {
        &self.head
    }

    /// What comes next; nothing at the end.
    ///
    /// # Errors
    /// Those of the reader.
    pub fn next_item(&mut self) -> io::Result<Option<Item>> {
        loop {
            let item = match self.frames.next_frame()? {
                Found::Frame(header, payload) => self.frame(header, &payload),
                Found::Damaged { at, bytes } => {
                    self.follows = false;
                    Some(Item::Damage(format!(
                        "The recording is damaged: {bytes} bytes at byte {at} cannot be read."
                    )))
                }
                Found::Cut => Some(Item::Damage(
                    "The recording ends in the middle of a frame: it was cut off.".to_owned(),
                )),
                Found::End => return Ok(self.take_skipped()),
            };
            if item.is_some() {
                return Ok(item);
            }
        }
    }

    /// What a frame holds; nothing when it is only the reader's concern.
    fn frame(&mut self, header: Header, payload: &[u8]) -> Option<Item> {
        if header.sequence != self.sequence {
            self.follows = false;
        }
        self.sequence = header.sequence.wrapping_add(1);
        let is_known = matches!(
            header.kind,
            kind::KEY | kind::INTERVAL | kind::EVENT | kind::LOST
        );
        if !is_known {
            return None;
        }
        let item = (header.version == VERSION)
            .then(|| self.content(header.kind, payload))
            .flatten();
        item.unwrap_or_else(|| {
            self.follows = false;
            Some(Item::Damage(format!(
                "Frame {} of the recording cannot be read: another version of nkview wrote it.",
                header.sequence
            )))
        })
    }

    /// What a payload holds. The outer layer is nothing when it cannot be read.
    fn content(&mut self, kind: u8, payload: &[u8]) -> Option<Option<Item>> {
        Some(match kind {
            kind::KEY => {
                let _: Key = postcard::from_bytes(payload).ok()?;
                self.flows.clear();
                self.follows = true;
                self.take_skipped()
            }
            kind::INTERVAL if !self.follows => {
                self.skipped += 1;
                None
            }
            kind::INTERVAL => {
                let recorded: Recorded = postcard::from_bytes(payload).ok()?;
                let flows = self.flows.entry(recorded.host).or_default();
                let interval = Interval {
                    flows: flows.decode(&recorded.flows)?,
                    ..recorded.interval
                };
                Some(Item::Event(Envelope {
                    host: recorded.host,
                    event: Event::Interval(interval),
                }))
            }
            kind::LOST => Some(Item::Lost(postcard::from_bytes(payload).ok()?)),
            _ => Some(Item::Event(postcard::from_bytes(payload).ok()?)),
        })
    }

    fn take_skipped(&mut self) -> Option<Item> {
        let skipped = std::mem::take(&mut self.skipped);
        (skipped > 0).then(|| {
            Item::Damage(format!(
                "{skipped} intervals after the damage cannot be read: they build on what is missing."
            ))
        })
    }
}
