//! Measures: what nkview costs a packet, the traffic and the machine.
//!
//! The benchmarks are programs of nkview's package (`tui/benches/`), compiled as
//! a release is.

use std::process::Command;

use clap::ValueEnum;

use crate::{process, program::Program, project};

/// The options of `cargo xtask bench`.
#[derive(clap::Args)]
pub struct Args {
    /// What to measure
    #[arg(value_enum)]
    bench: Bench,
    /// Parts of the benchmark, where it has such: `kernel -- block`, `traffic -- node`
    #[arg(last = true)]
    parts: Vec<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Bench {
    /// CPU and memory of the diagnosis: a steady load, a SYN flood, a scan
    Diagnosis,
    /// Nanoseconds a packet, by `BPF_PROG_TEST_RUN`: the counting path, an event a packet, other maps
    Kernel,
    /// Size of a recording, CPU of writing it, and the time to go to a moment of it
    Record,
    /// Throughput and exactness at floods, and CPU, memory and bytes drawn, compared with bandwhich, rustnet and netwatch where they are in PATH; and CPU on a node with many pods (`-- node`)
    Traffic,
    /// Time of update and draw, from a key to the screen, and bytes drawn
    Ui,
}

impl Bench {
    const fn name(self) -> &'static str {
        match self {
            Self::Diagnosis => "diagnosis",
            Self::Kernel => "kernel",
            Self::Record => "record",
            Self::Traffic => "traffic",
            Self::Ui => "ui",
        }
    }

    /// Whether it loads programs or makes devices.
    const fn needs_root(self) -> bool {
        matches!(self, Self::Kernel | Self::Traffic)
    }
}

/// Builds a benchmark and runs it, as root where it has to be.
///
/// # Errors
/// It does not build or fails, or this is not root and there is no sudo.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let name = args.bench.name();
    let build = ["bench", "--no-run", "--package", "nkview", "--bench", name];
    let bench = Program::build_one(&build, name)?;
    let mut command = if args.bench.needs_root() {
        bench.as_root()?
    } else {
        Command::new(&bench.path)
    };
    process::run(command.args(&args.parts).current_dir(project::root()))
}
