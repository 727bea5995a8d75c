//! Frames: pieces of a recording that can be checked, and skipped, one by one.

use std::io::{self, Read, Seek, SeekFrom, Write};

/// What a frame starts with, to be found again behind damage.
const SYNC: [u8; 4] = *b"\x9enkf";
/// Bytes before the payload.
pub const HEADER: usize = 24;
/// The largest payload that is written, or accepted. A million flows take a fifth.
const MOST: usize = 256 << 20;
/// The flag of a payload that is compressed.
const COMPRESSED: u8 = 1;
/// LZ4 cannot expand further than this: what claims to is not decompressed.
const MOST_EXPANDED: usize = 256;
/// Bytes that are read at once.
const READ: usize = 1 << 16;

/// What a frame holds.
pub mod kind {
    /// The [`Head`](crate::recording::Head).
    pub const HEAD: u8 = 0;
    /// A keyframe: what came before is not needed to read on.
    pub const KEY: u8 = 1;
    /// An interval, its flows as what has changed.
    pub const INTERVAL: u8 = 2;
    /// Any other event, in its envelope.
    pub const EVENT: u8 = 3;
    /// How many packets are missing.
    pub const LOST: u8 = 4;
    /// The keyframes' moments and places.
    pub const INDEX: u8 = 5;
    /// Where the index is; not compressed.
    pub const TRAILER: u8 = 6;
}

/// The version of what is in each kind. It changes when a type of the model does.
pub const VERSION: u8 = 1;

/// The header of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What it holds: see [`kind`].
    pub kind: u8,
    /// The version of that.
    pub version: u8,
    /// Its number in the recording, from 0.
    pub sequence: u32,
    flags: u8,
    length: u32,
    checksum: u32,
}

impl Header {
    fn encode(&self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[..4].copy_from_slice(&SYNC);
        bytes[4..8].copy_from_slice(&[self.kind, self.version, self.flags, 0]);
        bytes[8..12].copy_from_slice(&self.sequence.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.length.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.checksum.to_le_bytes());
        let checksum = crc32fast::hash(&bytes[..20]);
        bytes[20..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// Nothing when it is no header, or a damaged one.
    fn decode(bytes: &[u8; HEADER]) -> Option<Self> {
        let number = |at: usize| {
            let mut number = [0; 4];
            number.copy_from_slice(&bytes[at..at + 4]);
            u32::from_le_bytes(number)
        };
        let length = number(12);
        let is_header = bytes.starts_with(&SYNC)
            && number(20) == crc32fast::hash(&bytes[..20])
            && length as usize <= MOST;
        is_header.then(|| Self {
            kind: bytes[4],
            version: bytes[5],
            flags: bytes[6],
            sequence: number(8),
            length,
            checksum: number(16),
        })
    }
}

/// Writes a frame; returns how many bytes it took.
///
/// # Errors
/// Those of the writer, and when the payload is too long.
pub fn write(mut writer: impl Write, kind: u8, sequence: u32, payload: &[u8]) -> io::Result<u64> {
    let compressed = lz4_flex::block::compress_prepend_size(payload);
    let (flags, payload) = if kind != kind::TRAILER && compressed.len() < payload.len() {
        (COMPRESSED, compressed.as_slice())
    } else {
        (0, payload)
    };
    let length = u32::try_from(payload.len()).ok();
    let length = length.filter(|length| *length as usize <= MOST);
    let header = Header {
        kind,
        version: VERSION,
        sequence,
        flags,
        length: length.ok_or_else(|| io::Error::other("an event is too large to be recorded"))?,
        checksum: crc32fast::hash(payload),
    };
    writer.write_all(&header.encode())?;
    writer.write_all(payload)?;
    Ok((HEADER + payload.len()) as u64)
}

/// What comes next in a recording.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// A frame and its payload.
    Frame(Header, Vec<u8>),
    /// Bytes that are no frame, or a damaged one.
    Damaged {
        /// Where they begin.
        at: u64,
        /// How many they are.
        bytes: u64,
    },
    /// The last frame is incomplete.
    Cut,
    /// The end.
    End,
}

/// Reads frames.
#[derive(Debug)]
pub struct Frames<R> {
    reader: R,
    buffer: Vec<u8>,
    /// Bytes of the buffer that are done with.
    done: usize,
    /// Where the buffer begins.
    offset: u64,
}

impl<R: Read> Frames<R> {
    /// Starts `offset` bytes into the recording.
    pub const fn new(reader: R, offset: u64) -> Self {
        Self {
            reader,
            buffer: Vec::new(),
            done: 0,
            offset,
        }
    }

    /// The next frame, or why there is none.
    ///
    /// # Errors
    /// Those of the reader.
    pub fn next_frame(&mut self) -> io::Result<Found> {
        let start = self.offset + self.done as u64;
        loop {
            let skipped = self.offset + self.done as u64 - start;
            let damaged = Found::Damaged {
                at: start,
                bytes: skipped,
            };
            let Some(header) = self.peek(HEADER)?.first_chunk().map(Header::decode) else {
                let rest = self.buffer.len() - self.done;
                self.done = self.buffer.len();
                return Ok(match (skipped, rest) {
                    (0, 0) => Found::End,
                    (0, _) => Found::Cut,
                    (_, rest) => Found::Damaged {
                        at: start,
                        bytes: skipped + rest as u64,
                    },
                });
            };
            match header {
                Some(_) if skipped > 0 => return Ok(damaged),
                Some(header) => return self.payload(start, header),
                None => self.skip_to_sync(),
            }
        }
    }

    /// Skips a byte, and on to what looks like the start of a frame.
    fn skip_to_sync(&mut self) {
        let rest = &self.buffer[self.done + 1..];
        let next = rest.windows(SYNC.len()).position(|window| window == SYNC);
        // The start of one may be at the end.
        let most = (rest.len() + 1).saturating_sub(SYNC.len());
        self.done += 1 + next.unwrap_or(most);
    }

    fn payload(&mut self, at: u64, header: Header) -> io::Result<Found> {
        let end = HEADER + header.length as usize;
        let bytes = self.peek(end)?;
        let Some(payload) = bytes.get(HEADER..end) else {
            self.done = self.buffer.len();
            return Ok(Found::Cut);
        };
        let found = if crc32fast::hash(payload) == header.checksum {
            expand(header.flags, payload).map(|payload| Found::Frame(header, payload))
        } else {
            None
        };
        self.done += end;
        Ok(found.unwrap_or(Found::Damaged {
            at,
            bytes: end as u64,
        }))
    }

    /// The next bytes: `wanted` or more, less only at the end. It does not wait for
    /// more than these, as a pipe may have no more for now.
    fn peek(&mut self, wanted: usize) -> io::Result<&[u8]> {
        if self.buffer.len() - self.done < wanted {
            self.buffer.drain(..self.done);
            self.offset += self.done as u64;
            self.done = 0;
        }
        while self.buffer.len() - self.done < wanted {
            let filled = self.buffer.len();
            self.buffer.resize(filled + READ, 0);
            let read = self.reader.read(&mut self.buffer[filled..]);
            self.buffer.truncate(filled + read.as_ref().unwrap_or(&0));
            match read {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(&self.buffer[self.done..])
    }
}

impl<R: Read + Seek> Frames<R> {
    /// Goes on at this byte of the recording.
    ///
    /// # Errors
    /// Those of the reader.
    pub fn go_to(&mut self, place: u64) -> io::Result<()> {
        self.reader.seek(SeekFrom::Start(place))?;
        self.buffer.clear();
        self.done = 0;
        self.offset = place;
        Ok(())
    }

    /// How many bytes the recording has.
    ///
    /// # Errors
    /// Those of the reader.
    pub fn length(&mut self) -> io::Result<u64> {
        self.reader.seek(SeekFrom::End(0))
    }

    /// The next frame of a kind and its place. The payloads of others are not read.
    ///
    /// # Errors
    /// Those of the reader.
    pub fn next_of(&mut self, kind: u8) -> io::Result<Option<(u64, Vec<u8>)>> {
        loop {
            let place = self.offset + self.done as u64;
            match self.peek(HEADER)?.first_chunk().map(Header::decode) {
                None => return Ok(None),
                Some(None) => self.skip_to_sync(),
                Some(Some(header)) if header.kind == kind && header.version == VERSION => {
                    if let Found::Frame(_, payload) = self.payload(place, header)? {
                        return Ok(Some((place, payload)));
                    }
                }
                Some(Some(header)) => {
                    let end = self.done + HEADER + header.length as usize;
                    if end <= self.buffer.len() {
                        self.done = end;
                    } else {
                        self.go_to(self.offset + end as u64)?;
                    }
                }
            }
        }
    }
}

/// The payload as it was before it was compressed.
fn expand(flags: u8, payload: &[u8]) -> Option<Vec<u8>> {
    if flags & COMPRESSED == 0 {
        return Some(payload.to_vec());
    }
    let (size, rest) = lz4_flex::block::uncompressed_size(payload).ok()?;
    if size > rest.len().saturating_mul(MOST_EXPANDED) {
        return None;
    }
    lz4_flex::block::decompress(rest, size).ok()
}
