use proptest::prelude::*;

use super::Compact;

#[test]
fn small_counts_are_exact() {
    for value in 0..4096 {
        assert_eq!(Compact::new(value).value(), value);
    }
}

#[test]
fn the_largest_saturates() {
    let largest = Compact::new(u64::MAX).value();
    assert_eq!(largest, 4095 << 30);
    assert_eq!(Compact::new(largest).value(), largest);
    let mut full = Compact::new(largest);
    full.add(u64::MAX);
    assert_eq!(full.value(), largest);
}

#[test]
fn rounding_up_to_the_next_power_of_two_is_carried() {
    assert_eq!(Compact::new(8191).value(), 8192);
    assert_eq!(Compact::new((1 << 30) - 1).value(), 1 << 30);
}

proptest! {
    #[test]
    fn the_error_is_at_most_one_in_4096(value in 0..=(4095u64 << 30)) {
        let error = Compact::new(value).value().abs_diff(value);
        prop_assert!(error * 4096 <= value, "{value} is off by {error}");
    }
}
