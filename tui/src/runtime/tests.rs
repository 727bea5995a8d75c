use std::net::IpAddr;

use crossterm::event::{
    Event as Typed, KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind,
};
use futures::{future, stream};
use ratatui::backend::TestBackend;

use super::*;
use crate::model::Command;
use crate::synthetic::{self, Synthetic};
use crate::text::Units;

mod block;
mod bytes;
mod tasks;

/// Shows the synthetic source in this terminal: `NKVIEW_LOOK` may hold `ascii`,
/// `light`, `ansi`, `none` and a number of flows.
#[tokio::test]
#[ignore = "interactive: it wants a terminal and somebody who looks at it"]
async fn look() {
    let words = std::env::var("NKVIEW_LOOK").unwrap_or_default();
    let has = |word| words.split(' ').any(|w| w == word);
    let flows = words.split(' ').find_map(|w| w.parse().ok()).unwrap_or(80);
    let colors = if has("ansi") {
        crate::app::Colors::Ansi
    } else if has("none") {
        crate::app::Colors::None
    } else {
        crate::app::Colors::True
    };
    let options = Options {
        appearance: Appearance {
            ascii: has("ascii"),
            light: has("light"),
            colors,
            units: Units::Bytes,
        },
        ..Options::default()
    };
    let (to_app, events) = mpsc::channel(64);
    let (commands, _source) = mpsc::channel(8);
    tokio::spawn(async move {
        let mut source = Synthetic::new(7, flows);
        for event in source.story(60) {
            if to_app.send(event).await.is_err() {
                return;
            }
        }
        let mut ticks = tokio::time::interval(Duration::from_secs(1));
        loop {
            ticks.tick().await;
            let interval = source.interval();
            let packets = source.packets(&interval);
            for event in [Event::Interval(interval), Event::Packets(packets)] {
                if to_app.send(event.into()).await.is_err() {
                    return;
                }
            }
        }
    });
    run(
        synthetic::session(),
        events,
        commands,
        options,
        std::future::pending(),
    )
    .await
    .unwrap();
}

/// A line that takes all at once.
pub struct NoLine;

impl io::Write for NoLine {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl terminal::Line for NoLine {}

impl Console for TestBackend {
    type Line = NoLine;

    fn line(&mut self) -> &mut NoLine {
        // It has no size, so that nothing is leaked.
        Box::leak(Box::new(NoLine))
    }

    fn limit(&mut self, _: usize, _: bool) {}

    fn is_whole(&self) -> bool {
        true
    }

    fn written(&self) -> u64 {
        0
    }

    fn copy(&mut self, text: &str) -> io::Result<()> {
        CLIPBOARD.set(text.to_owned());
        Ok(())
    }
}

/// Hosts are called after their addresses.
struct Calls;

impl Lookup for Calls {
    fn name(&self, address: IpAddr) -> future::BoxFuture<'static, Option<String>> {
        Box::pin(future::ready(Some(format!("h{address}.example"))))
    }
}

fn deps() -> Deps<'static, Calls> {
    Deps {
        recall: Recall::default(),
        recorders: Box::leak(Box::default()),
        first_frame: Duration::ZERO,
        draw_rate: None,
        lookup: Calls,
        keymap: Keymap::default(),
        pause: None,
        find_sessions: None,
    }
}

#[tokio::test(start_paused = true)]
async fn names_come_when_they_are_wanted() {
    let mut session = Session::new(140, 45).hears(story());
    session.runs().await;
    assert!(!session.screen().contains(".example"));
    for keys in ["n", "2n", "3nppp"] {
        let mut session = Session::new(140, 45).hears(story()).types(keys);
        session.runs().await;
        let screen = session.screen();
        assert!(screen.contains(".example"), "{keys}: {screen}");
    }
    let mut session = Session::new(140, 45).hears(story()).types("nj");
    session = session.presses(key(KeyCode::Enter));
    session.runs().await;
    let screen = session.screen();
    assert!(screen.contains(".example) ↔ "), "{screen}");
}

thread_local! {
    static CLIPBOARD: std::cell::RefCell<String> = const { std::cell::RefCell::new(String::new()) };
}

#[tokio::test(start_paused = true)]
async fn y_copies_what_is_selected() {
    let mut session = Session::new(80, 24).hears(story()).types("jy");
    session.runs().await;
    let flow = session.app.views.flows.selected_key().unwrap();
    let remote = crate::app::ends::text(&flow, crate::app::ends::Side::Remote);
    let copied = CLIPBOARD.take();
    assert!(copied.ends_with(&remote) && !remote.is_empty(), "{copied}");
    let mut session = Session::new(140, 24)
        .hears(story())
        .types("j")
        .presses(key(KeyCode::Right))
        .presses(key(KeyCode::Right))
        .types("y");
    session.runs().await;
    let flow = session.app.views.flows.selected_key().unwrap();
    assert_eq!(CLIPBOARD.take(), crate::app::names::protocol(&flow));
    session = session.presses(key(KeyCode::Esc)).types("y");
    session.runs().await;
    assert!(CLIPBOARD.take().contains(' '), "the row again");
    let mut session = Session::new(80, 24).hears(story()).types("Y/tcp");
    session = session.presses(key(KeyCode::Enter)).types("Y");
    session.runs().await;
    assert_eq!(CLIPBOARD.take(), "tcp");
}

#[tokio::test(start_paused = true)]
async fn frames_that_nobody_asked_for_wait_until_the_last_are_paid_for() {
    let mut frame = Frame::new(NonZero::new(1000), Duration::ZERO, Keymap::default());
    assert_eq!(frame.pause(), Duration::ZERO);
    frame.pay(Instant::now(), 500);
    assert_eq!(frame.pause(), Duration::from_millis(500));
    tokio::time::advance(Duration::from_millis(200)).await;
    frame.pay(Instant::now(), 100);
    assert_eq!(frame.pause(), Duration::from_millis(400));
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(frame.pause(), Duration::ZERO);
    let slow = Instant::now();
    tokio::time::advance(Duration::from_millis(100)).await;
    let mut free = Frame::new(None, Duration::ZERO, Keymap::default());
    free.pay(slow, 1 << 30);
    assert_eq!(free.pause(), Duration::from_millis(800));
}

/// The whole application on a screen that is a buffer, driven by keys.
struct Session {
    app: App,
    terminal: Terminal<TestBackend>,
    keys: Vec<Input>,
    events: Vec<Envelope>,
}

impl Session {
    fn new(width: u16, height: u16) -> Self {
        Self {
            app: App::new(
                synthetic::session(),
                Appearance::default(),
                Filter::everything(),
            ),
            terminal: Terminal::new(TestBackend::new(width, height)).unwrap(),
            keys: Vec::new(),
            events: Vec::new(),
        }
    }

    fn hears(mut self, events: Vec<Envelope>) -> Self {
        self.events = events;
        self
    }

    fn types(mut self, text: &str) -> Self {
        self.keys
            .extend(text.chars().map(|c| key(KeyCode::Char(c))));
        self
    }

    fn presses(mut self, input: Input) -> Self {
        self.keys.push(input);
        self
    }

    /// Tells the source's events, then the keys, each after a frame was drawn,
    /// and then waits for the application to end.
    async fn runs(&mut self) -> mpsc::Receiver<Request> {
        let (to_app, events) = mpsc::channel(256);
        let (commands, source) = mpsc::channel(8);
        for event in std::mem::take(&mut self.events) {
            to_app.try_send(event).unwrap();
        }
        // The paused clock moves on only when everything waits: each key comes
        // when all that was before is done and drawn.
        let keys = stream::iter(std::mem::take(&mut self.keys)).then(|input| async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok(input)
        });
        let end = stream::once(async { tokio::time::sleep(Duration::from_secs(1)).await });
        let keys = keys.chain(end.filter_map(|()| future::ready(None)));
        drive(
            &mut self.terminal,
            keys,
            &mut self.app,
            events,
            commands,
            deps(),
            std::future::pending(),
        )
        .await
        .unwrap();
        drop(to_app);
        source
    }

    fn screen(&self) -> String {
        text(self.terminal.backend().buffer())
    }
}

fn key(code: KeyCode) -> Input {
    Input::Event(Typed::Key(KeyEvent::new(code, KeyModifiers::NONE)))
}

fn click(column: u16, row: u16) -> Input {
    Input::Event(Typed::Mouse(MouseEvent {
        kind: MouseEventKind::Down(MouseButton::Left),
        column,
        row,
        modifiers: KeyModifiers::NONE,
    }))
}

fn story() -> Vec<Envelope> {
    Synthetic::new(5, 60).story(20)
}

#[tokio::test(start_paused = true)]
async fn flows_appear_and_a_filter_is_typed() {
    let mut session = Session::new(100, 30)
        .hears(story())
        .types("/udp")
        .presses(key(KeyCode::Enter));
    session.runs().await;
    let screen = session.screen();
    let rows: Vec<&str> = screen.lines().skip(4).take(20).collect();
    assert!(rows.iter().any(|row| row.contains(" udp ")), "{screen}");
    assert!(!rows.iter().any(|row| row.contains(" tcp ")), "{screen}");
    assert!(screen.contains("filter  udp ×"), "{screen}");
}

#[tokio::test(start_paused = true)]
async fn q_quits_and_is_a_letter_while_typing() {
    let mut session = Session::new(80, 24).hears(story()).types("/q");
    session = session.presses(key(KeyCode::Esc)).types("q2");
    session.runs().await;
    assert!(
        !session.screen().contains("following"),
        "nothing is read after q"
    );
}

#[tokio::test(start_paused = true)]
async fn the_mouse_hits_what_was_drawn() {
    let mut session = Session::new(100, 30)
        .hears(story())
        .presses(click(5, 5))
        .presses(click(5, 5));
    session.runs().await;
    let key = session.app.views.flows.keys()[2];
    assert_eq!(session.app.views.flows.selected_key(), Some(key));
    assert!(session.app.views.flows.detail);

    let mut session = Session::new(100, 30).hears(story()).presses(click(17, 1));
    session.runs().await;
    assert!(
        session.screen().contains("following"),
        "{}",
        session.screen()
    );
}

#[tokio::test(start_paused = true)]
async fn what_nobody_expects_does_no_harm() {
    let mut session = Session::new(80, 24)
        .hears(story())
        .presses(Input::Event(Typed::Paste("q".repeat(100))))
        .presses(key(KeyCode::F(12)))
        .presses(key(KeyCode::Null))
        .presses(Input::Event(Typed::FocusLost))
        .presses(Input::Event(Typed::Resize(10, 3)))
        .presses(click(79, 23));
    let before = Session::new(80, 24).hears(story());
    session.runs().await;
    let mut before = before.presses(key(KeyCode::F(12)));
    before.runs().await;
    assert_eq!(session.screen(), before.screen());
}

#[tokio::test(start_paused = true)]
async fn a_paste_goes_into_the_filter() {
    let mut session = Session::new(80, 24)
        .hears(story())
        .types("/")
        .presses(Input::Event(Typed::Paste("10.0.0.0/8\n".to_owned())))
        .presses(key(KeyCode::Enter));
    session.runs().await;
    assert_eq!(session.app.state.filtering.parts(), ["10.0.0.0/8"]);
}

#[tokio::test(start_paused = true)]
async fn watching_a_device_reaches_the_source() {
    let mut session = Session::new(80, 24)
        .hears(vec![Event::Devices(synthetic::devices()).into()])
        .types("4")
        .presses(key(KeyCode::End))
        .types("t");
    let mut source = session.runs().await;
    assert_eq!(
        source.try_recv().ok().map(|request| request.command),
        Some(Command::Watch("lo".to_owned()))
    );
}

/// Also when nothing has happened yet but the first frame.
#[tokio::test(start_paused = true)]
async fn a_filter_that_is_to_be_pushed_down_reaches_the_source() {
    let mut session = Session::new(80, 24);
    let filter: Filter = "fd09::/64".parse().unwrap();
    let prefixes = filter.prefixes();
    session.app = App::new(synthetic::session(), Appearance::default(), filter);
    session.app.state.push_down = PushDown::new(true);
    let mut source = session.runs().await;
    assert!(prefixes.is_some());
    let asked = source.try_recv().ok().map(|request| request.command);
    assert_eq!(asked, Some(Command::PushDown(prefixes)));
}

#[tokio::test(start_paused = true)]
async fn a_source_that_stops_is_told() {
    let mut session = Session::new(80, 24).hears(story());
    let (to_app, events) = mpsc::channel(256);
    let (commands, _source) = mpsc::channel(8);
    drop(to_app);
    drive(
        &mut session.terminal,
        stream::pending(),
        &mut session.app,
        events,
        commands,
        deps(),
        tokio::time::sleep(Duration::from_secs(5)),
    )
    .await
    .unwrap();
    assert!(
        session.screen().contains("without a reason"),
        "{}",
        session.screen()
    );
}

#[tokio::test(start_paused = true)]
async fn a_closed_input_or_a_signal_ends_it() {
    let mut session = Session::new(80, 24);
    session.runs().await;
    let (_to_app, events) = mpsc::channel(1);
    let (commands, _source) = mpsc::channel(1);
    let failed = stream::iter([Err(io::Error::other("the line is cut"))]);
    let result = drive(
        &mut session.terminal,
        failed,
        &mut session.app,
        events,
        commands,
        deps(),
        std::future::pending(),
    )
    .await;
    assert_eq!(result.unwrap_err().to_string(), "cannot use the terminal");

    let (_to_app, events) = mpsc::channel(1);
    let (commands, _source) = mpsc::channel(1);
    let ended = drive(
        &mut session.terminal,
        stream::pending(),
        &mut session.app,
        events,
        commands,
        deps(),
        std::future::ready(()),
    )
    .await;
    ended.unwrap();
}

/// What an interval and a key cost with very many flows, for whoever changes
/// the table: run it in release.
#[test]
#[ignore = "measures: it says how long things take and asserts nothing"]
fn cost_of_many_flows() {
    let mut source = Synthetic::new(1, 140_000);
    let mut app = App::new(
        synthetic::session(),
        Appearance::default(),
        Filter::everything(),
    );
    let mut terminal = Terminal::new(TestBackend::new(140, 45)).unwrap();
    let keymap = Keymap::default();
    let mut timed = |name: &str, action: Action| {
        let start = std::time::Instant::now();
        app.update(action);
        let updated = start.elapsed();
        let start = std::time::Instant::now();
        let flows = app.state.picture().flows.len();
        terminal
            .draw(|frame| drop(ui::draw(&app, &keymap, frame)))
            .unwrap();
        println!(
            "{name:<16} {flows} flows, update {updated:.1?}, draw {:.1?}",
            start.elapsed()
        );
    };
    for event in source.story(42) {
        timed("interval", Action::Source(event));
    }
    timed("filter", Action::EditFilter);
    for character in "10.0.0.0/8 and not port 22".chars() {
        let edit = crate::app::line::Edit::Insert(character);
        timed("key", Action::Edit(edit));
    }
    timed("accept", Action::Accept);
    timed("60 s", Action::Window);
    timed("hosts", Action::Show(crate::app::tab::Tab::Hosts));
    timed("pause", Action::Pause);
}
