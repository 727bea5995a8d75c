//! The tasks of the project, one module a verb: `cargo xtask help` lists them.

mod apt;
mod build_ebpf;
mod check;
mod process;
mod project;
mod test;
mod toolchain;
mod vm;

use std::process::ExitCode;

use clap::Parser;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The tasks of the project")]
enum Task {
    /// Compile the eBPF programs into assets/, or prove that the object there is what the sources give
    BuildEbpf(build_ebpf::Args),
    /// Check the format and the lints
    Check,
    /// Run every test and count what ran
    Test,
    /// Run a command under another kernel, in a virtual machine that shows this machine's files
    Vm(vm::Args),
}

fn main() -> anyhow::Result<ExitCode> {
    match Task::parse() {
        Task::BuildEbpf(args) => build_ebpf::run(&args)?,
        Task::Check => check::check()?,
        Task::Test => test::run()?,
        Task::Vm(args) => return vm::run(&args),
    }
    Ok(ExitCode::SUCCESS)
}
