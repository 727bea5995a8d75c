//! The units of amounts.

use serde::{Deserialize, Serialize};

/// The units of amounts: bytes or bits, with SI or with binary prefixes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Units {
    /// Bytes with SI prefixes: `kB`, 1,000 bytes.
    #[default]
    Bytes,
    /// Bits with SI prefixes: `kbit`, 1,000 bits.
    Bits,
    /// Bytes with binary prefixes (IEC 80000-13): `KiB`, 1,024 bytes.
    BinaryBytes,
    /// Bits with binary prefixes: `Kibit`, 1,024 bits.
    BinaryBits,
}

impl Units {
    /// The next in the order in which a key goes through them.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::Bytes => Self::Bits,
            Self::Bits => Self::BinaryBytes,
            Self::BinaryBytes => Self::BinaryBits,
            Self::BinaryBits => Self::Bytes,
        }
    }

    /// Whether rates are told in bits. Counts of bytes stay in bytes.
    #[must_use]
    pub const fn are_bits(self) -> bool {
        matches!(self, Self::Bits | Self::BinaryBits)
    }

    /// Whether a prefix stands for a power of 1,024.
    #[must_use]
    pub const fn are_binary(self) -> bool {
        matches!(self, Self::BinaryBytes | Self::BinaryBits)
    }
}
