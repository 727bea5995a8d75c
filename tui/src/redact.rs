//! Replaces addresses and names in what a source reports, so that it can be passed
//! on: always the same one by the same other one, under a key.
//!
//! Addresses keep what they have in common (Xu et al., "Prefix-preserving IP address
//! anonymization", 2002), names do not. Ports, sizes, counters and times stay.

mod address;
mod dns;
mod event;
mod name;
mod packet;

#[cfg(test)]
mod tests;

use std::fs::File;
use std::hash::Hasher;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, ensure};
use hashbrown::HashMap;
use siphasher::sip::SipHasher24;
use siphasher::sip128::{Hasher128, SipHasher24 as Wide};

/// Bytes that a file with a key must have at least.
const LEAST: usize = 16;
/// Bytes that are read of it.
const MOST: u64 = 4096;
/// Addresses whose replacements are remembered.
const REMEMBERED: usize = 65_536;

/// What stands where there was text that may name anything.
const REMOVED: &str = "(removed by --redact)";

/// Replaces addresses and names. With the same key they are replaced alike.
#[derive(Clone)]
pub struct Redaction {
    key: [u8; 16],
    addresses: HashMap<[u8; 16], [u8; 16], foldhash::fast::RandomState>,
}

impl std::fmt::Debug for Redaction {
    /// Without the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redaction").finish_non_exhaustive()
    }
}

/// What a replacement is drawn for, so that equal bytes of two kinds have nothing in
/// common.
#[derive(Clone, Copy)]
enum Domain {
    Prefix,
    Mac,
    Name,
    Label,
}

impl Redaction {
    /// Under this key.
    pub fn new(key: [u8; 16]) -> Self {
        Self {
            key,
            addresses: HashMap::default(),
        }
    }

    /// Under a key that nobody knows.
    ///
    /// # Errors
    /// When the kernel has no random numbers.
    pub fn random() -> anyhow::Result<Self> {
        Self::from_file(Path::new("/dev/urandom"))
    }

    /// Under the key that a file has, of 16 random bytes or more.
    ///
    /// # Errors
    /// When it cannot be read, or is too short.
    pub fn from_file(path: &Path) -> anyhow::Result<Self> {
        let cannot = || format!("cannot read the key {}", path.display());
        let mut bytes = Vec::new();
        let file = File::open(path).with_context(cannot)?;
        file.take(MOST)
            .read_to_end(&mut bytes)
            .with_context(cannot)?;
        ensure!(
            bytes.len() >= LEAST,
            "the key {} has {} bytes and needs {LEAST} random ones: head -c 32 /dev/urandom > FILE",
            path.display(),
            bytes.len()
        );
        let mut hasher = Wide::new();
        hasher.write(&bytes);
        Ok(Self::new(hasher.finish128().as_bytes()))
    }

    /// A number that depends on the key and on these bytes.
    fn draw(&self, domain: Domain, bytes: &[u8]) -> u64 {
        let mut hasher = SipHasher24::new_with_key(&self.key);
        hasher.write(&[domain as u8]);
        hasher.write(bytes);
        hasher.finish()
    }
}
