//! The time of what is shown, where that is not simply now.

use std::time::Duration;

use jiff::civil::Time;
use jiff::tz::TimeZone;

use super::line::Line;
use crate::model::{Mark, Moment, Playback, WallClock};

#[cfg(test)]
mod tests;

/// The speeds that keys choose among, in hundredths.
const SPEEDS: [u32; 13] = [
    10, 25, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000,
];
/// A step, and a large one.
const STEP: Duration = Duration::from_secs(1);
const LARGE_STEP: Duration = Duration::from_secs(60);

/// A step in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A second back.
    Back,
    /// A second forward.
    Forward,
    /// A minute back.
    MinuteBack,
    /// A minute forward.
    MinuteForward,
    /// Back to a mark: a finding's begin or a notice.
    EarlierMark,
    /// Forward to a mark.
    LaterMark,
}

/// Where what is shown is in time.
#[derive(Clone, Copy, Debug)]
pub struct Timeline<'a> {
    /// The first moment to which one can go.
    pub begin: Moment,
    /// The last one.
    pub end: Moment,
    /// The moment that is shown.
    pub at: Moment,
    /// What is shown was counted since then.
    pub since: Moment,
    /// Up to here all marks are known.
    pub searched: Moment,
    /// What is worth a look, in the order of time.
    pub marks: &'a [Mark],
    /// How it plays; nothing where it stands still.
    pub playback: Option<&'a Playback>,
}

impl Timeline<'_> {
    /// Where a step leads to; nothing where there is no such mark.
    #[must_use]
    pub fn after(&self, step: Step) -> Option<Moment> {
        // Marks are within intervals, and what is shown is at the end of one.
        let marks = self.marks.iter().map(|mark| mark.at);
        let to = match step {
            Step::Back => self.at.saturating_sub(STEP),
            Step::Forward => self.at + STEP,
            Step::MinuteBack => self.at.saturating_sub(LARGE_STEP),
            Step::MinuteForward => self.at + LARGE_STEP,
            Step::EarlierMark => marks.rev().find(|at| *at + STEP < self.at)? + STEP,
            Step::LaterMark => marks.into_iter().find(|at| *at > self.at)? + STEP,
        };
        Some(to.clamp(self.begin, self.end))
    }
}

/// The next speed upwards.
#[must_use]
pub fn faster(speed: u32) -> u32 {
    let next = SPEEDS.into_iter().find(|it| *it > speed);
    next.unwrap_or(speed)
}

/// The next speed downwards.
#[must_use]
pub fn slower(speed: u32) -> u32 {
    let next = SPEEDS.into_iter().rev().find(|it| *it < speed);
    next.unwrap_or(speed)
}

/// A time that is being typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TimeEntry {
    /// What was typed.
    pub line: Line,
    /// Whether it was no time when it was to be accepted.
    pub is_wrong: bool,
}

impl TimeEntry {
    /// The moment that is meant: a time of day (14:03, 14:03:20) or a distance (-90s,
    /// +5m).
    #[must_use]
    pub fn moment(
        &self,
        timeline: &Timeline<'_>,
        clock: &WallClock,
        zone: &TimeZone,
    ) -> Option<Moment> {
        let text = self.line.text().trim();
        if let Some(back) = text.strip_prefix('-') {
            return Some(timeline.at.saturating_sub(distance(back)?));
        }
        if let Some(forward) = text.strip_prefix('+') {
            return Some(timeline.at.saturating_add(distance(forward)?));
        }
        let time: Time = text.parse().ok()?;
        // A recording over midnight has some times twice: the first is meant.
        let begin = clock.at(timeline.begin).to_zoned(zone.clone());
        let days = [0, 1].into_iter().filter_map(|days| {
            let date = begin.date().checked_add(jiff::Span::new().days(days));
            let wall = date.ok()?.to_datetime(time).to_zoned(zone.clone()).ok()?;
            clock.moment(wall.timestamp())
        });
        let distance = |moment: &Moment| {
            let nearest = (*moment).clamp(timeline.begin, timeline.end);
            moment.abs_diff(nearest)
        };
        days.min_by_key(distance)
    }
}

/// A number of seconds (s), minutes (m) or hours (h).
fn distance(text: &str) -> Option<Duration> {
    let (number, unit) = match text.strip_suffix(['s', 'm', 'h']) {
        Some(number) => (number, &text[number.len()..]),
        None => (text, "s"),
    };
    let number: u64 = number.trim().parse().ok()?;
    let seconds = match unit {
        "m" => 60,
        "h" => 3_600,
        _ => 1,
    };
    number.checked_mul(seconds).map(Duration::from_secs)
}
