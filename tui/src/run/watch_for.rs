//! `nkview watch-for`: reports flows that a filter matches, and peers that were not
//! there before. It touches no packet.

use std::fs::File;
use std::io::{self, BufReader, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use jiff::tz::TimeZone;
use tokio::time::{Instant, sleep_until};

use super::signals::Signals;
use super::start::{finish, open};
use super::{in_locale, options, variable};
use crate::cli::WatchForArgs;
use crate::config::Config;

use crate::diagnosis::{Baseline, Diagnosis, Finding, Kind};
use crate::export::reader_gone;
use crate::model::{Envelope, Event, Session, Watch};
use crate::probe::live::Options;
use crate::recording::{Item, Reader};
use crate::replay::Recording;
use crate::report;
use crate::source::Source;
use crate::text::clean;
use crate::traffic::Traffic;
use crate::watching::Watching;

/// The exit status when nothing has appeared.
const NOTHING: u8 = 1;

/// Reads a baseline from a recording.
///
/// # Errors
/// When it cannot be read, or is of no use.
pub fn baseline(path: Option<&Path>) -> anyhow::Result<Option<Arc<Baseline>>> {
    let Some(path) = path else {
        return Ok(None);
    };
    let cannot = || format!("cannot read the baseline {}", path.display());
    let file = BufReader::new(File::open(path).with_context(cannot)?);
    let mut reader = Reader::open(file).with_context(cannot)?;
    let mut baseline = Baseline::default();
    while let Some(item) = reader.next_item().with_context(cannot)? {
        if let Item::Event(envelope) = item {
            baseline.learn(&envelope.event);
        }
    }
    if baseline.is_empty() {
        bail!("{} is no baseline: no flow is in it", path.display());
    }
    if baseline.is_full() {
        bail!(
            "{} has more peers than a baseline has room for: nearly everybody is known there",
            path.display()
        );
    }
    Ok(Some(Arc::new(baseline)))
}

/// What is reported, and how often it was.
struct Reports {
    session: Session,
    json: bool,
    zone: TimeZone,
    traffic: Traffic,
    watching: Watching,
    diagnosis: Diagnosis,
    /// The ids of the findings that are reported and not over.
    present: Vec<String>,
    reported: u64,
    most: u64,
}

/// Watches, or reads a recording, and reports what appears.
///
/// # Errors
/// When it cannot watch, or the reports cannot be written.
pub async fn watch_for(
    args: WatchForArgs,
    recording: Option<Recording>,
    baseline: Option<Arc<Baseline>>,
    mut signals: Signals,
) -> anyhow::Result<ExitCode> {
    let (config, notice) = Config::load(variable)?;
    if let Some(notice) = notice {
        eprintln!("nkview: {notice}");
    }
    let mut watching = Watching::default();
    if let Some(filter) = &args.filter {
        let filter = filter.resolve(&config.named_filters())?;
        if !filter.is_everything() {
            watching = Watching::for_one(filter);
        } else if baseline.is_none() {
            bail!("the filter is empty: it would report every flow");
        }
    }
    let is_live = recording.is_none();
    let no_reader = reader_gone().context("cannot start a thread for stdout")?;
    tokio::pin!(no_reader);
    let options = Options {
        devices: args.devices.clone(),
        attach_first: true,
        ..options::live(&args.probe, &args.events)
    };
    let source = open(recording, args.duration, options, &mut signals).await?;
    let Some(source) = source else {
        bail!("ended by a signal before all devices were attached");
    };
    let Source {
        session,
        mut events,
        // Without the channel for requests it ends.
        requests: _requests,
        stop,
        ..
    } = source;
    // What is silenced elsewhere is asked for here.
    let mut diagnosis = Diagnosis::new(config.policy()?.thresholds.into());
    if let Some(baseline) = baseline {
        diagnosis.compare(baseline);
    }
    let mut reports = Reports {
        session,
        json: args.json,
        zone: TimeZone::system(),
        traffic: Traffic::default(),
        watching,
        diagnosis,
        present: Vec::new(),
        reported: 0,
        most: args.count.unwrap_or(u64::MAX),
    };
    let mut until: Option<Instant> = None;
    let mut written = Ok(true);
    while let Ok(true) = written {
        let over = async {
            match until {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = signals.any() => break,
            () = over => break,
            // Nothing may appear for long, and nobody would learn of it.
            () = &mut no_reader => break,
            envelope = events.recv() => {
                let Some(envelope) = envelope else { break };
                if is_live && until.is_none() && is_ready(&envelope.event) {
                    let duration = args.duration.unwrap_or(Duration::MAX);
                    until = Instant::now().checked_add(duration);
                }
                written = reports.event(&envelope);
            }
        }
    }
    let ended = stop.ask();
    let rest = async { while events.recv().await.is_some() {} };
    let (ended, ()) = tokio::join!(finish(ended), rest);
    ended?;
    match written {
        // Whoever has read it has read enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        written => drop(written.context("cannot write to stdout")?),
    }
    Ok(if reports.reported > 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(NOTHING)
    })
}

/// Whether all devices of the start are watched.
fn is_ready(event: &Event) -> bool {
    match event {
        Event::Devices(devices) => !devices.iter().any(|it| it.watch == Watch::Starting),
        _ => false,
    }
}

impl Reports {
    /// Takes over what a source reports. Whether more is wanted.
    fn event(&mut self, envelope: &Envelope) -> io::Result<bool> {
        self.traffic.apply(envelope);
        let host = self.traffic.host(envelope.host);
        let Event::Interval(interval) = &envelope.event else {
            self.diagnosis.observe(&envelope.event, &host.flows);
            return Ok(true);
        };
        self.watching.look(interval, host, &mut self.diagnosis);
        self.diagnosis.observe(&envelope.event, &host.flows);
        let findings = self.diagnosis.findings();
        let present: Vec<Finding> = findings
            .into_iter()
            .filter(|it| !it.past && matches!(it.kind, Kind::WATCHED_FOR | Kind::NEW_PEER))
            .collect();
        for finding in &present {
            if self.present.contains(&finding.id) || self.reported >= self.most {
                continue;
            }
            self.write(finding)?;
            self.reported += 1;
        }
        self.present = present.into_iter().map(|it| it.id).collect();
        Ok(self.reported < self.most)
    }

    fn write(&self, finding: &Finding) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        if self.json {
            report::write_problem(&mut stdout, finding, self.session.started)?;
        } else {
            let clock = self.session.wall_clock();
            let time = clock.at(finding.since).to_zoned(self.zone.clone());
            let line = format!(
                "{} {}: {}",
                time.strftime("%F %T"),
                finding.kind.slug(),
                clean(&finding.sentence)
            );
            writeln!(stdout, "{}", in_locale(&line))?;
        }
        stdout.flush()
    }
}
