use std::time::Duration;

use super::*;
use crate::model::{EndReason, RequestId};
use crate::synthetic::{self, Synthetic};

fn channel(room: usize) -> (Outbox, mpsc::Receiver<Envelope>) {
    let (sender, events) = mpsc::channel(room);
    (Outbox::new(sender), events)
}

fn notice(text: &str) -> Event {
    Event::Notice(Notice {
        at: Duration::ZERO,
        level: Level::Info,
        text: text.to_owned(),
    })
}

/// Everything that the consumer gets from here on.
async fn rest(mut outbox: Outbox, mut events: mpsc::Receiver<Envelope>) -> Vec<Event> {
    let deliver = async move {
        while !outbox.is_delivered() {
            assert!(outbox.deliver(Duration::ZERO).await);
        }
    };
    let take = async {
        let mut all = Vec::new();
        while let Some(envelope) = events.recv().await {
            all.push(envelope.event);
        }
        all
    };
    tokio::join!(deliver, take).1
}

fn seen(interval: &Interval) -> u64 {
    let directions = interval.devices.iter().flat_map(|it| &it.directions);
    directions.map(|totals| totals.packets).sum()
}

#[tokio::test]
async fn a_late_consumer_gets_all_counts() {
    let (mut outbox, events) = channel(1);
    let mut source = Synthetic::new(1, 50);
    let mut sent = 0;
    for _ in 0..40 {
        let interval = source.interval();
        sent += seen(&interval);
        outbox.push(Event::Interval(interval));
    }
    let got = rest(outbox, events).await;
    let intervals = got.iter().filter_map(|event| match event {
        Event::Interval(interval) => Some(interval),
        _ => None,
    });
    assert_eq!(got.len(), 2, "the first one, and the sum of the rest");
    assert_eq!(intervals.map(seen).sum::<u64>(), sent);
}

#[tokio::test]
async fn packets_are_dropped_and_counted() {
    let (mut outbox, events) = channel(1);
    let mut source = Synthetic::new(1, 50);
    let first = source.interval();
    let packets = source.packets(&first);
    assert!(!packets.is_empty());
    outbox.push(Event::Interval(first));
    outbox.push(Event::Packets(packets.clone()));
    outbox.push(Event::Packets(packets.clone()));
    let late = 2 * packets.len() as u64;
    outbox.push(Event::Interval(source.interval()));
    let got = rest(outbox, events).await;
    let Event::Interval(interval) = &got[1] else {
        panic!("{got:?}");
    };
    assert_eq!(interval.probe.late, late);
    assert!(
        matches!(&got[2], Event::Notice(notice) if notice.text.contains(&late.to_string())),
        "{got:?}"
    );
}

#[tokio::test]
async fn the_last_devices_all_replies_and_the_end_arrive() {
    let (mut outbox, events) = channel(1);
    outbox.push(notice("first"));
    let devices = synthetic::devices();
    outbox.push(Event::Devices(Vec::new()));
    outbox.push(Event::Devices(devices.clone()));
    for number in 0..1000 {
        outbox.push(Event::Reply(Reply {
            id: RequestId(number),
            result: Ok(()),
        }));
    }
    for number in 0..=NOTICES {
        outbox.push(notice(&number.to_string()));
    }
    outbox.push(Event::Ended(EndReason::Silent));
    let got = rest(outbox, events).await;
    assert_eq!(got[0], notice("first"));
    assert_eq!(got[1], Event::Devices(devices));
    let is_reply = |event: &&Event| matches!(event, Event::Reply(_));
    assert_eq!(got.iter().filter(is_reply).count(), 1000);
    assert!(got.contains(&notice(&NOTICES.to_string())) && !got.contains(&notice("0")));
    assert_eq!(got.last(), Some(&Event::Ended(EndReason::Silent)));
}

#[tokio::test]
async fn the_newest_signals_are_kept_and_the_loss_is_reported() {
    let signals = |at| {
        Event::Signals(Box::new(Signals {
            at: Duration::from_secs(at),
            ..Signals::default()
        }))
    };
    let (mut outbox, events) = channel(1);
    let kept = SIGNALS as u64;
    for at in 0..=kept + 5 {
        outbox.push(signals(at));
    }
    let mut got = rest(outbox, events).await;
    let last = got.pop();
    // The first went through at once.
    let expected: Vec<_> = [0].into_iter().chain(6..=kept + 5).map(signals).collect();
    assert_eq!(got, expected);
    assert!(
        matches!(&last, Some(Event::Notice(notice)) if notice.text.contains("5 reports")),
        "{last:?}"
    );
}

#[tokio::test]
async fn a_consumer_that_has_gone_is_seen() {
    let (mut outbox, events) = channel(1);
    drop(events);
    outbox.push(notice("nobody reads this"));
    assert!(!outbox.deliver(Duration::ZERO).await);
}
