use std::process;

use probe_common::signal::HeldSocket;

use super::{KNOWN, Owners, PENDING, REFRESH, TRIES, executable, start_ticks};

fn held(cookie: u64, pid: u32) -> HeldSocket {
    let mut command = [0; 16];
    command[..3].copy_from_slice(b"web");
    HeldSocket {
        cookie,
        pid,
        started: u64::from(pid) * 1000,
        namespace: 7,
        command,
    }
}

#[test]
fn an_owner_is_told_once_to_whoever_asks() {
    let mut owners = Owners::default();
    owners.ask(5, 1);
    assert!(owners.is_due(1));
    owners.learn(vec![held(5, 100), held(6, 101)], 1);
    let answers = owners.answers();
    assert_eq!(answers.len(), 1);
    assert_eq!((answers[0].cookie, answers[0].pid), (5, 100));
    assert_eq!(answers[0].command, "web");
    assert!(owners.answers().is_empty());
    assert!(!owners.is_due(2));
}

#[test]
fn what_was_seen_before_is_known_when_its_process_is_gone() {
    let mut owners = Owners::default();
    owners.learn(vec![held(5, 100)], 1);
    owners.learn(Vec::new(), 2);
    owners.ask(5, 3);
    assert!(!owners.is_due(3));
    assert_eq!(owners.answers()[0].pid, 100);
}

#[test]
fn of_several_processes_the_first_to_start_is_the_owner() {
    let mut owners = Owners::default();
    owners.ask(5, 1);
    // The parent has two descriptors.
    owners.learn(
        vec![held(5, 120), held(5, 100), held(5, 100), held(5, 110)],
        1,
    );
    let answers = owners.answers();
    assert_eq!((answers[0].pid, answers[0].others), (100, 2));
    // The parent ends, and one child inherits.
    owners.learn(vec![held(5, 110), held(5, 120)], 2);
    let answers = owners.answers();
    assert_eq!((answers[0].pid, answers[0].others), (110, 1));
}

#[test]
fn a_socket_that_nobody_holds_is_given_up_after_ever_longer_waits() {
    let mut owners = Owners::default();
    owners.ask(5, 1);
    let due: Vec<u32> = (1..1000)
        .filter(|period| {
            let due = owners.is_due(*period);
            if due {
                owners.learn(Vec::new(), *period);
            }
            due
        })
        .collect();
    assert_eq!(due.len(), TRIES as usize);
    assert!(
        due.windows(3)
            .all(|three| three[2] - three[1] == 2 * (three[1] - three[0]))
    );
    assert!(owners.pending.is_empty());
}

#[test]
fn memory_is_bounded_and_keeps_what_is_still_held() {
    let mut owners = Owners::default();
    let old = (1..=KNOWN as u64).map(|cookie| held(cookie, 1)).collect();
    owners.learn(old, 1);
    let new: Vec<_> = (0..1000).map(|n| held(1_000_000 + n, 2)).collect();
    owners.learn(new, 2);
    assert!(owners.known.len() <= KNOWN);
    assert!((0..1000).all(|n| owners.known.contains_key(&(1_000_000 + n))));
    for cookie in 0..2 * PENDING as u64 {
        owners.ask(2_000_000 + cookie, 3);
    }
    assert_eq!(owners.pending.len(), PENDING);
}

#[test]
fn sockets_that_are_in_use_are_looked_at_again_while_they_are_held() {
    let mut owners = Owners::default();
    owners.ask(5, 1);
    owners.learn(vec![held(5, 100)], 1);
    assert_eq!(owners.answers().len(), 1);
    assert!(!owners.is_due(REFRESH));
    assert!(owners.is_due(1 + REFRESH));
    let mut changed = held(5, 100);
    changed.command[0] = b'W';
    owners.learn(vec![changed], 1 + REFRESH);
    assert_eq!(owners.answers()[0].command, "Web");
    assert!(!owners.is_due(1 + 9 * REFRESH), "nobody has used it since");
    owners.ask(5, 2 + REFRESH);
    assert!(!owners.is_due(2 * REFRESH));
    assert!(owners.is_due(1 + 2 * REFRESH));
    owners.learn(Vec::new(), 1 + 2 * REFRESH);
    owners.ask(5, 1 + 2 * REFRESH);
    assert!(!owners.is_due(1 + 3 * REFRESH), "nobody holds it");
}

#[test]
fn no_socket_has_no_owner() {
    let mut owners = Owners::default();
    owners.ask(0, 1);
    assert!(!owners.is_due(1));
}

#[test]
fn an_executable_is_that_of_the_process_which_started_then() {
    let pid = process::id();
    let tick = 1_000_000_000 / rustix::param::clock_ticks_per_second();
    let started = start_ticks(pid).unwrap() * tick;
    let own = std::env::current_exe().unwrap();
    assert_eq!(executable(pid, started).unwrap(), own.to_string_lossy());
    assert_eq!(executable(pid, started + tick), None);
}
