//! Archives as the kernel unpacks them into its first file system.
//!
//! The format is "newc" of the kernel's
//! Documentation/driver-api/early-userspace/buffer-format.rst: a header of
//! hexadecimal numbers, the name and the data, each padded to four bytes.

use std::fmt::Write;

const DIRECTORY: u32 = 0o040_755;
const FILE: u32 = 0o100_755;
const TRAILER: &str = "TRAILER!!!";

/// An archive that is being written. Archives may be joined end to end; the
/// kernel unpacks one after the other.
#[derive(Default)]
pub struct Archive {
    bytes: Vec<u8>,
    entries: u32,
}

impl Archive {
    /// Adds a directory; its parents must have been added.
    pub fn directory(&mut self, name: &str) {
        self.entry(name, DIRECTORY, &[]);
    }

    /// Adds a file that everybody may execute; its directory must have been
    /// added.
    pub fn file(&mut self, name: &str, data: &[u8]) {
        self.entry(name, FILE, data);
    }

    /// The whole archive.
    pub fn finish(mut self) -> Vec<u8> {
        self.entry(TRAILER, 0, &[]);
        self.bytes
    }

    fn entry(&mut self, name: &str, mode: u32, data: &[u8]) {
        self.entries += 1;
        let links = if mode == DIRECTORY { 2 } else { 1 };
        // A file of four gibibytes is none that a kernel is booted with.
        let size = u32::try_from(data.len()).unwrap_or(u32::MAX);
        let name_size = u32::try_from(name.len() + 1).unwrap_or(u32::MAX);
        let (owner, time, device, check) = (0, 0, 0, 0);
        let fields = [
            self.entries,
            mode,
            owner,
            owner,
            links,
            time,
            size,
            device,
            device,
            device,
            device,
            name_size,
            check,
        ];
        let header = fields
            .iter()
            .fold(String::from("070701"), |mut header, field| {
                // Writing to a string cannot fail.
                let _ = write!(header, "{field:08X}");
                header
            });
        self.bytes.extend(header.as_bytes());
        self.bytes.extend(name.as_bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend(data);
        self.pad();
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

#[cfg(test)]
mod tests;
