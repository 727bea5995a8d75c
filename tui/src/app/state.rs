//! What all views show, and how: the part of the state that is no view's own.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::tz::TimeZone;
use probe_common::FlowKey;

use super::criteria::Criteria;
use super::filtering::{Closed, Filtering};
use super::hostnames::HostNames;
use super::measure::Measure;
use super::notices::Notices;
use super::own::OwnSession;
use super::preferences::Appearance;
use super::push_down::PushDown;
use super::timeline::{TimeEntry, Timeline};
use super::usage::Usage;
use crate::about::Known;
use crate::diagnosis::{Concerns, Diagnosis, Finding, Kind};
use crate::filter::Filter;
use crate::flow::Span;
use crate::model::{Envelope, HostId, Level, Mark, Moment, Notice, Playback, Session, WallClock};
use crate::traffic::{Devices, Host, Traffic};

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
    /// The kinds of problems that the user does not want to see.
    pub silenced: Vec<Kind>,
    /// Where the replay is, if this is one.
    pub playback: Option<Playback>,
    /// A time that is being typed.
    pub time_entry: Option<TimeEntry>,
    /// The moment that was asked for last, until the source is there.
    pub(super) wanted: Option<Moment>,
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
            usage: None,
            problems: Vec::new(),
            concerns: Concerns::default(),
            silenced: Vec::new(),
            playback: None,
            time_entry: None,
            wanted: None,
            marks: (Vec::new(), Moment::ZERO),
            diagnoses: BTreeMap::new(),
            measure: Measure::ALL[1],
            live: Traffic::default(),
            frozen: None,
            host: HostId::default(),
            ended: None,
        }
    }

    /// The traffic that is shown: as it was when the user paused, or else the
    /// live one.
    #[must_use]
    pub fn traffic(&self) -> &Traffic {
        self.frozen.as_ref().unwrap_or(&self.live)
    }

    /// The shown traffic of the host that is shown.
    #[must_use]
    pub fn picture(&self) -> &Host {
        self.traffic().host(self.host)
    }

    /// The live traffic of the host that is shown.
    #[must_use]
    pub fn live(&self) -> &Host {
        self.live.host(self.host)
    }

    /// The devices as they are now, also while paused.
    #[must_use]
    pub fn known_devices(&self) -> &Devices {
        &self.live().devices
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
            diagnosis: self.diagnoses.get(&self.host),
            concerns: Some(&self.concerns),
        }
    }

    /// Where what is shown is in time; nothing where that is now.
    #[must_use]
    pub fn timeline(&self) -> Option<Timeline<'_>> {
        let playback = self.playback.as_ref()?;
        let now = self.live().flows.now();
        let at = if playback.is_playing {
            playback.at.max(now)
        } else {
            playback.at
        };
        let (marks, searched) = &self.marks;
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

    /// Forgets what the source has reported.
    pub(super) fn restart(&mut self) {
        self.live = Traffic::default();
        self.live
            .keep_closed(self.filtering.closed() == Closed::Keep);
        self.frozen = None;
        self.diagnoses.clear();
        self.notices = Notices::default();
        self.clock = self.session.wall_clock();
    }

    /// Takes over what a source reports.
    pub(super) fn apply(&mut self, envelope: &Envelope) {
        self.live.apply(envelope);
        let flows = &self.live.host(envelope.host).flows;
        let diagnosis = self.diagnoses.entry(envelope.host).or_default();
        diagnosis.observe(&envelope.event, flows);
    }

    /// Takes over what is wrong with the host that is shown.
    pub(super) fn diagnose(&mut self) {
        let diagnosis = self.diagnoses.get(&self.host);
        let mut problems = diagnosis.map(Diagnosis::findings).unwrap_or_default();
        problems.retain(|finding| !self.silenced.contains(&finding.kind));
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
        self.diagnoses.get(&self.host)?.handshake(key)
    }

    /// Silences a kind of problems until the end of the program.
    pub(super) fn silence(&mut self, kind: Kind) {
        self.silenced.push(kind);
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
