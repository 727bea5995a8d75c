//! nkview shows every flow that crosses the machine's netkit devices, exactly
//! counted in the kernel, live in a terminal.

pub mod probe;
pub mod source;

/// Starts the program.
#[must_use]
pub fn main() -> std::process::ExitCode {
    std::process::ExitCode::SUCCESS
}
