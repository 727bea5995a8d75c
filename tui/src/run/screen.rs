//! `nkview` and `nkview demo`: what a live source reports, on the screen.

use std::sync::Arc;

use super::appearance;
use super::options;
use super::own;
use super::record;
use super::signals::{Signals, stop_process};
use super::start::{connect, finish, stop};
use super::variable;
use crate::app::own::OwnSession;
use crate::cli::ConfigArgs;
use crate::cli::{HistoryArgs, RedactArgs, ScreenArgs};
use crate::config::Config;
use crate::diagnosis::Baseline;
use crate::files::Files;
use crate::probe::live::Options;
use crate::redact::Redaction;
use crate::runtime::{self, Consent};
use crate::source::Source;

/// What is known of the user, from files that only privileges that are given up
/// later may open.
pub struct User {
    pub config: Config,
    /// Why the configuration could not be read.
    notice: Option<String>,
    own: Option<OwnSession>,
    /// That packets may be dropped, if they may.
    consent: Option<Consent>,
}

/// What a live screen keeps of what it shows.
pub struct Keeping {
    /// Bytes of what is reported that are remembered.
    pub history: u64,
    /// Creates files for the user, where that is possible.
    pub files: Option<Files>,
    /// What replaces names and addresses in these files.
    pub redaction: Option<Redaction>,
    /// The peers that are not new.
    pub baseline: Option<Arc<Baseline>>,
}

impl Keeping {
    /// As the arguments say. To be called while privileges are not given up yet.
    ///
    /// # Errors
    /// When the key that names are replaced under cannot be read.
    pub fn new(HistoryArgs { history }: HistoryArgs, redact: &RedactArgs) -> anyhow::Result<Self> {
        Ok(Self {
            history,
            redaction: options::redaction(redact)?,
            files: Files::start().ok(),
            baseline: None,
        })
    }
}

impl User {
    /// Reads it. `allow_block` is whether packets may be dropped, also where the
    /// configuration does not say so.
    ///
    /// # Errors
    /// When something in the configuration is wrong.
    pub fn read(args: &ConfigArgs, allow_block: bool) -> anyhow::Result<Self> {
        let (config, notice) = Config::load(args.config.as_deref(), variable)?;
        let consent = (allow_block || config.screen.allow_block).then(|| Consent {
            sessions: own::sessions(),
            find_sessions: own::sessions,
        });
        Ok(Self {
            config,
            notice,
            own: own::session(),
            consent,
        })
    }
}

/// Shows what a live source reports.
pub async fn show(
    options: Options,
    args: ScreenArgs,
    keeping: Keeping,
    user: User,
    signals: Signals,
) -> anyhow::Result<()> {
    let start = async move |signals: &mut Signals| connect(options, signals).await;
    present(start, args, Some(keeping), user, signals).await
}

/// Shows what a source reports. `start` starts it, unless a signal comes first.
pub async fn present(
    start: impl AsyncFnOnce(&mut Signals) -> anyhow::Result<Option<Source>>,
    args: ScreenArgs,
    keeping: Option<Keeping>,
    User {
        config,
        notice,
        own,
        consent,
    }: User,
    mut signals: Signals,
) -> anyhow::Result<()> {
    let (preferences, keymap) = (config.preferences()?, config.keymap()?);
    // The screen is given back before.
    let mut stops = signals.hold_stops();
    let filter = args.filter.resolve(&config.named_filters())?;
    let Some(source) = start(&mut signals).await? else {
        return Ok(());
    };
    let Source {
        session,
        events,
        requests,
        stop: end,
        pause,
    } = source;
    if stops.has_come() {
        // It was asked for before there was a screen.
        match &pause {
            Some(pause) => stop(pause).await,
            None => {
                stop_process();
            }
        }
    }
    let (appearance, ask_background) = appearance::appearance(&args, config.screen, variable);
    let options = runtime::Options {
        appearance,
        ask_background,
        no_mouse: args.no_mouse,
        drops_copies: appearance::drops_copies(variable),
        notice,
        filter,
        push_down: args.push_down,
        keep_screen: args.keep_screen,
        keymap,
        preferences: Some(preferences),
        own,
        consent,
        pause,
        history: keeping.as_ref().map_or(0, |keeping| keeping.history),
        redaction: keeping.as_ref().and_then(|it| it.redaction.clone()),
        baseline: keeping
            .as_ref()
            .and_then(|keeping| keeping.baseline.clone()),
        files: keeping.and_then(|keeping| keeping.files),
        head: Some(record::head(session.clone())),
        draw_rate: Some(args.max_draw_rate.unwrap_or(config.screen.max_draw_rate)),
    };
    let shown = runtime::run(session, events, requests, options, signals.any()).await;
    let ended = finish(end.ask()).await;
    shown.and(ended)
}
