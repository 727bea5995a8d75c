//! Carrying out the commands.

use std::io::{self, Write};
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::thread::CapabilitySet;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use crate::app::own::OwnSession;
use crate::cli::{
    Cli, Command, DevicesArgs, DoctorArgs, EventArgs, PairArgs, ProbeArgs, ScreenArgs, StreamArgs,
};
use crate::config::{self, Config};
use crate::demo::Demo;
use crate::listing;
use crate::model::{Envelope, Event, Watch};
use crate::probe::live::{self, Events, Options};
use crate::probe::pair::PairRequest;
use crate::probe::{Sizes, doctor, inventory, preflight, privileges, sys};
use crate::runtime;
use crate::source::{Ended, Source, Stop};
use crate::stream::Stream;
use crate::terminal;

mod look;
mod own;

/// Bytes of the ring buffer: about 6,000 packets.
const RING: u32 = 1 << 20;

/// How long nkview may take to leave without a word.
const PATIENCE: Duration = Duration::from_secs(1);

/// Carries out what the command line asks for.
///
/// # Errors
/// When it cannot be done, with what to do about it. Whatever was created or
/// attached is gone then.
pub fn run(cli: Cli) -> anyhow::Result<()> {
    match cli.command {
        None => {
            let args = cli.watch;
            let options = Options {
                devices: args.devices,
                create: pair(args.pair),
                ..options(&args.probe, &args.events)
            };
            terminal::check()?;
            let user = User::read()?;
            block_on(|signals| screen(options, args.screen, user, signals))
        }
        Some(Command::Demo(args)) => {
            terminal::check()?;
            let user = User::read()?;
            give_up_all_but(privileges::for_demo())?;
            // Before the runtime's threads, which then live in its namespace.
            let demo = Demo::enter()?;
            let options = Options {
                devices: vec![demo.device().to_owned()],
                remark: Some(demo.remark()),
                ..options(&args.probe, &args.events)
            };
            block_on(|signals| screen(options, args.screen, user, signals))
        }
        Some(Command::Stream(args)) => block_on(|signals| stream(args, signals)),
        Some(Command::Devices(args)) => block_on(|_| devices(args)),
        Some(Command::Doctor(args)) => block_on(|_| doctor(args)),
        Some(Command::Config) => {
            unless_closed(io::stdout().write_all(config::text_of_defaults().as_bytes()))
        }
    }
}

/// What is known of the user, from files that only privileges that are given up
/// later may open.
struct User {
    config: Config,
    own: Option<OwnSession>,
}

impl User {
    fn read() -> anyhow::Result<Self> {
        Ok(Self {
            config: Config::load(variable)?,
            own: own::session(),
        })
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn give_up_all_but(keep: CapabilitySet) -> anyhow::Result<()> {
    privileges::give_up_all_but(keep).context(
        "cannot give up the capabilities that are not needed; a sandbox that forbids capset() \
         or prctl() must allow them",
    )
}

/// Carries out `work` in a runtime. From here on no signal ends the process
/// before it has cleaned up, and no thread has more privileges than watching
/// needs.
fn block_on<W: Future<Output = anyhow::Result<()>>>(
    work: impl FnOnce(Signals) -> W,
) -> anyhow::Result<()> {
    give_up_all_but(privileges::for_watching())?;
    sys::give_back_large_buffers();
    tokio::runtime::Builder::new_multi_thread()
        // The screen has the main thread; the source waits for the kernel.
        .worker_threads(1)
        .enable_all()
        .build()
        .context("cannot start the runtime")?
        .block_on(async { work(Signals::listen()?).await })
}

/// Shows what a live source tells.
async fn screen(
    options: Options,
    args: ScreenArgs,
    User { config, own }: User,
    mut signals: Signals,
) -> anyhow::Result<()> {
    let (preferences, keymap) = (config.preferences()?, config.keymap()?);
    let Some(live) = signals.unless(live::start(options)).await else {
        return Ok(());
    };
    let Source {
        session,
        events,
        requests,
        stop,
    } = live?;
    let options = runtime::Options {
        look: look::look(&args, config.screen, variable, look::ask_background),
        filter: args.filter,
        push_down: args.push_down,
        keep_screen: args.keep_screen,
        keymap,
        preferences: Some(preferences),
        own,
        draw_rate: Some(args.max_draw_rate.unwrap_or(config.screen.max_draw_rate)),
    };
    let shown = runtime::run(session, events, requests, options, signals.any()).await;
    let ended = finish(stop.ask()).await;
    shown.and(ended)
}

/// Prints what a live source tells, until the time is over or a signal ends it.
async fn stream(args: StreamArgs, mut signals: Signals) -> anyhow::Result<()> {
    if args.devices.is_empty() && !preflight::has_netkit() {
        bail!(
            "this kernel has no netkit (it came with Linux 6.7, as CONFIG_NETKIT); name the \
             devices to watch through other hooks"
        );
    }
    let options = Options {
        devices: args.devices,
        // From its first line on all is counted.
        attach_first: true,
        create: pair(args.pair),
        ..options(&args.probe, &args.events)
    };
    let Some(live) = signals.unless(live::start(options)).await else {
        return Ok(());
    };
    let Source {
        session,
        mut events,
        requests: _requests,
        stop,
    } = live?;
    let mut stream = Stream::new(session, io::stdout(), args.packets);
    let mut stop = Some(stop);
    let mut ended = None;
    let mut written = Ok(());
    // Attaching to many devices takes seconds, which are nobody's measurement.
    let (attached, is_attached) = oneshot::channel();
    let mut attached = Some(attached);
    let duration = args.duration;
    let mut over = std::pin::pin!(async move {
        let time_is_over = async {
            let _ = is_attached.await;
            elapsed(duration).await;
        };
        tokio::select! {
            () = time_is_over => {}
            () = signals.any() => {}
        }
    });
    while written.is_ok() {
        tokio::select! {
            biased;
            () = &mut over, if stop.is_some() => {
                ended = stop.take().map(Stop::ask);
            }
            event = events.recv() => match event {
                Some(event) => {
                    if is_ready(&event) {
                        attached.take().map(|attached| attached.send(()));
                    }
                    written = stream.event(&event);
                }
                None => break,
            },
        }
    }
    // A writer that fails leaves events behind; the source must not wait.
    drop(events);
    let ended = ended.or_else(|| stop.map(Stop::ask));
    if let Some(ended) = ended {
        ended.wait().await?;
    }
    unless_closed(written.and_then(|()| stream.finish()))
}

/// Prints the devices. Nothing is attached.
async fn devices(args: DevicesArgs) -> anyhow::Result<()> {
    let mut devices = inventory::list().await?;
    devices.sort_by(crate::model::Device::cmp_by_name);
    let stdout = io::stdout().lock();
    unless_closed(if args.json {
        listing::write_json(&devices, stdout)
    } else {
        listing::write_table(&devices, stdout)
    })
}

/// Prints what the doctor finds; an error if nothing can be watched.
async fn doctor(args: DoctorArgs) -> anyhow::Result<()> {
    let findings = doctor::examine().await;
    let mut stdout = io::stdout();
    let written = if args.json {
        findings.iter().try_for_each(|finding| {
            serde_json::to_writer(&mut stdout, finding)?;
            stdout.write_all(b"\n")
        })
    } else {
        findings
            .iter()
            .try_for_each(|finding| write!(stdout, "{finding}"))
    };
    unless_closed(written)?;
    if findings.iter().any(doctor::Finding::is_fatal) {
        bail!("nothing can be watched as things are");
    }
    Ok(())
}

/// Waits for the end of a source, and says so when that takes long: the kernel
/// waits for its CPUs each time that it takes a program off.
async fn finish(ended: Ended) -> anyhow::Result<()> {
    let mut ended = std::pin::pin!(ended.wait());
    tokio::select! {
        biased;
        outcome = &mut ended => return outcome,
        () = tokio::time::sleep(PATIENCE) => {}
    }
    // Nobody may be left to read it.
    let _ = writeln!(
        io::stderr(),
        "nkview: taking the programs off; this takes a moment"
    );
    ended.await
}

/// Whether the source says that no device waits to be attached to.
fn is_ready(envelope: &Envelope) -> bool {
    match &envelope.event {
        Event::Devices(devices) => !devices.iter().any(|it| it.watch == Watch::Starting),
        _ => false,
    }
}

async fn elapsed(duration: Option<Duration>) {
    match duration {
        Some(duration) => tokio::time::sleep(duration).await,
        None => std::future::pending().await,
    }
}

/// A reader that has seen enough is a good end.
fn unless_closed(written: io::Result<()>) -> anyhow::Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to stdout"),
    }
}

fn pair(args: PairArgs) -> Option<PairRequest> {
    let is_asked_for = args.create.is_some() || args.mode.is_some() || args.peer_netns.is_some();
    (!args.no_create).then(|| PairRequest {
        name: args.create.unwrap_or_else(|| "nk0".to_owned()),
        mode: args.mode.unwrap_or_default(),
        peer_netns: args.peer_netns,
        is_asked_for,
    })
}

fn options(probe: &ProbeArgs, events: &EventArgs) -> Options {
    Options {
        devices: Vec::new(),
        attach_first: false,
        create: None,
        interval: probe.interval,
        cover_redirect: probe.cover_redirect,
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

/// The signals that ask a process to end.
struct Signals([Signal; 3]);

impl Signals {
    fn listen() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("cannot listen for signals");
        Ok(Self([
            listen(SignalKind::interrupt())?,
            listen(SignalKind::terminate())?,
            listen(SignalKind::hangup())?,
        ]))
    }

    /// Waits for one of them.
    async fn any(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }

    /// The outcome of `work`, unless a signal comes first.
    async fn unless<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.any() => None,
            outcome = work => Some(outcome),
        }
    }
}
