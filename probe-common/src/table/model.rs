//! The protocol of the flow table under loom: the programs' code and user space's in
//! every order in which their reads and writes can happen, and with every value
//! that a weakly ordered processor can give them, within a bound of preemptions.
//!
//! A program runs as an RCU reader; here it holds its CPU's lock, and a grace period
//! takes the lock of each CPU once. So programs that began before it have ended,
//! and others may begin meanwhile.

extern crate std;

use std::collections::HashMap;
use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc as StdArc;
use std::sync::atomic::AtomicUsize;
use std::vec::Vec;

use loom::model::Builder;
use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use loom::sync::{Arc, Mutex};
use loom::thread;

use super::protocol::{
    OwnerWords, ProgramWords, claim, count, differences, dirty_bit, free, retire, take, take_dirty,
};
use super::{KEY_WORDS, slot, state, unpack_counts};

const CPUS: usize = 2;
/// Switches between threads, beside those where one must wait.
const PREEMPTIONS: usize = 2;

/// Words of which those are followed that programs and user space share. Of a key
/// that is the first: flows differ in no other, and each that were followed would
/// double the orders.
struct Words(Vec<Option<AtomicU64>>);

impl Words {
    fn new(length: usize) -> Self {
        let is_followed = |word: &usize| *word <= slot::KEY || *word >= slot::COUNTS;
        let word = |word| is_followed(&word).then(|| AtomicU64::new(0));
        Self((0..length).map(word).collect())
    }

    fn word(&self, word: usize, order: Ordering) -> u64 {
        self.0[word].as_ref().map_or(0, |word| word.load(order))
    }

    fn set(&self, word: usize, value: u64, order: Ordering) {
        match &self.0[word] {
            Some(word) => word.store(value, order),
            None => assert_eq!(value, 0),
        }
    }

    fn followed(&self, word: usize) -> &AtomicU64 {
        self.0[word].as_ref().expect("a word that is followed")
    }
}

impl ProgramWords for &Words {
    fn load(self, word: usize) -> u64 {
        self.word(word, Ordering::Relaxed)
    }

    fn store(self, word: usize, value: u64) {
        self.set(word, value, Ordering::Relaxed);
    }

    fn store_lower(self, word: usize, value: u32) {
        self.set(word, value.into(), Ordering::Relaxed);
    }

    fn compare_exchange(self, word: usize, expected: u64, new: u64) -> u64 {
        let exchange =
            self.followed(word)
                .compare_exchange(expected, new, Ordering::SeqCst, Ordering::SeqCst);
        exchange.unwrap_or_else(|found| found)
    }

    fn exchange(self, word: usize, value: u64) {
        self.followed(word).swap(value, Ordering::SeqCst);
    }

    fn fetch_add(self, word: usize, value: u64) -> u64 {
        self.followed(word).fetch_add(value, Ordering::SeqCst)
    }

    fn add(self, word: usize, value: u64) {
        self.followed(word).fetch_add(value, Ordering::Relaxed);
    }

    fn or(self, word: usize, bits: u64) {
        self.followed(word).fetch_or(bits, Ordering::Relaxed);
    }
}

impl OwnerWords for &Words {
    fn load_acquire(self, word: usize) -> u64 {
        self.word(word, Ordering::Acquire)
    }

    fn load(self, word: usize) -> u64 {
        self.word(word, Ordering::Relaxed)
    }

    fn store(self, word: usize, value: u64) {
        self.set(word, value, Ordering::Relaxed);
    }

    fn store_release(self, word: usize, value: u64) {
        self.set(word, value, Ordering::Release);
    }

    fn and(self, word: usize, bits: u64) {
        self.followed(word).fetch_and(bits, Ordering::Relaxed);
    }
}

/// A flow by its number: its tag, and its key. All are looked for in the same slots.
type Flow = u64;

fn key(flow: Flow) -> [u64; KEY_WORDS] {
    let mut key = [0; KEY_WORDS];
    key[0] = flow;
    key
}

/// Packets by flow.
type Tally = HashMap<Flow, u64>;

fn add(tally: &mut Tally, flow: Flow, packets: u64) {
    *tally.entry(flow).or_default() += packets;
}

/// What is left out, to see that the model finds it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    /// Epochs are read at once.
    NoGracePeriod,
    /// Retired slots are freed at once.
    NoWait,
}

struct Table {
    slots: Vec<Words>,
    dirty: Words,
    epoch: AtomicU32,
    cpus: [Mutex<()>; CPUS],
}

impl Table {
    fn new(slots: usize) -> Self {
        Self {
            slots: (0..slots).map(|_| Words::new(slot::WORDS)).collect(),
            dirty: Words::new(1),
            epoch: AtomicU32::new(0),
            cpus: [(); CPUS].map(|()| Mutex::new(())),
        }
    }

    /// What a program does with a packet; whether the flow had a slot.
    fn packet(&self, cpu: usize, flow: Flow) -> bool {
        let _running = self.cpus[cpu].lock().unwrap();
        let parity = self.epoch.load(Ordering::Relaxed) as usize & 1;
        let find = |(_, words): &(usize, &Words)| {
            let words = *words;
            let found = ProgramWords::load(words, slot::STATE);
            differences(words, found, flow, key(flow)) == 0
                || found == state::EMPTY && claim(words, flow, key(flow))
        };
        let Some((at, words)) = self.slots.iter().enumerate().find(find) else {
            return false;
        };
        count(words, 0, parity, 1, 0, || {
            (&self.dirty).or(0, dirty_bit(parity as u64, at as u64));
        });
        true
    }

    fn grace_period(&self) {
        for cpu in &self.cpus {
            drop(cpu.lock().unwrap());
        }
    }
}

/// User space: what it remembers.
struct Owner {
    retired: Vec<usize>,
    seen: Tally,
    fault: Fault,
}

impl Owner {
    /// Ends the epoch and reads it. Flows are retired as soon as they can be.
    fn turn(&mut self, table: &Table) {
        let ended = table.epoch.load(Ordering::Relaxed);
        table.epoch.store(ended + 1, Ordering::Relaxed);
        if self.fault != Fault::NoGracePeriod {
            table.grace_period();
        }
        let parity = ended as usize & 1;
        let bits = take_dirty(&table.dirty, parity);
        for (at, words) in table.slots.iter().enumerate() {
            if bits & 1 << at != 0 {
                let taken = take(words, parity);
                let (packets, bytes, _) = unpack_counts(taken.counts[0][0], taken.counts[0][1]);
                assert_eq!(packets, bytes, "half of a count");
                assert_eq!(taken.key, key(taken.tag.into()), "a key that nobody has");
                add(&mut self.seen, taken.tag.into(), packets);
            }
        }
        self.free(table);
        for (at, words) in table.slots.iter().enumerate() {
            let is_live = OwnerWords::load(words, slot::STATE) >> 32 == state::LIVE >> 32;
            if is_live {
                retire(words);
                self.retired.push(at);
            }
        }
        if self.fault == Fault::NoWait {
            self.free(table);
        }
    }

    fn free(&mut self, table: &Table) {
        let is_freed = |at: usize| free(&table.slots[at], || Ok::<_, Infallible>(()));
        self.retired.retain(|&at| !is_freed(at).unwrap_or(false));
    }
}

/// After the packets `before`, programs on all CPUs have these packets while user
/// space turns epochs.
fn run(
    slots: usize,
    before: &'static [Flow],
    packets: [&'static [Flow]; CPUS],
    turns: usize,
    fault: Fault,
) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(PREEMPTIONS);
    builder.max_branches = 100_000;
    let rounds = StdArc::new(AtomicUsize::new(0));
    let counted = StdArc::clone(&rounds);
    builder.check(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        let table = Arc::new(Table::new(slots));
        let mut expected = Tally::new();
        for &flow in before {
            assert!(table.packet(0, flow));
            add(&mut expected, flow, 1);
        }
        let programs: Vec<_> = (0..CPUS)
            .map(|cpu| {
                let table = Arc::clone(&table);
                thread::spawn(move || {
                    let mut expected = Tally::new();
                    for &flow in packets[cpu] {
                        if table.packet(cpu, flow) {
                            add(&mut expected, flow, 1);
                        }
                    }
                    expected
                })
            })
            .collect();
        let mut owner = Owner {
            retired: Vec::new(),
            seen: Tally::new(),
            fault,
        };
        for _ in 0..turns {
            owner.turn(&table);
        }
        for program in programs {
            for (flow, packets) in program.join().unwrap() {
                add(&mut expected, flow, packets);
            }
        }
        // Both halves.
        owner.turn(&table);
        owner.turn(&table);
        assert_eq!(owner.seen, expected);
    });
    std::println!("{} orders", rounds.load(Ordering::Relaxed));
}

fn fails(test: impl FnOnce()) -> bool {
    catch_unwind(AssertUnwindSafe(test)).is_err()
}

/// A slot goes from one flow to another and back.
#[test]
fn a_slot_changes_hands() {
    run(1, &[1], [&[1], &[2]], 2, Fault::None);
}

/// Two CPUs begin the same flow at the same time: it may get two slots.
#[test]
fn a_flow_begins_on_two_cpus() {
    run(2, &[], [&[1], &[1]], 1, Fault::None);
}

#[test]
fn the_model_misses_the_grace_period() {
    assert!(fails(|| run(
        1,
        &[1],
        [&[1], &[2]],
        2,
        Fault::NoGracePeriod
    )));
}

#[test]
fn the_model_misses_the_wait_before_a_slot_is_freed() {
    assert!(fails(|| run(1, &[1], [&[1], &[2]], 2, Fault::NoWait)));
}
