//! From the command line to what the source takes.

use crate::cli::{EventArgs, Local, PairArgs, PairMode, ProbeArgs, RedactArgs};
use crate::model::LocalEnd;
use crate::probe::Sizes;
use crate::probe::live::{Events, Options};
use crate::probe::pair::{Mode, PairRequest};
use crate::redact::Redaction;

/// Bytes of the ring buffer: about 6,000 packets.
const RING: u32 = 1 << 20;

/// What replaces names and addresses, where that is asked for.
///
/// # Errors
/// When the key cannot be read.
pub fn redaction(args: &RedactArgs) -> anyhow::Result<Option<Redaction>> {
    let redaction = match (&args.redact_key, args.redact) {
        (Some(key), _) => Redaction::from_file(key)?,
        (None, true) => Redaction::random()?,
        (None, false) => return Ok(None),
    };
    Ok(Some(redaction))
}

/// The pair that may be made.
pub fn pair(args: PairArgs) -> Option<PairRequest> {
    let is_asked_for = args.create.is_some() || args.mode.is_some() || args.peer_netns.is_some();
    let mode = match args.mode.unwrap_or_default() {
        PairMode::L2 => Mode::L2,
        PairMode::L3 => Mode::L3,
    };
    (!args.no_create).then(|| PairRequest {
        name: args.create.unwrap_or_else(|| "nk0".to_owned()),
        mode,
        peer_netns: args.peer_netns,
        is_asked_for,
    })
}

/// What any live source takes; no device is chosen yet.
pub fn live(probe: &ProbeArgs, events: &EventArgs) -> Options {
    Options {
        devices: Vec::new(),
        attach_first: false,
        uplink: probe.uplink,
        create: None,
        interval: probe.interval,
        cover_redirect: probe.cover_redirect,
        local: match probe.local {
            Local::Container => LocalEnd::Peer,
            Local::Host => LocalEnd::Here,
        },
        trace: !probe.no_trace,
        events: if events.every_packet {
            Events::Every
        } else {
            Events::PerSecond(events.events_per_second)
        },
        sizes: Sizes {
            flows: probe.max_flows,
            ring: RING,
        },
        remark: None,
    }
}

/// What a command without a screen takes: from its first event on all of these devices
/// are counted.
pub fn attached(devices: Vec<String>, probe: &ProbeArgs, events: &EventArgs) -> Options {
    Options {
        devices,
        attach_first: true,
        ..live(probe, events)
    }
}
