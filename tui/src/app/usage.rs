//! What the program itself uses.

/// What the process has used since the last time, about a second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// The share of one CPU.
    pub cpu: f64,
    /// Bytes of memory that are resident, where the kernel reports it.
    pub memory: Option<u64>,
    /// Bytes per second that were written to the terminal.
    pub drawn: f64,
}
