//! Which map counts flows best: the same small program on each, with a key and a
//! value such as flows have, without parsing.

use std::fs;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Instant;

use aya::maps::{Map, MapData, MapError};
use aya_obj::generated::bpf_map_type;
use nkview::sys::{self, Batch};
use probe_common::verdict;

use crate::assembler::Code;
use crate::machine::median;
use crate::packets;
use crate::rounds::{Case, Place, Processors, run};

const ROUNDS: usize = 15;
const REPEAT: u32 = 100_000;
const CAPACITY: u32 = 1 << 17;
/// Half of what the map holds, as is usual.
const FLOWS: i32 = 1 << 16;
/// Flows of a round in which each packet has a new one.
const NEW: u32 = 50_000;
const NO_PREALLOC: u32 = 1;

/// A kind of map, and how it is counted in.
struct Kind {
    name: &'static str,
    map_type: bpf_map_type,
    flags: u32,
}

impl Kind {
    const ALL: [Self; 6] = {
        use bpf_map_type::{
            BPF_MAP_TYPE_HASH, BPF_MAP_TYPE_LRU_HASH, BPF_MAP_TYPE_LRU_PERCPU_HASH,
            BPF_MAP_TYPE_PERCPU_HASH,
        };
        const fn kind(name: &'static str, map_type: bpf_map_type, flags: u32) -> Kind {
            Kind {
                name,
                map_type,
                flags,
            }
        }
        [
            kind("hash, on demand", BPF_MAP_TYPE_HASH, NO_PREALLOC),
            kind("hash, preallocated", BPF_MAP_TYPE_HASH, 0),
            kind(
                "per-CPU hash, on demand",
                BPF_MAP_TYPE_PERCPU_HASH,
                NO_PREALLOC,
            ),
            kind("per-CPU hash, preallocated", BPF_MAP_TYPE_PERCPU_HASH, 0),
            kind("LRU hash (not exact)", BPF_MAP_TYPE_LRU_HASH, 0),
            kind(
                "per-CPU LRU hash (not exact)",
                BPF_MAP_TYPE_LRU_PERCPU_HASH,
                0,
            ),
        ]
    };

    /// Whether CPUs have values of their own, which need no atomic adds.
    fn is_per_cpu(&self) -> bool {
        matches!(
            self.map_type,
            bpf_map_type::BPF_MAP_TYPE_PERCPU_HASH | bpf_map_type::BPF_MAP_TYPE_LRU_PERCPU_HASH
        )
    }
}

/// A map, and a descriptor of it for the calls that aya has not.
struct Made {
    map: Map,
    fd: OwnedFd,
}

impl Made {
    fn new(kind: &Kind) -> Self {
        let sizes = [size_of::<Key>(), size_of::<Value>()].map(|size| size as u32);
        let [key, value] = sizes;
        let definition =
            aya_obj::Map::new_from_params(kind.map_type as u32, key, value, CAPACITY, kind.flags);
        let data = MapData::create(definition, "compared", None).unwrap();
        let fd = data.fd().as_fd().try_clone_to_owned().unwrap();
        let map = Map::from_map_data(data).unwrap();
        Self { map, fd }
    }

    /// The bytes that the kernel says it takes.
    fn memory(&self) -> u64 {
        let path = format!("/proc/self/fdinfo/{}", self.fd.as_raw_fd());
        let info = fs::read_to_string(path).unwrap();
        let line = info.lines().find_map(|line| line.strip_prefix("memlock:"));
        line.unwrap().trim().parse().unwrap()
    }

    /// Nanoseconds a flow, reading one at a time, and how many there were.
    fn read_singly(&self) -> (f64, usize) {
        type Single<'a> = aya::maps::HashMap<&'a MapData, Key, Value>;
        type PerCpu<'a> = aya::maps::PerCpuHashMap<&'a MapData, Key, Value>;
        let start = Instant::now();
        let read = match &self.map {
            Map::HashMap(_) | Map::LruHashMap(_) => {
                count(Single::try_from(&self.map).unwrap().iter())
            }
            _ => count(PerCpu::try_from(&self.map).unwrap().iter()),
        };
        (start.elapsed().as_nanos() as f64 / read as f64, read)
    }

    /// Nanoseconds a flow, in batches.
    fn batch(&self, batch: Batch) -> f64 {
        let mut read = 0u32;
        let start = Instant::now();
        sys::for_each(&self.fd, batch, |_: Key, _: Value| read += 1).unwrap();
        start.elapsed().as_nanos() as f64 / f64::from(read)
    }
}

/// As long as a packed key, and as the counts of both directions with a cache line
/// each.
type Key = [u8; 44];
type Value = [u8; 128];

fn count<T>(entries: impl Iterator<Item = Result<T, MapError>>) -> usize {
    entries.map(Result::unwrap).count()
}

/// A program that counts every packet to one of the flows that the mask lets
/// through, at random, and adds those that are not there. Without a map it only
/// makes the key.
fn program(map: Option<(&OwnedFd, bool)>, mask: i32) -> OwnedFd {
    // The kernel's numbers of its helpers.
    const LOOKUP: i32 = 1;
    const UPDATE: i32 = 2;
    const RANDOM: i32 = 7;
    const ONLY_NEW: i32 = 1;
    // On the stack.
    const KEY: i16 = -48;
    const NUMBER: i16 = KEY + 40;
    const ZEROS: i16 = KEY - size_of::<Value>() as i16;
    let mut code = Code::default();
    code.call(RANDOM).mask(0, mask);
    code.zero_stack(KEY, 40).store_stack(NUMBER, 0);
    if let Some((map, atomic)) = map {
        let lookup = |code: &mut Code| {
            code.map(1, map.as_fd()).stack_address(2, KEY).call(LOOKUP);
        };
        lookup(&mut code);
        code.if_missing(|code| {
            code.zero_stack(ZEROS, size_of::<Value>() as i16);
            code.map(1, map.as_fd()).stack_address(2, KEY);
            code.stack_address(3, ZEROS).set(4, ONLY_NEW).call(UPDATE);
            lookup(code);
        });
        code.if_found(|code| {
            code.add(0, 1, atomic).add(16, 66, atomic);
        });
    }
    code.returns(verdict::NEXT);
    sys::load_program("compared", code.instructions(), c"GPL").unwrap()
}

/// Prints what counting and reading cost with each map.
pub fn tables(processors: &Processors) {
    let made: Vec<Made> = Kind::ALL.iter().map(Made::new).collect();
    let case = |kind: &Kind, made: &Made, mask, repeat| {
        let program = program(Some((&made.fd, !kind.is_per_cpu())), mask);
        Case::new(kind.name, program, packets::tcp_v4, repeat)
    };
    let all = || Kind::ALL.iter().zip(&made);
    let one_flow = all().map(|(kind, made)| case(kind, made, 0, REPEAT));
    let no_map = Case::new(
        "no map, only the key",
        program(None, FLOWS - 1),
        packets::tcp_v4,
        REPEAT,
    );
    let one_flow: Vec<Case> = std::iter::once(no_map).chain(one_flow).collect();
    let many: Vec<Case> = all()
        .map(|(kind, made)| case(kind, made, FLOWS - 1, REPEAT))
        .collect();
    for case in &many {
        // Until all flows are there, but for one in e^32.
        let packet = (case.packet)(0);
        sys::test_run(case.program.as_fd(), &packet, FLOWS as u32 * 32).unwrap();
    }
    let places = [Place::One, Place::OneFlow];
    let one_flow = one_flow
        .iter()
        .map(|case| case.name.as_str())
        .zip(processors.medians(&one_flow, &places, ROUNDS));
    let many = processors.medians(&many, &places, ROUNDS);
    let reading: Vec<[String; 4]> = all().map(|(kind, made)| reading(kind, made)).collect();
    let inserting = inserting();

    let processors = processors.count();
    println!(
        "\n| ns a packet | one flow | {processors} CPUs, one flow | {FLOWS} flows | \
         {processors} CPUs, {FLOWS} flows | a new flow |\n|---|---|---|---|---|---|"
    );
    let rows = std::iter::once(None).chain(many.iter().zip(&inserting).map(Some));
    for ((name, one_flow), rest) in one_flow.zip(rows) {
        print!("| {name} | {:.0} | {:.0} |", one_flow[0], one_flow[1]);
        match rest {
            Some((many, new)) => println!(" {:.0} | {:.0} | {:.0} |", many[0], many[1], new),
            None => println!(" | | |"),
        }
    }
    println!(
        "\n| reading {FLOWS} flows of {CAPACITY} | memory | ns a flow, one by one | \
         in batches | in batches, taken out |\n|---|---|---|---|---|"
    );
    for (kind, [memory, single, batch, drain]) in Kind::ALL.iter().zip(reading) {
        println!(
            "| {} | {memory} | {single} | {batch} | {drain} |",
            kind.name
        );
    }
}

/// Nanoseconds of a packet whose flow is new, by kind, in maps that are new too.
fn inserting() -> Vec<f64> {
    let packet = packets::tcp_v4(0);
    let mut times = vec![Vec::new(); Kind::ALL.len()];
    for _ in 0..ROUNDS {
        for (kind, times) in Kind::ALL.iter().zip(&mut times) {
            let made = Made::new(kind);
            let program = program(Some((&made.fd, !kind.is_per_cpu())), -1);
            times.push(run(program.as_fd(), &packet, NEW));
        }
    }
    times.iter_mut().map(|times| median(times)).collect()
}

/// Memory, and what it takes to read a flow in each way.
fn reading(kind: &Kind, made: &Made) -> [String; 4] {
    let memory = format!("{:.1} MiB", made.memory() as f64 / f64::from(1 << 20));
    let single = (0..5).map(|_| made.read_singly().0);
    let mut single: Vec<f64> = single.collect();
    let single = format!("{:.0}", median(&mut single));
    if kind.is_per_cpu() {
        return [memory, single, String::new(), String::new()];
    }
    let mut batch: Vec<f64> = (0..5).map(|_| made.batch(Batch::Read)).collect();
    let batch = format!("{:.0}", median(&mut batch));
    [
        memory,
        single,
        batch,
        format!("{:.0}", made.batch(Batch::Drain)),
    ]
}
