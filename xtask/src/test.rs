//! `cargo xtask test`: every test, and a count of what ran.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use crate::process::{cargo, run as run_command};

/// What a run of tests came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    passed: u64,
    failed: u64,
    skipped: u64,
}

/// What the kernel tests call, and the Debian packages that have it.
const TOOLS: [(&str, &str); 2] = [("ip", "iproute2"), ("ping", "iputils-ping")];

/// Installs what is missing, where apt can; otherwise says what to install.
fn set_up() -> anyhow::Result<()> {
    let missing: Vec<_> = TOOLS
        .iter()
        .filter(|(tool, _)| !is_installed(tool))
        .map(|&(_, package)| package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let install = || {
        run_command(Command::new("apt-get").arg("update"))?;
        run_command(
            Command::new("apt-get")
                .args(["install", "--yes", "--no-install-recommends"])
                .args(&missing),
        )
    };
    install().with_context(|| {
        format!(
            "the kernel tests need {}: install them and try again",
            missing.join(", ")
        )
    })
}

fn is_installed(tool: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(tool).is_file())
}

/// Runs the workspace's tests, shows their output, and ends with their sum.
pub fn run() -> anyhow::Result<()> {
    set_up()?;
    let mut child = cargo(&["test", "--workspace"])
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start cargo test")?;
    let output = child.stdout.take().context("cargo test has no output")?;
    let mut sum = Count::default();
    for line in BufReader::new(output).lines() {
        let line = line.context("cannot read the output of cargo test")?;
        println!("{line}");
        if let Some(count) = summary(&line) {
            sum.passed += count.passed;
            sum.failed += count.failed;
            sum.skipped += count.skipped;
        }
    }
    let status = child.wait().context("cannot wait for cargo test")?;
    println!(
        "{} passed, {} failed, {} skipped",
        sum.passed, sum.failed, sum.skipped
    );
    if !status.success() {
        bail!("cargo test failed: {status}");
    }
    Ok(())
}

/// The counts of a line such as `test result: ok. 3 passed; 0 failed; 1
/// ignored; 0 measured; 0 filtered out; finished in 0.00s`.
fn summary(line: &str) -> Option<Count> {
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let of = |what: &str| {
        counts.split("; ").find_map(|part| {
            let (number, name) = part.split_once(' ')?;
            (name == what).then(|| number.parse().ok())?
        })
    };
    Some(Count {
        passed: of("passed")?,
        failed: of("failed")?,
        skipped: of("ignored")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_line_is_counted_and_others_are_not() {
        let line = "test result: FAILED. 3 passed; 2 failed; 1 ignored; 0 measured; \
                    4 filtered out; finished in 0.01s";
        let expected = Count {
            passed: 3,
            failed: 2,
            skipped: 1,
        };
        assert_eq!(summary(line), Some(expected));
        assert_eq!(summary("test result: unknown"), None);
        assert_eq!(summary("test flow ... ok"), None);
    }
}
