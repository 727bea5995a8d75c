use std::time::Duration;

use probe_common::Direction::{In, Out};
use proptest::prelude::*;

use super::{Clock, History, SLOTS};
use crate::model::Moment;

const SECOND: Duration = Duration::from_secs(1);

/// A clock and a history that are fed interval by interval.
#[derive(Default)]
struct Feed {
    clock: Clock,
    history: History,
    at: Moment,
}

impl Feed {
    fn pass(&mut self, length: Duration) {
        self.at += length;
        self.clock.advance(self.at, length);
    }

    fn count(&mut self, length: Duration, bytes: u64, packets: u64) {
        self.pass(length);
        self.history.record([bytes, 0], [packets, 0], &self.clock);
    }

    fn rate(&self, seconds: u64) -> f64 {
        let window = Duration::from_secs(seconds);
        self.history.rate(In, window, &self.clock)
    }

    fn packet_rate(&self, seconds: u64) -> f64 {
        let window = Duration::from_secs(seconds);
        self.history.packet_rate(In, window, &self.clock)
    }

    fn values(&self) -> Vec<f64> {
        self.history.values(In, &self.clock).collect()
    }
}

#[test]
fn nothing_has_no_rate() {
    let mut feed = Feed::default();
    assert_eq!((feed.rate(10), feed.packet_rate(10)), (0.0, 0.0));
    assert_eq!(feed.values().len(), 0);
    feed.pass(SECOND);
    assert_eq!((feed.rate(10), feed.packet_rate(10)), (0.0, 0.0));
    assert_eq!(feed.values(), [0.0]);
}

#[test]
fn each_window_has_its_rate() {
    let mut feed = Feed::default();
    for second in 1..=100 {
        feed.count(SECOND, second * 10, second);
    }
    assert_eq!(feed.rate(1), 1000.0);
    assert_eq!(feed.rate(10), 955.0);
    assert_eq!(feed.rate(60), 705.0);
    assert_eq!(feed.packet_rate(1), 100.0);
    assert_eq!(feed.packet_rate(10), 95.5);
    // Blocks of 15: the 56 slots from 45 on.
    assert_eq!(feed.packet_rate(60), 72.5);
}

#[test]
fn directions_are_apart() {
    let mut feed = Feed::default();
    feed.pass(SECOND);
    feed.history.record([10, 20], [1, 2], &feed.clock);
    let rate = |direction| feed.history.rate(direction, SECOND, &feed.clock);
    assert_eq!((rate(In), rate(Out)), (10.0, 20.0));
}

#[test]
fn a_young_flow_is_measured_over_the_same_time_as_all() {
    let mut feed = Feed::default();
    for _ in 0..100 {
        feed.pass(SECOND);
    }
    feed.count(SECOND, 3000, 3);
    feed.count(SECOND, 1000, 1);
    assert_eq!((feed.rate(10), feed.packet_rate(10)), (400.0, 0.4));
}

#[test]
fn an_idle_flow_fades_without_being_touched() {
    let mut feed = Feed::default();
    for _ in 0..30 {
        feed.count(SECOND, 100, 1);
    }
    for _ in 0..5 {
        feed.pass(SECOND);
    }
    assert_eq!((feed.rate(1), feed.rate(10)), (0.0, 50.0));
    assert_eq!((feed.packet_rate(1), feed.packet_rate(10)), (0.0, 0.5));
    assert_eq!(feed.values()[28..], [100.0, 100.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    for _ in 0..60 {
        feed.pass(SECOND);
    }
    assert_eq!((feed.rate(60), feed.packet_rate(60)), (0.0, 0.0));
    assert_eq!(feed.values(), [0.0; SLOTS]);
}

#[test]
fn what_is_older_than_the_rings_does_not_come_back() {
    for pause in [9, 10, 11, 59, 60, 61, 600] {
        let mut feed = Feed::default();
        for _ in 0..70 {
            feed.count(SECOND, 100, 100);
        }
        for _ in 0..pause {
            feed.pass(SECOND);
        }
        feed.count(SECOND, 5, 5);
        let old = 59_u32.saturating_sub(pause);
        assert_eq!(
            feed.values().iter().filter(|v| **v == 100.0).count(),
            old as usize
        );
        assert_eq!(feed.rate(60), f64::from(old * 100 + 5) / 60.0);
        if pause >= 10 {
            assert_eq!(feed.packet_rate(10), 0.5);
        }
        if pause >= 60 {
            assert!(feed.packet_rate(60) < 0.2);
        }
    }
}

#[test]
fn jittering_intervals_have_exact_rates() {
    let mut feed = Feed::default();
    for n in 0..100 {
        let length = Duration::from_millis([1003, 998, 999, 1000][n % 4]);
        feed.count(length, length.as_millis() as u64, 1);
        assert!((feed.rate(1) - 1000.0).abs() < 0.001);
    }
    assert!((feed.rate(10) - 1000.0).abs() < 0.001);
}

#[test]
fn long_intervals_are_their_own_windows() {
    let mut feed = Feed::default();
    feed.count(SECOND * 5, 5000, 5);
    feed.count(SECOND * 5, 10_000, 10);
    assert_eq!((feed.rate(1), feed.rate(10)), (2000.0, 1500.0));
    assert_eq!(feed.values(), [1000.0, 2000.0]);
}

#[test]
fn short_intervals_share_slots_that_reach_back_a_minute() {
    let mut feed = Feed::default();
    for _ in 0..1000 {
        feed.count(SECOND / 5, 20, 2);
    }
    for seconds in [1, 10, 60] {
        assert!((feed.rate(seconds) - 100.0).abs() < 0.1);
        assert!((feed.packet_rate(seconds) - 10.0).abs() < 0.01);
    }
    assert_eq!(feed.values().len(), SLOTS);
}

#[test]
fn an_interval_without_length_divides_by_nothing() {
    let mut feed = Feed::default();
    feed.count(Duration::ZERO, 100, 1);
    assert_eq!((feed.rate(1), feed.packet_rate(1)), (0.0, 0.0));
    assert_eq!(feed.values(), [0.0]);
}

proptest! {
    /// Whatever the lengths of intervals, a rate is between the lowest and the
    /// highest that there was.
    #[test]
    fn a_steady_flow_has_a_steady_rate(
        lengths in prop::collection::vec(1..3000u64, 1..200),
        window in 1..100u64,
    ) {
        let mut feed = Feed::default();
        for length in lengths {
            feed.count(Duration::from_millis(length), length * 1000, length);
        }
        prop_assert!((feed.rate(window) / 1e6 - 1.0).abs() < 0.001, "{}", feed.rate(window));
        prop_assert!((feed.packet_rate(window) / 1e3 - 1.0).abs() < 0.005, "{}", feed.packet_rate(window));
        prop_assert!(feed.values().iter().all(|v| (v / 1e6 - 1.0).abs() < 0.001));
    }
}
