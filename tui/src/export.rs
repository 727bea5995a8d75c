//! What a source reports, in formats for other programs and for logs.
//!
//! A format is a [`Sink`] in a file of its own. An [`Output`] runs one on a thread
//! of its own, so that a reader, terminal or disk that stalls holds up nothing but
//! the format's own output.

mod distinct;
mod ipfix;
mod narrowed;
pub mod ndjson;
pub mod openmetrics;
mod output;
mod pcapng;
mod recorder;
mod redacted;
mod selection;
mod slots;
mod stdout;
mod text;
mod top;

use std::io;

use crate::model::Envelope;

pub use ipfix::{Ipfix, Tcp, Udp};
pub use narrowed::Narrowed;
pub use ndjson::Ndjson;
pub use openmetrics::Metrics;
pub use output::{Output, Queue};
pub use pcapng::Pcapng;
pub use recorder::{Limits, Next, Recorder};
pub use redacted::{Redacted, redacted_head};
pub use selection::Selection;
pub use stdout::{Stdout, is_stuck, reader_gone};
pub use text::Text;
pub use top::Top;

/// A format: takes what a source reports, in the order of time, and writes it.
///
/// An error of kind [`io::ErrorKind::BrokenPipe`] means that the reader has gone,
/// which ends the output without complaint.
pub trait Sink: Send {
    /// Writes what follows from an event.
    ///
    /// # Errors
    /// Those of the writer.
    fn event(&mut self, envelope: &Envelope) -> io::Result<()>;

    /// Writes that this many packets were dropped before the next event, because
    /// the output was too slow.
    ///
    /// # Errors
    /// Those of the writer.
    fn lost(&mut self, packets: u64) -> io::Result<()>;

    /// Whether it has written as much as it was asked for.
    fn is_complete(&self) -> bool {
        false
    }

    /// Writes what comes last. Nothing is written after it.
    ///
    /// # Errors
    /// Those of the writer.
    fn finish(&mut self) -> io::Result<()>;
}

impl<S: Sink + ?Sized> Sink for Box<S> {
    fn event(&mut self, envelope: &Envelope) -> io::Result<()> {
        (**self).event(envelope)
    }

    fn lost(&mut self, packets: u64) -> io::Result<()> {
        (**self).lost(packets)
    }

    fn is_complete(&self) -> bool {
        (**self).is_complete()
    }

    fn finish(&mut self) -> io::Result<()> {
        (**self).finish()
    }
}
