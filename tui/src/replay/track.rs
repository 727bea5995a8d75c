//! Reading a recording from a moment on, on a thread of its own.

use tokio::sync::mpsc;

use super::file::Shared;
use crate::model::{Envelope, Event, Level, Moment, Notice};
use crate::recording::{Head, Index, Item, Reader};

/// A recording that was opened.
#[derive(Debug)]
pub struct Track {
    pub head: Head,
    pub file: Shared,
}

/// What was read, and when it was reported: what has no moment of its own has that
/// of what came before.
pub type Timed = (Moment, Envelope);

impl Track {
    /// Where reading can begin.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn index(&self) -> anyhow::Result<Index> {
        Ok(Reader::open(self.file.again())?.index()?)
    }

    /// Reads on from a keyframe, or from the start, until the end or until no consumer
    /// takes it any more.
    pub fn read(&self, from: Option<u64>, take: impl FnMut(Timed) -> bool) {
        let mut take = take;
        let mut now = Moment::ZERO;
        let result = self.try_read(from, &mut now, &mut take);
        if let Err(error) = result {
            let text = format!("The recording cannot be read any further: {error}.");
            // Nobody may be left to read it.
            let _ = take((now, warning(now, text)));
        }
    }

    fn try_read(
        &self,
        from: Option<u64>,
        now: &mut Moment,
        take: &mut impl FnMut(Timed) -> bool,
    ) -> anyhow::Result<()> {
        let mut reader = Reader::open(self.file.again())?;
        if let Some(place) = from {
            reader.go_to(place)?;
        }
        while let Some(item) = reader.next_item()? {
            let Some(envelope) = envelope(item, *now) else {
                continue;
            };
            *now = envelope.event.moment().unwrap_or(*now);
            if !take((*now, envelope)) {
                break;
            }
        }
        Ok(())
    }
}

/// Sends what was read while anybody receives it.
pub fn sender(items: mpsc::Sender<Timed>) -> impl FnMut(Timed) -> bool {
    move |item| items.blocking_send(item).is_ok()
}

/// What an item is to a viewer.
fn envelope(item: Item, now: Moment) -> Option<Envelope> {
    Some(match item {
        // What concerns only those who recorded it.
        Item::Event(Envelope {
            event: Event::Reply(_) | Event::Playback(_) | Event::Marks { .. },
            ..
        }) => return None,
        Item::Event(envelope) => envelope,
        Item::Lost(packets) => {
            let text = format!(
                "{packets} packets are missing here: the disk was too slow to record them."
            );
            warning(now, text)
        }
        Item::Damage(text) => warning(now, text),
    })
}

/// What cannot be shown otherwise.
fn warning(at: Moment, text: String) -> Envelope {
    Event::Notice(Notice {
        at,
        level: Level::Warning,
        text,
    })
    .into()
}
