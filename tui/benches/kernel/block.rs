//! What a rule that drops packets costs those that it does not match.

use std::fmt::Write;
use std::time::Duration;

use nkview::filter::parse_rule;
use nkview::model::BlockId;
use nkview::probe::block::{BlockProgram, Blocker, Owner};
use probe_common::{Attachment, LinkLayer, verdict};

use crate::packets;
use crate::path::empty;
use crate::rounds::{Case, Place, Processors};

const ROUNDS: usize = 31;
const REPEAT: u32 = 100_000;
/// Prefixes of the largest rule.
const PREFIXES: u32 = 1000;

/// A rule in the kernel, for packets that come in.
struct Rule {
    program: BlockProgram,
    _blocker: Blocker,
}

impl Rule {
    fn new(text: &str, is_in_force: bool) -> Self {
        let rule = parse_rule(text).unwrap();
        let mut blocker = Blocker::new(BlockId(1), &rule, Owner::this()).unwrap();
        let identity = Attachment {
            device: 0,
            direction: 0,
            verdict: verdict::NEXT,
            link_layer: LinkLayer::Ethernet as u32,
        };
        let (program, _) = blocker.load(identity).unwrap();
        if is_in_force {
            blocker.begin(Duration::from_secs(86_400), false).unwrap();
        }
        Self {
            program,
            _blocker: blocker,
        }
    }
}

/// Prefixes all over the addresses of IPv4, none of which holds those of the packets.
fn prefixes() -> String {
    let mut text = String::from("src ");
    for number in 0..PREFIXES {
        let address = number.wrapping_mul(0x9e37_79b9) | 0x8000_0000;
        let [a, b, c, _] = address.to_be_bytes();
        let separator = if number == 0 { "" } else { ", " };
        write!(text, "{separator}{a}.{b}.{c}.0/24").unwrap();
    }
    text
}

/// Prints what a packet costs that no rule drops.
pub fn table(processors: &Processors) {
    let lifted = Rule::new("192.0.2.1 udp", false);
    let ports = Rule::new("udp port 9", true);
    let one = Rule::new("192.0.2.1", true);
    let many = Rule::new(&prefixes(), true);
    let both = Rule::new(&prefixes().replace("src ", "net "), true);
    let case =
        |name: &str, program: &BlockProgram| Case::new(name, program, packets::tcp_v4, REPEAT);
    let cases = [
        Case::new(
            "a program that does nothing",
            empty(),
            packets::tcp_v4,
            REPEAT,
        ),
        case("a rule that has ended", &lifted.program),
        case("a port of another protocol", &ports.program),
        case("one address, at either end", &one.program),
        case("1,000 prefixes, of the sender", &many.program),
        case("1,000 prefixes, at either end", &both.program),
    ];
    let medians = processors.medians(&cases, &Place::ALL, ROUNDS);
    println!(
        "\n| ns a packet that no rule matches | one CPU | {0} CPUs, own flows | {0} CPUs, one flow |\n|---|---|---|---|",
        processors.count()
    );
    for (Case { name, .. }, times) in cases.iter().zip(medians) {
        println!(
            "| {name} | {:.0} | {:.0} | {:.0} |",
            times[0], times[1], times[2]
        );
    }
}
