//! What the diagnosis costs: the CPU time of an interval and the memory of its
//! evidence, under a steady load, a SYN flood and a scan.
//!
//! Run it on a quiet machine: `cargo xtask bench diagnosis`.

#![allow(
    clippy::unwrap_used,
    reason = "a benchmark ends at the first thing that fails"
)]

mod frames;
mod loads;
#[path = "../shared/machine.rs"]
mod machine;

use std::fs;
use std::process::Command;
use std::time::Duration;

use nkview::diagnosis::{Diagnosis, Policy};
use nkview::model::{Envelope, Event, HostId};
use nkview::traffic::Traffic;
use rustix::time::{ClockId, clock_gettime};

use loads::{LOADS, Load};
use machine::median;

/// The end of the arguments with which this program runs itself.
const CHILD: &str = "--measure";

fn main() {
    let args: Vec<String> = std::env::args().collect();
    // Memory that one load has left behind is not another's.
    if let [_, name, with, child] = args.as_slice()
        && child == CHILD
    {
        let load = LOADS.iter().find(|it| it.name == name.as_str()).unwrap();
        println!("{}", measure(load, with == "with"));
        return;
    }
    println!("{}\n", machine::describe());
    println!(
        "an interval of 1 s, CPU in ms, median (worst); memory is the peak above that of the \
         program before its first event\n\n\
         | load | flows at a time | traffic | diagnosis | both, % of a CPU | MiB without | MiB with | findings |\n\
         |---|---|---|---|---|---|---|---|"
    );
    for load in LOADS {
        let [without, with] = ["without", "with"].map(|with| run(load.name, with));
        // What only differs by the diagnosis is in the second row's columns.
        let memory = without.split(" | ").nth(4).unwrap_or_default();
        let columns: Vec<&str> = with.split(" | ").collect();
        let [flows, traffic, diagnosis, share, own, findings] = columns[..] else {
            panic!("not a row: {with}");
        };
        println!(
            "| {} | {flows} | {traffic} | {diagnosis} | {share} | {memory} | {own} | {findings} |",
            load.name
        );
    }
    println!("\nat the end: {}", machine::describe());
}

/// Measures in a process of its own.
fn run(name: &str, with: &str) -> String {
    let program = std::env::current_exe().unwrap();
    let output = Command::new(program)
        .args([name, with, CHILD])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// The columns of a row: flows, traffic, diagnosis, share, memory, findings.
fn measure(load: &Load, is_diagnosed: bool) -> String {
    let mut traffic = Traffic::default();
    let mut diagnosis = Diagnosis::new(Policy::default());
    let mut source = (load.source)();
    let mut times = [Vec::new(), Vec::new()];
    let mut flows = 0;
    let before = memory("VmRSS:");
    for second in 0..load.seconds {
        let mut sums = [Duration::ZERO; 2];
        for event in source(second) {
            let envelope = Envelope::from(event);
            sums[0] += timed(|| traffic.apply(&envelope));
            if is_diagnosed {
                let flows = &traffic.host(HostId::default()).flows;
                sums[1] += timed(|| diagnosis.observe(&envelope.event, flows));
            }
            if let Event::Interval(interval) = &envelope.event {
                flows = flows.max(interval.flows.len());
            }
        }
        for (times, sum) in times.iter_mut().zip(sums) {
            times.push(sum.as_secs_f64() * 1e3);
        }
    }
    let peak = memory("VmHWM:").saturating_sub(before) / 1024;
    let kinds: Vec<&str> = diagnosis
        .findings()
        .iter()
        .map(|it| it.kind.slug())
        .collect();
    let [traffic, diagnosis] = times.map(|mut times| {
        let middle = median(&mut times);
        (middle, times.last().copied().unwrap_or_default())
    });
    format!(
        "{flows} | {:.1} ({:.1}) | {:.1} ({:.1}) | {:.1} | {peak} | {}",
        traffic.0,
        traffic.1,
        diagnosis.0,
        diagnosis.1,
        (traffic.0 + diagnosis.0) / 10.0,
        listed(&kinds),
    )
}

/// The kinds, or how many there are of the first.
fn listed(kinds: &[&str]) -> String {
    let mut list: Vec<String> = Vec::new();
    for group in kinds.chunk_by(|a, b| a == b) {
        list.push(match group.len() {
            1 => group[0].to_owned(),
            many => format!("{many} × {}", group[0]),
        });
    }
    match list.is_empty() {
        true => "none".to_owned(),
        false => list.join(", "),
    }
}

/// CPU time that this thread takes for something.
fn timed(work: impl FnOnce()) -> Duration {
    let now = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
    };
    let start = now();
    work();
    now().saturating_sub(start)
}

/// A line of `/proc/self/status`, in KiB.
fn memory(line: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let found = status.lines().find_map(|it| it.strip_prefix(line));
    found
        .and_then(|it| it.split_whitespace().next())
        .unwrap()
        .parse()
        .unwrap()
}
