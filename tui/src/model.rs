//! What everything else speaks of: devices, intervals, packets, messages, and
//! the requests that a source takes. No input, no output.

mod before;
pub mod block;
mod clock;
mod device;
mod end;
mod event;
mod failure;
mod hook;
mod interval;
mod key;
mod merge;
mod moments;
mod notice;
mod packet;
mod playback;
mod reach;
mod request;
mod session;
pub mod signal;
pub mod stack;
mod tuple;

pub use block::{BLOCK_PROGRAM, Block, BlockEnd, BlockEnded, BlockId, BlockRule, Dropped};
pub use clock::{Anchor, WallClock};
pub use device::{
    Container, Device, DeviceKind, DeviceName, LinkCounters, LinkSide, LocalEnd, Namespace, Netkit,
    Peer, PeerDevice, Pod, Watch,
};
pub use end::EndReason;
pub use event::{Envelope, Event, HostId};
pub use failure::WatchFailure;
pub use hook::{HookChain, HookPoint, HookProgram, Hooks, PROGRAM};
pub use interval::{
    ByReason, Cost, DeviceTotals, Fate, FlowCounts, FlowFacts, Interval, Moment, ProbeCounts,
    Socket, TcpCounts, TcpSocket, Totals,
};
pub use key::{IcmpKind, KeyFields, Side, has_ports};
pub use merge::Merged;
pub use notice::{Level, Notice};
pub use packet::Packet;
pub use playback::{Mark, MarkKind, Playback};
pub use reach::Reach;
pub use request::{Command, Reply, Request, RequestId};
pub use session::Session;
pub use signal::Signals;
pub use tuple::{NamespaceInode, Tuple};
