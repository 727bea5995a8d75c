//! Integers of variable length (LEB128), signed ones in zigzag order.

/// Appends a number.
pub fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// Appends the difference from `last` to `now`, which is short when they are close.
pub fn put_change(bytes: &mut Vec<u8>, last: u64, now: u64) {
    let change = now.wrapping_sub(last).cast_signed();
    put(bytes, (change << 1 ^ change >> 63).cast_unsigned());
}

/// Takes a number off the start of `bytes`; nothing when there is none.
pub fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let part = u64::from(byte & 0x7f);
        if shift == 63 && part > 1 {
            return None;
        }
        number |= part << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

/// Takes a number that was written as its difference from `last`.
pub fn take_change(bytes: &mut &[u8], last: u64) -> Option<u64> {
    let zigzag = take(bytes)?;
    let change = (zigzag >> 1) ^ (zigzag & 1).wrapping_neg();
    Some(last.wrapping_add(change))
}
