//! The live source: watches devices as they come and go, reads the counters
//! and the packets, and reports all of it as events.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use self::outbox::Outbox;
use self::selection::{Selection, is_netkit};
use self::task::{AT_ONCE, Attaching, BlindSpots, Task};
use super::clsact;
use super::collect::Schedule;
use super::collect::containers::Containers;
use super::collect::intervals::{Intervals, Targets};
use super::collect::ring::Ring;
use super::collect::stacks::Stacks;
use super::counters::{Budget, Counters};
use super::devices::Devices;
use super::fate::Fates;
use super::guard::Guard;
use super::guard::changes::Changes;
use super::inventory::{Inventory, Lookup};
use super::object::{Object, Sizes};
use super::pair::{self, Pair, PairRequest};
use super::preflight;
use super::privileges::Held;
use super::rules::Rules;
use super::trace::Tracing;
use super::uplink;
use super::watch::Watched;
use crate::model::{LocalEnd, Session};
use crate::source::{Pause, Source};

mod outbox;
mod selection;
mod task;

pub use selection::NoDevice;

/// What to watch, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// Names and globs of devices; empty for all netkit pairs.
    pub devices: Vec<String>,
    /// Attach to all that is wanted before anything is counted, rather than while
    /// what is counted is reported.
    pub attach_first: bool,
    /// Whether the device of the default route is watched, too.
    pub uplink: bool,
    /// The pair to make when none is asked for and there is none.
    pub create: Option<PairRequest>,
    /// How often the counters are read.
    pub interval: Duration,
    /// Packets that get an event.
    pub events: Events,
    /// Count what comes in through netkit at the far end.
    pub cover_redirect: bool,
    /// Which end of a veth pair is local whose other end is in another namespace.
    pub local: LocalEnd,
    /// Trace drops, errors, resets and the owners of sockets.
    pub trace: bool,
    /// Sizes of the maps.
    pub sizes: Sizes,
    /// A sentence for the header.
    pub remark: Option<String>,
}

/// How many packets get an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Events {
    /// At most this many per second and CPU, and a sample of a tenth of that.
    PerSecond(u32),
    /// All.
    Every,
}

impl Events {
    fn budget(self, interval: Duration) -> Budget {
        let per_second = match self {
            Self::PerSecond(events) => events,
            Self::Every => u32::MAX,
        };
        // A float above the range becomes the largest number.
        let events = (f64::from(per_second) * interval.as_secs_f64()).ceil() as u32;
        Budget {
            events,
            samples: events.div_ceil(10).min(events),
            every_packet: self == Self::Every,
        }
    }
}

/// Makes everything ready and attaches to the devices that are asked for by
/// name. Needs a runtime with several threads.
///
/// # Errors
/// When it cannot be done, with what to do about it. Nothing is left
/// attached or created then.
pub async fn start(options: Options) -> anyhow::Result<Source> {
    preflight::check_sysfs()?;
    let devices = Devices::open().context("cannot open a netlink socket")?;
    let removed = pair::remove_left_behind(&devices).await?;
    let links = devices.list().await.context("cannot list the devices")?;
    let cleaned = clsact::remove_left_behind(devices.handle(), &links).await?;
    let mut selection = Selection::new(&options.devices, &links)?;
    let (object, maps, ring) = Object::new(options.sizes).map_err(preflight::explain)?;
    let started = Timestamp::now();
    let start = Instant::now();
    let ring = Ring::new(ring);
    let counters = Counters::new(maps, options.events.budget(options.interval), start)
        .context("cannot write the settings of the eBPF programs")?;
    let pairs = removed.iter().map(|name| format!("the pair {name}"));
    let filters = cleaned.iter().map(|name| format!("the filters of {name}"));
    let mut notices: Vec<String> = pairs
        .chain(filters)
        .map(|what| format!("removed {what}, left behind by a killed nkview"))
        .collect();

    let (changes, found) = mpsc::unbounded_channel();
    let guard = Guard::start(changes).context("cannot start a thread")?;
    let mut watched = Watched::new(object, options.cover_redirect, options.local);
    // Devices that are named must be watchable; this also proves that the
    // programs load before the screen is taken.
    let mut named = links.iter().filter(|link| selection.names(link)).cloned();
    let cancel = Cancel::default();
    loop {
        let some: Vec<_> = named.by_ref().take(AT_ONCE).collect();
        if some.is_empty() {
            break;
        }
        let (batch, mut errors) = watched.begin(some);
        let stop = Arc::clone(&cancel.0);
        let outcomes = spawn_blocking(move || batch.run(&stop)).await?;
        errors.extend(watched.finish(outcomes));
        if let Some((name, error)) = errors.into_iter().next() {
            return Err(error.context(format!("cannot watch {name}")));
        }
        guard.watch(watched.guarded());
    }
    let mut remark = options.remark;
    if options.uplink {
        let device = uplink::device().filter(|name| links.iter().any(|link| link.name == *name));
        match device {
            Some(name) => {
                let text = format!("{name} is watched as the uplink");
                remark = Some(remark.map_or(text.clone(), |remark| format!("{remark}; {text}")));
                selection.add(name);
            }
            None => notices.push("there is no default route, so no uplink to watch".to_owned()),
        }
    }
    let pair = match &options.create {
        Some(request)
            if selection.is_all_netkit()
                && (request.is_asked_for || !links.iter().any(is_netkit)) =>
        {
            if preflight::has_netkit() {
                let pair = Pair::create(&devices, request).await?;
                let name = &request.name;
                remark = Some(if request.is_asked_for {
                    format!("made the pair {name}, removed on exit")
                } else {
                    format!("there was no netkit pair: made {name}, removed on exit")
                });
                notices.push(format!(
                    "made the pair {name}/{name}p, removed on exit; try \
                     `ping -6 ff02::1%{name}p` in another terminal"
                ));
                Some(pair)
            } else if request.is_asked_for {
                bail!(
                    "cannot make the pair {}: this kernel has no netkit (it came with Linux \
                     6.7, as CONFIG_NETKIT)",
                    request.name
                );
            } else {
                remark = Some("this kernel has no netkit: choose devices".to_owned());
                notices.push(format!(
                    "{}; any device can be watched: choose some here",
                    preflight::NO_NETKIT
                ));
                None
            }
        }
        _ => None,
    };

    for glob in selection.idle_globs(&links) {
        notices.push(format!(
            "no device matches {glob} yet; new ones will be watched as they appear"
        ));
    }

    let session = Session {
        host: rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned(),
        hosts: Vec::new(),
        started,
        remark,
        privileges: Held::now().ok().map(|held| held.to_string()),
    };
    let (mut source, producer) = Source::new(session);
    let (pause, pausing) = Pause::new();
    source.pause = Some(pause);
    let targets = Targets::default();
    let mut collectors = Schedule::default();
    let peak = ring.peak();
    // The order is that of their last reports: packets, then the interval.
    collectors.add(Box::new(ring));
    collectors.add(Box::new(Intervals {
        counters,
        targets: targets.clone(),
        period: options.interval,
        peak,
        ring_capacity: options.sizes.ring,
        meter: None,
        fates: Fates::default(),
        last: None,
    }));
    // Everything else goes on without it.
    let stacks = Stacks::start(start).ok();
    let stacks_handle = stacks.as_ref().map(Stacks::handle);
    if let Some(stacks) = stacks {
        collectors.add(Box::new(stacks));
    }
    collectors.add(Box::new(Containers::default()));
    let tracing = if options.trace {
        Tracing::begin().context("cannot start a thread")?
    } else {
        Tracing::left_out()
    };
    collectors.add(Box::new(tracing));
    let task = Task {
        devices,
        links: Vec::new(),
        selection,
        watched,
        guard,
        found,
        changes: Changes::default(),
        collectors,
        rules: Rules::default(),
        targets,
        stacks: stacks_handle,
        start,
        notices: Some(notices),
        attach_first: options.attach_first,
        attaching: Attaching::new(Arc::clone(&cancel.0)),
        asked: Vec::new(),
        lookup: Lookup::new(),
        inventory: Inventory::default(),
        blind_spots: BlindSpots::default(),
        outbox: Outbox::new(producer.events.clone()),
        pausing,
        pair,
    };
    // From here on the task decides.
    cancel.keep();
    tokio::spawn(task.run(producer.events, producer.requests, producer.stopping));
    Ok(source)
}

/// Stops attaching when it is dropped: the start was given up.
#[derive(Default)]
struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Lets it go on.
    fn keep(mut self) {
        self.0 = Arc::default();
    }
}

impl Drop for Cancel {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
