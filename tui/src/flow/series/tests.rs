use std::time::Duration;

use super::super::History;
use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// A clock and a history after this many seconds, with these bytes in each.
fn after(seconds: u32, bytes: impl Fn(u32) -> u64) -> (Clock, History) {
    let (mut clock, mut history) = (Clock::default(), History::default());
    for second in 1..=seconds {
        clock.advance(SECOND * second, SECOND);
        if bytes(second) > 0 {
            history.record([bytes(second), 1], [1, 1], &clock);
        }
    }
    (clock, history)
}

#[test]
fn a_steady_rate_is_the_same_over_each_span() {
    for seconds in [1, 19, 20, 59, 60, 61, 200, 700, 4_000] {
        let (clock, history) = after(seconds, |_| 1_000);
        for span in [Span::Minute, Span::TenMinutes] {
            let series = history.series(span, &clock);
            assert_eq!(series.values[0].len(), series.values[1].len());
            for value in &series.values[0] {
                assert!((value - 1_000.0).abs() < 1.0, "{seconds} {series:?}");
            }
            let expected = seconds.min(60).max(span.slots_each().min(1));
            if span == Span::Minute {
                assert_eq!(series.values[0].len(), expected as usize);
            }
        }
    }
    let (clock, history) = after(4_000, |_| 1_000);
    assert_eq!(history.series(Span::TenMinutes, &clock).values[0].len(), 30);
    assert_eq!(history.series(Span::Hour, &clock).span, Span::TenMinutes);
}

#[test]
fn what_was_before_the_minute_is_where_it_was() {
    // Two bursts of twenty seconds: in block 5, and in block 20.
    let burst = |second: u32| match second {
        100..120 | 400..420 => 5_000,
        _ => 0,
    };
    let (clock, history) = after(599, burst);
    let series = history.series(Span::TenMinutes, &clock);
    assert_eq!(series.newest, 29);
    for (block, value) in series.values[0].iter().enumerate() {
        let expected = if [5, 20].contains(&block) {
            5_000.0
        } else {
            0.0
        };
        assert!((value - expected).abs() < 5.0, "{block}: {series:?}");
    }
}

#[test]
fn a_pause_of_more_than_the_span_leaves_nothing() {
    let (clock, history) = after(2_000, |second| if second < 100 { 9 } else { 0 });
    assert!(
        history.series(Span::TenMinutes, &clock).values[0]
            .iter()
            .all(|v| *v == 0.0)
    );
}

#[test]
fn blocks_forget_what_is_older_than_they_reach() {
    let mut hour = Hour::default();
    for slot in 0..10_000 {
        hour.add(slot, [slot.into(), 1]);
    }
    assert_eq!(hour.get(1, 9_999 / 60), 10_000 % 60);
    assert_eq!(hour.get(1, 9_999 / 60 - 1), 60);
    assert_eq!(hour.get(1, 9_999 / 60 - 59), 60);
    assert_eq!(hour.get(1, 9_999 / 60 - 60), 0);
}

#[test]
fn series_add_up() {
    let (clock, history) = after(90, |_| 1_000);
    let mut sum = Series::default();
    for _ in 0..3 {
        sum.add(&history.series(Span::TenMinutes, &clock));
    }
    assert!(
        sum.values[0]
            .iter()
            .all(|value| (value - 3_000.0).abs() < 3.0)
    );
}
