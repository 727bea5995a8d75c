//! What all views show, and how: the part of the state that is no view's own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use probe_common::FlowKey;

use super::blocking::Blocking;
use super::criteria::Criteria;
use super::filtering::{Closed, Filtering};
use super::hostnames::HostNames;
use super::looking_up::LookingUp;
use super::measure::Measure;
use super::notices::Notices;
use super::own::OwnSession;
use super::past::Past;
use super::preferences::Appearance;
use super::push_down::PushDown;
use super::search::Search;
use super::timeline::{TimeEntry, Timeline};
use super::usage::Usage;
use crate::about::{Known, Nodes};
use crate::diagnosis::{Baseline, Concerns, Diagnosis, Finding, Kind, Policy, Severity, across};
use crate::filter::Filter;
use crate::flow::{Ledger, Span};
use crate::model::stack::FlowState;
use crate::model::{
    Command, Device, Envelope, Event, HostId, KeyFields, Level, Mark, MarkKind, Moment, Notice,
    Playback, Reach, Session, Tuple, WallClock, Watch,
};
use crate::traffic::{Devices, Host, Traffic};
use crate::watching::Watching;

/// The traffic and the choices that hold in every view.
#[derive(Debug)]
pub struct State {
    /// What is watched.
    pub session: Session,
    /// The time zone of times of day: UTC, until the runtime sets the machine's.
    pub zone: TimeZone,
    /// How the screen looks.
    pub appearance: Appearance,
    /// Whether the mouse acts here; otherwise it selects text in the terminal.
    pub mouse: bool,
    /// Whether tmux drops what is copied, which is its default.
    pub drops_copies: bool,
    /// The SSH session through which the user looks.
    pub own: Option<OwnSession>,
    /// Messages to the user.
    pub notices: Notices,
    /// What is filtered.
    pub filtering: Filtering,
    /// The part of it that the source applies.
    pub push_down: PushDown,
    /// The names of hosts and services.
    pub hostnames: HostNames,
    /// How far back graphs reach.
    pub zoom: Span,
    /// The moment whose values the graphs show in numbers.
    pub cursor: Option<Moment>,
    /// The wall clock, by the last interval.
    pub clock: WallClock,
    /// Why the source does not measure what the programs cost, although it was
    /// asked to.
    pub not_measured: Option<String>,
    /// What the process uses.
    pub usage: Option<Usage>,
    /// What is wrong: the worst first, and last what is over. As it was when
    /// the user paused.
    pub problems: Vec<Finding>,
    /// Whom these are about.
    pub concerns: Concerns,
    /// By what problems are judged. What is silenced is judged all the same, as it may
    /// be shown again.
    pub policy: Policy,
    /// Where the replay is, if this is one.
    pub playback: Option<Playback>,
    /// A time that is being typed.
    pub time_entry: Option<TimeEntry>,
    /// What is searched for in the rows.
    pub search: Search,
    /// The moment that was asked for last, until the source is there.
    pub(super) wanted: Option<Moment>,
    /// What was known at the earlier moment that is shown, if one is.
    pub(super) past: Option<Past>,
    /// How far back one can go while counting goes on.
    pub(super) remembered: Option<Moment>,
    /// The file that is recorded to.
    pub recording: Option<String>,
    /// Dropping packets.
    pub blocking: Blocking,
    /// What was looked up of the flow that is shown in full.
    pub(super) looking_up: LookingUp,
    /// The flows that are to be reported when they appear.
    pub watching: Watching,
    /// The peers that are not new.
    pub baseline: Option<Arc<Baseline>>,
    /// What is worth a look, in the order of time, and up to where it is known.
    pub(super) marks: (Vec<Mark>, Moment),
    pub(super) diagnoses: BTreeMap<HostId, Diagnosis>,
    pub(super) measure: Measure,
    pub(super) live: Traffic,
    /// The traffic as it was when the user paused.
    pub(super) frozen: Option<Traffic>,
    /// The host that is shown.
    pub(super) host: HostId,
    pub(super) ended: Option<String>,
}

impl State {
    /// The state before the first event.
    pub(super) fn new(session: Session, appearance: Appearance, filter: Filter) -> Self {
        Self {
            clock: session.wall_clock(),
            live: Traffic::of(&session.hosts),
            host: if session.hosts.is_empty() {
                HostId::default()
            } else {
                HostId::ALL
            },
            not_measured: None,
            session,
            zone: TimeZone::UTC,
            appearance,
            mouse: true,
            drops_copies: false,
            own: None,
            notices: Notices::default(),
            filtering: Filtering::new(filter),
            push_down: PushDown::default(),
            hostnames: HostNames::default(),
            zoom: Span::default(),
            cursor: None,
            usage: None,
            problems: Vec::new(),
            concerns: Concerns::default(),
            policy: Policy::default(),
            playback: None,
            time_entry: None,
            search: Search::default(),
            wanted: None,
            past: None,
            remembered: None,
            recording: None,
            blocking: Blocking::default(),
            looking_up: LookingUp::default(),
            watching: Watching::default(),
            baseline: None,
            marks: (Vec::new(), Moment::ZERO),
            diagnoses: BTreeMap::new(),
            measure: Measure::ALL[1],
            frozen: None,
            ended: None,
        }
    }

    /// The traffic that is shown: as it was at an earlier moment or when the user
    /// paused, or else the live one.
    #[must_use]
    pub fn traffic(&self) -> &Traffic {
        let past = self.past.as_ref().map(|past| &past.traffic);
        past.or(self.frozen.as_ref()).unwrap_or(&self.live)
    }

    /// The shown traffic of the host that is shown.
    #[must_use]
    pub fn picture(&self) -> &Host {
        self.traffic().host(self.host)
    }

    /// What was counted on a device that is or was watched.
    #[must_use]
    pub fn ledger(&self, device: &Device) -> Option<&Ledger> {
        self.picture().flows.device(device.watch.slot()?)
    }

    /// The live traffic of the host that is shown.
    #[must_use]
    pub fn live(&self) -> &Host {
        self.live.host(self.host)
    }

    /// The devices as they are now, also while paused, or were at the earlier moment
    /// that is shown.
    #[must_use]
    pub fn known_devices(&self) -> &Devices {
        match &self.past {
            Some(past) => &past.traffic.host(self.host).devices,
            None => &self.live().devices,
        }
    }

    /// Whether what is shown stays as it is when more is reported.
    pub(super) const fn is_still(&self) -> bool {
        self.frozen.is_some() || self.past.is_some()
    }

    /// How far back an earlier moment is that is shown.
    #[must_use]
    pub fn back_by(&self) -> Option<Duration> {
        let past = self.past.as_ref()?;
        Some(self.live().flows.now().saturating_sub(past.at))
    }

    /// How old the picture is, while paused.
    #[must_use]
    pub fn frozen_for(&self) -> Option<Duration> {
        let frozen = self.frozen.as_ref()?.host(self.host);
        Some(self.live().flows.now().saturating_sub(frozen.flows.now()))
    }

    /// What the columns *in* and *out* show.
    #[must_use]
    pub const fn measure(&self) -> Measure {
        self.measure
    }

    /// The window that rates are computed over, also where totals are shown.
    #[must_use]
    pub const fn window(&self) -> Duration {
        match self.measure {
            Measure::Rate(window) => window,
            Measure::Total => Duration::from_secs(60),
        }
    }

    /// Why the source has ended, if it has.
    #[must_use]
    pub fn ended(&self) -> Option<&str> {
        self.ended.as_deref()
    }

    /// What is filtered, and the names that it may use.
    #[must_use]
    pub fn criteria(&self) -> Criteria<'_> {
        Criteria {
            filter: self.filtering.in_force(),
            hide_closed: self.filtering.closed() == Closed::Hide,
            hide_own: self.own.filter(|_| self.filtering.hides_own()),
            known: self.known(),
        }
    }

    /// The traffic that is shown, and what is known about it.
    #[must_use]
    pub fn known(&self) -> Known<'_> {
        Known {
            host: self.picture(),
            diagnosis: self.shown_diagnosis(),
            concerns: Some(&self.concerns),
            nodes: (self.host == HostId::ALL).then(|| Nodes {
                traffic: self.traffic(),
                diagnoses: self.shown_diagnoses(),
            }),
        }
    }

    /// The hosts that are watched together, by their numbers, and the live traffic
    /// of each; none where there is only one.
    pub fn nodes(&self) -> impl Iterator<Item = (&str, &Host)> {
        let hosts = self.session.hosts.iter().enumerate();
        hosts.map(|(id, name)| (name.as_str(), self.live.host(HostId(id as u16))))
    }

    /// Whether the time that is shown needs to be told: it is not simply now.
    #[must_use]
    pub const fn is_elsewhen(&self) -> bool {
        self.playback.is_some()
            || self.past.is_some()
            || self.wanted.is_some()
            || self.time_entry.is_some()
    }

    /// Where what is shown is in the time that one can move through; nothing where
    /// there is only now.
    #[must_use]
    pub fn timeline(&self) -> Option<Timeline<'_>> {
        let now = self.live().flows.now();
        let (marks, searched) = &self.marks;
        let Some(playback) = &self.playback else {
            let begin = self.remembered?;
            let past = self.past.as_ref();
            let shown = past.map_or_else(|| self.picture().flows.now(), |past| past.at);
            return Some(Timeline {
                begin,
                end: now,
                at: self.wanted.unwrap_or(shown),
                since: past.map_or(begin, |past| past.since),
                searched: now,
                marks,
                playback: None,
            });
        };
        let at = if playback.is_playing {
            playback.at.max(now)
        } else {
            playback.at
        };
        Some(Timeline {
            begin: playback.begin,
            end: playback.end,
            at: self.wanted.unwrap_or(at),
            since: playback.since,
            searched: *searched,
            marks,
            playback: Some(playback),
        })
    }

    /// What is and was wrong now, also while an earlier moment is shown.
    pub(super) fn problems_in_words(&self) -> String {
        let findings = self.findings(&self.diagnoses);
        let text = findings.iter().map(|finding| {
            let time = |moment| self.clock.at(moment).to_zoned(self.zone.clone());
            let past = if finding.past { " (past)" } else { "" };
            format!(
                "{} to {}{past}\n{}\n",
                time(finding.since).strftime("%F %T"),
                time(finding.last).strftime("%F %T %Z"),
                finding.to_text()
            )
        });
        let text: String = text.collect();
        if text.is_empty() {
            "No problems found.\n".to_owned()
        } else {
            text
        }
    }

    /// Finds what is worth a look in what is remembered.
    pub(super) fn find_marks(&mut self) {
        let findings = self.findings(&self.diagnoses);
        let findings = findings.into_iter().filter_map(|finding| {
            let kind = match finding.severity {
                Severity::Error => MarkKind::Error,
                Severity::Warning => MarkKind::Warning,
                Severity::Info => return None,
            };
            Some(Mark {
                at: finding.since,
                kind,
            })
        });
        let notices = self.notices.all().map(|notice| Mark {
            at: notice.at,
            kind: MarkKind::Notice,
        });
        let begin = self.remembered.unwrap_or_default();
        let marks = findings.chain(notices).filter(|mark| mark.at >= begin);
        let mut marks: Vec<Mark> = marks.collect();
        marks.sort_unstable();
        self.marks.0 = marks;
    }

    /// Forgets what the source has reported.
    pub(super) fn restart(&mut self) {
        self.live = self.no_traffic();
        self.frozen = None;
        self.blocking.follow(&[]);
        self.diagnoses.clear();
        self.notices = Notices::default();
        self.clock = self.session.wall_clock();
    }

    /// What is known of an earlier moment before anything is taken in.
    pub(super) fn past_of(&self, at: Moment) -> Past {
        let traffic = self.no_traffic();
        Past::new(at, traffic, self.no_diagnosis(), self.watching.clone())
    }

    fn no_traffic(&self) -> Traffic {
        let mut traffic = Traffic::of(&self.session.hosts);
        traffic.keep_closed(self.filtering.closed() == Closed::Keep);
        traffic
    }

    /// The diagnosis of a host of which nothing is known. It judges what is silenced,
    /// too, which the screen leaves out.
    fn no_diagnosis(&self) -> Diagnosis {
        let mut diagnosis = Diagnosis::new(self.policy.thresholds.into());
        if let Some(baseline) = &self.baseline {
            diagnosis.compare(baseline.clone());
        }
        diagnosis
    }

    /// Takes over what a source reports.
    pub(super) fn apply(&mut self, envelope: &Envelope) {
        self.live.apply(envelope);
        if !self.diagnoses.contains_key(&envelope.host) {
            let diagnosis = self.no_diagnosis();
            self.diagnoses.insert(envelope.host, diagnosis);
        }
        let diagnosis = self.diagnoses.entry(envelope.host).or_default();
        let host = self.live.host(envelope.host);
        if let Event::Interval(interval) = &envelope.event {
            self.watching.look(interval, host, diagnosis);
        }
        diagnosis.observe(&envelope.event, &host.flows);
    }

    /// Takes over what is wrong with the host that is shown.
    pub(super) fn diagnose(&mut self) {
        let mut problems = self.findings(self.shown_diagnoses());
        problems.retain(|finding| !self.policy.silenced.contains(&finding.kind));
        self.show_problems(problems);
    }

    /// Shows these problems.
    pub(crate) fn show_problems(&mut self, problems: Vec<Finding>) {
        self.concerns = Concerns::of(&problems);
        self.problems = problems;
    }

    /// How long a connection's handshake took towards its server and its client.
    #[must_use]
    pub fn handshake(&self, key: &FlowKey) -> Option<(Duration, Option<Duration>)> {
        self.known().handshake(key)
    }

    /// What to ask of the source while a view shows this flow in full. Only the host
    /// itself can be asked, and only about now.
    pub(super) fn look_up(&mut self, shown: Option<FlowKey>) -> Option<Command> {
        let is_here = self.session.hosts.is_empty() && self.playback.is_none();
        let is_now = self.ended.is_none() && !self.is_still();
        let shown = shown.filter(|key| is_here && is_now && key.is_ip());
        let shown = shown.and_then(|key| Some((key, self.device_of(&key)?)));
        let now = self.live().flows.now();
        self.looking_up.follow(shown, now)
    }

    /// The interface index of the watched device that sees a flow.
    fn device_of(&self, key: &FlowKey) -> Option<u32> {
        let mut devices = self.picture().devices.watched();
        let device = devices
            .find(|device| matches!(device.watch, Watch::Yes { slot, .. } if slot == key.device));
        device.map(|device| device.index)
    }

    /// What was found out about a flow when it was looked up last.
    #[must_use]
    pub fn looked_up(&self, key: &FlowKey) -> Option<&FlowState> {
        let device = self.device_of(key)?;
        self.picture().kernel.flow(device, &Tuple::sent(key))
    }

    /// Why the source looks nothing up, if it was asked to.
    #[must_use]
    pub fn not_looked_up(&self) -> Option<&str> {
        self.looking_up.refused()
    }

    fn shown_diagnoses(&self) -> &BTreeMap<HostId, Diagnosis> {
        let past = self.past.as_ref().map(|past| &past.diagnoses);
        past.unwrap_or(&self.diagnoses)
    }

    fn shown_diagnosis(&self) -> Option<&Diagnosis> {
        self.shown_diagnoses().get(&self.host)
    }

    /// Whether each of the hosts that are watched from here can be reached; nothing
    /// where it is this one that is watched.
    pub fn reach(&self) -> impl Iterator<Item = &Reach> {
        let alone = self.session.hosts.is_empty().then(|| self.live());
        let hosts = self.nodes().map(|(_, host)| host);
        alone
            .into_iter()
            .chain(hosts)
            .filter_map(|host| host.reach.as_ref())
    }

    /// The other hosts that are watched and cannot be reached now.
    #[must_use]
    pub fn lost(&self) -> Vec<&str> {
        if self.session.hosts.is_empty() {
            let is_lost = self.live().is_lost();
            return is_lost.then_some(&*self.session.host).into_iter().collect();
        }
        let lost = self.nodes().filter(|(_, host)| host.is_lost());
        lost.map(|(name, _)| name).collect()
    }

    /// Whether what is known of a flow is out of date, as its host cannot be reached.
    #[must_use]
    pub fn is_stale(&self, key: &FlowKey) -> bool {
        let traffic = self.traffic();
        let origin = traffic.origin(key.device);
        traffic
            .host(origin.map_or(self.host, |(id, _)| id))
            .is_lost()
    }

    /// What is wrong with the host that is shown, or with each of all.
    fn findings(&self, diagnoses: &BTreeMap<HostId, Diagnosis>) -> Vec<Finding> {
        if self.host != HostId::ALL {
            let diagnosis = diagnoses.get(&self.host);
            return diagnosis.map(Diagnosis::findings).unwrap_or_default();
        }
        across(diagnoses.iter().flat_map(|(id, diagnosis)| {
            let node = self.session.hosts.get(usize::from(id.0));
            let node = node.map(String::as_str).unwrap_or_default();
            let findings = diagnosis.findings().into_iter();
            findings.map(move |finding| (node, finding))
        }))
    }

    /// Silences a kind of problems until the end of the program.
    pub(super) fn silence(&mut self, kind: Kind) {
        self.policy.silenced.push(kind);
        let mut problems = std::mem::take(&mut self.problems);
        problems.retain(|finding| finding.kind != kind);
        self.show_problems(problems);
    }

    /// Notifies the user.
    pub(crate) fn notify(&mut self, level: Level, text: impl Into<String>) {
        self.notices.push(Notice {
            at: self.live().flows.now(),
            level,
            text: text.into(),
        });
    }
}
