//! What is asked for on the command line, and whether it may be.

use std::time::Duration;

use anyhow::bail;

use crate::app::blocking::{LONG, refusal};
use crate::cli::BlockArgs;
use crate::filter::{self, Filter, FilterError};
use crate::model::{BlockRule, Device};
use crate::run::own;
use crate::text::{clean, is_glob};

/// What is asked for, and how it could harm who asks.
pub struct Plan {
    pub rule: BlockRule,
    /// The rule as a filter, with its devices.
    pub filter: Filter,
    /// For how long.
    pub time: Duration,
    /// Whether nobody is to be asked.
    pub yes: bool,
    /// Whether it may be about everything.
    pub all: bool,
}

impl Plan {
    /// Refuses a rule that is about too much at these devices.
    ///
    /// # Errors
    /// The reason.
    pub fn allow_at(&self, devices: &[&Device]) -> anyhow::Result<()> {
        // A loopback device that a glob matches is left out; one that is named is refused.
        let is_named = |device: &Device| {
            let mut patterns = self.rule.devices.iter();
            patterns.any(|pattern| !is_glob(pattern) && *pattern == device.name)
        };
        let meant: Vec<_> = devices
            .iter()
            .copied()
            .filter(|device| !refusal::is_loopback(device) || is_named(device))
            .collect();
        refuse(refusal::of_everything(&self.rule, self.all, &meant))
    }
}

/// Reads what is asked for, while files of other users may be read.
///
/// # Errors
/// When it is no rule, or one that must not be.
pub fn plan(args: &BlockArgs) -> anyhow::Result<Option<Plan>> {
    let (Some(text), Some(time)) = (&args.rule, args.time) else {
        return Ok(None);
    };
    let explain = |error: FilterError| pointed(text, &error);
    let rule = filter::parse_rule(text).map_err(|error| anyhow::anyhow!(explain(error)))?;
    let filter = filter::filter_of_rule(text).map_err(|error| anyhow::anyhow!(explain(error)))?;
    let anywhere =
        filter::filter_of_addresses(text).map_err(|error| anyhow::anyhow!(explain(error)))?;
    if time > LONG && args.yes {
        bail!("--for above an hour is asked for twice, which --yes does not answer");
    }
    let plan = Plan {
        rule,
        filter,
        time,
        yes: args.yes,
        all: args.all,
    };
    refuse(refusal::of_sessions(&anywhere, &own::sessions()))?;
    Ok(Some(plan))
}

/// The rule with a mark below what is wrong.
fn pointed(text: &str, error: &FilterError) -> String {
    format!(
        "cannot block this: {error}\n  {}\n  {}{}",
        clean(text),
        " ".repeat(error.column),
        "^".repeat(error.length.max(1))
    )
}

fn refuse(refused: Result<(), String>) -> anyhow::Result<()> {
    refused.map_err(|reason| anyhow::anyhow!("refused to block this: {reason}"))
}
