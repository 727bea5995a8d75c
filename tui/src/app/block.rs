//! Dropping packets, and ending that, at the user's request.

use super::blocking::Dialog;
use super::effect::Effect;
use super::list::Motion;
use super::own::OwnSession;
use super::{App, Overlay};
use crate::model::{Command, Level};

const OFF: &str = "Blocking is off; --allow-block, or allow-block in config.toml, allows it.";
const RECORDED: &str = "This is a recording: nothing of it can be blocked.";
const ENDED: &str = "Nothing can be blocked: the source has ended.";
const EARLIER: &str = "Esc returns to now, where something can be blocked.";
const NOTHING: &str = "Select a flow, packet, host, device or problem first (arrow keys).";

impl App {
    /// Asks whether to drop what is selected; first, whether to lift what is dropped
    /// already.
    pub(super) fn block(&mut self) -> Option<Effect> {
        let state = &self.state;
        let obstacle = if state.playback.is_some() {
            Some(RECORDED)
        } else if !state.blocking.is_allowed {
            Some(OFF)
        } else if state.ended.is_some() {
            Some(ENDED)
        } else {
            None
        };
        if let Some(text) = obstacle {
            self.state.notify(Level::Info, text);
            return None;
        }
        let has_asked = self.overlay == Some(Overlay::Lift);
        if !has_asked && !self.state.blocking.rules.is_empty() {
            self.overlay = Some(Overlay::Lift);
            return None;
        }
        self.overlay = None;
        if self.state.past.is_some() {
            self.state.notify(Level::Info, EARLIER);
            return None;
        }
        let rules = self.view().rules(&self.state).unwrap_or_default();
        if rules.is_empty() {
            self.state.notify(Level::Info, NOTHING);
            return None;
        }
        self.state.blocking.dialog = Some(Dialog::new(rules));
        self.overlay = Some(Overlay::Block);
        Some(Effect::FindSessions)
    }

    /// Takes over the SSH sessions as they are now: what is asked is judged by these,
    /// and by those of the start.
    pub(super) fn sessions(&mut self, mut sessions: Vec<OwnSession>) -> Vec<Effect> {
        let host = self.state.live.host(self.state.host);
        sessions.extend(&self.state.blocking.sessions);
        let Some(dialog) = &mut self.state.blocking.dialog else {
            return Vec::new();
        };
        dialog.judge(&sessions, host);
        dialog.look(host);
        let mut effects = vec![Effect::Draw];
        if let Some((rule, time)) = dialog.confirmed() {
            self.close_dialog();
            let rule = Box::new(rule);
            effects.push(Effect::Source(Command::Block { rule, time }));
        }
        effects
    }

    /// Takes what was typed in the dialog.
    pub(super) fn accept_block(&mut self) -> Option<Effect> {
        let dialog = self.state.blocking.dialog.as_mut()?;
        // Sessions and devices may have changed meanwhile.
        dialog.accept().then_some(Effect::FindSessions)
    }

    /// Lifts the chosen rule.
    pub(super) fn accept_lift(&mut self) -> Option<Effect> {
        self.overlay = None;
        let rules = &self.state.blocking.rules;
        let chosen = self.state.blocking.chosen;
        let is_there = rules.iter().any(|rule| rule.id == chosen);
        is_there.then_some(Effect::Source(Command::Lift(chosen)))
    }

    /// Chooses another rule to lift.
    pub(super) fn choose_block(&mut self, motion: Motion) {
        match motion {
            Motion::Down => self.state.blocking.choose(true),
            Motion::Up => self.state.blocking.choose(false),
            _ => {}
        }
    }

    /// Shows anew what the rule would have dropped.
    pub(super) fn look_at_block(&mut self) {
        let host = self.state.live.host(self.state.host);
        if let Some(dialog) = &mut self.state.blocking.dialog {
            dialog.look(host);
        }
    }

    pub(super) fn close_dialog(&mut self) {
        self.state.blocking.dialog = None;
        if matches!(self.overlay, Some(Overlay::Block | Overlay::Lift)) {
            self.overlay = None;
        }
    }
}
