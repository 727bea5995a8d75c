//! What the machine's first process and the program that boots the machine
//! agree on.

mod port;
mod report;
mod spec;

pub use port::Port;
pub use report::Report;
pub use spec::{Size, Spec};

/// Where the machine's first process finds its [`Spec`] in the initramfs.
pub const SPEC_PATH: &str = "/spec";

/// Where it finds the modules that it loads before all else, in the order of
/// their names.
pub const MODULES_PATH: &str = "/modules";

/// The tag of the virtiofs device that shows the host's root directory.
pub const ROOT_TAG: &str = "root";
