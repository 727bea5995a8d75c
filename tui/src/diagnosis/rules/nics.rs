//! Network cards that lose what comes in. What a virtual device drops is no such loss.

use super::stacks::troubled;
use super::{list, stack_name};
use crate::diagnosis::claims::Claim;
use crate::diagnosis::evidence::kernel::StackHistory;
use crate::diagnosis::finding::Subject;
use crate::diagnosis::kind::Kind;
use crate::diagnosis::view::View;
use crate::model::Moment;
use crate::model::stack::{LinkState, NicReceive};
use crate::text::{grouped, plural};

/// Frames that were dropped: a card that is being set up misses a few.
const DROPPED: u64 = 10;
/// One frame of so many is no loss that anybody notices.
const SHARE: u64 = 10_000;
/// Damaged frames: a good cable has one in 10¹² bits.
const DAMAGED: u64 = 3;

pub fn rule(view: &View<'_>, claims: &mut Vec<Claim>) {
    for stack in view.evidence.kernel.stacks() {
        for (index, (first, last, receive)) in &stack.nics {
            let link = stack.last.links.iter().find(|link| link.index == *index);
            if let Some(link) = link {
                claims.extend(claim(view, stack, link, (*first, *last), receive));
            }
        }
    }
}

fn claim<'a>(
    view: &'a View<'_>,
    stack: &'a StackHistory,
    link: &'a LinkState,
    (since, last): (Moment, Moment),
    receive: &NicReceive,
) -> impl Iterator<Item = Claim> + use<'a> {
    let NicReceive {
        packets,
        missed,
        overruns,
        crc,
        misaligned,
    } = *receive;
    let device = &link.name;
    let name = stack_name(view, &stack.last);
    let is_it = |slot| view.devices.get(&slot).is_some_and(|it| it.name == *device);
    let about = if stack.last.is_own {
        troubled(view, is_it)
    } else {
        Default::default()
    };
    let traffic = match about.is_empty() {
        true => String::new(),
        false => format!(", in traffic of {}", list(&about)),
    };
    let frames = |lost: u64| format!("{} of {}", plural(lost, "frame"), grouped(lost + packets));
    let is_notable = |lost: u64| lost.saturating_mul(SHARE) >= packets;
    let claim = move |kind, lost, sentence, evidence, advice| Claim {
        kind,
        key: format!("{}/{device}", stack.last.namespace),
        about: about.iter().copied().collect(),
        sentence,
        since,
        last,
        count: lost,
        subjects: std::iter::once(Subject::Device {
            name: device.clone(),
        })
        .chain(Subject::hosts(&about))
        .collect(),
        evidence: vec![evidence],
        not_looked_at: Vec::new(),
        advice,
    };
    let overflowed = receive.overflowed();
    let damaged = receive.damaged();
    let drops = (overflowed >= DROPPED && is_notable(overflowed)).then(|| {
        claim(
            Kind::NIC_DROPS,
            overflowed,
            format!(
                "the network card {device} of {name} has dropped {} that came in{traffic}: its \
                 receive ring is full, the host does not take them off fast enough",
                frames(overflowed)
            ),
            format!("{device}: rx_missed_errors grew by {missed}, rx_fifo_errors by {overruns}"),
            format!(
                "`ethtool -S {device}` counts them by queue, `ethtool -g {device}` shows the size of \
                 the ring (`-G` sets it), `ethtool -l {device}` how many queues and CPUs share the \
                 work"
            ),
        )
    });
    let damages = (damaged >= DAMAGED && is_notable(damaged)).then(|| {
        claim(
            Kind::CHECKSUM_ERRORS,
            damaged,
            format!(
                "frames arrive damaged at the network card {device} of {name}{traffic}: {}",
                frames(damaged)
            ),
            format!("{device}: rx_crc_errors grew by {crc}, rx_frame_errors by {misaligned}"),
            format!(
                "look at the cable, the transceiver and the port at its other end: \
                 `ethtool -S {device}`, `ethtool -m {device}`"
            ),
        )
    });
    drops.into_iter().chain(damages)
}
