//! What the user prefers of a diagnosis.

use super::kind::Kind;
use super::thresholds::Thresholds;

/// What the user prefers of a diagnosis. Whoever makes a [`Diagnosis`](super::Diagnosis)
/// is given it, so that the same is a problem everywhere.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policy {
    /// From when on something is a problem.
    pub thresholds: Thresholds,
    /// Kinds of problems that are not reported.
    pub silenced: Vec<Kind>,
}

impl From<Thresholds> for Policy {
    /// All kinds of problems are reported.
    fn from(thresholds: Thresholds) -> Self {
        Self {
            thresholds,
            silenced: Vec::new(),
        }
    }
}
