use std::io::Write;

use tokio::time::Instant;

use super::*;
use crate::diagnosis::{Diagnosis, Kind, Policy};
use crate::model::{Command, Envelope, HostId, Level, Mark, MarkKind, Notice, Playback, RequestId};
use crate::recording::Writer;
use crate::synthetic::{self, Synthetic};
use crate::traffic::Traffic;

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
    Recording::open_all(&[file.path()]).unwrap()
}

async fn all(source: &mut Source) -> Vec<Envelope> {
    let mut events = Vec::new();
    while let Some(event) = source.events.recv().await {
        events.push(event);
    }
    events
}

/// What is known after these events: the flows with all that is shown of them, the
/// devices, and what is wrong.
fn picture(events: &[Envelope]) -> String {
    let mut traffic = Traffic::default();
    let mut diagnosis = Diagnosis::default();
    for event in events {
        traffic.apply(event);
        let flows = &traffic.host(event.host).flows;
        diagnosis.observe(&event.event, flows);
    }
    let host = traffic.host(HostId::default());
    let mut flows: Vec<_> = host.flows.iter().map(|flow| format!("{flow:?}")).collect();
    flows.sort_unstable();
    let devices: Vec<_> = host.devices.watched().collect();
    let findings = diagnosis.findings();
    format!("{:?} {devices:?} {findings:?} {flows:#?}", host.flows.now())
}

/// Receives until the replay is at a moment; `events` are those that lead there.
async fn until(source: &mut Source, to: Moment, events: &mut Vec<Envelope>) -> Playback {
    loop {
        let envelope = source.events.recv().await.unwrap();
        match envelope.event {
            Event::Playback(playback) if playback.restarts => events.clear(),
            Event::Playback(playback) if !playback.is_seeking && playback.at == to => {
                return playback;
            }
            Event::Playback(_) | Event::Marks { .. } | Event::Reply(_) => {}
            _ => events.push(envelope),
        }
    }
}

async fn ask(source: &Source, command: Command) {
    let id = RequestId(7);
    source.requests.send(Request { id, command }).await.unwrap();
}

#[tokio::test]
async fn as_fast_as_it_can_gives_the_same_events_and_ends() {
    let events = Synthetic::new(3, 20).story(100);
    let mut source = recording(&events).start(None).unwrap();
    assert_eq!(all(&mut source).await, events);
    source.stop.ask().wait().await.unwrap();
}

#[tokio::test]
async fn a_duration_is_in_the_time_of_the_recording() {
    let events = Synthetic::new(3, 5).story(100);
    let duration = Some(Duration::from_secs(10));
    let mut source = recording(&events).start(duration).unwrap();
    let is_interval = |it: &&Envelope| matches!(it.event, Event::Interval(_));
    let intervals = all(&mut source).await;
    assert_eq!(intervals.iter().filter(is_interval).count(), 11);
}

#[tokio::test(start_paused = true)]
async fn the_speed_is_that_of_the_recording_or_a_multiple() {
    for speed in [100, 400] {
        let events = Synthetic::new(3, 5).story(41);
        let start = Instant::now();
        let mut source = recording(&events).play(speed, Policy::default()).unwrap();
        let mut played = Vec::new();
        let end = loop {
            let envelope = source.events.recv().await.unwrap();
            match envelope.event {
                Event::Playback(playback) if !playback.is_playing => break playback,
                Event::Playback(_) | Event::Marks { .. } => {}
                _ => played.push(envelope),
            }
        };
        assert_eq!(played, events);
        assert_eq!(end.at, end.end);
        let took = start.elapsed().as_secs_f64() * f64::from(speed) / 100.0;
        assert!((40.0..42.0).contains(&took), "{took} s at {speed}");
    }
}

#[tokio::test]
async fn a_moment_is_as_it_was_when_it_was_played() {
    let events = Synthetic::new(3, 20).story(200);
    let mut source = recording(&events).play(100, Policy::default()).unwrap();
    ask(&source, Command::Play(false)).await;
    let mut seen = Vec::new();
    for second in [150, 20, 21, 90, 200, 1] {
        let to = Duration::from_secs(second);
        ask(&source, Command::Seek(to)).await;
        let playback = until(&mut source, to, &mut seen).await;
        let is_before = |it: &&Envelope| it.event.moment().is_none_or(|at| at <= to);
        let before: Vec<_> = events.iter().filter(is_before).cloned().collect();
        assert_eq!(picture(&seen), picture(&before), "{second}");
        // It is small enough to be read whole.
        assert_eq!(playback.since, Duration::ZERO);
    }
}

#[tokio::test]
async fn the_marks_are_the_notices_and_where_findings_begin() {
    let mut events = Synthetic::new(3, 5).story(30);
    let notice = Notice {
        at: Duration::from_secs(17),
        level: Level::Warning,
        text: "The device eth1 is gone.".to_owned(),
    };
    // Behind the interval of then: the last event has to be one that ends the search.
    events.insert(35, Event::Notice(notice).into());
    let all = marks(&events, Policy::default()).await;
    let notice = Mark {
        at: Duration::from_secs(17),
        kind: MarkKind::Notice,
    };
    assert!(all.contains(&notice), "{all:?}");
    assert!(all.len() > 1, "{all:?}");
    let nothing = Policy {
        silenced: Kind::all().collect(),
        ..Policy::default()
    };
    assert_eq!(marks(&events, nothing).await, [notice]);
}

/// The marks of a recording, none of which come behind its last interval.
async fn marks(events: &[Envelope], policy: Policy) -> Vec<Mark> {
    let moments = events.iter().filter_map(|it| it.event.moment());
    let end = moments.max().unwrap();
    let mut source = recording(events).play(100, policy).unwrap();
    let mut marks = Vec::new();
    loop {
        if let Event::Marks { new, until } = source.events.recv().await.unwrap().event {
            marks.extend(new);
            if until == end {
                return marks;
            }
        }
    }
}

#[tokio::test]
async fn requests_of_live_sources_are_refused_while_an_event_waits() {
    // The second interval is due in days.
    let mut events = Synthetic::new(3, 5).story(2);
    let Event::Interval(last) = &mut events[3].event else {
        panic!("no interval");
    };
    last.at = Duration::from_secs(1_000_000);
    let mut source = recording(&events).play(100, Policy::default()).unwrap();
    ask(&source, Command::Measure(true)).await;
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
    let error = format!("{:#}", Recording::open_all(&[file.path()]).unwrap_err());
    let path = file.path().display().to_string();
    assert!(
        error.contains(&path) && error.ends_with("not a recording of nkview"),
        "{error}"
    );
}

/// Writes a recording of a host that began so long after the others.
fn written(host: &str, later: Duration, events: &[Envelope]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let mut session = synthetic::session();
    session.host = host.to_owned();
    session.started += later;
    let head = Head {
        session,
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
    file
}

#[tokio::test]
async fn recordings_of_several_hosts_are_put_together_by_their_clocks() {
    let later = Duration::from_millis(10_500);
    let [one, other] = [3, 4].map(|seed| Synthetic::new(seed, 20).story(100));
    let files = [
        written("one", later, &one),
        written("other", Duration::ZERO, &other),
    ];
    let recording = Recording::open_all(&files).unwrap();
    let mut source = recording.start(None).unwrap();
    assert_eq!(source.session.hosts, ["one", "other"]);
    assert_eq!(source.session.host, "one, other");
    assert_eq!(source.session.started, synthetic::session().started);
    let all = all(&mut source).await;
    assert_eq!(all.len(), one.len() + other.len());
    // Packets come behind the interval that they were counted in.
    let intervals = all.iter().filter_map(|envelope| match &envelope.event {
        Event::Interval(interval) => Some(interval.at),
        _ => None,
    });
    let intervals: Vec<Moment> = intervals.collect();
    assert!(intervals.is_sorted(), "{intervals:?}");
    let walls = all.iter().filter_map(|envelope| match &envelope.event {
        Event::Interval(interval) => Some((interval.at, interval.wall)),
        _ => None,
    });
    for (at, wall) in walls {
        assert_eq!(wall, synthetic::session().wall_clock().at(at));
    }
    // Each host's own events are what was recorded of it, at another time.
    for (number, (events, later)) in [(&one, later), (&other, Duration::ZERO)]
        .into_iter()
        .enumerate()
    {
        let host = HostId(number as u16);
        let own = all.iter().filter(|it| it.host == host).cloned();
        let own: Vec<Envelope> = own
            .map(|mut envelope| {
                envelope.host = HostId::default();
                envelope.event.each_moment(|at| *at -= later);
                envelope
            })
            .collect();
        assert_eq!(picture(&own), picture(events), "host {number}");
    }
}

#[test]
fn recordings_of_one_host_are_told_apart() {
    let story = Synthetic::new(3, 5).story(2);
    let files = [0, 1, 2].map(|seconds| written("node", Duration::from_secs(seconds), &story));
    let recording = Recording::open_all(&files).unwrap();
    assert_eq!(recording.track.hosts(), ["node", "node-2", "node-3"]);
    // The files of one run are one recording.
    let again = Recording::open_all(&[&files[0], &files[0]]).unwrap();
    assert_eq!(again.track.hosts(), ["node"]);
}

#[tokio::test]
async fn a_moment_of_several_is_as_it_was_when_they_were_played() {
    let later = Duration::from_secs(50);
    let [one, other] = [3, 4].map(|seed| Synthetic::new(seed, 20).story(200));
    let files = [
        written("one", Duration::ZERO, &one),
        written("other", later, &other),
    ];
    let whole = Recording::open_all(&files).unwrap().start(None);
    let events = all(&mut whole.unwrap()).await;
    let mut source = Recording::open_all(&files)
        .unwrap()
        .play(100, Policy::default())
        .unwrap();
    ask(&source, Command::Play(false)).await;
    let mut seen = Vec::new();
    for second in [240, 20, 90, 51, 249] {
        let to = Duration::from_secs(second);
        ask(&source, Command::Seek(to)).await;
        let playback = until(&mut source, to, &mut seen).await;
        assert_eq!(playback.end, Duration::from_secs(250));
        for (host, begin) in [(HostId(0), Duration::ZERO), (HostId(1), later)] {
            if to < begin {
                assert!(seen.iter().all(|it| it.host != host), "{second}");
                continue;
            }
            let of_host = |events: &[Envelope]| -> Vec<Envelope> {
                let own = events.iter().filter(|it| it.host == host);
                let until = own.filter(|it| it.event.moment().is_none_or(|at| at <= to));
                until.map(|it| Envelope::from(it.event.clone())).collect()
            };
            let [seen, expected] = [&seen, &events].map(|it| picture(&of_host(it)));
            assert_eq!(seen, expected, "{second}");
        }
    }
}

#[tokio::test]
async fn files_that_follow_each_other_are_of_one_host() {
    let events = Synthetic::new(3, 20).story(60);
    let (first, second) = events.split_at(61);
    let mut second = second.to_vec();
    // As a recording that goes on in another file begins.
    second.insert(0, events[0].clone());
    let files = [
        written("one", Duration::ZERO, &second),
        written("one", Duration::ZERO, first),
    ];
    let mut source = Recording::open_all(&files).unwrap().start(None).unwrap();
    assert_eq!(source.session.host, "one");
    assert!(source.session.hosts.is_empty());
    let is_interval = |it: &&Envelope| matches!(it.event, Event::Interval(_));
    let moments = |events: &[Envelope]| -> Vec<Option<Moment>> {
        let intervals = events.iter().filter(is_interval);
        intervals.map(|it| it.event.moment()).collect()
    };
    let played = all(&mut source).await;
    assert!(played.iter().all(|it| it.host == HostId::default()));
    assert_eq!(moments(&played), moments(&events));
}
