//! Waiting for what is to come.

use std::fmt::Display;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// When a test gives up. Nothing takes as long, even under an emulated processor
/// that has much else to do.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// Looks again and again, until there is something.
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    until_ok(what, || look().ok_or("it is not there"))
}

/// Looks again and again, until it is well. Otherwise it fails with what was last
/// wrong.
pub fn until_ok<T, E: Display>(what: &str, mut look: impl FnMut() -> Result<T, E>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match look() {
            Ok(found) => return found,
            Err(error) if Instant::now() > deadline => panic!("waited in vain: {what}: {error}"),
            Err(_) => sleep(Duration::from_millis(20)),
        }
    }
}

/// Looks again and again, until it is so.
pub fn until_true(what: &str, mut look: impl FnMut() -> bool) {
    until(what, || look().then_some(()));
}
