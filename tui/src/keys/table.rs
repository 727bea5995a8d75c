//! The table: every key that does anything, one line each.

use super::{Binding, Context, Key};
use crate::app::action::{Action as A, ColumnEdit, Edit, Motion, Side, View};
use crate::app::columns::Shift;
use crate::app::filtering::Subject;

/// Keys by their names; what they do; the footer's word for it, empty where it
/// would only crowd the footer; the help's sentence.
type Row = (&'static str, A, &'static str, &'static str);

/// The bindings as they are when nothing is configured.
pub(super) fn bindings() -> Vec<Binding> {
    Context::ALL
        .into_iter()
        .flat_map(|context| rows(context).iter().map(move |row| (context, row)))
        .map(|(context, (keys, action, short, long))| Binding {
            context,
            // A test holds that all of them are names of keys.
            keys: keys
                .split(' ')
                .filter_map(|name| name.parse::<Key>().ok())
                .collect(),
            action: action.clone(),
            short,
            long,
        })
        .collect()
}

/// The rows of a context.
pub(super) const fn rows(context: Context) -> &'static [Row] {
    match context {
        Context::Main => MAIN,
        Context::View(View::Flows) => FLOWS,
        Context::View(View::Packets) => PACKETS,
        Context::View(View::Hosts) => HOSTS,
        Context::View(View::Devices) => DEVICES,
        Context::View(View::Probe) => &[],
        Context::Filter => FILTER,
        Context::Part => PART,
        Context::Columns => COLUMNS,
        Context::Help => HELP,
        Context::Always => ALWAYS,
    }
}

#[rustfmt::skip]
const MAIN: &[Row] = &[
    ("/", A::EditFilter, "filter", "Type a filter; matches show while you type"),
    ("d", A::Direction, "direction", "Show both directions, only in, only out"),
    ("x", A::RemovePart, "remove filter", "Remove a part of the filter"),
    ("X", A::ClearFilter, "", "Remove the whole filter"),
    ("Space", A::Pause, "pause", "Freeze the picture; counting goes on"),
    ("w", A::Window, "window", "Rates over the last 1, 10 or 60 seconds, or totals"),
    ("c", A::Closed, "", "Closed flows: leave after ten seconds, stay, or are hidden"),
    ("o", A::OwnSession, "", "Hide or show your own SSH session"),
    ("n", A::Names, "", "Names of hosts from DNS, or addresses; nothing is asked until then"),
    ("N", A::Services, "", "Names of services (https), or their ports; filters take these names too"),
    ("y", A::CopySelected, "", "Copy the selected row, or the chosen cell, to your clipboard (OSC 52)"),
    ("Y", A::CopyFilter, "", "Copy the filter to your clipboard"),
    ("+ =", A::ZoomIn, "", "Graphs of the last minute rather than of ten, or of an hour"),
    ("-", A::ZoomOut, "", "Graphs of ten minutes; of all and of devices also of an hour"),
    ("v", A::Whole, "", "Open or close the graph of all that is watched"),
    ("b", A::Units, "", "Rates in bytes, in bits, or in either with binary prefixes (KiB, Kibit)"),
    ("?", A::Help, "help", "This help"),
    ("q", A::Quit, "quit", "Leave; nothing stays behind"),
    ("Up k", A::Move(Motion::Up), "", "Up"),
    ("Down j", A::Move(Motion::Down), "", "Down"),
    ("PgUp", A::Move(Motion::PageUp), "", "A screen up"),
    ("PgDn", A::Move(Motion::PageDown), "", "A screen down"),
    ("Home g", A::Move(Motion::First), "", "To the first row"),
    ("End G", A::Move(Motion::Last), "", "To the last row"),
    ("Esc", A::Back, "", "Close what is open, then give up the selection"),
    ("1", A::Show(View::Flows), "", "Every flow"),
    ("2", A::Show(View::Packets), "", "Packets that deserved a look"),
    ("3", A::Show(View::Hosts), "", "Flows grouped by address"),
    ("4", A::Show(View::Devices), "", "Devices; choose what is watched"),
    ("5", A::Show(View::Probe), "", "Whether the sums add up, and what was said"),
    ("Tab", A::NextView, "", "Next view"),
    ("Shift-Tab", A::PreviousView, "", "Previous view"),
];

#[rustfmt::skip]
const FLOWS: &[Row] = &[
    ("Enter", A::Open, "detail", "Open or close the detail of the selected flow"),
    ("a", A::FilterBy(Subject::Address(Side::Remote)), "by address", "Filter by the remote address; again: by a wider prefix"),
    ("A", A::FilterBy(Subject::Address(Side::Local)), "", "Filter by the local address; again: by a wider prefix"),
    ("t", A::FilterBy(Subject::Protocol), "", "Filter by the protocol; again: not"),
    ("p", A::FilterBy(Subject::Port), "", "Filter by the service's port; again: by the other port"),
    ("s", A::SortNext, "sort", "Sort by the next column"),
    ("S", A::SortReverse, "", "Turn the order around"),
    ("Left", A::Cell(Shift::Left), "", "Choose a cell of the selected flow to copy; past the last, the row"),
    ("Right", A::Cell(Shift::Right), "", "Choose a cell of the selected flow to copy; past the last, the row"),
    ("C", A::Columns, "columns", "Choose the columns and their order"),
    ("J", A::ScrollDetail(Motion::Down), "", "Scroll the detail down"),
    ("K", A::ScrollDetail(Motion::Up), "", "Scroll the detail up"),
];

#[rustfmt::skip]
const PACKETS: &[Row] = &[
    ("Enter", A::Open, "detail", "Open or close the dissected packet"),
    ("a", A::FilterBy(Subject::Address(Side::Remote)), "", "Filter by the remote address; again: by a wider prefix"),
    ("A", A::FilterBy(Subject::Address(Side::Local)), "", "Filter by the local address; again: by a wider prefix"),
    ("t", A::FilterBy(Subject::Protocol), "", "Filter by the protocol; again: not"),
    ("p", A::FilterBy(Subject::Port), "", "Filter by the service's port; again: by the other port"),
    ("f", A::PacketFlow, "flow", "Show the flow of the selected packet"),
    ("J", A::ScrollDetail(Motion::Down), "", "Scroll the dissected packet down"),
    ("K", A::ScrollDetail(Motion::Up), "", "Scroll the dissected packet up"),
];

#[rustfmt::skip]
const HOSTS: &[Row] = &[
    ("Enter", A::Open, "flows", "Show the flows of the selected prefix"),
    ("Right", A::Unfold, "open", "Show what is in the selected prefix"),
    ("Left", A::Fold, "close", "Hide what is in the selected prefix, or go to the one around it"),
    ("a", A::FilterBy(Subject::Address(Side::Remote)), "", "Filter by the selected prefix; again: by a wider one"),
    ("i", A::HostDetail, "detail", "Open or close the detail of the selected prefix"),
    ("p", A::HostPrefix, "prefix", "Open all down to wider prefixes, and then down to addresses"),
    ("l", A::HostSide, "side", "Group by the remote or by the local address"),
    ("s", A::SortNext, "sort", "Sort by the next column"),
    ("S", A::SortReverse, "", "Turn the order around"),
];

#[rustfmt::skip]
const DEVICES: &[Row] = &[
    ("Enter", A::Open, "detail", "Open or close the detail of a device; watch it, when none is watched"),
    ("t", A::Watch, "watch", "Watch the selected device, or stop watching it"),
    ("J", A::ScrollDetail(Motion::Down), "", "Scroll the detail down"),
    ("K", A::ScrollDetail(Motion::Up), "", "Scroll the detail up"),
];

#[rustfmt::skip]
const FILTER: &[Row] = &[
    ("Enter", A::Accept, "keep", "Keep this filter"),
    ("Esc", A::Back, "restore", "Restore the filter that was there before"),
    ("Tab", A::Edit(Edit::Complete), "complete", "Complete the word; again: with the next proposal"),
    ("Up", A::Edit(Edit::Earlier), "earlier", "An earlier filter"),
    ("Down", A::Edit(Edit::Later), "", "A later filter"),
    ("Left", A::Edit(Edit::Left), "", "Left"),
    ("Right", A::Edit(Edit::Right), "", "Right"),
    ("Home Ctrl-A", A::Edit(Edit::Start), "", "To the start"),
    ("End Ctrl-E", A::Edit(Edit::End), "", "To the end"),
    ("Backspace Ctrl-H", A::Edit(Edit::Backspace), "", "Delete to the left"),
    ("Del Ctrl-D", A::Edit(Edit::Delete), "", "Delete to the right"),
    ("Ctrl-W", A::Edit(Edit::DeleteWord), "", "Delete a word"),
    ("Ctrl-U", A::Edit(Edit::DeleteToStart), "clear", "Delete to the start"),
    ("Ctrl-K", A::Edit(Edit::DeleteToEnd), "", "Delete to the end"),
];

#[rustfmt::skip]
const PART: &[Row] = &[
    ("1", A::RemovePartAt(0), "", "Remove the part with this number"),
    ("2", A::RemovePartAt(1), "", "Remove the part with this number"),
    ("3", A::RemovePartAt(2), "", "Remove the part with this number"),
    ("4", A::RemovePartAt(3), "", "Remove the part with this number"),
    ("5", A::RemovePartAt(4), "", "Remove the part with this number"),
    ("6", A::RemovePartAt(5), "", "Remove the part with this number"),
    ("7", A::RemovePartAt(6), "", "Remove the part with this number"),
    ("8", A::RemovePartAt(7), "", "Remove the part with this number"),
    ("9", A::RemovePartAt(8), "", "Remove the part with this number"),
    ("x X", A::ClearFilter, "remove all", "Remove the whole filter"),
    ("Esc q", A::Back, "keep", "Remove nothing"),
];

#[rustfmt::skip]
const COLUMNS: &[Row] = &[
    ("Space Enter", A::Column(ColumnEdit::Toggle), "show", "Show the column, or hide it"),
    ("Left <", A::Column(ColumnEdit::Move(Shift::Left)), "left", "Move it to the left"),
    ("Right >", A::Column(ColumnEdit::Move(Shift::Right)), "right", "Move it to the right"),
    ("s", A::Column(ColumnEdit::Sort), "sort", "Sort by it; again: the other way around"),
    ("y", A::Column(ColumnEdit::Copy), "copy setting", "Copy the setting that keeps these columns"),
    ("Esc q C", A::Back, "close", "Close the list; the columns stay until the end"),
    ("Up k", A::Move(Motion::Up), "", "Up"),
    ("Down j", A::Move(Motion::Down), "", "Down"),
    ("Home g", A::Move(Motion::First), "", "To the first"),
    ("End G", A::Move(Motion::Last), "", "To the last"),
];

#[rustfmt::skip]
const HELP: &[Row] = &[
    ("Esc ? q", A::Back, "close", "Close the help"),
    ("Up k", A::Move(Motion::Up), "", "Up"),
    ("Down j", A::Move(Motion::Down), "scroll", "Down"),
    ("PgUp", A::Move(Motion::PageUp), "", "A screen up"),
    ("PgDn Space", A::Move(Motion::PageDown), "", "A screen down"),
    ("Home g", A::Move(Motion::First), "", "To the start"),
    ("End G", A::Move(Motion::Last), "", "To the end"),
];

#[rustfmt::skip]
const ALWAYS: &[Row] = &[
    ("Ctrl-C", A::Quit, "", "Leave, also while typing"),
    ("Ctrl-L", A::Redraw, "", "Draw everything anew"),
];
