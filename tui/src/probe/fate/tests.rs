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

#[test]
fn what_is_put_off_is_claimed_later() {
    let mut balance = Balance::default();
    assert_eq!(balance.put_off(1), None);
    balance.settle(0, received(0, 0));
    assert_eq!(balance.put_off(10), fate(0, 0));
    assert_eq!(balance.settle(0, received(7, 7)), fate(3, 0));
    balance.put_off(0);
    assert_eq!(balance.settle(1, received(12, 12)), fate(0, 1));
}

#[test]
fn a_far_end_is_read_while_something_happens_and_else_now_and_then() {
    let location = PeerLocation {
        place: None,
        index: 7,
    };
    let mut far = FarEnd::new(location, 0);
    let counters = |packets| {
        let mut counters = LinkCounters::default();
        counters.tx.packets = packets;
        Some(counters)
    };
    // An interval in which the near end has counted so much, and the hooks have seen
    // packets or not. Whether the far end was read, and what is known of it.
    let mut interval = |near, seen| {
        far.choose(counters(near));
        let mut totals = DeviceTotals {
            counters: counters(near),
            ..DeviceTotals::default()
        };
        totals.directions[0].packets = seen;
        if far.is_due {
            totals.peer_counters = counters(100 + near);
        }
        (far.settle(&mut totals), totals.peer_counters)
    };
    assert_eq!(interval(0, 0), (true, counters(100)));
    for _ in 0..IDLE {
        assert_eq!(interval(0, 0), (false, counters(100)));
    }
    assert!(interval(0, 0).0, "it is its turn");
    assert!(!interval(0, 0).0);
    assert_eq!(interval(1, 0), (true, counters(101)));
    assert!(interval(1, 0).0, "it has counted something");
    assert!(!interval(1, 0).0);
    assert!(!interval(1, 3).0, "it is not known before");
    assert!(interval(1, 0).0);
    assert!(!interval(1, 0).0);
}

proptest! {
    /// However the readings fall, no more is claimed than there was, and once
    /// nothing moves, all that happened since the start; of what came past the
    /// hook less by what moved just then.
    #[test]
    fn claims_are_true_and_become_complete(
        // Packets of an epoch that are delivered, and diverted, and how many of
        // the delivered ones come after the first and before the second reading.
        // Not all of them are read.
        epochs in prop::collection::vec(
            (0..50u64, 0..5u64, 0..9u64, 0..9u64, any::<bool>()),
            1..20,
        ),
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
        for (delivered, other, late, next, is_read) in epochs {
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
            if is_read {
                let claimed = settle(&mut balance, seen, received(before, at_end + next));
                prop_assert!(claimed <= truth, "{claimed} of {truth}");
            } else {
                prop_assert_eq!(balance.put_off(seen), fate(0, 0));
            }
            at_end += next;
        }
        let claimed = settle(&mut balance, early, received(at_end, at_end));
        let hidden = if bypasses { at_start } else { 0 };
        prop_assert_eq!(claimed, truth.saturating_sub(hidden));
    }
}
