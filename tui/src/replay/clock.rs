//! When the events of a recording are due.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::model::Moment;

/// The time of a recording, as it is played.
#[derive(Debug)]
pub struct Clock {
    /// A moment, and when it was or is played.
    at: (Moment, Instant),
    /// How many times faster than then, in hundredths.
    speed: u32,
    is_running: bool,
}

impl Clock {
    /// Starts at a moment.
    pub fn new(at: Moment, speed: u32) -> Self {
        Self {
            at: (at, Instant::now()),
            speed,
            is_running: true,
        }
    }

    /// The moment that is played now.
    pub fn now(&self) -> Moment {
        let (at, since) = self.at;
        if !self.is_running {
            return at;
        }
        let played = since.elapsed().as_secs_f64() * f64::from(self.speed) / 100.0;
        at.saturating_add(Duration::try_from_secs_f64(played).unwrap_or(Duration::MAX))
    }

    /// Goes on from a moment.
    pub fn set(&mut self, at: Moment) {
        self.at = (at, Instant::now());
    }

    /// Plays at this speed from now on.
    pub fn play_at(&mut self, speed: u32) {
        self.set(self.now());
        self.speed = speed;
    }

    /// Stops, or goes on.
    pub fn run(&mut self, is_running: bool) {
        self.set(self.now());
        self.is_running = is_running;
    }

    pub const fn speed(&self) -> u32 {
        self.speed
    }

    pub const fn is_running(&self) -> bool {
        self.is_running
    }

    /// Waits until a moment is played: for ever while that stands still before it.
    pub async fn wait(&self, moment: Moment) {
        let (at, since) = self.at;
        let ahead = moment.saturating_sub(at);
        if ahead.is_zero() {
            return;
        }
        if !self.is_running {
            return std::future::pending().await;
        }
        let ahead = ahead.as_secs_f64() * 100.0 / f64::from(self.speed);
        let ahead = Duration::try_from_secs_f64(ahead).unwrap_or(Duration::MAX);
        // A damaged clock must not hold up the rest for ever.
        if let Some(due) = since.checked_add(ahead) {
            sleep_until(due).await;
        }
    }
}
