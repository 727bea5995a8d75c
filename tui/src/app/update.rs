//! What each action does.

use super::action::Action;
use super::effect::Effect;
use super::filtering::Filtering;
use super::line::Line;
use super::list::Motion;
use super::tab::Tab;
use super::views::View;
use super::{App, Overlay};
use crate::model::{Command, Envelope, Event, Level};

impl App {
    /// Lets something happen.
    pub fn update(&mut self, action: Action) -> Vec<Effect> {
        let measured = self.view().shows_cost();
        let mut effects = self.apply(action);
        let measures = self.view().shows_cost();
        if measured != measures {
            effects.push(Effect::Source(Command::Measure(measures)));
        }
        let push_down = self.state.push_down.follow(self.state.filtering.kept());
        effects.extend(push_down.map(Effect::Source));
        let shown = self.view().shows_flow();
        effects.extend(self.state.look_up(shown).map(Effect::Source));
        effects
    }

    fn apply(&mut self, action: Action) -> Vec<Effect> {
        let mut effects = match action {
            Action::Source(envelope) => return self.handle(envelope),
            Action::Replied(command, result) => return self.replied(command, result),
            Action::Drawn(extent) => {
                let moved = self.drawn(extent).then_some(Effect::Draw);
                return moved.into_iter().chain(self.ask_names(extent)).collect();
            }
            Action::Named(address, name) => {
                self.state.hostnames.learn(address, name);
                return vec![Effect::DrawSoon];
            }
            Action::DetailDrawn(extent) => {
                let moved = self.detail_drawn(extent).then_some(Effect::Draw);
                return moved.into_iter().collect();
            }
            Action::ColumnsDrawn(columns) => {
                self.views.flows.give_room(columns);
                return Vec::new();
            }
            Action::GraphDrawn(span) => {
                self.graph = span;
                return Vec::new();
            }
            Action::Recalled(past) => return self.recalled(*past),
            Action::Remembered(begin) => {
                self.state.remembered = Some(begin);
                return Vec::new();
            }
            Action::Recording(state) => return self.recording(state),
            Action::Bundled(written) => return self.bundled(written),
            Action::Sessions(sessions) => return self.sessions(sessions),
            Action::Used(usage) => {
                self.state.usage = Some(usage);
                return Vec::new();
            }
            Action::Quit => return vec![Effect::Quit],
            Action::Redraw => return vec![Effect::Clear],
            Action::Suspend => return vec![Effect::Suspend, Effect::Draw],
            Action::Mouse => {
                self.state.mouse = !self.state.mouse;
                self.state.notify(
                    Level::Info,
                    if self.state.mouse {
                        "Mouse on: it selects rows and follows clicks."
                    } else {
                        "Mouse off: the terminal selects text."
                    },
                );
                return vec![Effect::Mouse(self.state.mouse), Effect::Draw];
            }
            _ => vec![Effect::Draw],
        };
        match action {
            Action::Help => self.overlay = Some(Overlay::Help),
            Action::Back => self.back(),
            Action::Open => effects.extend(self.let_view(|view, state| view.open(state))),
            Action::Pause => effects.extend(self.pause()),
            Action::Step(step) => effects.extend(self.step_in_time(step)),
            Action::GoTo(moment) => effects.extend(self.go_to(moment)),
            Action::Faster => effects.extend(self.change_speed(true)),
            Action::Slower => effects.extend(self.change_speed(false)),
            Action::EditTime => self.edit_time(),
            Action::Record => effects.push(Effect::Record),
            Action::Bundle => effects.push(self.bundle()),
            Action::EditSearch => self.state.search.typing = Some(Line::default()),
            Action::Find(from) => self.find(from),
            Action::Edit(edit) if self.state.search.typing.is_some() => self.type_search(edit),
            Action::Accept if self.state.search.typing.is_some() => {
                self.state.search.typing = None;
            }
            Action::WatchFor => self.watch_for(),
            Action::Block => effects.extend(self.block()),
            Action::Edit(edit) if self.dialog().is_some() => {
                let host = self.state.live.host(self.state.host);
                if let Some(dialog) = &mut self.state.blocking.dialog {
                    dialog.edit(edit, host);
                }
            }
            Action::Accept if self.dialog().is_some() => effects.extend(self.accept_block()),
            Action::Accept if self.asks_lift() => effects.extend(self.accept_lift()),
            Action::Edit(edit) if self.state.time_entry.is_some() => {
                if let Some(entry) = &mut self.state.time_entry {
                    entry.is_wrong = false;
                    entry.line.edit(edit);
                }
            }
            Action::Accept if self.state.time_entry.is_some() => {
                effects.extend(self.accept_time());
            }
            Action::Show(tab) => self.show(tab),
            Action::NextView => self.show(self.tab.moved(1)),
            Action::PreviousView => self.show(self.tab.moved(Tab::ALL.len() - 1)),
            Action::Move(motion) => self.step(motion),
            Action::Scroll(rows) => self.scroll(rows),
            Action::Select(item) => effects.extend(self.select(item)),
            Action::Columns => self.overlay = Some(Overlay::Columns),
            Action::Window => {
                self.state.measure = self.state.measure.next();
                self.refresh();
            }
            Action::ZoomIn => {
                self.state.zoom = self.state.zoom.shorter();
                self.refresh();
            }
            Action::ZoomOut => {
                self.state.zoom = self.state.zoom.longer();
                self.refresh();
            }
            Action::Cursor(to) => self.move_cursor(to),
            Action::Whole => {
                self.whole = !self.whole;
                self.refresh();
            }
            Action::Units => self.state.appearance.units = self.state.appearance.units.next(),
            Action::OwnSession if self.state.own.is_none() => self.state.notify(
                Level::Info,
                "Your SSH session is unknown: SSH_CONNECTION is not set in any of the processes \
                 that started nkview.",
            ),
            Action::OwnSession => self.filter(Filtering::toggle_own),
            Action::Names => {
                self.state.hostnames.toggle();
                let text = if self.state.hostnames.shown() {
                    "Host names from DNS, as the answers come."
                } else {
                    "Addresses instead of host names."
                };
                self.state.notify(Level::Info, text);
            }
            Action::Services => self.state.hostnames.toggle_services(),
            Action::CopySelected => {
                let text = self.view().copy(&self.state);
                effects.extend(self.copy(text));
            }
            Action::CopyFilter => {
                let filter = self.state.filtering.in_force();
                let text = (!filter.is_everything()).then(|| filter.to_string());
                effects.extend(self.copy(text));
            }
            Action::Closed => self.set_closed(self.state.filtering.closed().next()),
            Action::Direction => self.filter(Filtering::cycle_direction),
            Action::FilterBy(subject) => self.filter_by(subject),
            Action::EditFilter => self.state.filtering.open(),
            Action::RemovePart => self.remove_part(),
            Action::RemovePartAt(place) => self.remove_part_at(place),
            Action::ClearFilter => {
                self.overlay = None;
                self.filter(Filtering::clear);
            }
            Action::ScrollDetail(motion) => {
                let scroll = self.views.get_mut(self.tab).detail_scroll();
                scroll.into_iter().for_each(|scroll| scroll.step(motion));
            }
            Action::Edit(edit) => self.edit(edit),
            Action::Paste(text) => self.filter(|filtering| filtering.paste(&text)),
            Action::Accept => self.filter(Filtering::accept),
            // What not every view has.
            action => effects.extend(self.let_view(|view, state| view.act(&action, state))),
        }
        effects
    }

    fn handle(&mut self, envelope: Envelope) -> Vec<Effect> {
        let was_listed = self.state.known_devices().are_listed();
        self.state.apply(&envelope);
        // What leads to the moment that was asked for is not shown.
        let is_seeking = self.state.playback.is_some_and(|it| it.is_seeking);
        match envelope.event {
            Event::Playback(playback) => return self.playback(playback),
            Event::Marks { new, until } => {
                let (marks, searched) = &mut self.state.marks;
                marks.extend(new);
                marks.sort_unstable();
                *searched = until;
            }
            Event::Interval(interval) if is_seeking => {
                self.state.clock.follow(interval.anchor());
                return Vec::new();
            }
            Event::Devices(_) | Event::Packets(_) if is_seeking => return Vec::new(),
            Event::Devices(_) => {
                // With nothing to see yet, it is asked what to watch.
                let devices = self.state.known_devices();
                let choose = !was_listed && devices.watched().next().is_none();
                if choose {
                    self.show(Tab::Devices);
                    self.views.devices.step(Motion::First, &self.state);
                }
                self.refresh();
            }
            Event::Interval(interval) => {
                self.state.clock.follow(interval.anchor());
                self.state.notices.tick(interval.at);
                if self.state.past.is_some() {
                    self.state.find_marks();
                }
                self.look_at_block();
                if !self.state.is_still() {
                    self.state.diagnose();
                    self.recompute(|view, state| view.advance(state));
                }
            }
            Event::Packets(_) => {
                if self.state.is_still() || !self.view().shows_packets() {
                    return Vec::new();
                }
                self.views.get_mut(self.tab).refresh(&self.state);
            }
            Event::Notice(notice) => self.state.notices.push(notice),
            Event::Reach(_) => self.refresh(),
            Event::Blocks(blocks) => {
                self.state.blocking.follow(&blocks);
                if self.state.blocking.rules.is_empty() && self.asks_lift() {
                    self.overlay = None;
                }
            }
            Event::Reply(_) | Event::Signals(_) => return Vec::new(),
            Event::Ended(reason) => {
                // The kernel lifts the rules of a source that ends.
                self.state.blocking.follow(&[]);
                self.close_dialog();
                self.state.notify(Level::Warning, reason.to_string());
                self.state.ended = Some(reason.to_string());
            }
        }
        vec![Effect::DrawSoon]
    }

    /// What is shown as done is what the source has done.
    fn replied(&mut self, command: Command, result: Result<(), String>) -> Vec<Effect> {
        match (&command, &result) {
            (Command::PushDown(prefixes), _) => {
                self.state
                    .push_down
                    .replied(prefixes.as_deref(), result.is_ok());
            }
            (Command::LookUp { .. }, result) => self.state.looking_up.replied(result),
            (Command::Measure(true), Err(reason)) => self.state.not_measured = Some(reason.clone()),
            (Command::Measure(_), _) => self.state.not_measured = None,
            (Command::Seek(_), Err(_)) => self.state.wanted = None,
            _ => {}
        }
        // Where nothing is measured or looked up, the view itself says why.
        let is_said = match command {
            Command::Measure(_) => self.state.session.privileges.is_none(),
            Command::LookUp { .. } => true,
            _ => false,
        };
        if let Err(reason) = result
            && !is_said
        {
            let text = match command {
                Command::Watch(name) => format!("cannot watch {name}: {reason}"),
                Command::Unwatch(name) => format!("cannot stop watching {name}: {reason}"),
                Command::PushDown(_) => format!(
                    "cannot apply the filter in the kernel: {reason}; packets are filtered \
                     here only"
                ),
                Command::Measure(true) => {
                    format!("cannot measure what the programs cost: {reason}")
                }
                Command::Measure(false) => {
                    format!("cannot stop measuring what the programs cost: {reason}")
                }
                Command::LookUp { .. } => format!("cannot look up the flow: {reason}"),
                Command::Seek(_) => format!("cannot go there: {reason}"),
                Command::Play(_) => format!("cannot play: {reason}"),
                Command::Speed(_) => format!("cannot change the speed: {reason}"),
                Command::Block { rule, .. } => format!("cannot block {}: {reason}", rule.text),
                Command::Lift(_) => format!("cannot lift the rule: {reason}"),
            };
            self.state.notify(Level::Warning, text);
        }
        vec![Effect::DrawSoon]
    }

    pub(super) fn pause(&mut self) -> Option<Effect> {
        if let Some(playback) = &self.state.playback {
            let plays = !playback.is_playing;
            return Some(Effect::Source(Command::Play(plays)));
        }
        if self.state.past.is_some() {
            self.return_to_now();
            return None;
        }
        self.state.frozen = match self.state.frozen {
            Some(_) => None,
            None => Some(self.state.live.clone()),
        };
        if self.state.frozen.is_none() {
            self.state.diagnose();
        }
        self.refresh();
        None
    }
}
