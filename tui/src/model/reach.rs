//! Whether a host that is watched from another one can be reached.

use serde::{Deserialize, Serialize};

/// Whether a host reports.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reach {
    /// Not yet.
    #[default]
    Connecting,
    /// It does.
    Connected,
    /// It did, or should have: what is known of it is out of date.
    Lost {
        /// Why, in a phrase.
        reason: String,
        /// Whether it is tried again.
        retries: bool,
    },
}
