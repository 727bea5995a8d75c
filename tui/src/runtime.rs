//! The loop that ties input, source, state and screen together.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use futures::{FutureExt, Stream, StreamExt};
use jiff::tz::TimeZone;
use ratatui::Terminal;
use ratatui::backend::{Backend, TestBackend};
use ratatui::buffer::{Buffer, Cell};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::app::action::Action;
use crate::app::effect::Effect;
use crate::app::own::OwnSession;
use crate::app::push_down::PushDown;
use crate::app::{App, Appearance, Preferences};
use crate::diagnosis::Baseline;
use crate::files::Files;
use crate::filter::Filter;
use crate::keys::Keymap;
use crate::model::{EndReason, Envelope, Event, Level, Request, Session};
use crate::recording::Head;
use crate::redact::Redaction;
use crate::source::Pause;
use crate::terminal::{self, Console, Input, Line as _, Setup};
use crate::ui;
use bundle::{Bundles, Contents};
use frame::Frame;
use recall::Recall;
use recorder::{Recorders, With};
use requests::{Answer, Requests};
use resolve::{Dns, Lookup, Questions};

mod bundle;
mod frame;
mod recall;
mod recorder;
mod requests;
mod resolve;
mod usage;

#[cfg(test)]
mod tests;

/// What a source reports within this time is drawn in one frame.
const COALESCE: Duration = Duration::from_millis(50);
/// How long the first frame waits for the terminal's background color.
const BACKGROUND_DELAY: Duration = Duration::from_millis(100);

/// How the user wants it.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// How the screen looks.
    pub appearance: Appearance,
    /// Whether the terminal's background decides if that is dark or light.
    pub ask_background: bool,
    /// Whether the mouse is left to the terminal.
    pub no_mouse: bool,
    /// The filter to start with.
    pub filter: Filter,
    /// Whether the source applies the prefixes of the filter.
    pub push_down: bool,
    /// Whether tmux drops what is copied, which is its default.
    pub drops_copies: bool,
    /// What the user has to know from the start.
    pub notice: Option<String>,
    /// Whether the last picture is left in the terminal.
    pub keep_screen: bool,
    /// The bindings.
    pub keymap: Keymap,
    /// What the user prefers of the rest.
    pub preferences: Option<Preferences>,
    /// The SSH session through which the user looks.
    pub own: Option<OwnSession>,
    /// The peers that are not new.
    pub baseline: Option<Arc<Baseline>>,
    /// That packets may be dropped, if they may.
    pub consent: Option<Consent>,
    /// Makes the source safe while this process is stopped.
    pub pause: Option<Pause>,
    /// Bytes per second that may be written for what nobody asked for.
    pub draw_rate: Option<NonZero<u32>>,
    /// Bytes of what is reported that are remembered.
    pub history: u64,
    /// Creates files for the user.
    pub files: Option<Files>,
    /// What recordings begin with.
    pub head: Option<Head>,
    /// What replaces names and addresses in files.
    pub redaction: Option<Redaction>,
}

/// The user's consent to drop packets, and whom that must not cut off.
#[derive(Clone, Debug)]
pub struct Consent {
    /// The SSH sessions through which the user may look.
    pub sessions: Vec<OwnSession>,
    /// Finds those that there are later.
    pub find_sessions: fn() -> Vec<OwnSession>,
}

/// Shows a session in the terminal until the user leaves or `shutdown` is over,
/// and leaves the terminal as it was.
///
/// # Errors
/// When the terminal cannot be set up, read or written.
pub async fn run(
    session: Session,
    events: mpsc::Receiver<Envelope>,
    requests: mpsc::Sender<Request>,
    options: Options,
    shutdown: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let mut screen = terminal::Screen::open(Setup {
        mouse: !options.no_mouse,
        ask_background: options.ask_background,
    })?;
    let mut app = App::new(session, options.appearance, options.filter);
    app.state.zone = TimeZone::system();
    app.state.mouse = !options.no_mouse;
    app.state.drops_copies = options.drops_copies;
    if let Some(notice) = options.notice {
        app.state.notify(Level::Warning, notice);
    }
    app.state.own = options.own;
    app.state.baseline = options.baseline;
    let find_sessions = options.consent.as_ref().map(|it| it.find_sessions);
    if let Some(consent) = options.consent {
        app.state.blocking.is_allowed = true;
        app.state.blocking.sessions = consent.sessions;
    }
    app.state.push_down = PushDown::new(options.push_down);
    if let Some(preferences) = options.preferences {
        app.prefer(preferences);
    }
    screen
        .terminal()
        .backend_mut()
        .ascii(app.state.appearance.ascii);
    let input = screen.inputs();
    let recall = match &options.head {
        Some(head) if options.history > 0 => Recall::new(head.clone(), options.history)?,
        _ => Recall::default(),
    };
    let mut recorders = match (options.files, options.head) {
        (Some(files), Some(head)) => Recorders::new(files, head, options.redaction),
        _ => Recorders::default(),
    };
    let ended = drive(
        screen.terminal(),
        input,
        &mut app,
        events,
        requests,
        Deps {
            draw_rate: options.draw_rate,
            first_frame: if options.ask_background {
                BACKGROUND_DELAY
            } else {
                Duration::ZERO
            },
            lookup: Dns::default(),
            keymap: options.keymap.clone(),
            pause: options.pause,
            find_sessions,
            recall,
            recorders: &mut recorders,
        },
        shutdown,
    )
    .await;
    recorders.finish().await;
    let mut last = String::new();
    if options.keep_screen && ended.is_ok() {
        let size = screen.terminal().size().context("cannot draw")?;
        // The shell's prompt has the last line.
        let height = size.height.saturating_sub(1);
        let mut buffer = Terminal::new(TestBackend::new(size.width, height))?;
        buffer.draw(|frame| drop(ui::draw(&app, &options.keymap, frame)))?;
        last = text(buffer.backend().buffer());
    }
    screen.close(last);
    ended
}

/// A picture as lines of text.
fn text(buffer: &Buffer) -> String {
    let width = usize::from(buffer.area.width).max(1);
    let line = |cells: &[Cell]| {
        let line: String = cells.iter().map(Cell::symbol).collect();
        format!("{}\n", line.trim_end())
    };
    buffer.content().chunks(width).map(line).collect()
}

/// What the loop depends on.
pub struct Deps<'a, L> {
    /// Bytes per second that may be written for automatic updates.
    pub draw_rate: Option<NonZero<u32>>,
    /// How long the first frame waits for the terminal's background color.
    pub first_frame: Duration,
    /// How the names of hosts are found.
    pub lookup: L,
    /// The bindings.
    pub keymap: Keymap,
    /// Makes the source safe while this process is stopped.
    pub pause: Option<Pause>,
    /// Finds the SSH sessions through which the user may look.
    pub find_sessions: Option<fn() -> Vec<OwnSession>>,
    /// Remembers what is reported.
    recall: Recall,
    /// Writes recordings.
    recorders: &'a mut Recorders,
}

/// The loop itself, on any terminal and any input.
///
/// # Errors
/// When input or output fails.
pub async fn drive<B>(
    terminal: &mut Terminal<B>,
    input: impl Stream<Item = io::Result<Input>>,
    app: &mut App,
    mut events: mpsc::Receiver<Envelope>,
    requests: mpsc::Sender<Request>,
    Deps {
        draw_rate,
        first_frame,
        lookup,
        keymap,
        pause,
        find_sessions,
        mut recall,
        recorders,
    }: Deps<'_, impl Lookup>,
    shutdown: impl Future<Output = ()>,
) -> anyhow::Result<()>
where
    B: Console,
    B::Error: Send + Sync + 'static,
{
    let mut shutdown = std::pin::pin!(shutdown.fuse());
    let mut input = std::pin::pin!(input.fuse());
    let mut frame = Frame::new(draw_rate, first_frame, keymap);
    let mut is_open = true;
    let mut paused = None;
    let mut requests = Requests::new(requests);
    let mut questions = Questions::new(lookup);
    let mut meter = usage::Meter::new();
    let mut bundles = Bundles::default();
    loop {
        let due = frame.due(terminal.backend_mut().line().is_busy());
        let mut actions = Vec::new();
        tokio::select! {
            biased;
            () = &mut shutdown => return Ok(()),
            input = input.next() => match input {
                Some(input) => match input.context("cannot use the terminal")? {
                    Input::Event(event) => actions.extend(frame.action(app, event)),
                    Input::Ready => frame.answered(),
                    Input::Cursor(position) => terminal.backend_mut().cursor_is_at(position),
                    Input::Written => frame.written(),
                    Input::Background(is_light) => {
                        app.state.appearance.light = is_light;
                        frame.want();
                    }
                    Input::Stop if terminal.backend_mut().line().has_job_control() => {
                        if let Some(pause) = &pause {
                            tokio::select! {
                                biased;
                                () = &mut shutdown => return Ok(()),
                                is_safe = pause.ask() => paused = Some(is_safe),
                            }
                        }
                        terminal
                            .backend_mut()
                            .line()
                            .stop()
                            .context("cannot stop this process")?;
                    }
                    Input::Stop => {}
                    Input::Continue => {
                        terminal
                            .backend_mut()
                            .line()
                            .set_up()
                            .context("cannot set up the terminal")?;
                        // In the background the line above has stopped it once more.
                        drop(paused.take());
                        clear(terminal)?;
                        frame.forget();
                        frame.want();
                    }
                },
                None => return Ok(()),
            },
            // Drawn once nothing more of the user's is waiting.
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                actions.extend(frame.draw(terminal, app)?);
            }
            answers = requests.send(), if requests.is_waiting() => {
                actions.extend(answers.into_iter().map(replied));
            }
            past = recall.answer() => actions.push(Action::Recalled(Box::new(past))),
            written = bundles.written() => actions.push(Action::Bundled(written)),
            state = recorders.changed() => actions.push(Action::Recording(state)),
            (address, name) = questions.answer() => actions.push(Action::Named(address, name)),
            envelope = events.recv(), if is_open => match envelope {
                Some(Envelope { event: Event::Reply(reply), .. }) => {
                    actions.extend(requests.answer(reply).map(replied));
                }
                Some(envelope) => {
                    if let Event::Interval(_) = envelope.event {
                        let usage = meter.read(terminal.backend().written());
                        actions.extend(usage.map(Action::Used));
                    }
                    actions.extend(recall.remember(&envelope).map(Action::Remembered));
                    actions.extend(recorders.event(&envelope).map(Action::Recording));
                    actions.push(Action::Source(envelope));
                }
                None => {
                    is_open = false;
                    if app.state.ended().is_none() {
                        actions.push(Action::Source(silence().into()));
                    }
                    actions.extend(requests.refuse_all().into_iter().map(replied));
                }
            },
        }
        let effects = actions.into_iter().flat_map(|it| app.update(it));
        let mut effects: VecDeque<_> = effects.collect();
        while let Some(effect) = effects.pop_front() {
            match effect {
                Effect::Quit => return Ok(()),
                Effect::Clear => {
                    clear(terminal)?;
                    frame.want();
                }
                Effect::Draw => frame.want(),
                Effect::DrawSoon => frame.want_soon(COALESCE),
                Effect::Recall(past) => recall.ask(*past),
                Effect::Bundle(problems) => {
                    let contents = recorders.with().zip(recall.all());
                    let started = match contents {
                        Some((
                            With {
                                files,
                                head,
                                redaction,
                            },
                            pasts,
                        )) => bundles.start(
                            files,
                            Contents {
                                head,
                                redaction,
                                devices: app.state.known_devices().all().to_vec(),
                                problems,
                                policy: app.state.policy.clone(),
                                pasts,
                            },
                        ),
                        None => Err(
                            "there is no history: this is a recording already, or --history is 0"
                                .to_owned(),
                        ),
                    };
                    if let Err(reason) = started {
                        effects.extend(app.update(Action::Bundled(Err(reason))));
                    }
                }
                Effect::FindSessions => {
                    let sessions = find_sessions.map_or_else(Vec::new, |find| find());
                    effects.extend(app.update(Action::Sessions(sessions)));
                }
                Effect::Record => {
                    if let Some(state) = recorders.toggle() {
                        effects.extend(app.update(Action::Recording(state)));
                    }
                }
                Effect::Suspend => suspend(terminal, app)?,
                Effect::Mouse(is_used) => terminal.backend_mut().line().use_mouse(is_used),
                Effect::Resolve(addresses) => questions.ask(addresses),
                Effect::Copy(text) => terminal
                    .backend_mut()
                    .copy(&text)
                    .context("cannot write to the terminal")?,
                Effect::Source(command) => {
                    if let Some(refused) = requests.ask(command) {
                        effects.extend(app.update(replied(refused)));
                    }
                }
            }
        }
    }
}

/// Forgets what is on the screen, so that the next frame draws all of it. Not
/// by [`Terminal::clear`], which asks the terminal where its cursor is: the
/// answer comes late.
fn clear<B>(terminal: &mut Terminal<B>) -> anyhow::Result<()>
where
    B: Backend,
    B::Error: Send + Sync + 'static,
{
    let size = terminal
        .size()
        .context("cannot determine the screen's size")?;
    terminal
        .resize(size.into())
        .context("cannot clear the screen")
}

/// Stops the whole job, as Ctrl-Z does where keys are not taken raw.
fn suspend<B: Console>(terminal: &mut Terminal<B>, app: &mut App) -> anyhow::Result<()> {
    let line = terminal.backend_mut().line();
    if line.has_job_control() {
        return line.ask_to_stop().context("cannot stop this process");
    }
    app.state.notify(
        Level::Info,
        "Cannot suspend: no shell waits for this process.",
    );
    Ok(())
}

fn replied((command, result): Answer) -> Action {
    Action::Replied(command, result)
}

/// The end of a source that just stops.
fn silence() -> Event {
    Event::Ended(EndReason::Silent)
}
