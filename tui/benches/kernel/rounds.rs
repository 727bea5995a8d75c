//! Programs that are given packets, in rounds that are interleaved, so that what
//! else the machine does meets all of them alike.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use nkview::sys;
use probe_common::verdict;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::machine::median;

/// A program, and what it is given.
pub struct Case {
    pub name: String,
    pub program: OwnedFd,
    /// The packet of a host.
    pub packet: fn(u8) -> Vec<u8>,
    /// How often it is given in a round.
    pub repeat: u32,
    /// Done before a round, beside the clock.
    pub before: Box<dyn Fn()>,
    /// Whether the round that is over is worth something.
    pub is_good: Box<dyn Fn() -> bool>,
}

impl Case {
    pub fn new(
        name: impl Into<String>,
        program: impl AsFd,
        packet: fn(u8) -> Vec<u8>,
        repeat: u32,
    ) -> Self {
        Self {
            name: name.into(),
            program: program.as_fd().try_clone_to_owned().unwrap(),
            packet,
            repeat,
            before: Box::new(|| ()),
            is_good: Box::new(|| true),
        }
    }
}

/// Where the program runs at a time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// On one CPU.
    One,
    /// On all, each with a flow of its own.
    OwnFlows,
    /// On all, with the same flow.
    OneFlow,
}

impl Place {
    pub const ALL: [Self; 3] = [Self::One, Self::OwnFlows, Self::OneFlow];
}

/// The CPUs that this process may use.
#[derive(Clone)]
pub struct Processors(Vec<usize>);

impl Processors {
    pub fn new() -> Self {
        let allowed = sched_getaffinity(None).unwrap();
        let is_allowed = |number: &usize| allowed.is_set(*number);
        Self((0..CpuSet::MAX_CPU).filter(is_allowed).collect())
    }

    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Keeps the thread on the CPU of this place in the list, from the start on
    /// or, when it is negative, from the end on.
    pub fn pin(&self, place: isize) {
        let mut only = CpuSet::new();
        let place = place.rem_euclid(self.0.len() as isize);
        only.set(self.0[place as usize]);
        sched_setaffinity(None, &only).unwrap();
    }

    /// Nanoseconds that a packet takes on the first CPU.
    fn round(&self, case: &Case, place: Place) -> f64 {
        (case.before)();
        let others = match place {
            Place::One => 0,
            Place::OwnFlows | Place::OneFlow => self.count() - 1,
        };
        let started = &AtomicUsize::new(0);
        let is_over = &AtomicBool::new(false);
        std::thread::scope(|scope| {
            for other in 1..=others {
                let packet = (case.packet)(match place {
                    Place::OwnFlows => other as u8,
                    Place::One | Place::OneFlow => 0,
                });
                let (program, repeat) = (case.program.as_fd(), case.repeat / 20);
                scope.spawn(move || {
                    self.pin(other as isize);
                    started.fetch_add(1, Ordering::Relaxed);
                    while !is_over.load(Ordering::Relaxed) {
                        run(program, &packet, repeat);
                    }
                });
            }
            while started.load(Ordering::Relaxed) < others {
                std::thread::yield_now();
            }
            let time = run(case.program.as_fd(), &(case.packet)(0), case.repeat);
            is_over.store(true, Ordering::Relaxed);
            time
        })
    }

    /// The medians of rounds, by case and place.
    pub fn medians(&self, cases: &[Case], places: &[Place], rounds: usize) -> Vec<Vec<f64>> {
        let mut times = vec![vec![Vec::new(); places.len()]; cases.len()];
        for _ in 0..rounds {
            for (case, times) in cases.iter().zip(&mut times) {
                for (place, times) in places.iter().zip(times) {
                    let time = self.round(case, *place);
                    if (case.is_good)() {
                        times.push(time);
                    }
                }
            }
        }
        let median = |times: &mut Vec<f64>| match times.len() {
            0 => f64::NAN,
            _ => median(times),
        };
        let of_case = |mut times: Vec<Vec<f64>>| times.iter_mut().map(median).collect();
        times.into_iter().map(of_case).collect()
    }
}

/// Nanoseconds a packet, on average over the repetitions.
pub fn run(program: BorrowedFd<'_>, packet: &[u8], repeat: u32) -> f64 {
    let run = sys::test_run(program, packet, repeat).unwrap();
    assert_eq!(run.verdict, verdict::NEXT, "the program failed");
    run.duration.as_nanos() as f64
}
