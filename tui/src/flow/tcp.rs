//! Where a TCP connection stands, as far as or-ed flags show it.

use probe_common::parse::number::tcp::{ACK, FIN, RST, SYN};

/// The state of a TCP connection, concluded from the flags that each direction
/// has carried. An interval's flags are or-ed, so that SYN|ACK cannot be distinguished
/// from SYN and ACK; the order of packets within an interval is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TcpState {
    /// SYN from one end and nothing from the other.
    Opening,
    /// Both ends talk, or the connection was there before nkview.
    Open,
    /// FIN from one end.
    Closing,
    /// FIN from both ends.
    Closed,
    /// RST in answer to a SYN.
    Refused,
    /// RST from either end of a connection.
    Reset,
}

impl TcpState {
    /// The state of a connection whose directions have carried these flags;
    /// nothing when there were none.
    #[must_use]
    pub const fn from_flags(flags: [u8; 2]) -> Option<Self> {
        let [a, b] = flags;
        Some(match (a | b, a & b) {
            (0, _) => return None,
            (any, _) if any & RST != 0 => {
                if is_refusal(a, b) || is_refusal(b, a) {
                    Self::Refused
                } else {
                    Self::Reset
                }
            }
            (_, both) if both & FIN != 0 => Self::Closed,
            (any, _) if any & FIN != 0 => Self::Closing,
            (any, _) if any & SYN != 0 && (a == 0 || b == 0) => Self::Opening,
            _ => Self::Open,
        })
    }

    /// Whether the connection has ended.
    #[must_use]
    pub const fn is_closed(self) -> bool {
        matches!(self, Self::Closed | Self::Refused | Self::Reset)
    }

    /// Its name.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Opening => "opening",
            Self::Open => "open",
            Self::Closing => "closing",
            Self::Closed => "closed",
            Self::Refused => "refused",
            Self::Reset => "reset",
        }
    }
}

/// Whether one end has asked for a connection and the other has sent nothing
/// but RST.
const fn is_refusal(asks: u8, answers: u8) -> bool {
    asks & SYN != 0 && answers & RST != 0 && answers & !(RST | ACK) == 0
}

/// Whether the flags of an interval are those of a connection that goes on:
/// both ends acknowledge and neither ends it.
pub(super) const fn lives(flags: [u8; 2]) -> bool {
    flags[0] & flags[1] & ACK != 0 && (flags[0] | flags[1]) & (FIN | RST) == 0
}

/// Whether flags that come after the end of a connection begin another.
pub(super) const fn opens(flags: [u8; 2]) -> bool {
    (flags[0] | flags[1]) & SYN != 0
}

#[cfg(test)]
mod tests;
