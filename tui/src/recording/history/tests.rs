use std::time::Duration;

use super::*;
use crate::model::Event;
use crate::recording::Item;
use crate::synthetic::{self, Synthetic};

fn head() -> Head {
    Head {
        session: synthetic::session(),
        kernel: "7.0.0".to_owned(),
        nkview: "0.1.0".to_owned(),
        options: Vec::new(),
    }
}

fn history(events: &[Envelope], most: u64) -> History {
    let mut history = History::new(head(), most).unwrap();
    for event in events {
        history.event(event).unwrap();
    }
    history
}

fn read(mut past: Past) -> Vec<Envelope> {
    let items = std::iter::from_fn(|| past.reader.next_item().unwrap());
    items
        .map(|item| match item {
            Item::Event(envelope) => envelope,
            other => panic!("{other:?}"),
        })
        .collect()
}

fn intervals(events: &[Envelope]) -> Vec<&crate::model::Interval> {
    let interval = |envelope| match envelope {
        &Envelope {
            event: Event::Interval(ref interval),
            ..
        } => Some(interval),
        _ => None,
    };
    events.iter().filter_map(interval).collect()
}

#[test]
fn it_gives_back_what_it_was_told() {
    let events = Synthetic::new(5, 20).story(50);
    assert_eq!(read(history(&events, u64::MAX).all()), events);
}

#[test]
fn it_forgets_the_oldest_and_stays_within_its_bytes() {
    let events = Synthetic::new(5, 200).story(300);
    let whole = history(&events, u64::MAX).bytes();
    let most = whole / 4;
    let mut history = History::new(head(), most).unwrap();
    for event in &events {
        history.event(event).unwrap();
        assert!(history.bytes() <= most, "{} of {most}", history.bytes());
    }
    let begin = history.begin().unwrap();
    assert!(begin > Duration::from_secs(150), "{begin:?}");
    let read = read(history.all());
    assert!(matches!(read[0].event, Event::Devices(_)), "devices first");
    let kept: Vec<_> = intervals(&events)
        .into_iter()
        .filter(|interval| interval.at > begin)
        .collect();
    assert_eq!(intervals(&read), kept);
}

#[test]
fn what_leads_to_a_moment_begins_far_enough_before_it() {
    let events = Synthetic::new(5, 50).story(300);
    let history = history(&events, u64::MAX);
    for second in [0, 1, 15, 16, 17, 160, 299, 300, 400] {
        let moment = Duration::from_secs(second);
        let past = history.before(moment, 0, Duration::from_secs(60));
        let since = past.since;
        assert!(since <= moment.saturating_sub(Duration::from_secs(60)));
        assert!(moment.min(Duration::from_secs(300)) - since <= Duration::from_secs(60 + 32));
        let read = read(past);
        let last = intervals(&read).last().unwrap().at;
        assert!(
            last >= moment.min(Duration::from_secs(300)),
            "{second}: {last:?}"
        );
        let past = history.before(moment, u64::MAX, Duration::ZERO);
        assert_eq!(past.since, Duration::ZERO);
    }
}
