//! Every test there is, layer by layer, and a count of what ran.

use std::{process::ExitCode, time::Instant};

use anyhow::Context;
use cargo_metadata::{MetadataCommand, TargetKind};

use crate::{apt, process, program::Program, project};

mod libtest;
mod report;

use libtest::Count;
use report::{Layer, Outcome};

/// The test program that needs root, for it sends real packets through hooks in
/// the kernel. It has a layer of its own.
const KERNEL_TESTS: &str = "kernel";

/// What the kernel tests call, and the Debian packages that have it.
const TOOLS: [(&str, &str); 2] = [("ip", "iproute2"), ("ping", "iputils-ping")];

/// The options of `cargo xtask test`.
#[derive(clap::Args)]
pub struct Args {
    /// Fail where a layer of the tests cannot run, instead of skipping it
    #[arg(long)]
    strict: bool,
}

/// Runs all layers, shows their output as it comes, and ends with their sums.
/// The exit code tells whether a test failed.
///
/// # Errors
/// None: a layer that cannot run says why in the sums.
pub fn run(args: &Args) -> ExitCode {
    let layers = [layer("workspace", workspace), layer("kernel", kernel)];
    let sum = report::sum(&layers, args.strict);
    print!("{}", report::table(&layers, args.strict));
    println!("{sum}");
    if sum.failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn layer(name: &str, run: impl FnOnce() -> anyhow::Result<Count>) -> Layer {
    println!("── {name}");
    let start = Instant::now();
    let outcome = match run() {
        Ok(count) => Outcome::Ran(count),
        Err(error) => Outcome::Unable(format!("{error:#}")),
    };
    Layer {
        name: name.into(),
        outcome,
        took: start.elapsed(),
    }
}

/// All test programs that any user can run.
fn workspace() -> anyhow::Result<Count> {
    let metadata = MetadataCommand::new()
        .current_dir(project::root())
        .no_deps()
        .exec()
        .context("reading the workspace")?;
    let targets = metadata
        .packages
        .iter()
        .flat_map(|package| &package.targets);
    let tests = targets
        .filter(|target| target.is_kind(TargetKind::Test) && target.name != KERNEL_TESTS)
        .flat_map(|target| ["--test", &target.name]);
    let all = ["test", "--workspace", "--no-fail-fast", "--lib", "--bins"];
    libtest::run(process::cargo(&all).args(tests))
}

/// The kernel tests, on this machine's kernel.
fn kernel() -> anyhow::Result<Count> {
    let missing: Vec<_> = TOOLS
        .iter()
        .filter(|(tool, _)| !process::is_installed(tool))
        .map(|&(_, package)| package)
        .collect();
    if !missing.is_empty() {
        apt::install(&missing, "the kernel tests")?;
    }
    // Of the whole workspace, so that what the other layers compiled still fits.
    let build = ["test", "--workspace", "--no-run", "--test", KERNEL_TESTS];
    let tests = Program::build_one(&build, KERNEL_TESTS)?;
    libtest::run(tests.as_root()?.current_dir(project::root().join("tui")))
}
