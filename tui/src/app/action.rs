//! What can happen to the application, and what it asks for in return.

use std::net::IpAddr;

use ipnet::IpNet;
use probe_common::FlowKey;

use super::columns::{Column, Shift};
use super::ends;
use super::filtering::Subject;
use super::hosts::HostColumn;
use super::list::Extent;
use super::usage::Usage;
use crate::source::{Command, Event};

/// Everything that can happen: a binding of the keyboard, a click, text that
/// was typed, an event of the source.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Leave the program.
    Quit,
    /// Draw everything anew.
    Redraw,
    /// Open or close the help.
    Help,
    /// Close what is open, or else give up the selection.
    Back,
    /// Act on what is selected.
    Open,
    /// Watch the selected device, or stop watching it.
    Watch,
    /// Freeze the picture, or take it up again.
    Pause,
    /// Show a view.
    Show(View),
    /// Show the view to the right of this one.
    NextView,
    /// Show the view to the left of this one.
    PreviousView,
    /// Move the selection.
    Move(Motion),
    /// Scroll by so many rows, the selection stays where it is.
    Scroll(i32),
    /// Select this.
    Select(Item),
    /// Sort by the next column.
    SortNext,
    /// Turn the order around.
    SortReverse,
    /// Sort flows by this column, or turn the order around if they are.
    SortFlows(Column),
    /// Sort hosts by this column, or turn the order around if they are.
    SortHosts(HostColumn),
    /// Choose the columns of the flow table.
    Columns,
    /// Change what columns are shown.
    Column(ColumnEdit),
    /// Go on to the next window for rates.
    Window,
    /// Show graphs of a shorter time.
    ZoomIn,
    /// Show graphs of a longer time.
    ZoomOut,
    /// Open or close the graph of all that is watched.
    Whole,
    /// Open or close the detail of the selected group of hosts.
    HostDetail,
    /// Show rates in bits or in bytes.
    Units,
    /// Go on to what happens to closed flows next.
    Closed,
    /// Hide or show the SSH session through which the user looks.
    OwnSession,
    /// Copy what is selected to the user's clipboard.
    CopySelected,
    /// Copy the filter to the user's clipboard.
    CopyFilter,
    /// Show names in place of addresses, or addresses again.
    Names,
    /// An address has this name, or none.
    Named(IpAddr, Option<String>),
    /// Go on to the next direction: both, in, out.
    Direction,
    /// Filter by something of what is selected; again: by what is offered next.
    FilterBy(Subject),
    /// Open the line in which the filter is typed.
    EditFilter,
    /// Remove a part of the filter: ask which when there are several.
    RemovePart,
    /// Remove this part of the filter.
    RemovePartAt(usize),
    /// Remove all of the filter.
    ClearFilter,
    /// Group hosts by the other end of the flows.
    HostSide,
    /// Open the hosts down to wider prefixes, and then down to addresses again.
    HostPrefix,
    /// Show the groups in the selected one.
    Unfold,
    /// Hide the groups in the selected one, or go to the one that it is in.
    Fold,
    /// Show the flow of the selected packet.
    PacketFlow,
    /// Scroll the detail.
    ScrollDetail(Motion),
    /// Edit the filter that is being typed.
    Edit(Edit),
    /// Text was pasted.
    Paste(String),
    /// Keep the filter that is being typed.
    Accept,
    /// The source says something.
    Source(Event),
    /// What the process has used lately.
    Used(Usage),
    /// A frame was drawn, and so much of the view was visible.
    Drawn(Extent),
    /// So much of the detail was visible.
    DetailDrawn(Extent),
}

impl Action {
    /// Its name in the configuration, made from the words of the variants:
    /// `edit-filter`, `move-page-up`.
    #[must_use]
    pub fn name(&self) -> String {
        let mut name = String::new();
        let mut starts = true;
        for character in format!("{self:?}").chars() {
            if !character.is_alphanumeric() {
                starts = true;
                continue;
            }
            if character.is_uppercase() || starts {
                if !name.is_empty() {
                    name.push('-');
                }
                starts = false;
            }
            name.extend(character.to_lowercase());
        }
        name
    }
}

/// A change of the line that is being typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Insert a character.
    Insert(char),
    /// Delete the character before the cursor.
    Backspace,
    /// Delete the character under the cursor.
    Delete,
    /// Delete the word before the cursor.
    DeleteWord,
    /// Delete all before the cursor.
    DeleteToStart,
    /// Delete all from the cursor on.
    DeleteToEnd,
    /// Move one character to the left.
    Left,
    /// Move one character to the right.
    Right,
    /// Move to the start.
    Start,
    /// Move to the end.
    End,
    /// Take up the filter that was kept before.
    Earlier,
    /// Take up the filter that was kept after.
    Later,
    /// Complete the word before the cursor; again: with the next proposal.
    Complete,
}

/// A change of the columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnEdit {
    /// Show the chosen one, or hide it.
    Toggle,
    /// Show this one, or hide it.
    ToggleThis(Column),
    /// Move it.
    Move(Shift),
    /// Sort by it.
    Sort,
    /// Copy the setting that keeps all of this.
    Copy,
}

/// A movement of the selection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Motion {
    /// One row up.
    Up,
    /// One row down.
    Down,
    /// A screen up.
    PageUp,
    /// A screen down.
    PageDown,
    /// The first row.
    First,
    /// The last row.
    Last,
}

/// An end of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The end that the device leads to.
    Local,
    /// The other end.
    Remote,
}

impl Side {
    /// The other side.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Local => Self::Remote,
            Self::Remote => Self::Local,
        }
    }

    /// The name that users see, which is the filter's word for it too.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Remote => "remote",
        }
    }
}

/// One of the views.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum View {
    /// The flow table.
    Flows,
    /// The packets that got an event.
    Packets,
    /// Flows grouped by prefix.
    Hosts,
    /// The network devices, watched or not.
    Devices,
    /// What the probe itself does, and whether the sums add up.
    Probe,
}

impl View {
    /// All views in the order of their tabs.
    pub const ALL: [Self; 5] = [
        Self::Flows,
        Self::Packets,
        Self::Hosts,
        Self::Devices,
        Self::Probe,
    ];

    /// The name in the tab.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Flows => "Flows",
            Self::Packets => "Packets",
            Self::Hosts => "Hosts",
            Self::Devices => "Devices",
            Self::Probe => "Probe",
        }
    }

    /// The view whose tab is so many places to the right, around the end.
    #[must_use]
    pub const fn moved(self, places: usize) -> Self {
        Self::ALL[(self as usize + places) % Self::ALL.len()]
    }
}

/// Something that can be selected, by what it is and not by where it stands:
/// rows move, and a key must never hit another one than was meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    /// A flow.
    Flow(FlowKey),
    /// A packet, by its number.
    Packet(u64),
    /// A group of hosts.
    Host(HostGroup),
    /// A device, by its interface index.
    Device(u32),
}

/// What flows are grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HostGroup {
    /// Flows with an address in this prefix.
    Prefix(IpNet),
    /// Flows without addresses, by their ethertype.
    EtherType(u16),
}

impl HostGroup {
    /// Whether a flow is in it by the address of this side.
    #[must_use]
    pub fn has(&self, key: &FlowKey, side: Side) -> bool {
        match (self, ends::address(key, side)) {
            (Self::Prefix(prefix), Some(address)) => prefix.contains(&address),
            (Self::EtherType(number), None) => key.ether_type == *number,
            _ => false,
        }
    }

    /// The address, where the group is a single one.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        match self {
            Self::Prefix(prefix) if prefix.prefix_len() == prefix.max_prefix_len() => {
                Some(prefix.addr())
            }
            _ => None,
        }
    }
}

/// What the application asks of the runtime.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Draw at once: the user did something.
    Draw,
    /// Draw soon, together with what else may come.
    DrawSoon,
    /// Draw everything anew.
    Clear,
    /// Put this into the user's clipboard.
    Copy(String),
    /// Ask for the names of these addresses.
    Resolve(Vec<IpAddr>),
    /// Leave.
    Quit,
    /// Tell the source.
    Source(Command),
}
