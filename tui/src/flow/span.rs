//! How far back graphs reach, in slots of the [`Clock`](super::clock::Clock).

/// How far back a graph reaches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Span {
    /// The last minute, a slot a value.
    #[default]
    Minute,
    /// The last ten, 20 slots a value.
    TenMinutes,
    /// The last hour, 60 slots a value.
    Hour,
}

impl Span {
    /// Slots of the clock that a value stands for.
    #[must_use]
    pub const fn slots_each(self) -> u32 {
        match self {
            Self::Minute => 1,
            Self::TenMinutes => 20,
            Self::Hour => 60,
        }
    }

    /// Values at most.
    #[must_use]
    pub const fn values(self) -> usize {
        match self {
            Self::Minute | Self::Hour => 60,
            Self::TenMinutes => 30,
        }
    }

    /// The next shorter one.
    #[must_use]
    pub const fn shorter(self) -> Self {
        match self {
            Self::Minute | Self::TenMinutes => Self::Minute,
            Self::Hour => Self::TenMinutes,
        }
    }

    /// The next longer one.
    #[must_use]
    pub const fn longer(self) -> Self {
        match self {
            Self::Minute => Self::TenMinutes,
            Self::TenMinutes | Self::Hour => Self::Hour,
        }
    }
}
