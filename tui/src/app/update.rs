//! What each action does.

use super::action::{Action, ColumnEdit, Effect, Motion, View};
use super::filtering::Filtering;
use super::flows::FlowsView;
use super::hosts::HostsView;
use super::{App, Overlay, copy, criteria};
use crate::model::{Command, Envelope, Event, Level, Notice};

impl App {
    /// Lets something happen.
    pub fn update(&mut self, action: Action) -> Vec<Effect> {
        let was_probe = self.view == View::Probe;
        let mut effects = self.apply(action);
        let is_probe = self.view == View::Probe;
        if was_probe != is_probe {
            effects.push(Effect::Source(Command::Measure(is_probe)));
        }
        let push_down = self.push_down.follow(self.filtering.kept());
        effects.extend(push_down.map(Effect::Source));
        effects
    }

    fn apply(&mut self, action: Action) -> Vec<Effect> {
        let mut effects = match action {
            Action::Source(envelope) => return self.hear(envelope),
            Action::Replied(command, result) => return self.replied(command, result),
            Action::Drawn(extent) => {
                let moved = self.drawn(extent).then_some(Effect::Draw);
                return moved.into_iter().chain(self.ask_names(extent)).collect();
            }
            Action::Named(address, name) => {
                self.hostnames.learn(address, name);
                return vec![Effect::DrawSoon];
            }
            Action::DetailDrawn(extent) => {
                return if self.inside().set_extent(extent) {
                    vec![Effect::Draw]
                } else {
                    Vec::new()
                };
            }
            Action::ColumnsDrawn(columns) => {
                self.flows.give_room(columns);
                return Vec::new();
            }
            Action::Used(usage) => {
                self.usage = Some(usage);
                return Vec::new();
            }
            Action::Quit => return vec![Effect::Quit],
            Action::Redraw => return vec![Effect::Clear],
            _ => vec![Effect::Draw],
        };
        match action {
            Action::Help => self.overlay = Some(Overlay::Help),
            Action::Back => self.back(),
            Action::Open => effects.extend(self.open()),
            Action::Watch => effects.extend(self.devices.toggle(self.known_devices())),
            Action::Pause => self.pause(),
            Action::Show(view) => self.show(view),
            Action::NextView => self.show(self.view.moved(1)),
            Action::PreviousView => self.show(self.view.moved(View::ALL.len() - 1)),
            Action::Move(motion) => self.step(motion),
            Action::Scroll(rows) => self.scroll(rows),
            Action::Select(item) => effects.extend(self.select(item)),
            Action::SortNext => self.sort(FlowsView::sort_next, HostsView::sort_next),
            Action::SortReverse => self.sort(
                |flows| flows.sort_by(flows.order.column),
                |hosts| hosts.sort_by(hosts.order.column),
            ),
            Action::SortFlows(column) => self.sort(|flows| flows.sort_by(column), |_| ()),
            Action::SortHosts(column) => self.sort(|_| (), |hosts| hosts.sort_by(column)),
            Action::Cell(to) => {
                if self.flows.list.selected().is_none() {
                    self.step(Motion::Down);
                }
                self.flows.move_cell(to);
            }
            Action::Columns => self.overlay = Some(Overlay::Columns),
            Action::Column(edit) => effects.extend(self.edit_columns(edit)),
            Action::Window => {
                self.measure = self.measure.next();
                self.refresh();
            }
            Action::ZoomIn => {
                self.zoom = self.zoom.shorter();
                self.refresh();
            }
            Action::ZoomOut => {
                self.zoom = self.zoom.longer();
                self.refresh();
            }
            Action::Whole => self.whole = !self.whole,
            Action::HostDetail => {
                if self.hosts.list.selected().is_none() {
                    self.step(Motion::Down);
                }
                self.hosts.detail = !self.hosts.detail && self.hosts.list.selected().is_some();
                self.refresh();
            }
            Action::Units => self.look.units = self.look.units.next(),
            Action::OwnSession if self.own.is_none() => self.say(
                Level::Info,
                "No SSH session of yours is known here: SSH_CONNECTION is set in none of the \
                 processes that started nkview.",
            ),
            Action::OwnSession => self.filter(Filtering::toggle_own),
            Action::Names => self.hostnames.toggle(),
            Action::Services => self.hostnames.toggle_services(),
            Action::CopySelected => effects.extend(self.copy(copy::selected(self))),
            Action::CopyFilter => {
                let filter = self.filtering.in_force();
                let text = (!filter.is_everything()).then(|| filter.to_string());
                effects.extend(self.copy(text));
            }
            Action::Closed => self.set_closed(self.filtering.closed().next()),
            Action::Direction => self.filter(Filtering::cycle_direction),
            Action::FilterBy(subject) => self.filter_by(subject),
            Action::EditFilter => self.filtering.open(),
            Action::RemovePart => match self.filtering.parts().len() {
                0 => (),
                1 => self.filter(|filtering| filtering.remove(0)),
                _ => self.overlay = Some(Overlay::Part),
            },
            Action::RemovePartAt(place) => {
                self.overlay = None;
                self.filter(|filtering| filtering.remove(place));
            }
            Action::ClearFilter => {
                self.overlay = None;
                self.filter(Filtering::clear);
            }
            Action::HostSide => {
                self.hosts.turn();
                self.refresh();
            }
            Action::HostPrefix => {
                self.hosts.widen();
                self.refresh();
            }
            Action::Unfold => {
                self.hosts.unfold(true);
                self.refresh();
            }
            Action::Fold => {
                let selected = self.hosts.list.selected();
                if selected.is_some_and(|group| self.hosts.branch(&group).open == Some(true)) {
                    self.hosts.unfold(false);
                } else {
                    self.hosts.leave();
                }
                self.refresh();
            }
            Action::PacketFlow => self.packet_flow(),
            Action::ScrollDetail(motion) => self.inside().step(motion),
            Action::Edit(edit) => self.edit(edit),
            Action::Paste(text) => self.filter(|filtering| filtering.paste(&text)),
            Action::Accept => self.filter(Filtering::accept),
            Action::Source(_)
            | Action::Replied(..)
            | Action::Named(..)
            | Action::Used(_)
            | Action::Drawn(_)
            | Action::DetailDrawn(_)
            | Action::ColumnsDrawn(_)
            | Action::Quit
            | Action::Redraw => (),
        }
        effects
    }

    pub(super) fn hear(&mut self, envelope: Envelope) -> Vec<Effect> {
        let host = self.host;
        let was_listed = self.known_devices().are_listed();
        self.live.apply(&envelope);
        match envelope.event {
            Event::Devices(_) => {
                let devices = &self.live.host(host).devices;
                // With nothing to see yet, it is asked what to watch.
                let choose = !was_listed && devices.watched().next().is_none();
                self.devices.refresh(devices, choose);
                if choose {
                    self.show(View::Devices);
                }
                self.refresh();
            }
            Event::Interval(interval) => {
                self.clock.follow(interval.anchor());
                self.notices.tick(interval.at);
                if self.frozen.is_none() {
                    self.recompute(FlowsView::advance);
                }
            }
            Event::Packets(_) => {
                if self.frozen.is_some() || self.view != View::Packets {
                    return Vec::new();
                }
                let host = self.live.host(host);
                let criteria = criteria(&self.filtering, &host.devices, self.own);
                self.packets.refresh(&host.packets, criteria);
            }
            Event::Notice(notice) => self.notices.push(notice),
            Event::Reply(_) | Event::Signals(_) => return Vec::new(),
            Event::Ended(reason) => {
                self.say(Level::Warning, reason.clone());
                self.ended = Some(reason);
            }
        }
        vec![Effect::DrawSoon]
    }

    /// What is shown as done is what the source has done.
    fn replied(&mut self, command: Command, result: Result<(), String>) -> Vec<Effect> {
        match (&command, &result) {
            (Command::PushDown(prefixes), _) => {
                self.push_down.replied(prefixes.as_deref(), result.is_ok());
            }
            (Command::Measure(true), Err(reason)) => self.not_measured = Some(reason.clone()),
            (Command::Measure(_), _) => self.not_measured = None,
            (Command::Watch(_) | Command::Unwatch(_), _) => {}
        }
        if let Err(reason) = result {
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
            };
            self.say(Level::Warning, text);
        }
        vec![Effect::DrawSoon]
    }

    fn edit_columns(&mut self, edit: ColumnEdit) -> Option<Effect> {
        let columns = &mut self.flows.columns;
        match edit {
            ColumnEdit::Toggle => columns.toggle(),
            ColumnEdit::ToggleThis(column) => {
                columns.choose(column);
                columns.toggle();
            }
            ColumnEdit::Move(shift) => columns.shift(shift),
            ColumnEdit::Sort => {
                let column = columns.chosen();
                self.sort(|flows| flows.sort_by(column), |_| ());
            }
            ColumnEdit::Copy => {
                let setting = columns.setting();
                return self.copy(Some(setting));
            }
        }
        None
    }

    pub(super) fn sort(
        &mut self,
        flows: impl FnOnce(&mut FlowsView),
        hosts: impl FnOnce(&mut HostsView),
    ) {
        match self.view {
            View::Flows => flows(&mut self.flows),
            View::Hosts => hosts(&mut self.hosts),
            View::Packets | View::Devices | View::Probe => return,
        }
        self.refresh();
    }

    pub(super) fn pause(&mut self) {
        self.frozen = match self.frozen {
            Some(_) => None,
            None => Some(self.live.clone()),
        };
        self.refresh();
    }

    /// Tells the user something.
    pub(super) fn say(&mut self, level: Level, text: impl Into<String>) {
        self.notices.push(Notice {
            at: self.live().flows.now(),
            level,
            text: text.into(),
        });
    }
}
