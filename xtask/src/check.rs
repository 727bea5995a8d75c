//! `cargo xtask check`: the format and the lints.

use crate::process::{cargo, run};

/// Runs all checks; stops at the first that fails.
pub fn check() -> anyhow::Result<()> {
    run(&mut cargo(&["fmt", "--all", "--check"]))?;
    run(&mut cargo(&[
        "fmt",
        "--manifest-path",
        "probe-ebpf/Cargo.toml",
        "--check",
    ]))?;
    run(&mut cargo(&[
        "clippy",
        "--workspace",
        "--all-targets",
        "--",
        "--deny",
        "warnings",
    ]))
}
