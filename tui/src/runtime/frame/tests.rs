use tokio::time::advance;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn the_next_frame_waits_for_the_answer_to_the_last() {
    let mut pace = Pace::default();
    assert_eq!(pace.waits_until(false), None);
    pace.asked(Instant::now(), 1000);
    assert!(pace.waits_until(false).is_some());
    assert_eq!(pace.waits_until(true), None, "a key does not wait");
    advance(Duration::from_millis(20)).await;
    pace.answered();
    assert_eq!(pace.waits_until(false), None);
    assert_eq!(pace.limit, LARGEST, "a fast line");
}

#[tokio::test(start_paused = true)]
async fn a_frame_is_as_large_as_a_slow_line_takes_in_a_moment() {
    let mut pace = Pace::default();
    // A delay of 100 ms, and 2,000 bytes a second.
    let bytes = |bytes: usize| Duration::from_millis(100 + bytes as u64 / 2);
    for size in [10, 4000] {
        pace.asked(Instant::now(), size);
        advance(bytes(size)).await;
        pace.answered();
    }
    assert!((450..=550).contains(&pace.limit), "{}", pace.limit);
    // Keys wait once there is more on the line.
    pace.asked(Instant::now(), pace.limit);
    assert_eq!(pace.waits_until(true), None);
    pace.asked(Instant::now(), pace.limit);
    assert!(pace.waits_until(true).is_some());
    // A line that has become fast again is used.
    pace.unanswered.clear();
    for _ in 0..20 {
        pace.asked(Instant::now(), pace.limit);
        advance(Duration::from_millis(100)).await;
        pace.answered();
    }
    assert_eq!(pace.limit, LARGEST);
}

#[tokio::test(start_paused = true)]
async fn a_terminal_that_never_answers_is_not_waited_for() {
    let mut pace = Pace::default();
    for _ in 0..QUESTIONS {
        assert!(pace.asks());
        pace.asked(Instant::now(), 100);
        let until = pace.waits_until(false).unwrap();
        assert!(until - Instant::now() <= SECOND);
        advance(SECOND).await;
        pace.expire();
        assert_eq!(pace.waits_until(false), None);
    }
    assert!(!pace.asks());
}
