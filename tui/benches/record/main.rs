//! What a recording costs: its size, the CPU that writing it takes, and the time
//! that it takes to go to another moment of it.
//!
//! Run it on a quiet machine: `cargo xtask bench record`.

#![allow(
    clippy::unwrap_used,
    reason = "a benchmark ends at the first thing that fails"
)]

#[path = "../shared/machine.rs"]
#[allow(dead_code, reason = "other benchmarks use the rest")]
mod machine;
#[path = "../../src/synthetic.rs"]
#[allow(dead_code, reason = "other benchmarks use the rest")]
mod synthetic;

// The synthetic source is a module of nkview, and names this one.
use nkview::model;

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::time::{Duration, Instant};

use nkview::app::action::Action;
use nkview::app::{App, Appearance};
use nkview::diagnosis::Policy;
use nkview::filter::Filter;
use nkview::model::{Command, Event, Request, RequestId};
use nkview::recording::{Head, Writer};
use nkview::replay::Recording;
use rustix::time::{ClockId, clock_gettime};

use machine::median;
use synthetic::{Random, Synthetic};

/// Flows that the source knows; those at a time are up to a fifth fewer.
const FLOWS: [usize; 2] = [1_250, 25_000];
/// Seconds that are recorded.
const SECONDS: usize = 3_600;
/// Moments that are gone to.
const SEEKS: usize = 11;

fn main() {
    println!("{}\n", machine::describe());
    println!(
        "an hour; a flow and interval may take 20 bytes, writing 1 % of a CPU, a seek 1 s\n\n\
         | flows at a time | size | bytes a flow and interval | CPU of writing | seek, median (worst) of {SEEKS} | CPU of the screen's thread |\n\
         |---|---|---|---|---|---|"
    );
    let directory = tempfile::tempdir().unwrap();
    for flows in FLOWS {
        let path = directory.path().join("recording");
        let written = write(&path, flows);
        let seek = seeks(&path);
        println!("{written} | {seek} |");
    }
}

/// Writes an hour; returns the start of the row.
fn write(path: &Path, flows: usize) -> String {
    let head = Head {
        session: synthetic::session(),
        kernel: "7.0.0".to_owned(),
        nkview: "0.1.0".to_owned(),
        options: Vec::new(),
    };
    let file = BufWriter::new(File::create(path).unwrap());
    let mut writer = Writer::new(file, &head).unwrap();
    let mut source = Synthetic::new(1, flows);
    let mut counted = 0;
    let mut cpu = Duration::ZERO;
    let mut record = |event: Event| {
        let envelope = event.into();
        let start = thread_time();
        writer.event(&envelope).unwrap();
        cpu += thread_time() - start;
    };
    record(Event::Devices(synthetic::devices()));
    // One at a time: an hour of them takes gigabytes.
    for _ in 0..SECONDS {
        let interval = source.interval();
        counted += interval.flows.len();
        let packets = source.packets(&interval);
        record(Event::Interval(interval));
        record(Event::Packets(packets));
    }
    writer.finish().unwrap();
    let size = writer.bytes() as f64;
    format!(
        "| {} | {:.0} MB | {:.1} | {:.2} %",
        counted / SECONDS,
        size / 1e6,
        size / counted as f64,
        cpu.as_secs_f64() / SECONDS as f64 * 100.0,
    )
}

/// CPU time that this thread has had.
fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Goes to moments all over the recording; the screen follows.
fn seeks(path: &Path) -> String {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let opened = Instant::now();
        let mut source = Recording::open_all(&[path])
            .unwrap()
            .play(100, Policy::default())
            .unwrap();
        let opened = opened.elapsed().as_secs_f64();
        let mut app = App::new(
            source.session.clone(),
            Appearance::default(),
            Filter::everything(),
        );
        let mut random = Random::new(1);
        // What the seek takes where nothing else wants a CPU: the thread that takes in
        // what is read is the slowest of those that take part.
        let (mut times, mut cpu) = (Vec::new(), Vec::new());
        for id in 0..=SEEKS as u64 {
            let command = match id {
                0 => Command::Play(false),
                _ => Command::Seek(Duration::from_secs(random.below(SECONDS as u64))),
            };
            let (start, start_cpu) = (Instant::now(), thread_time());
            let id = RequestId(id);
            source.requests.send(Request { id, command }).await.unwrap();
            let mut is_answered = false;
            while !is_answered || app.state.playback.is_none_or(|it| it.is_seeking) {
                let envelope = source.events.recv().await.unwrap();
                is_answered |= matches!(&envelope.event, Event::Reply(reply) if reply.id == id);
                app.update(Action::Source(envelope));
            }
            times.push(start.elapsed().as_secs_f64());
            cpu.push((thread_time() - start_cpu).as_secs_f64());
        }
        times.remove(0);
        cpu.remove(0);
        let middle = median(&mut times);
        let worst = times.last().copied().unwrap_or_default();
        let (middle_cpu, worst_cpu) = (median(&mut cpu), cpu.last().copied().unwrap_or_default());
        format!(
            "{middle:.2} s ({worst:.2} s); opened in {opened:.2} s | {middle_cpu:.2} s ({worst_cpu:.2} s)"
        )
    })
}
