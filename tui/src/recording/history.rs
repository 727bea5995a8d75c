//! The last minutes of a source, in memory.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::Arc;

use super::{Head, Reader, Writer};
use crate::model::{Envelope, Moment};

#[cfg(test)]
mod tests;

/// What a frame takes beside its bytes, about.
const OVERHEAD: u64 = 32;

/// The last minutes of a source, as frames of a recording. With more than a number
/// of bytes the oldest are forgotten, from keyframe to keyframe.
#[derive(Debug)]
pub struct History {
    head: Head,
    writer: Writer<Vec<u8>>,
    segments: VecDeque<Segment>,
    most: u64,
}

/// From a keyframe up to the next.
#[derive(Debug)]
struct Segment {
    /// The end of the interval before it.
    at: Moment,
    frames: Vec<Arc<[u8]>>,
    bytes: u64,
}

impl History {
    /// Remembers about `most` bytes.
    ///
    /// # Errors
    /// When the head cannot be encoded.
    pub fn new(head: Head, most: u64) -> io::Result<Self> {
        let mut writer = Writer::new(Vec::new(), &head)?;
        // The head is kept apart.
        writer.take_bytes();
        Ok(Self {
            head,
            writer,
            segments: VecDeque::new(),
            most,
        })
    }

    /// Remembers an event.
    ///
    /// # Errors
    /// When it cannot be encoded.
    pub fn event(&mut self, envelope: &Envelope) -> io::Result<()> {
        self.writer.event(envelope)?;
        self.keep();
        Ok(())
    }

    /// Remembers that packets are missing here.
    ///
    /// # Errors
    /// When it cannot be encoded.
    pub fn lost(&mut self, packets: u64) -> io::Result<()> {
        self.writer.lost(packets)?;
        self.keep();
        Ok(())
    }

    fn keep(&mut self) {
        let frame: Arc<[u8]> = self.writer.take_bytes().into();
        let keyframe = self.writer.take_keyframe();
        if keyframe.is_some() || self.segments.is_empty() {
            self.segments.push_back(Segment {
                at: keyframe.unwrap_or_default(),
                frames: Vec::new(),
                bytes: 0,
            });
        }
        if let Some(segment) = self.segments.back_mut() {
            segment.bytes += frame.len() as u64 + OVERHEAD;
            segment.frames.push(frame);
        }
        while self.segments.len() > 1 && self.bytes() > self.most {
            self.segments.pop_front();
        }
    }

    /// How many bytes it takes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// How far it reaches back.
    #[must_use]
    pub fn begin(&self) -> Option<Moment> {
        self.segments.front().map(|segment| segment.at)
    }

    /// What is needed to know what there was at a moment, as events that can be read
    /// while others are remembered: from a keyframe on that is as far before it as
    /// about `bytes` reach, and `least` at least, as far as there is so much.
    #[must_use]
    pub fn before(&self, moment: Moment, bytes: u64, least: Moment) -> Past {
        let last = self.segments.partition_point(|it| it.at <= moment);
        let mut first = last.saturating_sub(1);
        let mut read = 0;
        for number in (0..last.saturating_sub(1)).rev() {
            read += self.segments[number].bytes;
            let is_enough = self.segments[first].at <= moment.saturating_sub(least);
            if read > bytes && is_enough {
                break;
            }
            first = number;
        }
        self.read(first..last.max(1))
    }

    /// All of it.
    #[must_use]
    pub fn all(&self) -> Past {
        self.read(0..self.segments.len())
    }

    fn read(&self, range: std::ops::Range<usize>) -> Past {
        let segments = self
            .segments
            .range(range.start..range.end.min(self.segments.len()));
        let since = segments.clone().next().map(|segment| segment.at);
        let frames = segments.flat_map(|segment| segment.frames.iter().cloned());
        let frames = Frames {
            frames: frames.collect(),
            done: 0,
        };
        Past {
            since: since.unwrap_or_default(),
            reader: Reader::of_frames(frames, self.head.clone()),
        }
    }
}

/// A part of a [`History`].
#[derive(Debug)]
pub struct Past {
    /// Where it begins.
    pub since: Moment,
    /// What there was since then.
    pub reader: Reader<Frames>,
}

/// Frames one after the other.
#[derive(Debug)]
pub struct Frames {
    frames: VecDeque<Arc<[u8]>>,
    /// Bytes of the first one that were read.
    done: usize,
}

impl Read for Frames {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(frame) = self.frames.front() {
            let mut rest = &frame[self.done..];
            if rest.is_empty() {
                self.frames.pop_front();
                self.done = 0;
                continue;
            }
            let read = rest.read(buffer)?;
            self.done += read;
            return Ok(read);
        }
        Ok(0)
    }
}
