//! What the screen costs: the time that an interval and a key take until they are
//! drawn, with very many flows, and the bytes that are drawn.
//!
//! Run it on a quiet machine: `cargo xtask bench ui`.

#![allow(
    clippy::unwrap_used,
    reason = "a benchmark ends at the first thing that fails"
)]

mod drawn;
#[path = "../shared/machine.rs"]
mod machine;
#[path = "../../src/synthetic.rs"]
mod synthetic;

// The synthetic source is a module of nkview, and names this one.
use nkview::model;

use nkview::app::action::Action;
use nkview::app::line::Edit;
use nkview::app::list::Motion;
use nkview::app::tab::Tab;
use nkview::model::Event;

use drawn::Drawn;
use machine::median;
use synthetic::Synthetic;

/// Flows that the source knows; those at a time are up to a fifth fewer.
const FLOWS: [usize; 4] = [200, 1_250, 25_000, 125_000];
/// Seconds until all of them have come.
const STORY: usize = 44;
/// Intervals and keys of a kind that are measured.
const SAMPLES: usize = 21;

fn main() {
    println!("{}\n", machine::describe());
    println!(
        "update and draw on 140×45, ms, median (worst) of {SAMPLES}; a key may take 50\n\n\
         | flows | an interval | with the hosts | ↓ | a letter of a filter | sort | the hosts | pause |\n\
         |---|---|---|---|---|---|---|---|"
    );
    for flows in FLOWS {
        times(flows);
    }
    println!(
        "\nbytes drawn a second, median (worst) of 60; busy may take 1024, idle 200\n\n\
         | table | bytes a second |\n|---|---|"
    );
    for flows in FLOWS {
        let (median, worst) = drawn::busy(flows);
        println!("| busy, {flows} flows | {median} ({worst}) |");
    }
    let (median, worst) = drawn::idle();
    println!("| idle, 5 flows | {median} ({worst}) |");
    println!("\nat the end: {}", machine::describe());
}

/// Prints the row of so many flows.
fn times(flows: usize) {
    let mut source = Synthetic::new(1, flows);
    let mut drawn = Drawn::new();
    for event in source.story(STORY) {
        drawn.app.update(Action::Source(event));
    }
    drawn.frame();
    let live = drawn.app.state.picture().flows.len();
    let mut intervals = |drawn: &mut Drawn| {
        sampled(|| {
            let interval = source.interval();
            drawn.timed(Action::Source(Event::Interval(interval).into()))
        })
    };
    let in_flows = intervals(&mut drawn);
    let down = sampled(|| drawn.timed(Action::Move(Motion::Down)));
    drawn.timed(Action::EditFilter);
    let mut letters = "10.0.0.0/8 and not port 22".chars();
    let letter = sampled(|| {
        let letter = letters.next().unwrap();
        drawn.timed(Action::Edit(Edit::Insert(letter)))
    });
    drawn.timed(Action::Back);
    let sort = sampled(|| drawn.timed(Action::SortNext));
    let hosts = sampled(|| {
        drawn.timed(Action::Show(Tab::Flows));
        drawn.timed(Action::Show(Tab::Hosts))
    });
    let in_hosts = intervals(&mut drawn);
    drawn.timed(Action::Show(Tab::Flows));
    let pause = sampled(|| {
        let paused = drawn.timed(Action::Pause);
        drawn.timed(Action::Pause);
        paused
    });
    println!(
        "| {live} | {in_flows} | {in_hosts} | {down} | {letter} | {sort} | {hosts} | {pause} |"
    );
}

fn sampled(mut sample: impl FnMut() -> f64) -> String {
    let mut times: Vec<f64> = (0..SAMPLES).map(|_| sample()).collect();
    let middle = median(&mut times);
    let worst = times.last().copied().unwrap_or_default();
    format!("{middle:.1} ({worst:.1})")
}
