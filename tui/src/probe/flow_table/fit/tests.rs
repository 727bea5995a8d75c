use super::{Fit, LEAST_PAGES, SLOTS};

const TOTAL: usize = 4096;
const FLOWS: usize = LEAST_PAGES * SLOTS;

/// Pages for this many flows when they have just changed.
const fn fitted(flows: usize) -> usize {
    flows * 4 / SLOTS
}

#[test]
fn few_flows_leave_the_least_pages() {
    let mut fit = Fit::new(TOTAL);
    assert!(!fit.change(0, 2));
    assert!(!fit.change(FLOWS / 2, 3));
    assert_eq!(fit.pages(), LEAST_PAGES);
    assert_eq!(Fit::new(3).pages(), 3);
}

#[test]
fn a_flow_that_moves_is_counted_once() {
    let mut fit = Fit::new(TOTAL);
    assert!(fit.change(FLOWS, 2));
    assert_eq!(fit.pages(), fitted(FLOWS));
    // Each flow is in a new slot, then in many more: they are as many as before.
    for now in 3..20 {
        assert!(!fit.change(2 * FLOWS, now), "{now}");
    }
    // There are really more.
    assert!(fit.change(FLOWS + 3 * FLOWS, 20));
    assert_eq!(fit.pages(), fitted(3 * FLOWS));
}

#[test]
fn shrinks_when_what_is_outdated_has_gone() {
    let mut fit = Fit::new(TOTAL);
    assert!(fit.change(FLOWS, 2));
    for _ in 1..FLOWS {
        fit.touched(2, 5);
        // A newer slot says nothing of the old ones.
        fit.touched(3, 5);
    }
    assert!(!fit.change(1, 5));
    fit.touched(1, 6);
    assert!(fit.change(1, 6));
    assert_eq!(fit.pages(), LEAST_PAGES);
}

#[test]
fn slots_that_are_used_again_count() {
    let mut fit = Fit::new(TOTAL);
    assert!(fit.change(FLOWS, 2));
    // All are still where they were, and three times as many are new.
    for _ in 0..FLOWS {
        fit.touched(2, 3);
    }
    assert!(fit.change(3 * FLOWS, 3));
    assert_eq!(fit.pages(), fitted(3 * FLOWS));
}
