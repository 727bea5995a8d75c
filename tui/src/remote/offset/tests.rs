use super::*;
use crate::model::{Interval, Level, Notice};

const WALL: Timestamp = Timestamp::UNIX_EPOCH;

fn second(number: u64) -> Moment {
    Duration::from_secs(number)
}

/// The end of an interval on the clock of this machine.
fn interval(offset: &mut Offset, at: Moment, now: Moment) -> Moment {
    let mut event = Event::Interval(Interval {
        at,
        ..Interval::default()
    });
    offset.apply(&mut event, now, WALL + now);
    let Event::Interval(interval) = event else {
        unreachable!()
    };
    assert_eq!(interval.wall, WALL + interval.at);
    interval.at
}

#[test]
fn what_arrives_with_the_least_delay_decides() {
    let mut offset = Offset::default();
    let late = Duration::from_millis(300);
    assert_eq!(interval(&mut offset, second(1), second(11)), second(11));
    let next = interval(&mut offset, second(2), second(12) + late);
    assert_eq!(next, second(12) + DRIFT.unsigned_abs());
    let early = second(13) - Duration::from_millis(100);
    assert_eq!(interval(&mut offset, second(3), early), early);
}

#[test]
fn time_does_not_run_backwards() {
    let mut offset = Offset::default();
    assert_eq!(interval(&mut offset, second(1), second(9)), second(9));
    // It was eight seconds late, as now shows.
    assert_eq!(interval(&mut offset, second(2), second(2)), second(9));
    assert_eq!(interval(&mut offset, second(10), second(10)), second(10));
}

#[test]
fn moments_before_the_start_are_the_start() {
    let mut offset = Offset::default();
    interval(&mut offset, second(100), second(1));
    let mut event = Event::Notice(Notice {
        at: second(5),
        level: Level::Info,
        text: String::new(),
    });
    offset.apply(&mut event, second(1), WALL);
    assert_eq!(event.moment(), Some(Moment::ZERO));
}
