//! A recording as a format.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use super::Sink;
use crate::model::{Envelope, Event, HostId, Moment};
use crate::recording::{Head, Writer, without_payload};

#[cfg(test)]
mod tests;

/// How much a file of a recording holds.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes that are kept of each packet, where its headers are shorter.
    pub snapshot: usize,
    /// With about this many bytes a file is complete.
    pub bytes: u64,
    /// After this time a file is complete.
    pub time: Duration,
}

impl Limits {
    /// Everything, without an end.
    pub const NONE: Self = Self {
        snapshot: usize::MAX,
        bytes: u64::MAX,
        time: Duration::MAX,
    };
}

/// Opens the next file.
pub type Next<W> = Box<dyn FnMut() -> io::Result<W> + Send>;

/// Writes a recording: one file, or one after the other.
pub struct Recorder<W: Write> {
    writer: Writer<W>,
    head: Head,
    limits: Limits,
    next: Option<Next<W>>,
    /// The last list of each host, for the start of the next file.
    devices: BTreeMap<HostId, Envelope>,
    /// The start of this file.
    begun: Option<Moment>,
    is_complete: bool,
}

impl<W: Write> Recorder<W> {
    /// Starts a recording.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn new(writer: W, head: Head, limits: Limits) -> io::Result<Self> {
        Ok(Self {
            writer: Writer::new(writer, &head)?,
            head,
            limits,
            next: None,
            devices: BTreeMap::new(),
            begun: None,
            is_complete: false,
        })
    }

    /// Goes on in the next file when one is complete.
    #[must_use]
    pub fn followed_by(self, next: Next<W>) -> Self {
        Self {
            next: Some(next),
            ..self
        }
    }

    /// Ends a file that is complete, and begins the next if there is to be one.
    fn turn(&mut self, now: Moment) -> io::Result<()> {
        let begun = *self.begun.get_or_insert(now);
        let is_full = self.writer.bytes() >= self.limits.bytes
            || now.saturating_sub(begun) >= self.limits.time;
        if !is_full {
            return Ok(());
        }
        let Some(next) = &mut self.next else {
            self.is_complete = true;
            return Ok(());
        };
        self.writer.finish()?;
        self.writer = Writer::new(next()?, &self.head)?;
        self.begun = Some(now);
        for devices in self.devices.values() {
            self.writer.event(devices)?;
        }
        Ok(())
    }
}

impl<W: Write + Send> Sink for Recorder<W> {
    fn event(&mut self, envelope: &Envelope) -> io::Result<()> {
        let is_ours = matches!(
            envelope.event,
            Event::Reply(_) | Event::Playback(_) | Event::Marks { .. }
        );
        if self.is_complete || is_ours {
            return Ok(());
        }
        if let Event::Devices(_) = envelope.event {
            self.devices.insert(envelope.host, envelope.clone());
        }
        let shortened = without_payload(envelope, self.limits.snapshot);
        self.writer.event(&shortened)?;
        self.writer.flush()?;
        match &envelope.event {
            Event::Interval(interval) => self.turn(interval.at),
            // A file ends with an interval, but where there is no next it ends at
            // once.
            _ if self.next.is_none() && self.writer.bytes() >= self.limits.bytes => {
                self.is_complete = true;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn lost(&mut self, packets: u64) -> io::Result<()> {
        if self.is_complete {
            return Ok(());
        }
        self.writer.lost(packets)
    }

    fn is_complete(&self) -> bool {
        self.is_complete
    }

    fn finish(&mut self) -> io::Result<()> {
        self.writer.finish()
    }
}
