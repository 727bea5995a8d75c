use super::*;

fn refused() -> WatchFailure {
    WatchFailure::Other("refused".to_owned())
}

#[test]
fn pauses_grow_up_to_the_longest() {
    let mut failures = Failures::default();
    let mut now = Instant::now();
    let mut pauses = Vec::new();
    for _ in 0..8 {
        failures.add(7, refused(), now);
        let next = failures.next().unwrap();
        pauses.push((next - now).as_secs());
        now = next;
    }
    assert_eq!(pauses, [2, 4, 8, 16, 32, 64, 120, 120]);
}

#[test]
fn only_another_reason_is_new() {
    let now = Instant::now();
    let mut failures = Failures::default();
    assert!(failures.add(7, refused(), now));
    assert!(!failures.add(7, refused(), now));
    assert!(failures.add(8, refused(), now));
    assert!(failures.add(7, WatchFailure::Limit(1), now));
    assert_eq!(failures.reason(7), Some(&WatchFailure::Limit(1)));
    failures.clear();
    assert_eq!((failures.reason(7), failures.next()), (None, None));
    assert!(failures.add(7, WatchFailure::Limit(1), now));
}

#[test]
fn a_device_is_tried_again_when_its_pause_is_over() {
    let now = Instant::now();
    let mut failures = Failures::default();
    failures.add(7, refused(), now);
    assert!(failures.is_put_off(7, now));
    assert!(!failures.is_put_off(8, now));
    assert!(!failures.is_put_off(7, now + RETRY));
    failures.put_off(now + RETRY);
    assert!(failures.is_put_off(7, now + RETRY));
    failures.retain(|index| index != 7);
    assert!(!failures.is_put_off(7, now + RETRY));
}
