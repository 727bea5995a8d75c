use proptest::prelude::*;

use super::*;

const fn received(before: u64, after: u64) -> Option<Received> {
    Some(Received { before, after })
}

const fn fate(diverted: u64, bypassed: u64) -> Option<Fate> {
    Some(Fate {
        diverted: Some(diverted),
        bypassed,
    })
}

#[test]
fn what_is_not_delivered_was_diverted() {
    let mut balance = Balance::default();
    assert_eq!(balance.settle(50, received(1_000, 1_000)), fate(0, 0));
    assert_eq!(balance.settle(10, received(1_010, 1_010)), fate(0, 0));
    assert_eq!(balance.settle(10, received(1_013, 1_013)), fate(7, 0));
    assert_eq!(balance.settle(0, received(1_013, 1_013)), fate(0, 0));
}

#[test]
fn what_is_delivered_and_was_not_seen_came_past_the_hook() {
    let mut balance = Balance::default();
    balance.settle(0, received(5, 5));
    assert_eq!(balance.settle(2, received(12, 12)), fate(0, 5));
    assert_eq!(balance.settle(2, received(14, 14)), fate(0, 0));
}

#[test]
fn nothing_is_claimed_for_readings_that_are_apart() {
    let mut balance = Balance::default();
    balance.settle(0, received(0, 0));
    // 3 packets of the next epoch had arrived when it was read.
    assert_eq!(balance.settle(10, received(6, 13)), fate(0, 0));
    // One more, and none of the ten was lost: but two of these were.
    assert_eq!(balance.settle(6, received(14, 14)), fate(2, 0));
}

#[test]
fn nothing_is_claimed_while_it_cannot_be_known() {
    let mut balance = Balance::default();
    balance.settle(0, received(0, 0));
    assert_eq!(balance.settle(10, None), None);
    // What was lost meanwhile is nobody's.
    assert_eq!(balance.settle(10, received(12, 12)), fate(0, 0));
    assert_eq!(balance.settle(1, received(12, 12)), fate(1, 0));
    // Another device.
    assert_eq!(balance.settle(0, received(3, 3)), fate(0, 0));
    assert_eq!(balance.settle(1, received(4, 4)), fate(0, 0));
    // Another one between the two readings.
    assert_eq!(balance.settle(1, received(5, 1)), None);
    assert_eq!(balance.settle(1, received(2, 2)), fate(0, 0));
    assert_eq!(balance.settle(1, received(2, 2)), fate(1, 0));
}

#[test]
fn what_is_received_late_was_not_past_the_hook() {
    let mut balance = Balance::default();
    // 7 packets were seen, and 4 of them are received later.
    balance.settle_late(7, received(3, 3));
    let bypassed = |fate: Option<Fate>| fate.unwrap().bypassed;
    assert_eq!(bypassed(balance.settle_late(0, received(7, 7))), 0);
    assert_eq!(bypassed(balance.settle_late(0, received(12, 12))), 2);
    assert_eq!(bypassed(balance.settle_late(3, received(15, 15))), 0);
}

proptest! {
    /// However the readings fall, no more is claimed than there was, and once
    /// nothing moves, all that happened since the start; of what came past the
    /// hook less by what moved just then.
    #[test]
    fn claims_are_true_and_become_complete(
        // Packets of an epoch that are delivered, and diverted, and how many of
        // the delivered ones come after the first and before the second reading.
        epochs in prop::collection::vec((0..50u64, 0..5u64, 0..9u64, 0..9u64), 1..20),
        at_start in 0..9u64,
        bypasses: bool,
    ) {
        let mut balance = Balance::default();
        balance.settle(0, received(0, at_start));
        let mut at_end = at_start;
        let mut early = at_start;
        let mut truth = 0;
        let mut claimed = 0;
        let mut settle = |balance: &mut Balance, seen, received| {
            let fate = balance.settle(seen, received).unwrap();
            claimed += if bypasses { fate.bypassed } else { fate.diverted.unwrap() };
            claimed
        };
        for (delivered, other, late, next) in epochs {
            let delivered = delivered.max(early);
            at_end += delivered - early;
            let seen = if bypasses {
                at_end += other;
                delivered
            } else {
                delivered + other
            };
            truth += other;
            // Never behind what an earlier reading has shown.
            let before = at_end - late.min(delivered - early);
            early = next;
            let claimed = settle(&mut balance, seen, received(before, at_end + next));
            prop_assert!(claimed <= truth, "{claimed} of {truth}");
            at_end += next;
        }
        let claimed = settle(&mut balance, early, received(at_end, at_end));
        let hidden = if bypasses { at_start } else { 0 };
        prop_assert_eq!(claimed, truth.saturating_sub(hidden));
    }
}
