//! `cargo xtask check`: the format, the lints and the committed object.

use crate::build_ebpf;
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
    ]))?;
    build_ebpf::run(&build_ebpf::Args { check: true })
}
