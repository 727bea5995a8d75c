use probe_common::TotalsValue;

use super::Losses;

fn lost<const N: usize>(cpus: [u64; N]) -> [TotalsValue; N] {
    cpus.map(|lost| TotalsValue {
        lost,
        ..TotalsValue::default()
    })
}

#[test]
fn are_empty_without_any() {
    let mut losses = Losses::default();
    losses.note(1, &lost([0, 0]));
    assert!(losses.by_cpu().is_empty());
}

#[test]
fn are_the_last_of_each_entry() {
    let mut losses = Losses::default();
    losses.note(1, &lost([0, 3]));
    losses.note(2, &lost([5, 1]));
    losses.note(1, &lost([0, 4]));
    assert_eq!(losses.by_cpu(), [5, 5]);
}
