//! Moving in time.

use super::App;
use super::effect::Effect;
use super::timeline::{Step, TimeEntry, faster, slower};
use crate::model::{Command, Level, Moment, Playback};

impl App {
    /// A step in time.
    pub(super) fn step_in_time(&mut self, step: Step) -> Option<Effect> {
        let Some(timeline) = self.state.timeline() else {
            self.state.notify(Level::Info, ONLY_REPLAY);
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

    /// Goes to a moment.
    pub(super) fn go_to(&mut self, to: Moment) -> Option<Effect> {
        let timeline = self.state.timeline()?;
        let to = to.clamp(timeline.begin, timeline.end);
        self.state.wanted = Some(to);
        Some(Effect::Source(Command::Seek(to)))
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
            self.state.notify(Level::Info, ONLY_REPLAY);
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

const ONLY_REPLAY: &str = "Only a recording can be moved through: nkview replay FILE.";
