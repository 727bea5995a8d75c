use super::*;

fn wait(number: u32, seconds: u64) -> u64 {
    let start = Instant::now();
    let season = Season { start, number };
    season.wait(Duration::from_secs(seconds)).as_secs()
}

#[test]
fn a_fault_comes_in_its_turn_stays_and_comes_again() {
    assert_eq!(wait(0, 0), 0);
    assert_eq!(wait(2, 0), 12);
    assert_eq!(wait(2, 10), 2);
    assert_eq!(wait(2, 12), 0);
    assert_eq!(wait(2, 86), 0);
    assert_eq!(wait(2, 87), 45);
    assert_eq!(wait(2, 131), 1);
    assert_eq!(wait(2, 132), 0);
}
