use super::*;

#[tokio::test(start_paused = true)]
async fn bytes_are_those_a_second_and_memory_is_resident() {
    let mut meter = Meter::new();
    tokio::time::advance(Duration::from_millis(500)).await;
    assert_eq!(meter.read(1_000), None, "too soon");
    tokio::time::advance(Duration::from_millis(1_500)).await;
    let usage = meter.read(4_000).unwrap();
    assert!((usage.drawn - 2_000.0).abs() < 1.0, "{usage:?}");
    assert!(usage.cpu >= 0.0);
    // A process of this size has more than a page.
    assert!(usage.memory.unwrap() > 100_000, "{usage:?}");
    tokio::time::advance(Duration::from_secs(1)).await;
    assert!((meter.read(4_000).unwrap().drawn).abs() < f64::EPSILON);
}

#[test]
fn work_takes_cpu_time() {
    let before = cpu();
    let mut sum = 0u64;
    while cpu() == before {
        sum = std::hint::black_box(sum.wrapping_add(1));
    }
    assert!(cpu() > before);
}
