use super::*;

#[test]
fn what_slots_cover_is_what_each_of_them_covers() {
    let mut clock = Clock::default();
    let mut now = Moment::ZERO;
    // Short ones share a slot, and the first slots are forgotten.
    for number in 0..200 {
        let length = Duration::from_millis([1000, 300, 2500][number % 3]);
        now += length;
        clock.advance(now, length);
    }
    let one_by_one =
        |slots: RangeInclusive<u32>| -> Duration { slots.map(|number| clock.length(number)).sum() };
    let remembered = clock.remembered();
    assert_eq!(remembered.len(), SLOTS);
    for first in remembered.clone() {
        for last in first..remembered.end {
            let slots = first..=last;
            let covered = clock.covered(slots.clone());
            assert_eq!(covered, one_by_one(slots), "{first}..={last}");
        }
    }
}
