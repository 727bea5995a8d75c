//! Why a source ends by itself.

use std::fmt::{self, Display, Formatter};

use serde::{Deserialize, Serialize};

/// Why a source has ended by itself. As text it says what was wrong and what can be
/// done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EndReason {
    /// The counters cannot be read any more: the kernel's answer.
    Counters(String),
    /// No host can be reached any more, of this many.
    Unreachable(u32),
    /// Its events have stopped without a reason.
    Silent,
}

impl Display for EndReason {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Counters(error) => {
                return write!(f, "cannot read the counters: {error}; restart nkview");
            }
            Self::Unreachable(0 | 1) => {
                "the host cannot be reached; the screen keeps the last data"
            }
            Self::Unreachable(_) => {
                "none of the hosts can be reached any more; the screen keeps the last data"
            }
            Self::Silent => "the source stopped without a reason; the screen keeps the last data",
        };
        f.write_str(text)
    }
}
