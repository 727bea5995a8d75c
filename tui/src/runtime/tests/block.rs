//! Dropping packets, by keys and through the requests of a source.

use super::*;
use crate::app::Colors;
use crate::app::blocking::fixture::{self, session_of};
use crate::model::{Block, BlockId};

/// The application after half a minute of traffic, which may block.
fn session(events: Vec<Envelope>) -> Session {
    let mut session = Session::new(140, 45).hears(events);
    session.app.state.blocking.is_allowed = true;
    session
}

fn asked(source: &mut mpsc::Receiver<Request>) -> Vec<Command> {
    std::iter::from_fn(|| source.try_recv().ok())
        .map(|request| request.command)
        .filter(|command| matches!(command, Command::Block { .. } | Command::Lift(_)))
        .collect()
}

fn blocked(ids: &[u32]) -> Vec<Envelope> {
    let mut events = story();
    let rules = ids.iter().copied().map(fixture::rule).collect();
    events.push(Event::Blocks(rules).into());
    events
}

#[tokio::test(start_paused = true)]
async fn b_asks_and_the_word_sends_the_rule() {
    let mut session = session(story()).types("jB");
    let mut source = session.runs().await;
    assert_eq!(asked(&mut source), [], "nothing without an answer");
    let screen = session.screen();
    for text in ["Rule", "Drops", "of the last minute", "10m", "type block"] {
        assert!(screen.contains(text), "{text}: {screen}");
    }
    let text = {
        let dialog = session.app.dialog().unwrap();
        dialog.choice().unwrap().text.clone()
    };
    assert!(screen.contains(&text), "{text}: {screen}");
    session = session
        .presses(key(KeyCode::Enter))
        .types("block")
        .presses(key(KeyCode::Enter));
    let mut source = session.runs().await;
    let [Command::Block { rule, time }] = &asked(&mut source)[..] else {
        panic!("no rule was asked for");
    };
    assert_eq!((&rule.text, time.as_secs()), (&text, 600));
    assert!(session.app.dialog().is_none());
    // It is not shown as done before the source says so.
    assert!(!session.screen().contains("BLOCKING"));
}

#[tokio::test(start_paused = true)]
async fn esc_leaves_and_another_word_does_nothing() {
    for (word, last) in [("block", KeyCode::Esc), ("blocks", KeyCode::Enter)] {
        let mut session = session(story()).types("jB");
        session = session.presses(key(KeyCode::Enter)).types(word);
        session = session.presses(key(last));
        let mut source = session.runs().await;
        assert_eq!(asked(&mut source), [], "{word}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_consent_it_is_said_how_to_give_it() {
    let mut session = session(story()).types("jB");
    session.app.state.blocking.is_allowed = false;
    let mut source = session.runs().await;
    assert_eq!(asked(&mut source), []);
    assert!(session.app.dialog().is_none());
    let screen = session.screen();
    assert!(screen.contains("--allow-block"), "{screen}");
}

#[tokio::test(start_paused = true)]
async fn nothing_of_a_recording_is_blocked() {
    let mut events = story();
    events.push(
        Event::Playback(crate::model::Playback {
            begin: Duration::ZERO,
            end: Duration::from_secs(60),
            at: Duration::from_secs(20),
            since: Duration::ZERO,
            is_playing: false,
            is_seeking: false,
            restarts: false,
            speed: 100,
        })
        .into(),
    );
    let mut session = session(events).types("jB");
    session.runs().await;
    assert!(session.app.dialog().is_none());
    let screen = session.screen();
    assert!(screen.contains("This is a recording"), "{screen}");
}

#[tokio::test(start_paused = true)]
async fn the_ssh_session_is_refused_with_the_reason() {
    let mut session = session(story()).types("jB");
    session.runs().await;
    let flow = session.app.views.flows.selected_key().unwrap();
    session.app.state.blocking.sessions = vec![session_of(&flow)];
    session = session
        .presses(key(KeyCode::Esc))
        .types("B")
        .presses(key(KeyCode::Enter))
        .types("block")
        .presses(key(KeyCode::Enter));
    let mut source = session.runs().await;
    let screen = session.screen();
    if flow.protocol == probe_common::parse::number::ip::TCP {
        assert_eq!(asked(&mut source), []);
        assert!(screen.contains("SSH session"), "{screen}");
        assert!(!screen.contains("type block"), "{screen}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_banner_is_in_every_view_until_the_rule_has_ended() {
    for view in "123456".chars() {
        let mut session = session(blocked(&[7])).types(&view.to_string());
        session.runs().await;
        let screen = session.screen();
        for text in ["BLOCKING", "9m58s left", "203.0.113.7", "1,204 (1.3 MB)"] {
            assert!(screen.contains(text), "{view} {text}: {screen}");
        }
    }
    let mut events = blocked(&[7]);
    let ended = Block {
        left: None,
        end: Some(crate::model::BlockEnded::Time),
        ..fixture::rule(7)
    };
    events.push(Event::Blocks(vec![ended]).into());
    let mut session = session(events);
    session.runs().await;
    assert!(!session.screen().contains("BLOCKING"));
}

#[tokio::test(start_paused = true)]
async fn a_source_that_has_ended_blocks_nothing() {
    let mut events = blocked(&[7]);
    events.push(Event::Ended(EndReason::Silent).into());
    let mut session = session(events).types("jB");
    session.runs().await;
    let screen = session.screen();
    assert!(!screen.contains("BLOCKING"), "{screen}");
    assert!(session.app.dialog().is_none());
}

#[tokio::test(start_paused = true)]
async fn b_again_lifts_what_is_chosen_after_asking() {
    let mut asks = session(blocked(&[7, 8])).types("jB");
    let mut source = asks.runs().await;
    assert_eq!(asked(&mut source), []);
    let screen = asks.screen();
    assert!(
        screen.contains(" lift ") && screen.contains("pass again"),
        "{screen}"
    );
    for (keys, last, lifted) in [
        ("jB", KeyCode::Enter, Some(7)),
        ("jBj", KeyCode::Enter, Some(8)),
        ("jB", KeyCode::Esc, None),
    ] {
        let mut session = session(blocked(&[7, 8])).types(keys);
        session = session.presses(key(last));
        let mut source = session.runs().await;
        let lifted = lifted.map(|id| Command::Lift(BlockId(id)));
        assert_eq!(asked(&mut source), lifted.into_iter().collect::<Vec<_>>());
    }
    let mut more = session(blocked(&[7])).types("jBB");
    more.runs().await;
    assert!(more.app.dialog().is_some(), "B once more blocks more");
}

#[tokio::test(start_paused = true)]
async fn what_the_kernel_refuses_is_not_shown_as_done() {
    let mut session = session(story()).types("jB");
    session.runs().await;
    let command = Command::Block {
        rule: Box::new(crate::filter::parse_rule("10.0.9.1").unwrap()),
        time: Duration::from_secs(60),
    };
    let refused = Err("it has no room".to_owned());
    session.app.update(Action::Replied(command, refused));
    session = session.presses(key(KeyCode::Esc));
    session.app.state.appearance.colors = Colors::None;
    session.runs().await;
    let screen = session.screen();
    assert!(!screen.contains("BLOCKING"), "{screen}");
    let mut notices = session.app.state.notices.all();
    let expected = "cannot block 10.0.9.1: it has no room";
    assert!(notices.any(|notice| notice.text == expected));
}

#[tokio::test(start_paused = true)]
async fn w_reports_the_flows_of_the_filter_as_problems() {
    let mut session = Session::new(140, 45).hears(story()).types("W/tcp port 443");
    session = session.presses(key(KeyCode::Enter)).types("W");
    session.runs().await;
    let notices: Vec<_> = session.app.state.notices.all().collect();
    assert!(notices.iter().any(|it| it.text.contains("Type a filter")));
    assert!(notices.iter().any(|it| it.text.contains("Watching for")));
    let more = Synthetic::new(5, 60).story(30).into_iter().skip(41);
    let more = more.filter(|it| matches!(it.event, Event::Interval(_)));
    session = session.hears(more.collect()).types("5");
    session.runs().await;
    let screen = session.screen();
    assert!(screen.contains("appeared on"), "{screen}");
    assert!(screen.contains(":443"), "{screen}");
}
