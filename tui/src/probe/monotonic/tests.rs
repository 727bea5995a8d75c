use super::*;

#[test]
fn the_offset_of_a_time_namespace_is_read() {
    let text = "monotonic           -100         5\nboottime            7         0\n";
    assert_eq!(monotonic_offset(text), -100 * SECOND + 5);
    assert_eq!(monotonic_offset("1 100000 0\n7 0 0\n"), 100_000 * SECOND);
    assert_eq!(
        offset_of(["boottime", "7"], "monotonic 1 0\nboottime 2 3\n"),
        2 * SECOND + 3
    );
    assert_eq!(monotonic_offset(""), 0);
}
