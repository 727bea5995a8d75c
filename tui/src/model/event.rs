//! What a source reports.

use serde::{Deserialize, Serialize};

use super::{
    Block, Device, EndReason, Interval, Mark, Moment, Notice, Packet, Playback, Reach, Reply,
    Signals,
};

/// A host, by its number in this run: 0 is the first source. A merged source
/// numbers its hosts from 0 on.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
pub struct HostId(pub u16);

/// An event and the host that it comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    /// The host.
    pub host: HostId,
    /// What it reports.
    pub event: Event,
}

impl HostId {
    /// All hosts together, where there are several. No event is of this one.
    pub const ALL: Self = Self(u16::MAX);
}

impl From<Event> for Envelope {
    /// An event of the first host, which most sources have alone.
    fn from(event: Event) -> Self {
        Self {
            host: HostId::default(),
            event,
        }
    }
}

/// One message of a source, in the order of time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// The devices that are known now; replaces the last such list.
    Devices(Vec<Device>),
    /// Everything that was counted in one interval.
    Interval(Interval),
    /// Packets that got an event, oldest first.
    Packets(Vec<Packet>),
    /// What the kernel reports besides packets: drops, errors, resets, owners.
    Signals(Box<Signals>),
    /// Something that the user must know.
    Notice(Notice),
    /// The rules that drop packets, those that have just ended among them; replaces
    /// the last such list.
    Blocks(Vec<Block>),
    /// The outcome of a request.
    Reply(Reply),
    /// The source has ended, and why.
    Ended(EndReason),
    /// Where a replay is now.
    Playback(Playback),
    /// Moments of a recording that are worth a look, found so far.
    Marks {
        /// Those found since the last such event.
        new: Vec<Mark>,
        /// Up to here the recording has been searched.
        until: Moment,
    },
    /// Whether the host can be reached, where that is not this one.
    Reach(Reach),
}

impl Event {
    /// When it was reported; nothing for what can come at any time.
    #[must_use]
    pub fn moment(&self) -> Option<Moment> {
        match self {
            Self::Interval(interval) => Some(interval.at),
            Self::Packets(packets) => packets.last().map(|packet| packet.at),
            Self::Signals(signals) => Some(signals.at),
            Self::Notice(notice) => Some(notice.at),
            Self::Devices(_)
            | Self::Blocks(_)
            | Self::Reply(_)
            | Self::Ended(_)
            | Self::Playback(_)
            | Self::Marks { .. }
            | Self::Reach(_) => None,
        }
    }
}
