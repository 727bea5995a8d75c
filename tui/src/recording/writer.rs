//! Writes recordings.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::{Deserialize, Serialize};

use super::flows::{Columns, Encoder};
use super::frame::{self, kind};
use super::{FORMAT, Head, SIGNATURE, START};
use crate::model::{Device, Envelope, Event, HostId, Interval, Moment};

/// Intervals from a keyframe to the next: what is lost at most with a damaged frame,
/// against about 40 bytes a flow that a keyframe costs before compression.
const INTERVALS: u32 = 16;
/// Flows that are remembered from a keyframe on, about 200 bytes each; with more,
/// there is a keyframe before its time.
const FLOWS: usize = 131_072;

/// The payload of a keyframe.
#[derive(Debug, Serialize, Deserialize)]
pub struct Key {
    /// The end of the last interval.
    pub at: Moment,
    /// The devices of each host.
    pub devices: BTreeMap<HostId, Vec<Device>>,
}

/// The payload of an interval.
#[derive(Debug, Serialize, Deserialize)]
pub struct Recorded {
    /// Its host.
    pub host: HostId,
    /// All but the flows.
    pub interval: Interval,
    /// The flows.
    pub flows: Columns,
}

/// Writes a recording, in frames that stand alone.
#[derive(Debug)]
pub struct Writer<W> {
    writer: W,
    bytes: u64,
    sequence: u32,
    /// Intervals until the next keyframe.
    remaining: u32,
    devices: BTreeMap<HostId, Vec<Device>>,
    flows: BTreeMap<HostId, Encoder>,
    /// The end of the last interval.
    at: Moment,
    /// The keyframes.
    index: Vec<(Moment, u64)>,
    /// Whether there was an interval.
    has_begun: bool,
}

impl<W: Write> Writer<W> {
    /// Starts a recording.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn new(mut writer: W, head: &Head) -> io::Result<Self> {
        writer.write_all(&SIGNATURE)?;
        writer.write_all(&FORMAT.to_le_bytes())?;
        let mut new = Self {
            writer,
            bytes: START,
            sequence: 0,
            remaining: 0,
            devices: BTreeMap::new(),
            flows: BTreeMap::new(),
            at: Moment::ZERO,
            index: Vec::new(),
            has_begun: false,
        };
        new.frame(kind::HEAD, head)?;
        Ok(new)
    }

    /// How many bytes were written.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Writes an event.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn event(&mut self, envelope: &Envelope) -> io::Result<()> {
        match &envelope.event {
            Event::Interval(interval) => return self.interval(envelope.host, interval),
            Event::Devices(devices) => {
                self.devices.insert(envelope.host, devices.clone());
            }
            _ => {}
        }
        self.frame(kind::EVENT, envelope)
    }

    /// Writes that this many packets are missing here.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn lost(&mut self, packets: u64) -> io::Result<()> {
        self.frame(kind::LOST, &packets)
    }

    /// Writes the index, which comes last.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn finish(&mut self) -> io::Result<()> {
        let place = self.bytes;
        let index = std::mem::take(&mut self.index);
        self.frame(kind::INDEX, &index)?;
        self.write(kind::TRAILER, &place.to_le_bytes())?;
        self.flush()
    }

    /// Hands on what is buffered.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }

    fn interval(&mut self, host: HostId, interval: &Interval) -> io::Result<()> {
        let known: usize = self.flows.values().map(Encoder::len).sum();
        if !std::mem::replace(&mut self.has_begun, true) {
            self.at = interval.at.saturating_sub(interval.length);
        }
        if self.remaining == 0 || known > FLOWS {
            self.keyframe()?;
        }
        self.remaining -= 1;
        self.at = interval.at;
        let recorded = Recorded {
            host,
            interval: Interval {
                devices: interval.devices.clone(),
                flows: Vec::new(),
                probe: interval.probe.clone(),
                ..*interval
            },
            flows: self.flows.entry(host).or_default().encode(&interval.flows),
        };
        self.frame(kind::INTERVAL, &recorded)
    }

    fn keyframe(&mut self) -> io::Result<()> {
        self.remaining = INTERVALS;
        self.flows.clear();
        self.index.push((self.at, self.bytes));
        let key = Key {
            at: self.at,
            devices: self.devices.clone(),
        };
        self.frame(kind::KEY, &key)
    }

    fn frame(&mut self, kind: u8, content: &impl Serialize) -> io::Result<()> {
        let payload = postcard::to_stdvec(content).map_err(io::Error::other)?;
        self.write(kind, &payload)
    }

    fn write(&mut self, kind: u8, payload: &[u8]) -> io::Result<()> {
        self.bytes += frame::write(&mut self.writer, kind, self.sequence, payload)?;
        self.sequence = self.sequence.wrapping_add(1);
        Ok(())
    }
}

impl Writer<Vec<u8>> {
    /// What was written since the last call.
    pub(super) fn take_bytes(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.writer)
    }

    /// The moment of the keyframe that was written last, once.
    pub(super) fn take_keyframe(&mut self) -> Option<Moment> {
        let last = self.index.pop();
        self.index.clear();
        last.map(|(at, _)| at)
    }
}
