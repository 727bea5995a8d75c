//! Floods that saturate every CPU: what is left of their rate when somebody
//! watches, and whether every packet was counted.

use std::thread;
use std::time::{Duration, Instant};

use crate::lab::Lab;
use crate::machine::median;
use crate::sender::Sender;
use crate::watcher::{Screen, Stream, Tool};

const FLOWS: [u32; 4] = [1, 1_000, 100_000, 1_000_000];
const ROUNDS: usize = 5;
/// Before a rate is measured, and for how long it is.
const WARM_UP: Duration = Duration::from_millis(500);
const WINDOW: Duration = Duration::from_secs(2);

/// Prints the rates, each pair of rounds with and without somebody who watches
/// next to each other.
pub fn table(lab: &Lab, tools: &[Tool]) {
    println!("\nfloods: rate while watched / rate just before, median of {ROUNDS} pairs\n");
    print!("| flows | nobody, kpps | nkview stream | counted / device |");
    for tool in tools {
        print!(" {} |", tool.name());
    }
    println!("\n|---|---|---|---|{}", "---|".repeat(tools.len()));
    for flows in FLOWS {
        let mut alone = Vec::new();
        let mut pairs = vec![Vec::new(); tools.len() + 1];
        let (mut counted, mut arrived) = (0, 0);
        for _ in 0..ROUNDS {
            for (place, ratios) in pairs.iter_mut().enumerate() {
                let before = rate(lab, flows);
                alone.push(before);
                let with = match place.checked_sub(1) {
                    None => {
                        let start = lab.received();
                        let stream = Stream::start(lab);
                        let rate = rate(lab, flows);
                        arrived += lab.received() - start;
                        counted += stream.end();
                        rate
                    }
                    Some(tool) => {
                        let _screen = Screen::start(lab, tools[tool]);
                        rate(lab, flows)
                    }
                };
                ratios.push(with / before);
            }
        }
        let exact = counted as f64 / arrived as f64;
        print!("| {flows} | {:.0} |", median(&mut alone) / 1e3);
        for (place, ratios) in pairs.iter_mut().enumerate() {
            print!(" {:.2} |", median(ratios));
            if place == 0 {
                print!(
                    " {exact:.6} ({counted} − {arrived} = {}) |",
                    counted as i64 - arrived as i64
                );
            }
        }
        println!();
    }
}

/// Packets a second that arrive in a flood.
fn rate(lab: &Lab, flows: u32) -> f64 {
    let sender = Sender::flood(lab, flows);
    thread::sleep(WARM_UP);
    let (start, before) = (Instant::now(), lab.received());
    thread::sleep(WINDOW);
    let (time, after) = (start.elapsed(), lab.received());
    drop(sender);
    (after - before) as f64 / time.as_secs_f64()
}
