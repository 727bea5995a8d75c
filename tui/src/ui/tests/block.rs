use super::*;
use crate::app::blocking::fixture::{rule, session_of};

fn asking() -> App {
    let mut app = busy(Appearance::default());
    app.state.blocking.is_allowed = true;
    for action in [Action::Move(Motion::Down), Action::Block] {
        app.update(action);
    }
    app.update(Action::Sessions(Vec::new()));
    app
}

#[test]
fn what_is_asked_before_packets_are_dropped() {
    let mut app = asking();
    insta::assert_snapshot!("block_140", screen(&mut app, 140, 45));
    app.update(Action::Edit(Edit::Later));
    app.update(Action::Accept);
    app.update(Action::Edit(Edit::Insert('x')));
    app.update(Action::Accept);
    insta::assert_snapshot!("block_80", screen(&mut app, 80, 24));
}

#[test]
fn why_it_is_refused() {
    let mut app = asking();
    let flow = app.views.flows.selected_key().unwrap();
    app.update(Action::Sessions(vec![session_of(&flow)]));
    insta::assert_snapshot!("block_refused_80", screen(&mut app, 80, 24));
}

#[test]
fn what_is_dropped_is_in_sight_and_can_be_lifted() {
    let mut app = busy(Appearance::default());
    app.state.blocking.is_allowed = true;
    let rules = (7..12).map(rule).collect();
    app.update(Action::Source(Event::Blocks(rules).into()));
    insta::assert_snapshot!("blocking_140", screen(&mut app, 140, 45));
    app.update(Action::Block);
    app.update(Action::Move(Motion::Down));
    insta::assert_snapshot!("blocking_80_lift", screen(&mut app, 80, 24));
}

#[test]
fn no_size_is_too_small_for_what_is_asked() {
    for (width, height) in [(40, 10), (41, 12), (60, 15), (300, 90)] {
        let _ = screen(&mut asking(), width, height);
    }
}
