//! What the machine reports to its host.

use std::{fmt, str::FromStr};

/// A line on the control port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// The machine is up and its command about to start; the kernel's release
    /// as `uname -r` prints it.
    Ready(String),
    /// The command has ended with this status, as a shell would report it: 128 and
    /// the signal's number where a signal ended it. All that it wrote has been
    /// written before this.
    Ended(i32),
    /// The machine cannot run the command.
    Failed(String),
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready(release) => write!(f, "ready {release}"),
            Self::Ended(status) => write!(f, "ended {status}"),
            Self::Failed(reason) => write!(f, "failed {}", reason.replace('\n', " ")),
        }
    }
}

impl FromStr for Report {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, Self::Err> {
        let unknown = || format!("unknown report {line:?}");
        let (kind, rest) = line.split_once(' ').ok_or_else(unknown)?;
        match kind {
            "ready" => Ok(Self::Ready(rest.into())),
            "ended" => rest.parse().map(Self::Ended).map_err(|_| unknown()),
            "failed" => Ok(Self::Failed(rest.into())),
            _ => Err(unknown()),
        }
    }
}

#[cfg(test)]
mod tests;
