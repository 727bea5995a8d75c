//! Steady loads: what a tool with a screen takes of the machine.

use std::thread;
use std::time::{Duration, Instant};

use crate::lab::Lab;
use crate::machine::median;
use crate::sender::Sender;
use crate::watcher::{SIZE, Screen, Tool};

/// A load and what nkview may take at it: percent of a CPU, MiB, and bytes drawn
/// a second, where there is a budget.
struct Load {
    rate: u32,
    flows: u32,
    budget: &'static str,
}

const LOADS: [Load; 3] = [
    Load {
        rate: 1_000,
        flows: 1_000,
        budget: "1024 B/s",
    },
    Load {
        rate: 100_000,
        flows: 20_000,
        budget: "4 %, 40 MiB, 1024 B/s",
    },
    Load {
        rate: 100_000,
        flows: 100_000,
        budget: "10 %, 90 MiB, 1024 B/s",
    },
];

/// By then all flows are known, and most buffers have their size.
const WARM_UP: Duration = Duration::from_secs(8);
/// One sample of the bytes drawn each.
const SAMPLE: Duration = Duration::from_secs(1);
const SAMPLES: u32 = 10;

/// Prints CPU, memory and bytes drawn of each tool at each load.
pub fn table(lab: &Lab, tools: &[Tool]) {
    let (columns, rows) = SIZE;
    println!(
        "\nloads: a screen of {columns}×{rows}; CPU of the whole process in % of one, \
         resident memory, bytes drawn a second (median)\n"
    );
    print!("| load | budget |");
    for tool in tools {
        print!(" {} |", tool.name());
    }
    println!("\n|---|---|{}", "---|".repeat(tools.len()));
    for load in LOADS {
        let Load {
            rate,
            flows,
            budget,
        } = load;
        print!("| {} kpps, {flows} flows | {budget} |", rate / 1_000);
        for tool in tools {
            let sender = Sender::at_rate(lab, flows, rate);
            let mut screen = Screen::start(lab, *tool);
            thread::sleep(WARM_UP);
            let taken = measure(lab, &screen);
            let shows = match tool {
                Tool::Nkview => shows(&mut screen),
                _ => String::new(),
            };
            drop(sender);
            print!(" {taken}{shows} |");
        }
        println!();
    }
}

fn measure(lab: &Lab, screen: &Screen) -> String {
    let (start, before, arrived) = (Instant::now(), screen.seconds(), lab.received());
    let mut drawn: Vec<u64> = (0..SAMPLES)
        .map(|_| {
            let before = screen.output.bytes();
            thread::sleep(SAMPLE);
            screen.output.bytes() - before
        })
        .collect();
    let time = start.elapsed().as_secs_f64();
    let cpu = (screen.seconds() - before) / time;
    let rate = (lab.received() - arrived) as f64 / time / 1e3;
    let memory = screen.memory() as f64 / f64::from(1 << 20);
    let drawn = median(&mut drawn);
    // On a busy machine the sender does not keep up.
    format!(
        "{:.1} %, {memory:.0} MiB, {drawn} B/s at {rate:.0} kpps",
        cpu * 100.0
    )
}

/// How many flows nkview says that it shows.
fn shows(screen: &mut Screen) -> String {
    // Draws everything anew.
    screen.types(b"\x0c");
    thread::sleep(SAMPLE);
    let shown = screen.shown();
    let flows = shown.split_once("Flows ").map(|(_, rest)| rest);
    let number = flows.and_then(|rest| rest.split_whitespace().next());
    format!(", {} flows", number.unwrap_or("?"))
}
