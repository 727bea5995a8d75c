use std::time::Duration;

use crate::app::action::Action;
use crate::app::columns::Shift;
use crate::app::{App, Appearance};
use crate::filter::Filter;
use crate::flow::Span;
use crate::model::Event;
use crate::synthetic::{self, Synthetic};

fn app(seconds: usize) -> (App, Synthetic) {
    let mut source = Synthetic::new(1, 20);
    let mut app = App::new(
        synthetic::session(),
        Appearance::default(),
        Filter::everything(),
    );
    for event in source.story(seconds) {
        app.update(Action::Source(event));
    }
    (app, source)
}

fn go_on(app: &mut App, source: &mut Synthetic, seconds: usize) {
    for _ in 0..seconds {
        app.update(Action::Source(Event::Interval(source.interval()).into()));
    }
}

/// Values between the newest one and the cursor.
fn back(app: &App, span: Span) -> Option<usize> {
    let clock = app.state.picture().flows.clock();
    let at = clock.block_at(span, app.state.cursor?)?;
    clock.newest_blocks(span).position(|block| block == at)
}

#[test]
fn it_stays_on_its_moment() {
    let (mut app, mut source) = app(30);
    app.update(Action::GraphDrawn(Some(Span::Minute)));
    for _ in 0..3 {
        app.update(Action::Cursor(Shift::Left));
    }
    assert_eq!(back(&app, Span::Minute), Some(2));
    go_on(&mut app, &mut source, 5);
    assert_eq!(back(&app, Span::Minute), Some(7));
    app.update(Action::Cursor(Shift::Right));
    assert_eq!(back(&app, Span::Minute), Some(6));
    // Nor do other spans or an earlier moment change it.
    let at = app.state.cursor;
    app.update(Action::ZoomOut);
    app.update(Action::Pause);
    assert_eq!(app.state.cursor, at);
    // What has left the graph is not seen, and the next key begins with the newest.
    app.update(Action::Pause);
    go_on(&mut app, &mut source, 60);
    assert_eq!(back(&app, Span::Minute), None);
    app.update(Action::Cursor(Shift::Left));
    assert_eq!(back(&app, Span::Minute), Some(0));
}

#[test]
fn it_stops_at_both_ends() {
    let (mut app, _) = app(4);
    app.update(Action::GraphDrawn(Some(Span::Minute)));
    for _ in 0..10 {
        app.update(Action::Cursor(Shift::Left));
    }
    assert_eq!(back(&app, Span::Minute), Some(3));
    for _ in 0..10 {
        app.update(Action::Cursor(Shift::Right));
    }
    assert_eq!(back(&app, Span::Minute), Some(0));
}

#[test]
fn a_value_is_a_block_of_the_span_that_is_drawn() {
    let (mut app, _) = app(50);
    app.update(Action::GraphDrawn(Some(Span::TenMinutes)));
    app.update(Action::Cursor(Shift::Left));
    app.update(Action::Cursor(Shift::Left));
    assert_eq!(back(&app, Span::TenMinutes), Some(1));
    let clock = app.state.picture().flows.clock();
    let block = clock.block_at(Span::TenMinutes, app.state.cursor.unwrap());
    let (begin, end) = block.unwrap().time;
    assert_eq!(end - begin, Duration::from_secs(20));
}

#[test]
fn esc_removes_it_before_it_closes_the_graph() {
    let (mut app, _) = app(10);
    app.update(Action::Whole);
    app.update(Action::GraphDrawn(Some(Span::Minute)));
    app.update(Action::Cursor(Shift::Left));
    app.update(Action::Back);
    assert_eq!((app.state.cursor, app.whole), (None, true));
    app.update(Action::Back);
    assert!(!app.whole);
}

#[test]
fn a_graph_that_is_not_drawn_yet_has_a_cursor() {
    let (mut app, _) = app(10);
    app.update(Action::Whole);
    app.update(Action::Cursor(Shift::Left));
    assert_eq!(back(&app, Span::Minute), Some(0));
}

#[test]
fn without_a_graph_it_is_said_how_to_open_one() {
    let (mut app, _) = app(10);
    app.update(Action::Cursor(Shift::Left));
    assert_eq!(app.state.cursor, None);
    let notice = app.state.notices.fresh().unwrap();
    assert!(notice.text.starts_with("No graph is shown"));
}
