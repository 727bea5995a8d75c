//! Messages to the user.

use serde::{Deserialize, Serialize};

use super::Moment;

/// Something that the user must know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// When.
    pub at: Moment,
    /// How bad.
    pub level: Level,
    /// What, in a sentence.
    pub text: String,
}

/// How bad a notice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Level {
    /// Good to know.
    Info,
    /// Something is not as it should be.
    Warning,
}
