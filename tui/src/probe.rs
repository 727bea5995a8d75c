//! All that touches the kernel.

pub mod object;
pub mod sys;
