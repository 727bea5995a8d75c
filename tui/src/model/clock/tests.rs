use std::time::Duration;

use super::*;

const fn second(second: u64) -> Moment {
    Duration::from_secs(second)
}

fn wall(text: &str) -> Timestamp {
    format!("2026-01-01T{text}Z").parse().unwrap()
}

fn reading(at: u64, text: &str) -> Anchor {
    Anchor {
        at: second(at),
        wall: wall(text),
    }
}

#[test]
fn a_clock_that_runs_evenly_is_where_it_started() {
    let mut clock = WallClock::new(reading(0, "00:00:00"));
    for (at, text) in [(1, "00:00:01.001"), (2, "00:00:01.999"), (3, "00:00:03")] {
        clock.follow(reading(at, text));
    }
    assert_eq!(clock.at(second(3)), wall("00:00:03"));
    assert_eq!(clock.steps.len(), 1, "jitter is no step");
}

#[test]
fn a_step_holds_from_the_reading_before_on_and_not_earlier() {
    let mut clock = WallClock::new(reading(0, "00:00:00"));
    clock.follow(reading(10, "00:00:10"));
    // The machine was suspended for an hour.
    clock.follow(reading(11, "01:00:11"));
    assert_eq!(clock.at(second(9)), wall("00:00:09"));
    assert_eq!(clock.at(second(11)), wall("01:00:11"));
    assert_eq!(clock.at(second(12)), wall("01:00:12"));
    // The clock was set back.
    clock.follow(reading(12, "00:30:12"));
    assert_eq!(clock.at(second(10)), wall("01:00:10"));
    assert_eq!(clock.at(second(13)), wall("00:30:13"));
}

#[test]
fn drift_is_followed() {
    let mut clock = WallClock::new(reading(0, "00:00:00"));
    let mut wall = wall("00:00:00");
    for at in 1..=10_000 {
        wall = wall
            .checked_add(Duration::from_secs(1) + Duration::from_micros(50))
            .unwrap();
        clock.follow(Anchor {
            at: second(at),
            wall,
        });
        assert!(wall.duration_since(clock.at(second(at))).abs() <= STEP);
    }
    assert!(clock.steps.len() <= STEPS);
}

#[test]
fn a_clock_at_the_end_of_time_stays_there() {
    let anchor = Anchor {
        at: second(5),
        wall: Timestamp::MAX,
    };
    assert_eq!(anchor.wall_at(second(6)), Timestamp::MAX);
    let first = Anchor {
        at: second(5),
        wall: Timestamp::MIN,
    };
    assert_eq!(first.wall_at(second(1)), Timestamp::MIN);
    assert_eq!(anchor.wall_at(Moment::MAX), Timestamp::MAX);
}
