//! Counts in 16 bits.

/// A count as a floating point number of 5 bits of exponent and 11 of mantissa
/// (the leading one is implied). Exact below 4,096; above, rounded to the
/// nearest, off by at most 1 in 4,096. Saturates at 4.39 × 10¹².
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Compact(u16);

const MANTISSA_BITS: u32 = 11;
/// The implied leading one; below it, numbers stand for themselves.
const IMPLIED: u64 = 1 << MANTISSA_BITS;
const EXPONENT_MAX: u32 = 31;

impl Compact {
    /// Nothing.
    pub(super) const ZERO: Self = Self(0);

    /// The nearest that can be represented.
    pub(super) fn new(value: u64) -> Self {
        if value < IMPLIED {
            return Self(value as u16);
        }
        let mut shift = value.ilog2() - MANTISSA_BITS;
        let half = (1u64 << shift) >> 1;
        let mut mantissa = value.saturating_add(half) >> shift;
        if mantissa == 2 * IMPLIED {
            mantissa = IMPLIED;
            shift += 1;
        }
        let exponent = shift + 1;
        if exponent > EXPONENT_MAX {
            return Self(u16::MAX);
        }
        let bits = (u64::from(exponent) << MANTISSA_BITS) | (mantissa - IMPLIED);
        Self(bits as u16)
    }

    /// The count.
    pub(super) fn value(self) -> u64 {
        let exponent = u32::from(self.0) >> MANTISSA_BITS;
        let mantissa = u64::from(self.0) & (IMPLIED - 1);
        match exponent {
            0 => mantissa,
            _ => (IMPLIED + mantissa) << (exponent - 1),
        }
    }

    /// Adds, rounding again.
    pub(super) fn add(&mut self, value: u64) {
        if value > 0 {
            *self = Self::new(self.value().saturating_add(value));
        }
    }
}

#[cfg(test)]
mod tests;
