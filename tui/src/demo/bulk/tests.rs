use super::*;

const PERIOD: Duration = Duration::from_secs(20);
const PEAK: f64 = 1e6;

fn rates(shape: Shape) -> Vec<f64> {
    (0..200).map(|tick| shape.rate(TICK * tick)).collect()
}

#[test]
fn a_wave_swings_between_a_tenth_and_the_peak() {
    let wave = Shape::Wave {
        peak: PEAK,
        period: PERIOD,
    };
    let rates = rates(wave);
    let lowest = rates.iter().copied().fold(f64::INFINITY, f64::min);
    let highest = rates.iter().copied().fold(0.0, f64::max);
    assert!((lowest - PEAK / 10.0).abs() < 1.0, "{lowest}");
    assert!((highest - PEAK).abs() < 1.0, "{highest}");
    assert!((wave.rate(PERIOD * 3) - wave.rate(Duration::ZERO)).abs() < 1.0);
}

#[test]
fn a_saw_rises_and_falls_at_once() {
    let saw = Shape::Saw {
        peak: PEAK,
        period: PERIOD,
    };
    assert!(rates(saw).is_sorted());
    assert!(saw.rate(PERIOD - TICK) > 0.99 * PEAK);
    assert!(saw.rate(PERIOD) < 1.0);
}

#[test]
fn the_bytes_of_a_period_are_its_mean_rate() {
    let wave = Shape::Wave {
        peak: PEAK,
        period: PERIOD,
    };
    let sum: usize = (0..200).map(|tick| wave.bytes(TICK * tick)).sum();
    let expected = 0.55 * PEAK * PERIOD.as_secs_f64();
    assert!((sum as f64 - expected).abs() < 200.0, "{sum}");
}
