use super::*;
use crate::model::{Anchor, MarkKind};

const fn at(seconds: u64) -> Moment {
    Moment::from_secs(seconds)
}

fn timeline(marks: &[Mark]) -> Timeline<'_> {
    Timeline {
        begin: at(10),
        end: at(7_210),
        at: at(100),
        since: at(10),
        searched: at(7_210),
        marks,
        playback: None,
    }
}

#[test]
fn steps_stay_within_the_recording_and_find_the_marks() {
    let marks = [20, 90, 99, 100, 300].map(|seconds| Mark {
        at: at(seconds),
        kind: MarkKind::Error,
    });
    let timeline = timeline(&marks);
    for (step, to) in [
        (Step::Back, Some(99)),
        (Step::Forward, Some(101)),
        (Step::MinuteBack, Some(40)),
        (Step::MinuteForward, Some(160)),
        (Step::EarlierMark, Some(91)),
        (Step::LaterMark, Some(301)),
    ] {
        assert_eq!(timeline.after(step), to.map(at), "{step:?}");
    }
    let early = Timeline {
        at: at(12),
        ..timeline
    };
    assert_eq!(early.after(Step::MinuteBack), Some(at(10)));
    assert_eq!(early.after(Step::EarlierMark), None);
    let late = Timeline {
        at: at(7_209),
        ..timeline
    };
    assert_eq!(late.after(Step::MinuteForward), Some(at(7_210)));
    assert_eq!(late.after(Step::LaterMark), None);
}

#[test]
fn speeds_go_up_and_down_and_end() {
    assert_eq!((faster(100), slower(100)), (200, 50));
    assert_eq!((faster(300), slower(300)), (500, 200));
    assert_eq!((faster(100_000), slower(10)), (100_000, 10));
}

#[test]
fn times_of_day_and_distances_are_moments() {
    // It begins at 23:30:10 and ends at 01:30:10.
    let clock = WallClock::new(Anchor {
        at: Moment::ZERO,
        wall: "2026-03-04T23:30:00Z".parse().unwrap(),
    });
    let timeline = timeline(&[]);
    for (text, moment) in [
        ("23:31", Some(60)),
        (" 23:31:05 ", Some(65)),
        ("00:30", Some(3_600)),
        ("01:00:10", Some(5_410)),
        ("-90s", Some(10)),
        ("-90", Some(10)),
        ("+2m", Some(220)),
        ("+1h", Some(3_700)),
        ("-2h", Some(0)),
        ("", None),
        ("noon", None),
        ("25:00", None),
        ("+m", None),
    ] {
        let entry = TimeEntry {
            line: Line::new(text),
            is_wrong: false,
        };
        let found = entry.moment(&timeline, &clock, &TimeZone::UTC);
        assert_eq!(found, moment.map(at), "{text}");
    }
}
