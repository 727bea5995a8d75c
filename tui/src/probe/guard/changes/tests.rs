use super::*;
use crate::probe::change::Program;

fn came(id: u32) -> Change {
    let ours = Program::new(1, "nkview");
    let now = [ours.clone(), Program::new(id, "other")];
    Change::between(HookPoint::TcxIngress, &[ours], &now, 1)
}

#[test]
fn a_program_that_comes_and_goes_is_one_report() {
    let mut changes = Changes::default();
    let start = Instant::now();
    let first = changes.add(0, "v0", came(7), start);
    assert!(first.unwrap().1.starts_with("v0: other (program 7)"));
    for tenth in 1..100 {
        let now = start + tenth * Duration::from_millis(100);
        assert_eq!(changes.add(0, "v0", came(7 + tenth), now), None);
        assert_eq!(changes.sums(now), []);
    }
    let sums = changes.sums(changes.due().unwrap());
    assert_eq!(sums.len(), 1);
    assert!(sums[0].1.contains("99 times in 10 s"), "{sums:?}");
    assert!(sums[0].1.contains("program 106"), "{sums:?}");
}

#[test]
fn a_quiet_hook_is_forgotten_and_the_next_change_is_reported_at_once() {
    let mut changes = Changes::default();
    let start = Instant::now();
    assert!(changes.add(0, "v0", came(7), start).is_some());
    assert!(
        changes.add(1, "v1", came(7), start).is_some(),
        "another one"
    );
    assert_eq!(changes.sums(start + PAUSE), []);
    assert_eq!(changes.due(), None);
    assert!(changes.add(0, "v0", came(8), start + PAUSE).is_some());
}
