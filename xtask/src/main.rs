//! The tasks of the project, one module a verb: `cargo xtask help` lists them.

mod apt;
mod bench;
mod build_ebpf;
mod check;
mod dist;
mod fuzz;
mod imports;
mod process;
mod program;
mod project;
mod run;
mod shots;
mod store;
mod test;
mod toolchain;
mod tools;
mod vm;

use std::process::ExitCode;

use clap::Parser;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The tasks of the project")]
enum Task {
    /// Measure what nkview costs
    Bench(bench::Args),
    /// Compile the eBPF programs into assets/, or prove that the object there is what the sources give
    BuildEbpf(build_ebpf::Args),
    /// Check the format, the lints, the imports and the committed eBPF object
    Check,
    /// Make the packages: a static program, .deb, .rpm and a container image
    Dist(dist::Args),
    /// Try the packet parser and the filter language on what a fuzzer thinks of
    Fuzz(fuzz::Args),
    /// Build nkview and start it as root; all arguments are its own
    Run(run::Args),
    /// Make the pictures in assets/screenshots/ from the program itself
    Shots(shots::Args),
    /// Run every test that this machine can run, and count them
    Test(test::Args),
    /// Run a command, or the kernel tests, under another kernel, in a virtual machine that shows
    /// this machine's files
    Vm(vm::Args),
}

fn main() -> ExitCode {
    let done = match Task::parse() {
        Task::Bench(args) => bench::run(&args),
        Task::BuildEbpf(args) => build_ebpf::run(&args),
        Task::Check => check::run(),
        Task::Dist(args) => dist::run(&args),
        Task::Fuzz(args) => fuzz::run(&args),
        Task::Run(args) => run::run(&args),
        Task::Shots(args) => shots::run(&args),
        Task::Test(args) => return test::run(&args),
        Task::Vm(args) => {
            return match args.tested_kernels() {
                Some(kernels) => test::run_under(kernels),
                None => vm::run(&args).unwrap_or_else(|error| failure(&error)),
            };
        }
    };
    done.map_or_else(|error| failure(&error), |()| ExitCode::SUCCESS)
}

fn failure(error: &anyhow::Error) -> ExitCode {
    eprintln!("error: {error:#}");
    ExitCode::FAILURE
}
