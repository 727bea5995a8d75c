//! What the user asks of a source, and its answers.

use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::tuple::Tuple;
use super::{BlockId, BlockRule, Moment};

/// A request's number, unique within a session.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
pub struct RequestId(pub u64);

/// A command that expects an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Its number, which the answer repeats.
    pub id: RequestId,
    /// What is asked for.
    pub command: Command,
}

/// The answer to a [`Request`]; each request gets exactly one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// The request's number.
    pub id: RequestId,
    /// Whether it was carried out, or why not.
    pub result: Result<(), String>,
}

/// What the user asks of a source. A source that cannot do it, like a
/// recording, replies so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Watch the device with this name.
    Watch(String),
    /// Stop watching it; its flows stay until they are over.
    Unwatch(String),
    /// Keep flows and packets only of what has an end in one of these prefixes,
    /// and count the rest as filtered; of everything again when there are none.
    PushDown(Option<Vec<IpNet>>),
    /// Measure what the programs cost, or stop that: it costs a little itself.
    Measure(bool),
    /// Look up the sockets and the tracked connections of a flow, its local end
    /// as the source, that was seen at the watched device with this interface
    /// index. What is found comes in `Signals::flows`.
    LookUp {
        /// The device's interface index.
        device: u32,
        /// The flow.
        tuple: Tuple,
    },
    /// Go to this moment of a recording.
    Seek(Moment),
    /// Play a recording, or pause it.
    Play(bool),
    /// Set the speed of a recording, in hundredths of the speed of recording.
    Speed(u32),
    /// Drop the packets of a rule at the watched devices that it names, for so long
    /// at most. The kernel judges when the time is over.
    Block {
        /// Which packets.
        rule: Box<BlockRule>,
        /// For how long.
        time: Duration,
    },
    /// Lift a rule before its time.
    Lift(BlockId),
}
