//! What a change must pass before its tests are worth running.

use crate::{build_ebpf, fuzz, imports, process, project};

/// The workspaces besides the root's.
const OTHER_WORKSPACES: [&str; 2] = ["probe-ebpf", "fuzz"];

/// Runs all checks; stops at the first that fails.
///
/// # Errors
/// A check fails; the message says how to fix it.
pub fn run() -> anyhow::Result<()> {
    process::run(&mut process::cargo(&["fmt", "--all", "--check"]))?;
    for workspace in OTHER_WORKSPACES {
        let manifest = format!("{workspace}/Cargo.toml");
        let format = ["fmt", "--manifest-path", &manifest, "--check"];
        process::run(&mut process::cargo(&format))?;
    }
    imports::check(&project::root().join("tui/src"))?;
    process::run(&mut process::cargo(&[
        "clippy",
        "--workspace",
        "--all-targets",
        "--",
        "--deny",
        "warnings",
    ]))?;
    fuzz::prepare()?;
    process::run(&mut process::cargo(&[
        "clippy",
        "--manifest-path",
        "fuzz/Cargo.toml",
        "--",
        "--deny",
        "warnings",
    ]))?;
    build_ebpf::check()
}
