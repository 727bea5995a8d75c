//! Moving in time.

use super::App;
use super::effect::Effect;
use super::past::Past;
use super::timeline::{Step, TimeEntry, faster, slower};
use crate::model::{Command, Level, Moment, Playback};

impl App {
    /// A step in time.
    pub(super) fn step_in_time(&mut self, step: Step) -> Option<Effect> {
        if self.state.playback.is_none() {
            self.state.find_marks();
        }
        let Some(timeline) = self.state.timeline() else {
            self.state.notify(Level::Info, NO_PAST);
            return None;
        };
        let Some(to) = timeline.after(step) else {
            let text = match step {
                Step::EarlierMark => "No problem and no notice is known before this moment.",
                _ => "No problem and no notice is known after this moment.",
            };
            self.state.notify(Level::Info, text);
            return None;
        };
        self.go_to(to)
    }

    /// Goes to a moment. The end of what is remembered is now.
    pub(super) fn go_to(&mut self, to: Moment) -> Option<Effect> {
        let Some(timeline) = self.state.timeline() else {
            self.state.notify(Level::Info, NO_PAST);
            return None;
        };
        if to < timeline.begin {
            let text = "What is remembered begins later; this is its first moment.";
            self.state.notify(Level::Info, text);
        }
        let timeline = self.state.timeline()?;
        let (begin, end) = (timeline.begin, timeline.end);
        let is_replay = timeline.playback.is_some();
        if !is_replay && to >= end {
            self.return_to_now();
            return None;
        }
        let to = to.clamp(begin, end);
        self.state.wanted = Some(to);
        Some(if is_replay {
            Effect::Source(Command::Seek(to))
        } else {
            Effect::Recall(Box::new(self.state.past_of(to)))
        })
    }

    /// Shows what was known at the moment that was asked for.
    pub(super) fn recalled(&mut self, past: Past) -> Vec<Effect> {
        // The user may have returned meanwhile.
        let Some(wanted) = self.state.wanted else {
            return Vec::new();
        };
        if wanted == past.at {
            self.state.wanted = None;
        }
        self.state.past = Some(past);
        self.state.find_marks();
        self.state.diagnose();
        self.refresh();
        vec![Effect::Draw]
    }

    /// Shows what there is now; returns whether it was something else before.
    pub(super) fn return_to_now(&mut self) -> bool {
        if self.state.past.is_none() && self.state.wanted.is_none() {
            return false;
        }
        if self.state.playback.is_some() {
            return false;
        }
        self.state.past = None;
        self.state.wanted = None;
        self.state.frozen = None;
        self.state.diagnose();
        self.refresh();
        true
    }

    /// Asks for a bundle of what is remembered.
    pub(super) fn bundle(&mut self) -> Effect {
        let problems = self.state.problems_in_words();
        self.state.notify(
            Level::Info,
            "Writing a bundle: recording, packets, devices, doctor, problems.",
        );
        Effect::Bundle(problems)
    }

    /// Takes over what became of a bundle.
    pub(super) fn bundled(&mut self, written: Result<String, String>) -> Vec<Effect> {
        match written {
            Ok(done) => self.state.notify(Level::Info, done),
            Err(reason) => {
                let text = format!("No bundle was written: {reason}.");
                self.state.notify(Level::Warning, text);
            }
        }
        vec![Effect::DrawSoon]
    }

    /// Takes over whether a file is recorded to.
    pub(super) fn recording(&mut self, state: Result<Option<String>, String>) -> Vec<Effect> {
        let (level, text) = match &state {
            Ok(Some(name)) => (Level::Info, format!("Recording to {name}.")),
            Ok(None) => {
                let name = self.state.recording.as_deref().unwrap_or_default();
                let text = format!("{name} is complete; nkview replay {name} shows it.");
                (Level::Info, text)
            }
            Err(reason) => (Level::Warning, format!("Recording stopped: {reason}.")),
        };
        self.state.notify(level, text);
        self.state.recording = state.unwrap_or_default();
        vec![Effect::DrawSoon]
    }

    /// Plays at another speed.
    pub(super) fn change_speed(&mut self, is_faster: bool) -> Option<Effect> {
        let Some(playback) = self.state.playback.as_mut() else {
            self.state.notify(Level::Info, ONLY_REPLAY);
            return None;
        };
        let next = if is_faster { faster } else { slower };
        // Until the source answers, so that a second key continues from there.
        playback.speed = next(playback.speed);
        Some(Effect::Source(Command::Speed(playback.speed)))
    }

    /// Opens the line in which a time is typed.
    pub(super) fn edit_time(&mut self) {
        if self.state.timeline().is_some() {
            self.state.time_entry = Some(TimeEntry::default());
        } else {
            self.state.notify(Level::Info, NO_PAST);
        }
    }

    /// Goes to the time that was typed.
    pub(super) fn accept_time(&mut self) -> Option<Effect> {
        let mut entry = self.state.time_entry.take()?;
        let state = &self.state;
        let timeline = state.timeline()?;
        let Some(to) = entry.moment(&timeline, &state.clock, &state.zone) else {
            entry.is_wrong = true;
            self.state.time_entry = Some(entry);
            return None;
        };
        self.go_to(to)
    }

    /// Takes over where a replay is.
    pub(super) fn playback(&mut self, playback: Playback) -> Vec<Effect> {
        if playback.restarts {
            self.state.restart();
        }
        self.state.playback = Some(playback);
        if playback.is_seeking {
            return Vec::new();
        }
        self.state.wanted = None;
        self.state.diagnose();
        self.refresh();
        vec![Effect::DrawSoon]
    }
}

const ONLY_REPLAY: &str = "Only a recording can be played faster or more slowly.";
const NO_PAST: &str = "Nothing is remembered yet, or --history 0 was given.";
