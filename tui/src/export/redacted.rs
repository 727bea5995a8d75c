//! A format that gets to see other addresses and names than there were.

use std::io;

use super::Sink;
use crate::model::Envelope;
use crate::recording::Head;
use crate::redact::Redaction;

#[cfg(test)]
mod tests;

/// What a recording begins with, without names and the command line.
#[must_use]
pub fn redacted_head(head: &Head, redaction: &Redaction) -> Head {
    Head {
        session: redaction.session(&head.session),
        kernel: head.kernel.clone(),
        nkview: head.nkview.clone(),
        options: vec!["--redact".to_owned()],
    }
}

/// Replaces addresses and names on their way to a format.
pub struct Redacted<S> {
    sink: S,
    redaction: Redaction,
}

impl<S: Sink> Redacted<S> {
    /// Puts a redaction before a format.
    pub fn new(sink: S, redaction: Redaction) -> Self {
        Self { sink, redaction }
    }
}

impl<S: Sink> Sink for Redacted<S> {
    fn event(&mut self, envelope: &Envelope) -> io::Result<()> {
        self.sink.event(&self.redaction.envelope(envelope.clone()))
    }

    fn lost(&mut self, packets: u64) -> io::Result<()> {
        self.sink.lost(packets)
    }

    fn is_complete(&self) -> bool {
        self.sink.is_complete()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.sink.finish()
    }
}
