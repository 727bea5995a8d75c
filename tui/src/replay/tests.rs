use std::io::Write;

use tokio::time::Instant;

use super::*;
use crate::model::{Command, RequestId};
use crate::recording::Writer;
use crate::synthetic::{self, Synthetic};

fn recording(events: &[Envelope]) -> Recording {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let head = Head {
        session: synthetic::session(),
        kernel: "7.0.0".to_owned(),
        nkview: "0.1.0".to_owned(),
        options: Vec::new(),
    };
    let mut writer = Writer::new(&mut file, &head).unwrap();
    for event in events {
        writer.event(event).unwrap();
    }
    writer.finish().unwrap();
    file.flush().unwrap();
    Recording::open(file.path()).unwrap()
}

async fn all(source: &mut Source) -> Vec<Envelope> {
    let mut events = Vec::new();
    while let Some(event) = source.events.recv().await {
        events.push(event);
    }
    events
}

#[tokio::test]
async fn as_fast_as_it_can_gives_the_same_events_and_ends() {
    let events = Synthetic::new(3, 20).story(100);
    let mut source = recording(&events).start(Options::default()).unwrap();
    assert_eq!(all(&mut source).await, events);
    source.stop.ask().wait().await.unwrap();
}

#[tokio::test]
async fn a_duration_is_in_the_time_of_the_recording() {
    let events = Synthetic::new(3, 5).story(100);
    let options = Options {
        duration: Some(Duration::from_secs(10)),
        ..Options::default()
    };
    let mut source = recording(&events).start(options).unwrap();
    let is_interval = |it: &&Envelope| matches!(it.event, Event::Interval(_));
    let intervals = all(&mut source).await;
    assert_eq!(intervals.iter().filter(is_interval).count(), 11);
}

#[tokio::test(start_paused = true)]
async fn the_speed_is_that_of_the_recording_or_a_multiple() {
    for speed in [1.0, 4.0] {
        let events = Synthetic::new(3, 5).story(41);
        let options = Options {
            speed: Some(speed),
            duration: None,
        };
        let start = Instant::now();
        let mut source = recording(&events).start(options).unwrap();
        let played = all(&mut source).await;
        assert_eq!(played[..events.len()], events);
        assert!(matches!(played.last().unwrap().event, Event::Ended(_)));
        let took = start.elapsed().as_secs_f64() * speed;
        assert!((40.0..41.0).contains(&took), "{took} s at {speed}");
    }
}

#[tokio::test]
async fn requests_are_refused_with_a_reason_while_an_event_waits() {
    // The second interval is due in days.
    let mut events = Synthetic::new(3, 5).story(2);
    let Event::Interval(last) = &mut events[3].event else {
        panic!("no interval");
    };
    last.at = Duration::from_secs(1_000_000);
    let options = Options {
        speed: Some(1.0),
        duration: None,
    };
    let mut source = recording(&events).start(options).unwrap();
    let request = Request {
        id: RequestId(7),
        command: Command::Measure(true),
    };
    source.requests.send(request).await.unwrap();
    let reply = loop {
        if let Event::Reply(reply) = source.events.recv().await.unwrap().event {
            break reply;
        }
    };
    assert_eq!(reply.id, RequestId(7));
    assert_eq!(reply.result, Err(REFUSAL.to_owned()));
    source.stop.ask().wait().await.unwrap();
}

#[test]
fn what_is_no_recording_is_named() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"text").unwrap();
    let error = format!("{:#}", Recording::open(file.path()).unwrap_err());
    let path = file.path().display().to_string();
    assert!(
        error.contains(&path) && error.ends_with("not a recording of nkview"),
        "{error}"
    );
}
