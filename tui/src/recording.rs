//! Recordings: what a source reports, as bytes, without loss.
//!
//! A recording is a signature, a version and frames. All integers outside of
//! payloads are little-endian.
//!
//! ```text
//! 89 'n' 'k' 'v' 0d 0a 1a 0a   version (u16)   frame...
//!
//! frame:  9e 'n' 'k' 'f'   kind u8   version u8   flags u8   0
//!         sequence u32   length u32   CRC-32 of the payload   CRC-32 of the above
//!         payload: `length` bytes, LZ4 with its size in front where flag 1 is set
//! ```
//!
//! The first frame is the [`Head`]. Payloads are postcard of the model's types. The
//! flows of an interval are written as what has changed since the flow was last
//! seen; a keyframe starts afresh, so that reading can begin there. An index of the
//! keyframes comes last, with its place in a frame of fixed length behind it.
//!
//! Readers skip kinds that they do not know. After a damaged frame, intervals are
//! skipped up to the next keyframe; everything else goes on at once.

mod flows;
mod frame;
mod headers;
mod history;
mod index;
mod reader;
mod varint;
mod writer;

#[cfg(test)]
mod tests;

use std::io;

use serde::{Deserialize, Serialize};

use crate::model::{Moment, Session};

pub use headers::without_payload;
pub use history::{Frames, History, Past};
pub use index::{Index, Keyframe};
pub use reader::{Item, Reader};
pub use writer::Writer;

/// What a recording starts with. As in PNG, the first byte is not ASCII and line
/// ends follow, so that a transfer as text is noticed.
pub const SIGNATURE: [u8; 8] = *b"\x89nkv\r\n\x1a\n";
/// The version of the frames' layout.
const FORMAT: u16 = 1;
/// Where the first frame begins.
const START: u64 = (SIGNATURE.len() + size_of::<u16>()) as u64;

/// What there was at a moment is known from what was reported since this many bytes
/// of a recording before it, which take about half a second to read and take in,
pub const READ_BACK: u64 = 8 << 20;
/// and since at least this time: what rates, findings and most flows depend on.
pub const LOOK_BACK: Moment = Moment::from_secs(60);

/// What is known of a recording before its first event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The session that was recorded.
    pub session: Session,
    /// The kernel's release (`uname -r`).
    pub kernel: String,
    /// The version of nkview that wrote it.
    pub nkview: String,
    /// The devices and options that it was asked for, as on the command line.
    pub options: Vec<String>,
}

impl Head {
    /// The name of a file about its host, without an extension.
    #[must_use]
    pub fn file_name(&self, now: &jiff::Zoned) -> String {
        // A host's name may be anything, and is a part of a file's here.
        let is_plain = |it: &char| it.is_ascii_alphanumeric() || matches!(it, '-' | '_');
        let host: String = self
            .session
            .host
            .chars()
            .filter(is_plain)
            .take(64)
            .collect();
        format!("nkview-{host}-{}", now.strftime("%Y%m%d-%H%M%S"))
    }
}

/// Why a recording cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be read at all.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It does not start as a recording.
    #[error("this is not a recording of nkview")]
    Foreign,
    /// It was written by a later version.
    #[error(
        "its format is version {0}, and this nkview reads version {FORMAT}: use a newer nkview"
    )]
    Version(u16),
    /// The first frame is damaged, and nothing can be read without it.
    #[error("its head is damaged or incomplete")]
    Head,
}
