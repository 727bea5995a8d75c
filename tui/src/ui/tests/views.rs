//! Each view on each kind of screen, and in each state that it can be in.

use ratatui::style::{Color, Modifier};

use super::{busy, empty, screen, terminal};
use crate::app::action::Action;
use crate::app::columns::Column;
use crate::app::list::Motion;
use crate::app::tab::Tab;
use crate::app::{App, Appearance, Colors};
use crate::model::{EndReason, Event};

/// Compares a picture of each view with the one that is kept.
fn each_view(state: &str, app: impl Fn() -> App, picture: impl Fn(&mut App) -> String) {
    for &view in Tab::ALL {
        let mut app = app();
        app.update(Action::Show(view));
        let name = format!("{}_{state}", view.name().to_lowercase());
        insta::assert_snapshot!(name, picture(&mut app));
    }
}

#[test]
fn wide() {
    each_view(
        "200",
        || busy(Appearance::default()),
        |app| screen(app, 200, 50),
    );
}

#[test]
fn large() {
    each_view(
        "140",
        || busy(Appearance::default()),
        |app| screen(app, 140, 45),
    );
}

#[test]
fn usual() {
    each_view(
        "80",
        || busy(Appearance::default()),
        |app| screen(app, 80, 24),
    );
}

#[test]
fn narrow() {
    each_view(
        "60",
        || busy(Appearance::default()),
        |app| screen(app, 60, 15),
    );
}

#[test]
fn groups_of_flows() {
    let grouped = || {
        let mut app = busy(Appearance::default());
        app.update(Action::HostSide);
        // What has no ports is one group of several flows.
        app.update(Action::SortFlows(Column::Packets));
        app.update(Action::Move(Motion::Down));
        app.update(Action::Move(Motion::Down));
        app.update(Action::Open);
        app.update(Action::Move(Motion::Down));
        app.state.notices.dismiss();
        app
    };
    for (width, height) in [(140, 45), (80, 24), (60, 15)] {
        let name = format!("flows_grouped_{width}");
        insta::assert_snapshot!(name, screen(&mut grouped(), width, height));
    }
    let mut app = grouped();
    app.update(Action::Move(Motion::Up));
    app.update(Action::HostDetail);
    insta::assert_snapshot!("flows_grouped_detail", screen(&mut app, 140, 45));
}

#[test]
fn rows_stay_where_they_are_while_a_filter_comes_and_goes() {
    let mut app = busy(Appearance::default());
    let tops = |app: &mut App| {
        let screen = screen(app, 80, 24);
        screen
            .lines()
            .skip(1)
            .take(10)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let before = tops(&mut app);
    app.update(Action::EditFilter);
    assert_eq!(tops(&mut app), before, "while it is typed");
    app.update(Action::Back);
    for action in [Action::Direction, Action::Closed, Action::Closed] {
        app.update(action);
        let titles = &tops(&mut app)[1];
        assert_eq!(*titles, before[1]);
    }
}

#[test]
fn without_any_packet() {
    let app = || {
        let mut app = empty(Appearance::default());
        app.update(Action::Source(
            Event::Devices(crate::synthetic::devices()).into(),
        ));
        app
    };
    each_view("empty", app, |app| screen(app, 80, 24));
}

#[test]
fn after_an_error_of_the_source() {
    let app = || {
        let mut app = busy(Appearance::default());
        let reason = EndReason::Counters("out of memory".to_owned());
        app.update(Action::Source(Event::Ended(reason).into()));
        app
    };
    each_view("error", app, |app| screen(app, 80, 24));
}

#[test]
fn paused() {
    let app = || {
        let mut app = busy(Appearance::default());
        app.update(Action::Pause);
        app
    };
    each_view("paused", app, |app| screen(app, 80, 24));
}

#[test]
fn ascii() {
    let appearance = Appearance {
        ascii: true,
        ..Appearance::default()
    };
    for (state, width, height) in [("ascii", 80, 24), ("ascii_60", 60, 15)] {
        each_view(state, || busy(appearance), |app| screen(app, width, height));
    }
}

#[test]
fn light() {
    let appearance = Appearance {
        light: true,
        colors: Colors::True,
        ..Appearance::default()
    };
    each_view("light", || busy(appearance), |app| styled(app, 80, 24));
}

/// With a selected row, which has a style of its own.
fn selected(colors: Colors) -> App {
    let mut app = busy(Appearance {
        colors,
        ..Appearance::default()
    });
    for &view in Tab::ALL {
        app.update(Action::Show(view));
        app.update(Action::Move(Motion::Down));
    }
    app
}

#[test]
fn sixteen_colors() {
    for (state, width, height) in [("ansi", 140, 24), ("ansi_80", 80, 24), ("ansi_60", 60, 15)] {
        let app = || selected(Colors::Ansi);
        each_view(state, app, |app| styled(app, width, height));
    }
}

#[test]
fn no_color() {
    let sizes = [
        ("no_color", 140, 24),
        ("no_color_80", 80, 24),
        ("no_color_60", 60, 15),
    ];
    for (state, width, height) in sizes {
        let app = || selected(Colors::None);
        each_view(state, app, |app| styled(app, width, height));
    }
}

/// A screen with its styles in brackets where they change.
fn styled(app: &mut App, width: u16, height: u16) -> String {
    let terminal = terminal(app, width, height);
    let mut text = String::new();
    for row in terminal.backend().buffer().content().chunks(width.into()) {
        let mut last = None;
        for cell in row {
            let style = (cell.fg, cell.bg, cell.modifier);
            if last != Some(style) {
                text.push_str(&tag(style));
                last = Some(style);
            }
            text.push_str(cell.symbol());
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}

fn tag((fg, bg, modifier): (Color, Color, Modifier)) -> String {
    let mut words = Vec::new();
    if fg != Color::Reset {
        words.push(fg.to_string());
    }
    if bg != Color::Reset {
        words.push(format!("on {bg}"));
    }
    words.extend(modifier.iter_names().map(|(name, _)| name.to_lowercase()));
    format!("[{}]", words.join(" "))
}

#[test]
fn lost_events_are_told_by_cpu() {
    let mut app = empty(Appearance::default());
    let mut interval = crate::synthetic::Synthetic::new(3, 40).interval();
    interval.devices[0].directions[0].lost = 1_208;
    interval.probe.lost = vec![1_201, 0, 7];
    app.update(Action::Source(Event::Interval(interval).into()));
    app.update(Action::Show(Tab::Probe));
    let text = screen(&mut app, 140, 45);
    assert!(
        text.contains("1,208 events lost (CPU 0: 1,201, CPU 2: 7)"),
        "{text}"
    );
}
