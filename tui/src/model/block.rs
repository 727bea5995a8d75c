//! Rules that drop packets, and what became of them.

use std::ops::RangeInclusive;
use std::time::Duration;

use ipnet::IpNet;
use probe_common::Direction;
use serde::{Deserialize, Serialize};

use super::Moment;

/// Name of the program that drops packets, by which others know it.
pub const BLOCK_PROGRAM: &str = "nkview_block";

/// A rule's number, unique within a session.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
pub struct BlockId(pub u32);

/// Which packets are dropped: those for which each part holds. What the kernel can
/// judge exactly, and no more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockRule {
    /// The rule as text.
    pub text: String,
    /// Names or globs of devices, one of which must match; any device if there are
    /// none.
    pub devices: Vec<String>,
    /// The direction; both if it is not given.
    pub direction: Option<Direction>,
    /// The ethertype.
    pub ether_type: Option<u16>,
    /// IP protocols, one of which it must be; for each term of its own.
    pub protocols: Vec<Vec<u8>>,
    /// Prefixes, one of which must hold the address of an end.
    pub addresses: Vec<(BlockEnd, Vec<IpNet>)>,
    /// Ranges of ports, one of which must hold the port of an end.
    pub ports: Vec<(BlockEnd, Vec<RangeInclusive<u16>>)>,
}

/// The end of a packet that a part of a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockEnd {
    /// Either.
    Any,
    /// The sender.
    Source,
    /// The receiver.
    Destination,
    /// The flow's local end.
    Local,
    /// The flow's remote end.
    Remote,
}

impl BlockEnd {
    /// The end of a packet that goes in this direction: the sender, the receiver, or
    /// either.
    #[must_use]
    pub const fn of_packet(self, direction: Direction) -> Self {
        match (self, direction) {
            (Self::Local, Direction::Out) | (Self::Remote, Direction::In) => Self::Source,
            (Self::Local, Direction::In) | (Self::Remote, Direction::Out) => Self::Destination,
            (end, _) => end,
        }
    }
}

/// A rule that is in force, or has just ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// Its number.
    pub id: BlockId,
    /// The rule as text.
    pub rule: String,
    /// When it began.
    pub since: Moment,
    /// How much longer it holds; nothing once it has ended.
    pub left: Option<Duration>,
    /// Why it has ended.
    pub end: Option<BlockEnded>,
    /// Names of the devices that it is on.
    pub devices: Vec<String>,
    /// What was dropped so far, by direction.
    pub dropped: [Dropped; 2],
}

/// What a rule has dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    /// Packets as the stack passes them on (skbs).
    pub packets: u64,
    /// Their bytes, as the device counts them.
    pub bytes: u64,
}

impl std::ops::AddAssign for Dropped {
    fn add_assign(&mut self, other: Self) {
        self.packets += other.packets;
        self.bytes += other.bytes;
    }
}

/// Why a rule has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BlockEnded {
    /// Its time was over.
    Time,
    /// It was lifted here.
    Lifted,
    /// Another process lifted it.
    LiftedByAnother,
    /// The devices that it names are gone.
    DeviceGone,
}
