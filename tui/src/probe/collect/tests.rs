use std::sync::{Arc, Mutex};

use super::*;
use crate::model::EndReason;

/// Records when it was polled, and is as slow as the test wants.
struct Slow {
    name: &'static str,
    period: Duration,
    takes: Duration,
    log: Arc<Mutex<Vec<&'static str>>>,
}

impl Collector for Slow {
    fn period(&self) -> Duration {
        self.period
    }

    fn poll(&mut self) -> Vec<Event> {
        std::thread::sleep(self.takes);
        self.log.lock().unwrap().push(self.name);
        vec![Event::Ended(EndReason::Counters(self.name.to_owned()))]
    }

    fn command(&mut self, command: &Command) -> Option<Result<(), String>> {
        let is_its_own = *command == Command::Watch(self.name.to_owned());
        is_its_own.then(|| Err(format!("{} cannot", self.name)))
    }
}

fn schedule(collectors: &[(&'static str, u64, u64)]) -> (Schedule, Arc<Mutex<Vec<&'static str>>>) {
    let log = Arc::default();
    let mut schedule = Schedule::default();
    for &(name, period, takes) in collectors {
        schedule.add(Box::new(Slow {
            name,
            period: Duration::from_millis(period),
            takes: Duration::from_millis(takes),
            log: Arc::clone(&log),
        }));
    }
    (schedule, log)
}

#[test]
fn nothing_is_polled_before_its_period_is_over() {
    let (mut schedule, log) = schedule(&[("hourly", 3_600_000, 0)]);
    assert_eq!(schedule.poll(), []);
    assert!(log.lock().unwrap().is_empty());
    assert!(schedule.due().unwrap() > Instant::now());
}

/// One that takes ten times its period leaves the others their turns.
#[test]
fn a_slow_one_starves_no_other() {
    let (mut schedule, log) = schedule(&[("slow", 2, 20), ("quick", 5, 0), ("other", 7, 0)]);
    while log.lock().unwrap().len() < 30 {
        schedule.poll();
    }
    let log = log.lock().unwrap();
    for name in ["slow", "quick", "other"] {
        let turns = log.iter().filter(|it| **it == name).count();
        assert!(turns >= 8, "{name} had {turns} turns of {log:?}");
    }
}

#[test]
fn the_longest_overdue_is_first() {
    let (mut schedule, log) = schedule(&[("late", 20, 0), ("later", 1, 0), ("last", 30, 0)]);
    std::thread::sleep(Duration::from_millis(40));
    for _ in 0..3 {
        schedule.poll();
    }
    let log = log.lock().unwrap();
    assert_eq!(log[..2], ["later", "late"]);
}

#[test]
fn a_command_goes_to_the_one_that_it_belongs_to() {
    let (mut schedule, _) = schedule(&[("a", 1, 0), ("b", 1, 0)]);
    let result = schedule.command(&Command::Watch("b".to_owned()));
    assert_eq!(result, Some(Err("b cannot".to_owned())));
    assert_eq!(schedule.command(&Command::Watch("c".to_owned())), None);
}
