//! Carrying out the commands.

use std::io;
use std::time::Instant;

use anyhow::{Context, bail};
use jiff::Timestamp;
use probe_common::LinkLayer;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::StreamArgs;
use crate::probe::attach::attach;
use crate::probe::counters::{Budget, Counters};
use crate::probe::object::{Object, Sizes};
use crate::source::{Device, DeviceKind, Event, Hooks, Session, Watch};
use crate::stream::Stream;

/// Bytes of the ring buffer. No event is asked for yet, so the least there is.
const RING: u32 = 4096;
const NO_EVENTS: Budget = Budget {
    events: 0,
    samples: 0,
    every_packet: false,
};

/// `nkview stream`: watches the devices until the time is over or a signal
/// ends it, and takes everything off again.
///
/// # Errors
/// When a device does not exist or cannot be watched, or stdout fails; a closed
/// pipe is no error.
pub async fn stream(args: StreamArgs) -> anyhow::Result<()> {
    let indices = args
        .devices
        .iter()
        .map(|name| device_index(name))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let sizes = Sizes {
        flows: args.max_flows,
        ring: RING,
    };
    // The programs are relocated against the ring, so it has to live as well.
    let (object, maps, _ring) = Object::new(sizes).context(
        "cannot set up the eBPF programs; run it as root, or with CAP_BPF, CAP_NET_ADMIN \
         and CAP_PERFMON, on a kernel of 5.8 or later",
    )?;
    let started = Timestamp::now();
    let mut counters = Counters::new(maps, NO_EVENTS, Instant::now())
        .context("cannot write the settings of the eBPF programs")?;
    let mut attached = Vec::new();
    let mut slots = Vec::new();
    for (slot, (name, &index)) in (0..).zip(args.devices.iter().zip(&indices)) {
        attached.push(
            attach(&object, index, slot, Hooks::Tcx, LinkLayer::Ethernet)
                .with_context(|| format!("cannot watch {name}"))?,
        );
        slots.push(slot);
    }
    let mut ends = [
        SignalKind::interrupt(),
        SignalKind::terminate(),
        SignalKind::hangup(),
    ]
    .map(signal);
    let [Ok(interrupt), Ok(terminate), Ok(hangup)] = &mut ends else {
        bail!("cannot listen for signals");
    };

    let session = Session {
        host: rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned(),
        started,
        remark: None,
    };
    let mut stream = Stream::new(session, io::stdout().lock());
    let devices = (0..).zip(args.devices.into_iter().zip(indices));
    let devices = devices.map(|(slot, (name, index))| watched(name, index, slot));
    if let Err(error) = stream.event(&Event::Devices(devices.collect())) {
        return unless_closed(error);
    }
    let end = args
        .duration
        .map(|duration| tokio::time::Instant::now() + duration);
    let mut ticks = tokio::time::interval(args.interval);
    ticks.tick().await;
    loop {
        let is_over = tokio::select! {
            _ = ticks.tick() => false,
            () = wait_until(end) => true,
            _ = interrupt.recv() => true,
            _ = terminate.recv() => true,
            _ = hangup.recv() => true,
        };
        if is_over {
            // Nothing is counted after this: the last epoch has it all.
            attached.clear();
        }
        let interval = counters.turn(&slots).context("cannot read the counters")?;
        if let Err(error) = stream.event(&Event::Interval(interval)) {
            return unless_closed(error);
        }
        if is_over {
            return stream.finish().or_else(unless_closed);
        }
    }
}

/// A device whose tcx hooks are attached to. Nothing else is known of it yet.
fn watched(name: String, index: u32, slot: u32) -> Device {
    Device {
        name,
        index,
        kind: DeviceKind::Other(String::new()),
        up: true,
        mtu: 0,
        mac: Vec::new(),
        watch: Watch::Yes {
            slot,
            hooks: Hooks::Tcx,
        },
    }
}

async fn wait_until(end: Option<tokio::time::Instant>) {
    match end {
        Some(end) => tokio::time::sleep_until(end).await,
        None => std::future::pending().await,
    }
}

/// A reader that has seen enough is a good end.
fn unless_closed(error: io::Error) -> anyhow::Result<()> {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Ok(());
    }
    Err(error).context("cannot write to stdout")
}

fn device_index(name: &str) -> anyhow::Result<u32> {
    let socket = rustix::net::socket(
        rustix::net::AddressFamily::INET,
        rustix::net::SocketType::DGRAM,
        None,
    )
    .context("cannot open a socket to look up devices")?;
    rustix::net::netdevice::name_to_index(&socket, name)
        .with_context(|| format!("there is no device {name}; `ip link` lists those there are"))
}
