//! What can happen to the application.

use std::net::IpAddr;

use super::columns::{Column, ColumnEdit, Shift};
use super::device_column::DeviceColumn;
use super::filtering::Subject;
use super::host_column::HostColumn;
use super::item::Item;
use super::line::Edit;
use super::list::{Extent, Find, Motion};
use super::own::OwnSession;
use super::past::Past;
use super::tab::Tab;
use super::timeline::Step;
use super::usage::Usage;
use crate::flow::Span;
use crate::model::{Command, Envelope, Moment};

/// Everything that can happen: a binding of the keyboard, a click, text that
/// was typed, an event of the source.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Leave the program.
    Quit,
    /// Stop the program until the shell continues it.
    Suspend,
    /// Leave the mouse to the terminal, or take it back.
    Mouse,
    /// Redraw everything.
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
    /// Step through time.
    Step(Step),
    /// Go to this moment.
    GoTo(Moment),
    /// Go to the moment when the selected problem began.
    ProblemBegin,
    /// Write a bundle of what is remembered to a file.
    Bundle,
    /// A bundle was written, in a sentence, or the reason why not.
    Bundled(Result<String, String>),
    /// Report the flows of the filter when they appear, or do not any more.
    WatchFor,
    /// Ask whether to drop what is selected, or to lift what is dropped.
    Block,
    /// These are the SSH sessions through which the user may look.
    Sessions(Vec<OwnSession>),
    /// Start or stop recording to a file.
    Record,
    /// Play a recording faster.
    Faster,
    /// Play a recording more slowly.
    Slower,
    /// Open the line in which is typed what to search for.
    EditSearch,
    /// Select a row that has what was searched for.
    Find(Find),
    /// Open the line in which a time is typed.
    EditTime,
    /// Show a view.
    Show(Tab),
    /// Show the view to the right of this one.
    NextView,
    /// Show the view to the left of this one.
    PreviousView,
    /// Move the selection.
    Move(Motion),
    /// Scroll by rows; the selection stays where it is.
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
    /// Sort devices by this column, or turn the order around if they are.
    SortDevices(DeviceColumn),
    /// Choose a cell of the selected flow, to be copied.
    Cell(Shift),
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
    /// Move the cursor of the graphs by a value, or put it on the newest one.
    Cursor(Shift),
    /// Open or close the graph of all that is watched.
    Whole,
    /// Open or close the detail of the selected group of hosts.
    HostDetail,
    /// Go on to the next units of amounts.
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
    /// Show names in place of the ports of services, or ports again.
    Services,
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
    /// Mark the selected flow, or take the mark away.
    MarkFlow,
    /// Show the packets of the selected flow.
    FlowPackets,
    /// Show the flows of the selected device.
    DeviceFlows,
    /// Filter to the flows of the selected problem.
    ProblemFlows,
    /// Silence the kind of the selected problem.
    SilenceKind,
    /// Show all kinds of problems again.
    ShowSilenced,
    /// Scroll the detail.
    ScrollDetail(Motion),
    /// Edit the filter that is being typed.
    Edit(Edit),
    /// Text was pasted.
    Paste(String),
    /// Keep the filter that is being typed.
    Accept,
    /// The source reports something.
    Source(Envelope),
    /// The source has carried out a request, or failed to, with the reason.
    Replied(Command, Result<(), String>),
    /// What was known at the moment that was asked for.
    Recalled(Box<Past>),
    /// So far back what was reported is remembered.
    Remembered(Moment),
    /// A file is recorded to now; none any more, or the reason why not.
    Recording(Result<Option<String>, String>),
    /// What the process has used lately.
    Used(Usage),
    /// A frame was drawn, and so much of the view was visible.
    Drawn(Extent),
    /// So much of the detail was visible.
    DetailDrawn(Extent),
    /// Graphs were drawn, the finest over this span, or none was.
    GraphDrawn(Option<Span>),
    /// These columns of the flow table had room.
    ColumnsDrawn(Vec<Column>),
}
