//! The tasks of the project, one module a verb: `cargo xtask help` lists them.

mod build_ebpf;
mod check;
mod run;
mod test;
mod vm;

use clap::Parser;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The tasks of the project")]
enum Task {
    /// Compile the eBPF programs into assets/, or prove that the object there is what the sources give
    BuildEbpf(build_ebpf::Args),
    /// Format, lints, the committed object and the import rules
    Check(check::Args),
    /// Build nkview and start it as root
    Run(run::Args),
    /// Run every test that this machine can run, in a virtual machine with netkit too
    Test(test::Args),
    /// Boot a Debian kernel in a virtual machine and run commands in it
    Vm(vm::Args),
}

fn main() -> anyhow::Result<()> {
    match Task::parse() {
        Task::BuildEbpf(args) => build_ebpf::run(&args),
        Task::Check(args) => check::run(&args),
        Task::Run(args) => run::run(&args),
        Task::Test(args) => test::run(&args),
        Task::Vm(args) => vm::run(&args),
    }
}
