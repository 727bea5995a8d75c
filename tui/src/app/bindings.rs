//! What the keys do: where, by which name in the configuration file, and in
//! in which words the footer and the help describe them.

use super::action::Action as A;
use super::columns::{ColumnEdit, Shift};
use super::ends::Side;
use super::filtering::Subject;
use super::line::Edit;
use super::list::{Find, Motion};
use super::tab::Tab;
use super::timeline::Step;

/// Where a key does something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Context {
    /// Everywhere.
    Always,
    /// In every view, unless something is typed or an overlay is open.
    Main,
    /// In this view.
    View(Tab),
    /// While a filter is typed.
    Filter,
    /// While a time is typed.
    Time,
    /// While is typed what to search for.
    Find,
    /// While the user is asked which part of the filter to remove.
    Part,
    /// While the columns are chosen.
    Columns,
    /// While it is asked whether to drop packets.
    Block,
    /// While it is asked whether to lift a rule.
    Lift,
    /// While the help is open.
    Help,
}

impl Context {
    /// All contexts, in the order of the help.
    pub fn all() -> impl Iterator<Item = Self> {
        let others = [
            Self::Filter,
            Self::Time,
            Self::Find,
            Self::Part,
            Self::Columns,
            Self::Block,
            Self::Lift,
            Self::Help,
            Self::Always,
        ];
        std::iter::once(Self::Main)
            .chain(Tab::ALL.iter().copied().map(Self::View))
            .chain(others)
    }

    /// The heading in the help.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Always => "Always",
            Self::Main => "In every view",
            Self::View(tab) => tab.name(),
            Self::Filter => "While typing a filter",
            Self::Time => "While typing a time",
            Self::Find => "While searching",
            Self::Part => "While removing a part of the filter",
            Self::Columns => "While choosing columns",
            Self::Block => "Before dropping packets",
            Self::Lift => "While packets are dropped, after B",
            Self::Help => "In this help",
        }
    }

    /// The name of its table in the configuration file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Main => "main",
            Self::View(tab) => tab.key(),
            Self::Filter => "filter",
            Self::Time => "time",
            Self::Find => "find",
            Self::Part => "part",
            Self::Columns => "columns",
            Self::Block => "block",
            Self::Lift => "lift",
            Self::Help => "help",
        }
    }

    /// The contexts whose keys work together with those of this one, nearest
    /// first.
    #[must_use]
    pub fn chain(self) -> Vec<Self> {
        match self {
            Self::View(_) => vec![self, Self::Main, Self::Always],
            Self::Always => vec![self],
            _ => vec![self, Self::Always],
        }
    }

    /// Whether there is a place where the keys of both work.
    #[must_use]
    pub fn meets(self, other: Self) -> bool {
        Self::all().any(|place| {
            let chain = place.chain();
            chain.contains(&self) && chain.contains(&other)
        })
    }

    /// The default keys; those of a view are its own.
    #[must_use]
    pub(super) const fn rows(self) -> &'static [Row] {
        match self {
            Self::Main => MAIN,
            Self::View(_) => &[],
            Self::Filter => FILTER,
            Self::Time => TIME,
            Self::Find => FIND,
            Self::Part => PART,
            Self::Columns => COLUMNS,
            Self::Block => BLOCK,
            Self::Lift => LIFT,
            Self::Help => HELP,
            Self::Always => ALWAYS,
        }
    }
}

/// What some keys do in a context.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The default keys by their names, with spaces between them.
    pub keys: &'static str,
    /// The name in the configuration file. It is part of the interface: users'
    /// files have it.
    pub name: &'static str,
    /// What the keys do.
    pub action: A,
    /// For the footer, one or two words; empty where it would only crowd it.
    pub short: &'static str,
    /// For the help, a sentence.
    pub long: &'static str,
}

/// A row.
pub const fn row(
    keys: &'static str,
    name: &'static str,
    action: A,
    short: &'static str,
    long: &'static str,
) -> Row {
    Row {
        keys,
        name,
        action,
        short,
        long,
    }
}

/// Filtering by what the selected flow, or the flow of the selected packet, has.
#[rustfmt::skip]
pub const BY_FLOW: &[Row] = &[
    row("a", "filter-by-address-remote", A::FilterBy(Subject::Address(Side::Remote)), "by address", "Filter by the remote address; again: by a wider prefix"),
    row("A", "filter-by-address-local", A::FilterBy(Subject::Address(Side::Local)), "", "Filter by the local address; again: by a wider prefix"),
    row("t", "filter-by-protocol", A::FilterBy(Subject::Protocol), "", "Filter by the protocol; again: remove that"),
    row("p", "filter-by-port", A::FilterBy(Subject::Port), "", "Filter by the service's port; again: by the other port"),
];

/// Scrolling the details below the table.
#[rustfmt::skip]
pub const DETAIL: &[Row] = &[
    row("J", "scroll-detail-down", A::ScrollDetail(Motion::Down), "scroll", "Scroll the details down"),
    row("K", "scroll-detail-up", A::ScrollDetail(Motion::Up), "", "Scroll the details up"),
];

#[rustfmt::skip]
const MAIN: &[Row] = &[
    row("/", "edit-filter", A::EditFilter, "filter", "Edit the filter; the table follows while you type"),
    row("Ctrl-F", "edit-search", A::EditSearch, "", "Search for text in the rows"),
    row("F3", "find-next", A::Find(Find::Next), "", "To the next row with the text that was searched for"),
    row("F4", "find-previous", A::Find(Find::Previous), "", "To the previous row with that text"),
    row("d", "direction", A::Direction, "direction", "Both directions, only in, only out"),
    row("Backspace", "remove-part", A::RemovePart, "remove filter", "Remove a part of the filter"),
    row("X", "clear-filter", A::ClearFilter, "", "Remove the whole filter"),
    row("Space", "pause", A::Pause, "pause", "Pause the display; counting continues"),
    row("[", "time-back", A::Step(Step::Back), "", "A second back in time; Esc returns to now"),
    row("]", "time-forward", A::Step(Step::Forward), "", "A second forward in time"),
    row("{", "time-minute-back", A::Step(Step::MinuteBack), "", "A minute back in time"),
    row("}", "time-minute-forward", A::Step(Step::MinuteForward), "", "A minute forward in time"),
    row("(", "time-earlier-mark", A::Step(Step::EarlierMark), "", "Back in time to where a problem began or a notice came"),
    row(")", "time-later-mark", A::Step(Step::LaterMark), "", "Forward in time to where a problem began or a notice came"),
    row("T", "edit-time", A::EditTime, "", "Go to a time of day (14:03:20), or by a distance (-90s, +5m)"),
    row(".", "faster", A::Faster, "", "Play a recording faster"),
    row(",", "slower", A::Slower, "", "Play a recording more slowly"),
    row("R", "record", A::Record, "", "Start or stop recording to a file in the working directory"),
    row("x", "bundle", A::Bundle, "", "Write what is remembered to an archive: recording, packets, devices, doctor, problems"),
    row("B", "block", A::Block, "", "Drop the packets of what is selected, after asking; needs --allow-block. Again: lift"),
    row("W", "watch-for", A::WatchFor, "", "Report flows of the filter as problems when they appear; again: do not. No packet is touched"),
    row("w", "window", A::Window, "window", "Rates over the last 1, 10 or 60 seconds, or totals"),
    row("c", "closed", A::Closed, "", "Closed flows: removed after ten seconds, kept, or hidden"),
    row("o", "own-session", A::OwnSession, "", "Hide or show your own SSH session"),
    row("n", "names", A::Names, "", "Host names from DNS, or addresses; no lookups before you ask"),
    row("N", "services", A::Services, "", "Service names (https), or port numbers; filters accept these names too"),
    row("y", "copy-selected", A::CopySelected, "", "Copy the selected row or cell to your clipboard (OSC 52)"),
    row("Y", "copy-filter", A::CopyFilter, "", "Copy the filter to your clipboard"),
    row("M", "mouse", A::Mouse, "", "Give the mouse to the terminal to select text, or take it back"),
    row("+ =", "zoom-in", A::ZoomIn, "", "Zoom in: graphs of ten minutes, then of the last minute"),
    row("-", "zoom-out", A::ZoomOut, "", "Zoom out: graphs of ten minutes; totals and devices also of an hour"),
    row("<", "cursor-left", A::Cursor(Shift::Left), "", "Read the graphs: a cursor with time and values, to the left; Esc removes it"),
    row(">", "cursor-right", A::Cursor(Shift::Right), "", "The cursor of the graphs to the right"),
    row("v", "whole", A::Whole, "", "Open or close the graph of all watched devices"),
    row("b", "units", A::Units, "", "Rates in bytes, in bits, or either with binary prefixes (KiB, Kibit)"),
    row("? F1", "help", A::Help, "help", "This help"),
    row("q", "quit", A::Quit, "quit", "Quit; nothing is left behind"),
    row("Up k", "move-up", A::Move(Motion::Up), "", "Up"),
    row("Down j", "move-down", A::Move(Motion::Down), "", "Down"),
    row("PgUp Ctrl-B Ctrl-U", "move-page-up", A::Move(Motion::PageUp), "", "Page up"),
    row("PgDn Ctrl-D", "move-page-down", A::Move(Motion::PageDown), "", "Page down"),
    row("Home g", "move-first", A::Move(Motion::First), "", "To the first row"),
    row("End G", "move-last", A::Move(Motion::Last), "", "To the last row"),
    row("Esc", "back", A::Back, "", "Close what is open, then clear the selection"),
    row("Tab", "next-view", A::NextView, "", "Next view"),
    row("Shift-Tab", "previous-view", A::PreviousView, "", "Previous view"),
];

#[rustfmt::skip]
const FILTER: &[Row] = &[
    row("Enter", "accept", A::Accept, "apply", "Apply this filter"),
    row("Esc", "back", A::Back, "discard", "Discard the changes"),
    row("Tab", "edit-complete", A::Edit(Edit::Complete), "complete", "Complete the word; again: the next suggestion"),
    row("Up", "edit-earlier", A::Edit(Edit::Earlier), "history", "Previous filter in the history"),
    row("Down", "edit-later", A::Edit(Edit::Later), "", "Next filter in the history"),
    row("Left", "edit-left", A::Edit(Edit::Left), "", "Left"),
    row("Right", "edit-right", A::Edit(Edit::Right), "", "Right"),
    row("Home Ctrl-A", "edit-start", A::Edit(Edit::Start), "", "To the start"),
    row("End Ctrl-E", "edit-end", A::Edit(Edit::End), "", "To the end"),
    row("Backspace Ctrl-H", "edit-backspace", A::Edit(Edit::Backspace), "", "Delete the character before the cursor"),
    row("Del Ctrl-D", "edit-delete", A::Edit(Edit::Delete), "", "Delete the character under the cursor"),
    row("Ctrl-W", "edit-delete-word", A::Edit(Edit::DeleteWord), "", "Delete the word before the cursor"),
    row("Ctrl-U", "edit-delete-to-start", A::Edit(Edit::DeleteToStart), "clear", "Delete to the start"),
    row("Ctrl-K", "edit-delete-to-end", A::Edit(Edit::DeleteToEnd), "", "Delete to the end"),
];

#[rustfmt::skip]
const TIME: &[Row] = &[
    row("Enter", "accept", A::Accept, "go there", "Go to this time"),
    row("Esc", "back", A::Back, "stay", "Stay at the time that is shown"),
    row("Left", "edit-left", A::Edit(Edit::Left), "", "Left"),
    row("Right", "edit-right", A::Edit(Edit::Right), "", "Right"),
    row("Home Ctrl-A", "edit-start", A::Edit(Edit::Start), "", "To the start"),
    row("End Ctrl-E", "edit-end", A::Edit(Edit::End), "", "To the end"),
    row("Backspace Ctrl-H", "edit-backspace", A::Edit(Edit::Backspace), "", "Delete the character before the cursor"),
    row("Del Ctrl-D", "edit-delete", A::Edit(Edit::Delete), "", "Delete the character under the cursor"),
    row("Ctrl-U", "edit-delete-to-start", A::Edit(Edit::DeleteToStart), "clear", "Delete to the start"),
];

#[rustfmt::skip]
const FIND: &[Row] = &[
    row("Down F3 Ctrl-F", "find-next", A::Find(Find::Next), "next", "To the next row with this text"),
    row("Up F4", "find-previous", A::Find(Find::Previous), "previous", "To the previous row with this text"),
    row("Enter", "accept", A::Accept, "done", "Close the line; the row stays selected"),
    row("Esc", "back", A::Back, "close", "Close the line"),
    row("Left", "edit-left", A::Edit(Edit::Left), "", "Left"),
    row("Right", "edit-right", A::Edit(Edit::Right), "", "Right"),
    row("Home Ctrl-A", "edit-start", A::Edit(Edit::Start), "", "To the start"),
    row("End Ctrl-E", "edit-end", A::Edit(Edit::End), "", "To the end"),
    row("Backspace Ctrl-H", "edit-backspace", A::Edit(Edit::Backspace), "", "Delete the character before the cursor"),
    row("Del Ctrl-D", "edit-delete", A::Edit(Edit::Delete), "", "Delete the character under the cursor"),
    row("Ctrl-U", "edit-delete-to-start", A::Edit(Edit::DeleteToStart), "clear", "Delete to the start"),
];

#[rustfmt::skip]
const PART: &[Row] = &[
    row("1", "remove-part-at-0", A::RemovePartAt(0), "", "Remove the part with this number"),
    row("2", "remove-part-at-1", A::RemovePartAt(1), "", "Remove the part with this number"),
    row("3", "remove-part-at-2", A::RemovePartAt(2), "", "Remove the part with this number"),
    row("4", "remove-part-at-3", A::RemovePartAt(3), "", "Remove the part with this number"),
    row("5", "remove-part-at-4", A::RemovePartAt(4), "", "Remove the part with this number"),
    row("6", "remove-part-at-5", A::RemovePartAt(5), "", "Remove the part with this number"),
    row("7", "remove-part-at-6", A::RemovePartAt(6), "", "Remove the part with this number"),
    row("8", "remove-part-at-7", A::RemovePartAt(7), "", "Remove the part with this number"),
    row("9", "remove-part-at-8", A::RemovePartAt(8), "", "Remove the part with this number"),
    row("Backspace X", "clear-filter", A::ClearFilter, "remove all", "Remove the whole filter"),
    row("Esc q", "back", A::Back, "keep", "Keep the filter as it is"),
];

#[rustfmt::skip]
const COLUMNS: &[Row] = &[
    row("Space Enter", "column-toggle", A::Column(ColumnEdit::Toggle), "show", "Show or hide the column"),
    row("Left <", "column-move-left", A::Column(ColumnEdit::Move(Shift::Left)), "left", "Move it to the left"),
    row("Right >", "column-move-right", A::Column(ColumnEdit::Move(Shift::Right)), "right", "Move it to the right"),
    row("s", "column-sort", A::Column(ColumnEdit::Sort), "sort", "Sort by it; again: reverse the order"),
    row("y", "column-copy", A::Column(ColumnEdit::Copy), "copy setting", "Copy the setting for config.toml that keeps these columns"),
    row("Esc q C", "back", A::Back, "close", "Close the list; the columns stay until you quit"),
    row("Up k", "move-up", A::Move(Motion::Up), "", "Up"),
    row("Down j", "move-down", A::Move(Motion::Down), "", "Down"),
    row("Home g", "move-first", A::Move(Motion::First), "", "To the first"),
    row("End G", "move-last", A::Move(Motion::Last), "", "To the last"),
];

#[rustfmt::skip]
const BLOCK: &[Row] = &[
    row("Enter", "accept", A::Accept, "next", "Go on to the next question, after the last one drop the packets"),
    row("Esc", "back", A::Back, "leave", "Leave; nothing is dropped"),
    row("Up", "previous-rule", A::Edit(Edit::Earlier), "", "The previous rule"),
    row("Down", "next-rule", A::Edit(Edit::Later), "another rule", "The next rule: of the flow, its service, its remote end"),
    row("Tab", "next-field", A::Edit(Edit::Complete), "time or word", "Go on to the other line"),
    row("Left", "edit-left", A::Edit(Edit::Left), "", "Left"),
    row("Right", "edit-right", A::Edit(Edit::Right), "", "Right"),
    row("Home Ctrl-A", "edit-start", A::Edit(Edit::Start), "", "To the start"),
    row("End Ctrl-E", "edit-end", A::Edit(Edit::End), "", "To the end"),
    row("Backspace Ctrl-H", "edit-backspace", A::Edit(Edit::Backspace), "", "Delete the character before the cursor"),
    row("Del Ctrl-D", "edit-delete", A::Edit(Edit::Delete), "", "Delete the character under the cursor"),
    row("Ctrl-U", "edit-delete-to-start", A::Edit(Edit::DeleteToStart), "clear", "Delete to the start"),
];

#[rustfmt::skip]
const LIFT: &[Row] = &[
    row("Enter", "accept", A::Accept, "lift", "Lift the selected rule"),
    row("Esc q", "back", A::Back, "keep", "Keep the rules as they are"),
    row("B", "block", A::Block, "block more", "Block what is selected, too"),
    row("Up k", "move-up", A::Move(Motion::Up), "", "Up"),
    row("Down j", "move-down", A::Move(Motion::Down), "", "Down"),
];

#[rustfmt::skip]
const HELP: &[Row] = &[
    row("Esc ? q", "back", A::Back, "close", "Close the help"),
    row("Up k", "move-up", A::Move(Motion::Up), "", "Up"),
    row("Down j", "move-down", A::Move(Motion::Down), "scroll", "Down"),
    row("PgUp", "move-page-up", A::Move(Motion::PageUp), "", "Page up"),
    row("PgDn Space", "move-page-down", A::Move(Motion::PageDown), "", "Page down"),
    row("Home g", "move-first", A::Move(Motion::First), "", "To the start"),
    row("End G", "move-last", A::Move(Motion::Last), "", "To the end"),
];

#[rustfmt::skip]
const ALWAYS: &[Row] = &[
    row("Ctrl-C", "quit", A::Quit, "", "Quit, also while typing"),
    row("Ctrl-L", "redraw", A::Redraw, "", "Redraw the screen"),
    row("Ctrl-Z", "suspend", A::Suspend, "", "Suspend; `fg` continues"),
];
