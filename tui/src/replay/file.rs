//! A file that several readers read, each at a place of its own.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// One of the readers of a file.
#[derive(Clone, Debug)]
pub struct Shared {
    file: Arc<File>,
    place: u64,
}

impl Shared {
    /// The first reader.
    pub fn new(file: File) -> Self {
        Self {
            file: Arc::new(file),
            place: 0,
        }
    }

    /// Another reader, at the start.
    pub fn again(&self) -> Self {
        Self {
            file: Arc::clone(&self.file),
            place: 0,
        }
    }
}

impl Read for Shared {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.file.read_at(buffer, self.place)?;
        self.place += bytes as u64;
        Ok(bytes)
    }
}

impl Seek for Shared {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        let place = match position {
            SeekFrom::Start(place) => Some(place),
            SeekFrom::End(by) => self.file.metadata()?.len().checked_add_signed(by),
            SeekFrom::Current(by) => self.place.checked_add_signed(by),
        };
        self.place = place.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.place)
    }
}
