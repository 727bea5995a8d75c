//! The virtio serial ports between the machine and its host.

/// A virtio serial port; the guest finds it by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    /// To the host: a [`Report`](crate::Report) a line. To the guest: a new
    /// [`Size`](crate::Size) of the terminal a line.
    Control,
    /// What the command writes; with a terminal also what is typed.
    Output,
    /// What the command writes on standard error; unused with a terminal.
    Errors,
}

impl Port {
    /// All ports.
    pub const ALL: [Self; 3] = [Self::Control, Self::Output, Self::Errors];

    /// The name of the port's device.
    pub fn name(self) -> &'static str {
        match self {
            Self::Control => "nkview.control",
            Self::Output => "nkview.output",
            Self::Errors => "nkview.errors",
        }
    }
}
