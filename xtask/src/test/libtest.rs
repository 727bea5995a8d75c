//! Programs that report as Rust's test programs do.

use std::{
    collections::BTreeMap,
    fmt::{self, Display, Formatter},
    io::{self, BufRead, BufReader, Read, Write},
    ops::AddAssign,
    process::{Command, Stdio},
};

use anstream::adapter::strip_str;
use anyhow::Context;

#[cfg(test)]
mod tests;

/// How many tests ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    pub passed: u64,
    pub failed: u64,
    pub skipped: u64,
}

impl Display for Count {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let Self {
            passed,
            failed,
            skipped,
        } = self;
        write!(
            formatter,
            "{passed} passed, {failed} failed, {skipped} skipped"
        )
    }
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl Count {
    /// The sum of the summaries in what test programs printed, which ended well
    /// or not.
    ///
    /// A program that dies or does not compile prints no summary, so a bad end
    /// is at least one failure; so is a good end without a single summary.
    pub fn of(output: &str, success: bool) -> Self {
        let mut count = Self::default();
        let mut summaries = 0;
        for summary in output.lines().filter_map(summary) {
            count += summary;
            summaries += 1;
        }
        if count.failed == 0 && !(success && summaries > 0) {
            count.failed = 1;
        }
        count
    }
}

/// What test programs came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ran {
    pub count: Count,
    /// Why tests were skipped, and how many for each reason.
    pub reasons: BTreeMap<String, u64>,
}

impl Ran {
    /// As what test programs printed has it, which ended well or not.
    pub fn of(output: &str, success: bool) -> Self {
        let mut reasons = BTreeMap::new();
        for reason in output.lines().filter_map(reason) {
            *reasons.entry(reason).or_default() += 1;
        }
        Self {
            count: Count::of(output, success),
            reasons,
        }
    }
}

/// Runs test programs, shows their output as it comes, and counts.
///
/// # Errors
/// The command cannot be started or its output not be read.
pub fn run(command: &mut Command) -> anyhow::Result<Ran> {
    run_to(command, &mut io::stdout())
}

/// As [`run`], shown on `screen`.
fn run_to(command: &mut Command, screen: &mut impl Write) -> anyhow::Result<Ran> {
    let program = command.get_program().display().to_string();
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting {program}"))?;
    let output = child.stdout.take().context("the tests have no output")?;
    let output = show(output, screen).with_context(|| format!("reading {program}"))?;
    let status = child
        .wait()
        .with_context(|| format!("waiting for {program}"))?;
    Ok(Ran::of(&output, status.success()))
}

/// Copies lines as they come, and returns them all.
fn show(from: impl Read, to: &mut impl Write) -> io::Result<String> {
    let mut from = BufReader::new(from);
    let mut all = Vec::new();
    loop {
        let start = all.len();
        if from.read_until(b'\n', &mut all)? == 0 {
            return Ok(String::from_utf8_lossy(&all).into_owned());
        }
        to.write_all(&all[start..])?;
        to.flush()?;
    }
}

/// The counts of a line such as `test result: ok. 3 passed; 0 failed; 1
/// ignored; 0 measured; 0 filtered out; finished in 0.00s`, colored or not.
fn summary(line: &str) -> Option<Count> {
    let line = strip_str(line).to_string();
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let of = |what: &str| {
        counts.split(';').find_map(|part| {
            let (number, name) = part.trim().split_once(' ')?;
            (name == what).then(|| number.parse().ok())?
        })
    };
    Some(Count {
        passed: of("passed")?,
        failed: of("failed")?,
        skipped: of("ignored")?,
    })
}

/// The reason in a line such as `test chain::closed ... ignored (no netkit)`,
/// also as Rust's own test programs have it, behind a comma.
fn reason(line: &str) -> Option<String> {
    let line = strip_str(line).to_string();
    let (_, reason) = line.strip_prefix("test ")?.split_once(" ... ignored")?;
    let reason = reason.trim().trim_start_matches([',', ' ']);
    let bare = reason
        .strip_prefix('(')
        .and_then(|reason| reason.strip_suffix(')'))
        .unwrap_or(reason);
    (!bare.is_empty()).then(|| bare.to_owned())
}
