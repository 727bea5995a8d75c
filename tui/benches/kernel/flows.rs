//! The flow table beside the hash maps that it has replaced: the whole program with
//! the one and with the other, on the same packets in the same run.
//!
//! A call has one packet, since each is of another flow: what the call itself takes
//! is in the figure of the program that does nothing, and is taken off the others.

use std::fs;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use aya::maps::Array;
use aya::programs::SchedClassifier;
use aya::{Ebpf, EbpfLoader};
use nkview::probe::object::{Maps, Object, Program, Sizes};
use nkview::probe::trace::Tracer;
use nkview::sys::{self, Batch};
use probe_common::{Attachment, LinkLayer, Settings, verdict};
use rustix::time::{ClockId, clock_gettime};

use crate::packets::Stream;
use crate::path;

/// The program as it was with hash maps, the last before the table. It counts no
/// retransmissions and reads no sockets.
static HASH: &[u8] = aya::include_bytes_aligned!("hash.bpf.o");

/// Flows that both are made for.
const CAPACITY: u32 = 1 << 17;
const FLOWS: [u32; 3] = [1_000, 20_000, 100_000];
/// Packets that a program is given before it is another's turn.
const BLOCK: u32 = 1_000;
const ROUNDS: u32 = 60;
/// Epochs that are read.
const EPOCHS: usize = 7;

/// A program that is measured.
trait Candidate {
    fn name(&self) -> &'static str;
    fn program(&self) -> BorrowedFd<'_>;
    /// Ends the epoch; returns how many flows were in it.
    fn turn(&mut self) -> usize;
}

/// The program that does nothing.
struct Empty(OwnedFd);

impl Candidate for Empty {
    fn name(&self) -> &'static str {
        "nothing"
    }

    fn program(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    fn turn(&mut self) -> usize {
        0
    }
}

/// nkview's own.
struct Table {
    program: Program,
    maps: Maps,
    settings: Settings,
}

impl Table {
    fn new() -> Self {
        let sizes = Sizes {
            flows: CAPACITY,
            ring: 1 << 12,
        };
        let (object, mut maps, _ring) = Object::new(sizes).unwrap();
        let settings = Settings {
            epoch: 2,
            events: 0,
            samples: 0,
            moved: 0,
            every_packet: 0,
            push_down: 0,
        };
        maps.set_settings(settings).unwrap();
        Self {
            program: object.load(attachment()).unwrap(),
            maps,
            settings,
        }
    }
}

impl Candidate for Table {
    fn name(&self) -> &'static str {
        "table"
    }

    fn program(&self) -> BorrowedFd<'_> {
        self.program.as_fd()
    }

    fn turn(&mut self) -> usize {
        let ended = self.settings.epoch;
        self.settings.epoch += 1;
        self.maps.set_settings(self.settings).unwrap();
        // No program runs now, which is what a grace period is for.
        let flows = self.maps.table.collect(ended, &[]).unwrap();
        if self.maps.table.tidy(ended).unwrap() {
            self.maps.set_geometry().unwrap();
        }
        flows.len()
    }
}

/// The program before, with a map for the even epochs and one for the odd.
struct Hash {
    object: Ebpf,
    program: OwnedFd,
    flows: [OwnedFd; 2],
    epoch: u32,
}

impl Hash {
    fn new() -> Self {
        let mut object = EbpfLoader::new()
            .map_max_entries("FLOWS_EVEN", CAPACITY)
            .map_max_entries("FLOWS_ODD", CAPACITY)
            .load(HASH)
            .unwrap();
        let identity: [u32; 4] = bytemuck::cast(attachment());
        set(&mut object, "ATTACHMENT", identity);
        let program: &mut SchedClassifier =
            object.program_mut("nkview").unwrap().try_into().unwrap();
        program.load().unwrap();
        let program = program.fd().unwrap().as_fd().try_clone_to_owned().unwrap();
        let flows = ["FLOWS_EVEN", "FLOWS_ODD"].map(|name| {
            let aya::maps::Map::HashMap(map) = object.map(name).unwrap() else {
                panic!("{name} is no hash map");
            };
            map.fd().as_fd().try_clone_to_owned().unwrap()
        });
        let mut hash = Self {
            object,
            program,
            flows,
            epoch: 2,
        };
        hash.publish();
        hash
    }

    fn publish(&mut self) {
        // Epoch, events, samples, every packet, push-down.
        set(&mut self.object, "SETTINGS", [self.epoch, 0, 0, 0, 0]);
    }
}

fn set<const N: usize>(object: &mut Ebpf, map: &str, words: [u32; N]) {
    let map = object.map_mut(map).unwrap();
    let mut map: Array<_, [u32; N]> = map.try_into().unwrap();
    map.set(0, words, 0).unwrap();
}

impl Candidate for Hash {
    fn name(&self) -> &'static str {
        "hash"
    }

    fn program(&self) -> BorrowedFd<'_> {
        self.program.as_fd()
    }

    /// As it was read: each flow of the epoch that has ended, and the same map
    /// emptied before its parity comes again.
    fn turn(&mut self) -> usize {
        let ended = &self.flows[self.epoch as usize & 1];
        let mut flows = Vec::new();
        let keep = |key: [u8; 48], value: [u8; 128]| flows.push((key, value));
        sys::for_each(ended, Batch::Read, keep).unwrap();
        sys::for_each(ended, Batch::Drain, |_: [u8; 48], _: [u8; 128]| ()).unwrap();
        self.epoch += 1;
        self.publish();
        flows.len()
    }
}

fn attachment() -> Attachment {
    Attachment {
        device: 0,
        direction: 0,
        verdict: verdict::NEXT,
        link_layer: LinkLayer::Ethernet as u32,
    }
}

/// Prints what packets of so many flows cost, and what reading does.
pub fn tables() {
    println!(
        "\nthe whole program with either, over the program that does nothing; one packet a call, \
         lower quartile of {ROUNDS} blocks that take turns\n"
    );
    println!(
        "| flows | | UDP, at random | TCP, at random | a new flow | first in an epoch | reading, ns of CPU a flow | 1 % of the flows | memory |\n\
         |---|---|---|---|---|---|---|---|---|"
    );
    for flows in FLOWS {
        for row in of(flows) {
            println!("| {flows} | {row} |");
        }
    }
    with_second_object();
}

/// A row of each candidate.
fn of(flows: u32) -> Vec<String> {
    let (hash, hash_memory) = weigh(Hash::new);
    let (table, table_memory) = weigh(Table::new);
    let mut candidates: [Box<dyn Candidate>; 3] = [
        Box::new(Empty(path::empty())),
        Box::new(hash),
        Box::new(table),
    ];
    let in_order = |round: u32, place: u32| (round * BLOCK + place) % flows;
    let at_random = |round: u32, place: u32| {
        let mut random = fastrand::Rng::with_seed((u64::from(round) << 32) | u64::from(place));
        random.u32(..flows)
    };
    let blocks = flows.div_ceil(BLOCK);
    let udp = &mut streams(&candidates, Stream::udp);
    let new = measure(&candidates, udp, blocks, in_order);
    let mut first = Vec::new();
    // The table is fitted to its flows in the first of these.
    for _ in 0..3 {
        for candidate in &mut candidates {
            candidate.turn();
        }
        first = measure(&candidates, udp, blocks, in_order);
    }
    let udp = measure(&candidates, udp, ROUNDS, at_random);
    let all = read(&mut candidates, |_| flows);
    let few = read(&mut candidates, |_| flows / 100);
    // These flows are others. They get their slots, and the UDP ones lose theirs.
    let tcp = &mut streams(&candidates, Stream::tcp);
    for _ in 0..3 {
        measure(&candidates, tcp, blocks, in_order);
        for candidate in &mut candidates {
            candidate.turn();
        }
    }
    measure(&candidates, tcp, blocks, in_order);
    let tcp = measure(&candidates, tcp, ROUNDS, at_random);
    let memory = [0, hash_memory, table_memory];
    let row = |place: usize| {
        let over = |times: &[f64]| times[place] - times[0];
        format!(
            "{} | {:.0} | {:.0} | {:.0} | {:.0} | {:.0} | {:.0} | {:.1} MiB",
            candidates[place].name(),
            over(&udp),
            over(&tcp),
            over(&new),
            over(&first),
            all[place],
            few[place],
            memory[place] as f64 / f64::from(1 << 20)
        )
    };
    (1..candidates.len()).map(row).collect()
}

/// The same packets for each candidate.
fn streams(candidates: &[Box<dyn Candidate>], stream: fn() -> Stream) -> Vec<Stream> {
    candidates.iter().map(|_| stream()).collect()
}

/// Nanoseconds a packet, by candidate.
fn measure(
    candidates: &[Box<dyn Candidate>],
    streams: &mut [Stream],
    rounds: u32,
    flow: impl Fn(u32, u32) -> u32,
) -> Vec<f64> {
    let mut times = vec![Vec::new(); candidates.len()];
    for round in 0..rounds {
        for ((candidate, times), stream) in candidates.iter().zip(&mut times).zip(&mut *streams) {
            let mut sum = Duration::ZERO;
            for place in 0..BLOCK {
                let packet = stream.packet(flow(round, place));
                sum += sys::test_run(candidate.program(), packet, 1)
                    .unwrap()
                    .duration;
            }
            times.push(sum.as_nanos() as f64 / f64::from(BLOCK));
        }
    }
    times
        .iter_mut()
        .map(|times| lower_quartile(times))
        .collect()
}

/// Nanoseconds to read a flow, where so many have had a packet, by candidate.
fn read(candidates: &mut [Box<dyn Candidate>], flows: impl Fn(usize) -> u32) -> Vec<f64> {
    let of = |candidate: &mut Box<dyn Candidate>| {
        candidate.turn();
        let times = (0..EPOCHS).map(|epoch| {
            let mut stream = Stream::udp();
            for flow in 0..flows(epoch) {
                sys::test_run(candidate.program(), stream.packet(flow), 1).unwrap();
            }
            let start = cpu_time();
            let read = candidate.turn();
            (cpu_time() - start).as_nanos() as f64 / read as f64
        });
        lower_quartile(&mut times.collect::<Vec<_>>())
    };
    candidates.iter_mut().map(of).collect()
}

/// Prints what the second object costs a packet that is not dropped.
fn with_second_object() {
    let candidates: [Box<dyn Candidate>; 2] =
        [Box::new(Empty(path::empty())), Box::new(Table::new())];
    let flow = |_: u32, place: u32| place;
    let one = || {
        let times = measure(
            &candidates,
            &mut streams(&candidates, Stream::udp),
            ROUNDS,
            flow,
        );
        times[1] - times[0]
    };
    one();
    let without = one();
    let with = match Tracer::start(0) {
        Ok(_tracer) => format!("{:.0}", one()),
        Err(error) => error,
    };
    println!(
        "\na packet of {BLOCK} flows, ns: {without:.0} without the tracing programs, {with} with them"
    );
}

/// What this thread has worked: others on the machine do not count.
pub fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.cast_unsigned(), time.tv_nsec as u32)
}

/// What is made, and the bytes that the kernel says its maps take.
fn weigh<T>(make: impl FnOnce() -> T) -> (T, u64) {
    let before = memory();
    let made = make();
    (made, memory() - before)
}

/// The bytes of all maps that this process has open.
fn memory() -> u64 {
    let entries = fs::read_dir("/proc/self/fdinfo").unwrap();
    let infos = entries.filter_map(|entry| fs::read_to_string(entry.ok()?.path()).ok());
    let mut maps = std::collections::HashMap::new();
    for info in infos {
        let field = |name: &str| info.lines().find_map(|line| line.strip_prefix(name));
        if let (Some(id), Some(bytes)) = (field("map_id:"), field("memlock:")) {
            maps.insert(id.trim().to_owned(), bytes.trim().parse::<u64>().unwrap());
        }
    }
    maps.values().sum()
}

/// The first quarter's last: what else the machine does only adds to a time.
pub fn lower_quartile(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 4]
}
