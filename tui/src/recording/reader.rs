//! Reads recordings.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Read, Seek};

use super::flows::Decoder;
use super::frame::{Found, Frames, HEADER, Header, VERSION, kind};
use super::index::Keyframe;
use super::writer::{Key, Recorded};
use super::{Error, FORMAT, Head, Index, SIGNATURE, START};
use crate::model::{Envelope, Event, HostId, Interval, Moment};

/// What comes next in a recording.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// What the source reported.
    Event(Envelope),
    /// This many packets are missing here: the disk was too slow.
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
    /// Whether the next keyframe reports the devices: those before it were not read.
    lacks_devices: bool,
    /// What that keyframe contained.
    told: VecDeque<Item>,
}

impl<R: Read> Reader<R> {
    /// Reads the head of a recording.
    ///
    /// # Errors
    /// When it is none, or cannot be read.
    pub fn open(mut reader: R) -> Result<Self, Error> {
        let mut start = Vec::new();
        (&mut reader).take(START).read_to_end(&mut start)?;
        let version = match start.strip_prefix(&SIGNATURE) {
            Some(&[low, high]) => u16::from_le_bytes([low, high]),
            Some(_) => return Err(Error::Head),
            None => return Err(Error::Foreign),
        };
        if version != FORMAT {
            return Err(Error::Version(version));
        }
        let mut frames = Frames::new(reader, START);
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
            lacks_devices: false,
            told: VecDeque::new(),
        })
    }

    /// Reads frames that begin with a keyframe and have neither signature nor head.
    pub(super) fn of_frames(reader: R, head: Head) -> Self {
        Self {
            frames: Frames::new(reader, 0),
            head,
            sequence: 0,
            flows: BTreeMap::new(),
            follows: false,
            skipped: 0,
            lacks_devices: true,
            told: VecDeque::new(),
        }
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
            if let Some(item) = self.told.pop_front() {
                return Ok(Some(item));
            }
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
                let key: Key = postcard::from_bytes(payload).ok()?;
                self.flows.clear();
                self.follows = true;
                if std::mem::take(&mut self.lacks_devices) {
                    let devices = key.devices.into_iter().map(|(host, devices)| {
                        let event = Event::Devices(devices);
                        Item::Event(Envelope { host, event })
                    });
                    self.told.extend(devices);
                }
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
            _ => {
                let envelope: Envelope = postcard::from_bytes(payload).ok()?;
                if let Event::Devices(_) = envelope.event {
                    self.lacks_devices = false;
                }
                Some(Item::Event(envelope))
            }
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

impl<R: Read + Seek> Reader<R> {
    /// Goes on at a keyframe, by its place in the [`Index`]. It tells the devices
    /// first.
    ///
    /// # Errors
    /// Those of the reader.
    pub fn go_to(&mut self, place: u64) -> io::Result<()> {
        self.frames.go_to(place)?;
        self.flows.clear();
        self.follows = false;
        self.skipped = 0;
        self.lacks_devices = true;
        self.told.clear();
        Ok(())
    }

    /// The keyframes, and where the recording ends: from the index at its end, or
    /// from the frames where that is missing. The reader is at the start then.
    ///
    /// # Errors
    /// Those of the reader.
    pub fn index(&mut self) -> io::Result<Index> {
        let keys = match self.written_index()? {
            Some(keys) => keys,
            None => self.keyframes()?,
        };
        let mut end = keys.last().map_or(Moment::ZERO, |key| key.at);
        if let Some(last) = keys.last() {
            self.go_to(last.place)?;
            while let Some(item) = self.next_item()? {
                if let Item::Event(envelope) = item {
                    end = end.max(envelope.event.moment().unwrap_or_default());
                }
            }
        }
        self.go_to(START)?;
        let _head = self.frames.next_frame()?;
        self.lacks_devices = false;
        self.sequence = 1;
        Ok(Index { keys, end })
    }

    /// The index as it was written; nothing where it is missing or damaged.
    fn written_index(&mut self) -> io::Result<Option<Vec<Keyframe>>> {
        let length = self.frames.length()?;
        let Some(trailer) = length.checked_sub((HEADER + size_of::<u64>()) as u64) else {
            return Ok(None);
        };
        self.frames.go_to(trailer)?;
        let place = match self.frames.next_frame()? {
            Found::Frame(header, payload) if header.kind == kind::TRAILER => payload,
            _ => return Ok(None),
        };
        let place = place.try_into().map(u64::from_le_bytes);
        let Some(place) = place.ok().filter(|place| *place < trailer) else {
            return Ok(None);
        };
        self.frames.go_to(place)?;
        Ok(match self.frames.next_frame()? {
            Found::Frame(header, payload)
                if header.kind == kind::INDEX && header.version == VERSION =>
            {
                let keys: Option<Vec<(Moment, u64)>> = postcard::from_bytes(&payload).ok();
                keys.map(|keys| {
                    let keyframe = |(at, place)| Keyframe { at, place };
                    keys.into_iter().map(keyframe).collect()
                })
            }
            _ => None,
        })
    }

    /// Rebuilds the index from the frames.
    fn keyframes(&mut self) -> io::Result<Vec<Keyframe>> {
        self.frames.go_to(START)?;
        let mut keys = Vec::new();
        while let Some((place, payload)) = self.frames.next_of(kind::KEY)? {
            if let Ok(Key { at, .. }) = postcard::from_bytes(&payload) {
                keys.push(Keyframe { at, place });
            }
        }
        Ok(keys)
    }
}
