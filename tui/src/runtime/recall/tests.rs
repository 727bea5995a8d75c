use std::time::Duration;

use super::*;
use crate::app::action::Action;
use crate::app::effect::Effect;
use crate::app::timeline::Step;
use crate::app::{App, Appearance};
use crate::filter::Filter;
use crate::synthetic::{self, Synthetic};

fn head() -> Head {
    Head {
        session: synthetic::session(),
        kernel: "7.0.0".to_owned(),
        nkview: "0.1.0".to_owned(),
        options: Vec::new(),
    }
}

fn app() -> App {
    App::new(
        synthetic::session(),
        Appearance::default(),
        Filter::everything(),
    )
}

/// The flows that are shown, with all that is known of them, and when that was.
fn shown(app: &App) -> String {
    let flows = &app.state.picture().flows;
    let mut all: Vec<_> = flows.iter().map(|flow| format!("{flow:?}")).collect();
    all.sort_unstable();
    format!("{:?} {:?} {all:#?}", flows.now(), app.state.problems)
}

#[tokio::test]
async fn an_earlier_moment_is_as_it_was_while_counting_goes_on() {
    let events = Synthetic::new(3, 20).story(120);
    let mut recall = Recall::new(head(), 64 << 20).unwrap();
    let mut live = app();
    let mut after_40 = app();
    for app in [&mut live, &mut after_40] {
        // What was known depends on what is watched for, and whom all may talk to.
        let watched = Filter::parse("port 443").unwrap();
        app.state.watching.toggle(watched).unwrap();
        app.state.baseline = Some(Arc::default());
    }
    for event in &events {
        if event
            .event
            .moment()
            .is_none_or(|at| at <= Duration::from_secs(40))
        {
            after_40.update(Action::Source(event.clone()));
        }
        if let Some(begin) = recall.remember(event) {
            live.update(Action::Remembered(begin));
        }
        live.update(Action::Source(event.clone()));
    }
    // The thread may still be encoding.
    loop {
        let mut reader = {
            let history = recall.memory.as_ref().unwrap().history.lock().unwrap();
            history.before(Duration::MAX, 0, Duration::ZERO).reader
        };
        let mut now = Duration::ZERO;
        while let Some(item) = reader.next_item().unwrap() {
            if let Item::Event(envelope) = item {
                now = now.max(envelope.event.moment().unwrap_or_default());
            }
        }
        if now == Duration::from_secs(120) {
            break;
        }
        tokio::task::yield_now().await;
    }
    let now = shown(&live);
    for (steps, second) in [(1, 119), (19, 100), (60, 40)] {
        for _ in 0..steps {
            let effects = live.update(Action::Step(Step::Back));
            for effect in effects {
                if let Effect::Recall(past) = effect {
                    recall.ask(*past);
                }
            }
        }
        while live.state.picture().flows.now() != Duration::from_secs(second) {
            let past = recall.answer().await;
            live.update(Action::Recalled(Box::new(past)));
        }
    }
    assert_eq!(shown(&live), shown(&after_40));
    assert_eq!(live.state.back_by(), Some(Duration::from_secs(80)));
    live.update(Action::Back);
    assert_eq!(shown(&live), now);
    assert_eq!(live.state.back_by(), None);
}
