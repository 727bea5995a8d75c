//! The loop that ties input, source, state and screen together.

use std::collections::VecDeque;
use std::future::Future;
use std::io::{self, Write as _};
use std::num::NonZero;
use std::time::Duration;

use anyhow::Context as _;
use crossterm::event::Event as Input;
use futures::{FutureExt, Stream, StreamExt};
use jiff::tz::TimeZone;
use ratatui::Terminal;
use ratatui::backend::Backend;
use ratatui::buffer::{Buffer, Cell};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::app::action::Action;
use crate::app::effect::Effect;
use crate::app::own::OwnSession;
use crate::app::push_down::PushDown;
use crate::app::{App, Look, Preferences};
use crate::filter::Filter;
use crate::keys::Keymap;
use crate::model::{Envelope, Event, Request, Session};
use crate::terminal::{self, Console};
use crate::ui;
use frame::Frame;
use requests::{Answer, Requests};
use resolve::{Dns, Lookup, Questions};

mod frame;
mod requests;
mod resolve;
mod usage;

#[cfg(test)]
mod tests;

/// What a source says within this time is drawn in one frame.
const TOGETHER: Duration = Duration::from_millis(50);
/// Of the time, at most one part in so many is spent on drawing what nobody
/// asked for: where the terminal is slow, frames are rarer.
const PATIENCE: u32 = 8;

/// How the user wants it.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// How the screen looks.
    pub look: Look,
    /// The filter to start with.
    pub filter: Filter,
    /// Whether the source applies the prefixes of the filter.
    pub push_down: bool,
    /// Whether the last picture is left in the terminal.
    pub keep_screen: bool,
    /// The bindings.
    pub keymap: Keymap,
    /// What the user prefers of the rest.
    pub preferences: Option<Preferences>,
    /// The SSH session through which the user looks.
    pub own: Option<OwnSession>,
    /// Bytes per second that may be written for what nobody asked for.
    pub draw_rate: Option<NonZero<u32>>,
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
    let mut screen = terminal::Screen::open()?;
    let mut app = App::new(session, options.look, options.filter);
    app.state.zone = TimeZone::system();
    app.state.own = options.own;
    app.state.push_down = PushDown::new(options.push_down);
    if let Some(preferences) = options.preferences {
        app.prefer(preferences);
    }
    let input = crossterm::event::EventStream::new();
    drive(
        screen.terminal(),
        input,
        &mut app,
        events,
        requests,
        Means {
            draw_rate: options.draw_rate,
            lookup: Dns::default(),
            keymap: options.keymap.clone(),
        },
        shutdown,
    )
    .await?;
    let mut picture = String::new();
    if options.keep_screen {
        let draw = |frame: &mut ratatui::Frame<'_>| {
            ui::draw(&app, &options.keymap, frame);
            picture = text(frame.buffer_mut());
        };
        screen.terminal().draw(draw).context("cannot draw")?;
    }
    drop(screen);
    io::stdout()
        .write_all(picture.as_bytes())
        .context("cannot write the last picture")
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

/// What the loop may use.
pub struct Means<L> {
    /// Bytes per second that may be written for what nobody asked for.
    pub draw_rate: Option<NonZero<u32>>,
    /// How the names of hosts are found.
    pub lookup: L,
    /// The bindings.
    pub keymap: Keymap,
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
    Means {
        draw_rate,
        lookup,
        keymap,
    }: Means<impl Lookup>,
    shutdown: impl Future<Output = ()>,
) -> anyhow::Result<()>
where
    B: Console,
    B::Error: Send + Sync + 'static,
{
    let mut shutdown = std::pin::pin!(shutdown.fuse());
    let mut input = std::pin::pin!(input.fuse());
    let mut frame = Frame::new(draw_rate, keymap);
    let mut heard = true;
    let mut requests = Requests::new(requests);
    let mut questions = Questions::new(lookup);
    let mut meter = usage::Meter::new();
    loop {
        let wanted = frame.wanted;
        let mut actions = Vec::new();
        tokio::select! {
            biased;
            () = &mut shutdown => return Ok(()),
            input = input.next() => match input {
                Some(input) => {
                    actions.extend(frame.action(app, input.context("cannot read the terminal")?));
                }
                None => return Ok(()),
            },
            // Drawn once nothing more of the user's is waiting.
            () = sleep_until(wanted.unwrap_or_else(Instant::now)), if wanted.is_some() => {
                actions.extend(frame.draw(terminal, app)?);
            }
            answers = requests.send(), if requests.is_waiting() => {
                actions.extend(answers.into_iter().map(replied));
            }
            (address, name) = questions.answer() => actions.push(Action::Named(address, name)),
            envelope = events.recv(), if heard => match envelope {
                Some(Envelope { event: Event::Reply(reply), .. }) => {
                    actions.extend(requests.answer(reply).map(replied));
                }
                Some(envelope) => {
                    if let Event::Interval(_) = envelope.event {
                        let usage = meter.read(terminal.backend().written());
                        actions.extend(usage.map(Action::Used));
                    }
                    actions.push(Action::Source(envelope));
                }
                None => {
                    heard = false;
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
                    frame.want(Duration::ZERO);
                }
                Effect::Draw => frame.want(Duration::ZERO),
                Effect::DrawSoon => frame.want(frame.pause().max(TOGETHER)),
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
/// answer would be read as keys.
fn clear<B>(terminal: &mut Terminal<B>) -> anyhow::Result<()>
where
    B: Backend,
    B::Error: Send + Sync + 'static,
{
    let size = terminal.size().context("cannot tell the screen's size")?;
    terminal
        .resize(size.into())
        .context("cannot clear the screen")
}

/// What a source that just stops has said.
fn silence() -> Event {
    Event::Ended("the source stopped without saying why; what is shown stays".to_owned())
}

fn replied((command, result): Answer) -> Action {
    Action::Replied(command, result)
}
