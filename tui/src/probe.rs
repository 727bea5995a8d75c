//! All that touches the kernel.

pub mod attach;
pub mod counters;
pub mod object;
pub mod sys;
