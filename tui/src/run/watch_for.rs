//! `nkview watch-for`: reports flows that a filter matches, and peers that were not
//! there before. It touches no packet.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use jiff::tz::TimeZone;

use super::baseline::Unknown;
use super::signals::Signals;
use super::start::{Period, are_all_attached, configuration, end, open};
use super::{in_locale, options};
use crate::cli::WatchForArgs;
use crate::diagnosis::{Baseline, Diagnoses, Finding, Kind};
use crate::export::reader_gone;
use crate::model::{Envelope, Event, Session};
use crate::replay::Recording;
use crate::report;
use crate::source::Source;
use crate::text::clean;
use crate::traffic::Traffic;
use crate::watching::Watching;

/// The exit status when nothing has appeared.
const NOTHING: u8 = 1;

/// How long it waits for what the devices lead to, before it judges whether the baseline
/// has them.
const SETTLED: Duration = Duration::from_secs(3);

/// What is reported, and how often it was.
struct Reports {
    session: Session,
    json: bool,
    zone: TimeZone,
    traffic: Traffic,
    watching: Watching,
    diagnoses: Diagnoses,
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
    let config = configuration(&args.config)?;
    let mut watching = Watching::default();
    let mut has_filter = false;
    if let Some(filter) = &args.filter {
        let filter = filter.resolve(&config.named_filters())?;
        if !filter.is_everything() {
            has_filter = true;
            watching = Watching::for_one(filter).map_err(|reason| anyhow!("filter: {reason}"))?;
        } else if baseline.is_none() {
            bail!("the filter is empty: it would report every flow");
        }
    }
    let is_live = recording.is_none();
    let no_reader = reader_gone().context("cannot start a thread for stdout")?;
    tokio::pin!(no_reader);
    let options = options::attached(args.devices.clone(), &args.probe, &args.events);
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
    let mut diagnoses = Diagnoses::new(config.policy()?.thresholds.into(), &session.hosts);
    if let Some(baseline) = baseline.clone() {
        diagnoses.compare(baseline);
    }
    let mut reports = Reports {
        json: args.json,
        zone: TimeZone::system(),
        traffic: Traffic::of(&session.hosts),
        session,
        watching,
        diagnoses,
        present: Vec::new(),
        reported: 0,
        most: args.count.unwrap_or(u64::MAX),
    };
    let mut period = args.duration.map_or(Period::endless(), Period::of);
    let mut settling = Period::of(SETTLED);
    let mut has_compared = false;
    let mut written = Ok(true);
    while let Ok(true) = written {
        tokio::select! {
            biased;
            () = signals.any() => break,
            () = period.over() => break,
            // Nothing may appear for long, and nobody would learn of it.
            () = &mut no_reader => break,
            () = settling.over(), if !has_compared => {
                has_compared = true;
                if let Some(unknown) = Unknown::of(baseline.as_deref(), reports.diagnoses.devices()) {
                    progress(&unknown.text);
                }
            }
            envelope = events.recv() => {
                let Some(envelope) = envelope else { break };
                if is_live && are_all_attached(&envelope.event) {
                    period.begin();
                    settling.begin();
                }
                written = reports.event(&envelope);
            }
        }
    }
    end(stop, events).await?;
    match written {
        // Whoever has read it has read enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        written => drop(written.context("cannot write to stdout")?),
    }
    let unknown = Unknown::of(baseline.as_deref(), reports.diagnoses.devices());
    if let Some(unknown) = unknown.filter(|_| reports.reported == 0) {
        if unknown.is_all && !has_filter {
            bail!(unknown.text);
        }
        if !has_compared {
            progress(&unknown.text);
        }
    }
    Ok(if reports.reported > 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(NOTHING)
    })
}

impl Reports {
    /// Takes over what a source reports. Whether more is wanted.
    fn event(&mut self, envelope: &Envelope) -> io::Result<bool> {
        self.traffic.apply(envelope);
        let host = self.traffic.host(envelope.host);
        let Event::Interval(interval) = &envelope.event else {
            self.diagnoses.observe(envelope, &host.flows);
            return Ok(true);
        };
        let diagnosis = self.diagnoses.host(envelope.host);
        self.watching.look(interval, host, diagnosis);
        self.diagnoses.observe(envelope, &host.flows);
        // Each host reports what it sees itself.
        let findings = self.diagnoses.each();
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

fn progress(text: &str) {
    // Nobody may read it.
    let _ = writeln!(io::stderr(), "nkview: {}", in_locale(text));
}
