//! Reading recordings from a moment on, on a thread of its own.

use std::collections::VecDeque;
use std::iter;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc;

use super::file::Shared;
use crate::model::{Envelope, Event, HostId, Level, Moment, Notice, Session};
use crate::recording::{Head, Index, Item, Keyframe, LOOK_BACK, READ_BACK, Reader};

/// Events without a moment that are read ahead.
const AHEAD: usize = 64;

/// One recording, or several that are put together by their clocks.
#[derive(Debug)]
pub struct Track {
    parts: Vec<Part>,
    /// The wall clock at moment 0, where there are several.
    started: Option<Timestamp>,
}

/// A recording that was opened.
#[derive(Debug)]
pub struct Part {
    pub head: Head,
    pub file: Shared,
    /// The number of its first host.
    first: u16,
    /// When its own moment 0 was.
    zero: Moment,
}

/// What was read, and when it was reported: what has no moment of its own has that
/// of what came before.
pub type Timed = (Moment, Envelope);

/// Where reading can begin.
#[derive(Debug)]
pub struct Indices(Vec<Index>);

/// Where reading begins.
#[derive(Debug)]
pub struct Places {
    /// From here on everything is read.
    pub since: Moment,
    /// By recording.
    places: Vec<Option<u64>>,
}

impl Indices {
    /// Where the first recording begins.
    pub fn begin(&self) -> Moment {
        let begins = self.0.iter().map(Index::begin);
        begins.min().unwrap_or_default()
    }

    /// Where the last one ends.
    pub fn end(&self) -> Moment {
        let ends = self.0.iter().map(|index| index.end);
        ends.max().unwrap_or_default()
    }

    /// Where to begin to know what there was at a moment; nothing without intervals.
    pub fn places(&self, to: Moment) -> Option<Places> {
        let bytes = READ_BACK / self.0.len().max(1) as u64;
        let starts = self.0.iter().map(|index| start(index, to, bytes));
        let starts: Vec<Option<Keyframe>> = starts.collect();
        let places = starts.iter().map(|key| key.map(|key| key.place)).collect();
        let keys = starts.iter().flatten();
        // What begins later is read from its begin.
        let begun = keys.clone().filter(|key| key.at <= to);
        let since = begun.map(|key| key.at).max();
        let since = since.or_else(|| keys.map(|key| key.at).min())?;
        Some(Places { since, places })
    }
}

/// From which keyframe on to read, as far back as these bytes reach, and long enough.
fn start(index: &Index, to: Moment, bytes: u64) -> Option<Keyframe> {
    let last = index.before(to)?;
    let by_time = index.before(to.saturating_sub(LOOK_BACK))?;
    let by_size = index
        .keys
        .iter()
        .find(|key| last.place.saturating_sub(key.place) <= bytes)?;
    Some(if by_time.at < by_size.at {
        by_time
    } else {
        *by_size
    })
}

impl Track {
    /// These recordings. Those of one run of nkview, one after the other, are of one
    /// host.
    pub fn new(recordings: Vec<(Head, Shared)>) -> Self {
        let starts = recordings.iter().map(|(head, _)| head.session.started);
        let started = starts.min().unwrap_or_default();
        let is_one = recordings.len() == 1;
        let mut parts: Vec<Part> = Vec::new();
        let mut next = 0_u16;
        for (head, file) in recordings {
            let known = parts.iter().find(|it| is_same(&it.head, &head));
            let first = known.map_or(next, |part| part.first);
            if known.is_none() {
                next = next.saturating_add(hosts(&head.session).len() as u16);
            }
            let zero = head.session.started.duration_since(started);
            parts.push(Part {
                zero: Duration::try_from(zero).unwrap_or_default(),
                head,
                file,
                first,
            });
        }
        Self {
            parts,
            started: (!is_one).then_some(started),
        }
    }

    /// The recordings.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The names of the hosts, by their numbers. Of the same name, all but the first one
    /// have a number, as two recordings of one host are not one.
    pub fn hosts(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for part in &self.parts {
            if usize::from(part.first) == names.len() {
                for name in hosts(&part.head.session) {
                    let numbered = (2..).map(|number| format!("{name}-{number}"));
                    let free = iter::once(name.clone())
                        .chain(numbered)
                        .find(|it| !names.contains(it));
                    names.extend(free);
                }
            }
        }
        names
    }

    /// The wall clock at moment 0.
    pub fn started(&self) -> Timestamp {
        let starts = self.parts.iter().map(|part| part.head.session.started);
        starts.min().unwrap_or_default()
    }

    /// Where reading can begin.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn indices(&self) -> anyhow::Result<Indices> {
        let indices = self.parts.iter().map(|part| {
            let mut index = Reader::open(part.file.again())?.index()?;
            for key in &mut index.keys {
                key.at = key.at.saturating_add(part.zero);
            }
            index.end = index.end.saturating_add(part.zero);
            Ok(index)
        });
        indices.collect::<anyhow::Result<_>>().map(Indices)
    }

    /// Reads on from places, or from the start, in the order of time, until the end or
    /// until no consumer takes it any more.
    pub fn read(&self, from: Option<&Places>, mut take: impl FnMut(Timed) -> bool) {
        let mut readings: Vec<Reading<'_>> = self
            .parts
            .iter()
            .enumerate()
            .map(|(number, part)| {
                let place = from.and_then(|from| from.places.get(number).copied().flatten());
                Reading::new(part, place)
            })
            .collect();
        let mut next: Vec<Option<Timed>> = readings.iter_mut().map(Reading::next).collect();
        loop {
            let waiting = next.iter().enumerate();
            let moments = waiting.filter_map(|(number, it)| Some((it.as_ref()?.0, number)));
            let Some((_, number)) = moments.min() else {
                return;
            };
            let following = readings[number].next();
            let Some(mut item) = std::mem::replace(&mut next[number], following) else {
                return;
            };
            if let (Some(started), Event::Interval(interval)) = (self.started, &mut item.1.event) {
                // Several clocks cannot be shown.
                let at = SignedDuration::try_from(interval.at).unwrap_or_default();
                interval.wall = started.checked_add(at).unwrap_or(interval.wall);
            }
            if !take(item) {
                return;
            }
        }
    }
}

/// Whether two recordings are of one run of nkview.
fn is_same(one: &Head, other: &Head) -> bool {
    (&one.session.host, one.session.started) == (&other.session.host, other.session.started)
}

fn hosts(session: &Session) -> Vec<String> {
    if session.hosts.is_empty() {
        vec![session.host.clone()]
    } else {
        session.hosts.clone()
    }
}

/// A recording that is being read.
struct Reading<'a> {
    part: &'a Part,
    /// Nothing once it cannot be read any further.
    reader: Option<Reader<Shared>>,
    now: Moment,
    /// What was read before it was known when it was reported.
    ahead: Option<VecDeque<Envelope>>,
}

impl<'a> Reading<'a> {
    fn new(part: &'a Part, place: Option<u64>) -> Self {
        let mut reading = Self {
            part,
            reader: None,
            now: part.zero,
            ahead: None,
        };
        // What cannot be opened any more, cannot be read: the first reading says so.
        reading.reader = Reader::open(part.file.again()).ok();
        if let (Some(reader), Some(place)) = (&mut reading.reader, place)
            && reader.go_to(place).is_err()
        {
            reading.reader = None;
        }
        reading
    }

    /// What comes next. What is known from the start is reported with the begin of
    /// what follows it.
    fn next(&mut self) -> Option<Timed> {
        if self.ahead.is_none() {
            let mut ahead = VecDeque::new();
            while ahead.len() < AHEAD
                && let Some(envelope) = self.read()
            {
                let begin = match &envelope.event {
                    Event::Interval(interval) => Some(interval.at.saturating_sub(interval.length)),
                    event => event.moment(),
                };
                ahead.push_back(envelope);
                if let Some(begin) = begin {
                    self.now = begin.max(self.part.zero);
                    break;
                }
            }
            self.ahead = Some(ahead);
        }
        let ahead = self.ahead.as_mut().and_then(VecDeque::pop_front);
        let envelope = ahead.or_else(|| self.read())?;
        self.now = envelope.event.moment().unwrap_or(self.now);
        Some((self.now, envelope))
    }

    fn read(&mut self) -> Option<Envelope> {
        let Part { zero, first, .. } = *self.part;
        loop {
            let own = self.now.saturating_sub(zero);
            let read = match self.reader.as_mut()?.next_item() {
                Ok(item) => envelope(item?, own),
                Err(error) => {
                    self.reader = None;
                    let text = format!("The recording cannot be read any further: {error}.");
                    Some(warning(own, text))
                }
            };
            let Some(mut envelope) = read else {
                continue;
            };
            let HostId(number) = envelope.host;
            envelope.host = HostId(first.saturating_add(number));
            envelope
                .event
                .each_moment(|moment| *moment = moment.saturating_add(zero));
            return Some(envelope);
        }
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
