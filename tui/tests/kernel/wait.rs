//! Waiting for what is to come.

use std::thread::sleep;
use std::time::{Duration, Instant};

/// When a test gives up. Nothing takes as long, even under an emulated processor
/// that has much else to do.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// Looks again and again, until there is something.
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        sleep(Duration::from_millis(20));
    }
}

/// Looks again and again, until it is so.
pub fn until_true(what: &str, mut look: impl FnMut() -> bool) {
    until(what, || look().then_some(()));
}
