//! `cargo xtask fuzz`: tries the fuzz targets for a while. What it finds interesting is kept
//! in `fuzz/corpus/`, what fails in `fuzz/artifacts/`.
//!
//! The compiler's flags are those of cargo-fuzz but for the sanitizer, which only
//! nightly Rust has: the fuzzer learns what each input has reached, also on stable.

use std::{fs, process::Command, time::Duration};

use anyhow::{Context, ensure};

use crate::{apt, process, program::Program, project};

/// LLVM counts each edge of the code, and reports what is compared with what.
const FLAGS: [&str; 6] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "--cfg=fuzzing",
];

/// The options of `cargo xtask fuzz`.
#[derive(clap::Args)]
pub struct Args {
    /// How long each target is tried
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// The targets, by name; without, all of them
    target: Vec<String>,
}

/// Runs the task.
///
/// # Errors
/// The targets cannot be built, or one fails; the message has the command to try it again.
pub fn run(args: &Args) -> anyhow::Result<()> {
    prepare()?;
    let targets = build()?;
    for name in &args.target {
        ensure!(
            targets.iter().any(|target| target.name == *name),
            "there is no fuzz target {name}"
        );
    }
    for target in targets {
        if args.target.is_empty() || args.target.contains(&target.name) {
            try_for(&target, Duration::from_secs(args.seconds))?;
        }
    }
    Ok(())
}

/// Installs the compiler that the fuzzer itself, which is C++, needs.
///
/// # Errors
/// It is not there, and cannot be installed.
pub fn prepare() -> anyhow::Result<()> {
    if process::is_installed("c++") {
        return Ok(());
    }
    apt::install(&["g++"], "the fuzzer")
}

/// Builds all targets.
///
/// # Errors
/// They do not build.
pub fn build() -> anyhow::Result<Vec<Program>> {
    let flags = format!("build.rustflags={FLAGS:?}");
    let manifest = "fuzz/Cargo.toml";
    // With a target, what runs while compiling is compiled without the flags.
    Program::build(&[
        "build",
        "--manifest-path",
        manifest,
        "--config",
        &flags,
        "--target",
        "host-tuple",
        "--bins",
    ])
}

/// Tries a target for a while, from what was found before and the seeds.
///
/// # Errors
/// It cannot be started, or it fails.
pub fn try_for(target: &Program, time: Duration) -> anyhow::Result<()> {
    let directory = project::root().join("fuzz");
    let of_target = |kind: &str| directory.join(kind).join(&target.name);
    let [corpus, seeds, artifacts] = ["corpus", "seeds", "artifacts"].map(of_target);
    for made in [&corpus, &artifacts] {
        fs::create_dir_all(made).with_context(|| format!("cannot create {}", made.display()))?;
    }
    let mut command = Command::new(&target.path);
    command
        .args(["-verbosity=0", "-print_final_stats=1"])
        // An input that takes longer, or more memory, is a fault.
        .args(["-timeout=10", "-rss_limit_mb=1024"])
        .arg(format!("-max_total_time={}", time.as_secs()))
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .args([corpus, seeds]);
    process::run(&mut command).with_context(|| {
        format!(
            "the fuzz target {name} fails; give {} the file that it names to see it again",
            target.path.display(),
            name = target.name
        )
    })
}
