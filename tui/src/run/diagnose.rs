//! `nkview diagnose`: what is wrong, once.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{anyhow, bail};
use jiff::Timestamp;
use probe_common::Direction;
use tokio::time::Instant;

use super::baseline::Unknown;
use super::options;
use super::print::unless_closed;
use super::signals::Signals;
use super::start::{Period, are_all_attached, configuration, finish, open};
use crate::about::{Behind, Known};
use crate::cli::DiagnoseArgs;
use crate::diagnosis::{Baseline, Concerns, Diagnoses, Finding, Severity, Subject};
use crate::filter::Filter;
use crate::model::{Device, DeviceName, Envelope, Event, HostId, Level, Watch};
use crate::replay::Recording;
use crate::report::{self, Summary};
use crate::source::Source;
use crate::traffic::Traffic;

#[cfg(test)]
mod tests;

/// The exit status when there are problems.
const PROBLEMS: u8 = 1;

/// How long it watches unless the user chooses.
const DURATION: Duration = Duration::from_secs(10);

/// Watches for a while, or reads a recording, and reports what is wrong.
///
/// # Errors
/// When it cannot look, or the report cannot be written.
pub async fn diagnose(
    args: DiagnoseArgs,
    recording: Option<Recording>,
    baseline: Option<Arc<Baseline>>,
    mut signals: Signals,
) -> anyhow::Result<ExitCode> {
    let is_live = recording.is_none();
    let duration = args.duration.unwrap_or(DURATION);
    let config = configuration(&args.config)?;
    let policy = config.policy()?;
    let filter = args.filter.resolve(&config.named_filters())?;
    let is_of_one_host = filter.is_of_one_host();
    is_of_one_host.map_err(|reason| anyhow!("filter: {reason}"))?;
    let mut narrowed = Narrowed::new(filter);
    let options = options::attached(args.devices.clone(), &args.probe, &args.events);
    let source = open(recording, args.duration, options, &mut signals).await?;
    let Some(source) = source else {
        bail!("ended by a signal before all devices were attached");
    };
    let Source {
        session,
        mut events,
        // Without requests it goes on, without the channel for them it ends.
        requests: _requests,
        stop,
        ..
    } = source;
    let mut traffic = Traffic::of(&session.hosts);
    // Problems come up when their flows may have closed already.
    traffic.keep_closed(!narrowed.filter.is_everything());
    let mut diagnoses = Diagnoses::new(policy, &session.hosts);
    if let Some(baseline) = baseline.clone() {
        diagnoses.compare(baseline);
    }
    let mut looked = Looked::of(&session.hosts);
    let mut observe = |envelope: &Envelope, looked: &mut Looked| {
        traffic.apply(envelope);
        looked.event(envelope);
        diagnoses.observe(envelope, &traffic.host(envelope.host).flows);
        if let Event::Interval(_) = envelope.event {
            narrowed.look(envelope.host, &traffic, &mut diagnoses);
        }
    };
    let mut period = Period::of(duration);
    let mut began = Instant::now();
    loop {
        tokio::select! {
            biased;
            () = signals.any() => break,
            () = period.over() => break,
            envelope = events.recv() => {
                let Some(envelope) = envelope else { break };
                observe(&envelope, &mut looked);
                if is_live && looked.is_ready() && period.begin() {
                    progress(&format!(
                        "watching {} for {} s",
                        looked.names().join(", "),
                        duration.as_secs_f64()
                    ));
                    began = Instant::now();
                }
            }
        }
    }
    let seconds = if is_live {
        began.elapsed()
    } else {
        looked.recorded()
    };
    let seconds = seconds.as_secs_f64();
    let ended = stop.ask();
    // The last interval may hold what completes the evidence.
    let last = async {
        while let Some(envelope) = events.recv().await {
            observe(&envelope, &mut looked);
        }
    };
    let (ended, ()) = tokio::join!(finish(ended), last);
    ended?;
    if looked.names().is_empty() {
        match looked.not_looked_at().as_slice() {
            [] => bail!("no device was watched"),
            reasons => bail!("no device could be watched: {}", reasons.join("; ")),
        }
    }
    let found = diagnoses.findings().len();
    let findings = diagnoses.findings_that(|finding| narrowed.takes(finding));
    let flows = traffic.hosts().map(|(_, host)| host.flows.len()).sum();
    let mut not_looked_at = looked.not_looked_at();
    let unknown = Unknown::of(baseline.as_deref(), diagnoses.devices());
    not_looked_at.extend(unknown.map(|unknown| unknown.text));
    let summary = Summary {
        host: session.host.clone(),
        seconds,
        devices: looked.names(),
        packets: looked.packets(),
        flows,
        left_out: found - findings.len(),
        not_looked_at,
    };
    let stdout = io::stdout().lock();
    unless_closed(if args.json {
        report::write_json(
            stdout,
            &findings,
            &summary,
            session.started,
            if is_live {
                Timestamp::now()
            } else {
                looked.wall()
            },
        )
    } else {
        report::write_text(stdout, &findings, &summary)
    })?;
    let problems = findings.iter().any(|it| it.severity != Severity::Info);
    Ok(if problems {
        ExitCode::from(PROBLEMS)
    } else {
        ExitCode::SUCCESS
    })
}

/// Which findings are about flows that match a filter.
struct Narrowed {
    filter: Filter,
    /// The ids of those that are.
    matching: BTreeSet<String>,
}

impl Narrowed {
    const fn new(filter: Filter) -> Self {
        Self {
            filter,
            matching: BTreeSet::new(),
        }
    }

    fn takes(&self, finding: &Finding) -> bool {
        self.filter.is_everything() || self.matching.contains(&finding.id)
    }

    /// Looks which flows the findings are about, while the flows are there.
    fn look(&mut self, id: HostId, traffic: &Traffic, diagnoses: &mut Diagnoses) {
        let host = traffic.host(id);
        let findings = diagnoses.findings_of(id);
        let open = findings.iter().filter(|finding| !self.takes(finding));
        // Of whatever is over or only good to know, too.
        let open: Vec<Finding> = open
            .map(|finding| Finding {
                past: false,
                severity: Severity::Warning,
                ..finding.clone()
            })
            .collect();
        if open.is_empty() {
            return;
        }
        if self.filter.is_about_devices().is_ok() {
            let devices = host.devices.all().iter();
            let meant: Vec<&str> = devices
                .filter(|device| {
                    let name = DeviceName {
                        name: &device.name,
                        leads_to: device.leads_to(),
                        node: host.name.as_deref(),
                    };
                    self.filter.matches_device(name, &Behind(device))
                })
                .map(|device| device.name.as_str())
                .collect();
            for finding in &open {
                let is_meant = |subject: &Subject| match subject {
                    Subject::Device { name } => {
                        // Behind the node's name, where there is one.
                        let device = name.split_once('/').map_or(&**name, |(_, device)| device);
                        meant.contains(&device)
                    }
                    _ => false,
                };
                if finding.subjects.iter().any(is_meant) {
                    self.matching.insert(finding.id.clone());
                }
            }
        }
        let concerns = Concerns::of(&findings);
        let known = Known {
            host,
            diagnosis: Some(diagnoses.host(id)),
            concerns: Some(&concerns),
            nodes: None,
        };
        let of_open = Concerns::of(&open);
        for flow in host.flows.iter() {
            let places = of_open.findings(&flow.key);
            if places.is_empty() {
                continue;
            }
            let device = DeviceName {
                node: host.name.as_deref(),
                ..host.devices.names().of(flow.key.device)
            };
            let about = known.about(flow);
            let matches = Direction::BOTH.into_iter().any(|direction| {
                flow.counts[direction as usize].packets > 0
                    && self
                        .filter
                        .matches_flow(&flow.key, &about, device, direction)
            });
            if matches {
                let ids = places.into_iter().map(|place| open[place].id.clone());
                self.matching.extend(ids);
            }
        }
    }
}

/// What was examined.
#[derive(Default)]
struct Looked {
    /// The hosts' names by their numbers, where there are several.
    names: Vec<String>,
    hosts: BTreeMap<HostId, OnHost>,
}

/// What was examined on a host.
#[derive(Default)]
struct OnHost {
    watched: Vec<Device>,
    failed: Vec<String>,
    warnings: Vec<String>,
    is_ready: bool,
    packets: u64,
    untracked: u64,
    lost: u64,
    over_budget: u64,
    /// The sum of the intervals, and the wall clock at the end of the last.
    recorded: Duration,
    wall: Timestamp,
}

impl Looked {
    fn of(names: &[String]) -> Self {
        Self {
            names: names.to_vec(),
            ..Self::default()
        }
    }

    fn event(&mut self, envelope: &Envelope) {
        let host = self.hosts.entry(envelope.host).or_default();
        host.event(&envelope.event);
    }

    fn is_ready(&self) -> bool {
        self.hosts.values().any(|host| host.is_ready)
    }

    fn recorded(&self) -> Duration {
        let all = self.hosts.values().map(|host| host.recorded);
        all.max().unwrap_or_default()
    }

    fn wall(&self) -> Timestamp {
        let all = self.hosts.values().map(|host| host.wall);
        all.max().unwrap_or_default()
    }

    fn packets(&self) -> u64 {
        self.hosts.values().map(|host| host.packets).sum()
    }

    /// The devices that were watched.
    fn names(&self) -> Vec<String> {
        self.on_each("/", |host| {
            host.watched.iter().map(|it| it.name.clone()).collect()
        })
    }

    fn not_looked_at(&self) -> Vec<String> {
        self.on_each(": ", OnHost::not_looked_at)
    }

    /// What there is of each host, behind its name.
    fn on_each(&self, between: &str, of: impl Fn(&OnHost) -> Vec<String>) -> Vec<String> {
        let hosts = self.hosts.iter();
        let texts = hosts.flat_map(|(id, host)| {
            let name = self.names.get(usize::from(id.0));
            let texts = of(host).into_iter();
            texts.map(move |text| match name {
                Some(name) => format!("{name}{between}{text}"),
                None => text,
            })
        });
        texts.collect()
    }
}

impl OnHost {
    fn event(&mut self, event: &Event) {
        match event {
            Event::Devices(devices) => {
                self.is_ready |= are_all_attached(event);
                self.failed.clear();
                for device in devices {
                    match &device.watch {
                        Watch::Yes { .. } => {
                            self.watched.retain(|it| it.index != device.index);
                            self.watched.push(device.clone());
                        }
                        Watch::Failed(error) => {
                            self.failed.push(format!("{}: {error}", device.name))
                        }
                        _ => {}
                    }
                }
            }
            Event::Interval(interval) => {
                self.recorded += interval.length;
                self.wall = interval.wall;
                for totals in interval.devices.iter().flat_map(|it| it.directions) {
                    self.packets += totals.packets;
                    self.untracked += totals.untracked_packets;
                    self.lost += totals.lost;
                    self.over_budget += totals.over_budget.total();
                }
            }
            Event::Notice(notice) if notice.level == Level::Warning => {
                self.warnings.push(notice.text.clone());
            }
            Event::Ended(reason) => self.warnings.push(reason.to_string()),
            _ => {}
        }
    }

    fn not_looked_at(&self) -> Vec<String> {
        let mut lines = self.failed.clone();
        lines.extend(self.warnings.iter().cloned());
        for (number, what) in [
            (
                self.untracked,
                "packets of flows that the flow table had no room for",
            ),
            (
                self.lost,
                "captured packets that the ring buffer had no room for",
            ),
            (
                self.over_budget,
                "packets worth a look that were over the budget of events",
            ),
        ] {
            if number > 0 {
                lines.push(format!("{number} {what}"));
            }
        }
        lines
    }
}

/// Reports progress on stderr.
fn progress(text: &str) {
    if io::stderr().is_terminal() {
        let _ = writeln!(io::stderr(), "nkview: {text}");
    }
}
