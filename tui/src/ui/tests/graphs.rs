//! What graphs show besides their bars.

use std::time::Duration;

use super::{busy, filter_line, screen, terminal};
use crate::app::Appearance;
use crate::app::action::Action;
use crate::app::columns::{Column, Shift};
use crate::app::list::Motion;
use crate::ui::time_of_day;

#[test]
fn the_cursor_shows_time_and_values() {
    for (ascii, width, mark) in [(false, 140, "│"), (true, 140, "|"), (false, 80, "│")] {
        let mut app = busy(Appearance {
            ascii,
            ..Appearance::default()
        });
        app.update(Action::Move(Motion::Down));
        app.update(Action::Open);
        let before = screen(&mut app, width, 45);
        if width == 140 {
            let max = if ascii { "in max " } else { "↓ max " };
            assert!(
                before.contains(max) && before.contains("< cursor"),
                "{before}"
            );
        }
        assert!(before.contains("mean "), "{before}");
        for _ in 0..4 {
            app.update(Action::Cursor(Shift::Left));
        }
        let at = app.state.picture().flows.clock().now() - Duration::from_secs(3);
        let time = time_of_day(&app.state, at, " %T ");
        let after = screen(&mut app, width, 45);
        assert!(
            after.contains(mark) && after.contains(time.trim()),
            "{after}"
        );
        app.update(Action::Back);
        assert_eq!(screen(&mut app, width, 45), before);
    }
}

#[test]
fn a_graph_takes_the_whole_width() {
    for width in [100, 120, 140, 200] {
        let mut app = busy(Appearance::default());
        app.update(Action::Whole);
        let text = screen(&mut app, width, 45);
        let axis = text.lines().find(|line| line.contains("1 min ago"));
        let end = axis.unwrap().chars().count();
        assert_eq!(end, usize::from(width) - 1, "{text}");
    }
}

#[test]
fn the_selected_rows_graph_is_not_reversed() {
    use ratatui::style::Modifier;
    let mut app = busy(Appearance::default());
    app.update(Action::Move(Motion::Down));
    let terminal = terminal(&mut app, 140, 45);
    let buffer = terminal.backend().buffer();
    let is_reversed = |x, y| buffer[(x, y)].modifier.contains(Modifier::REVERSED);
    let row = (0..45).find(|&y| is_reversed(0, y)).unwrap();
    let bars = (0..140).filter(|&x| "▁▂▃▄▅▆▇█".contains(buffer[(x, row)].symbol()));
    let bars: Vec<u16> = bars.collect();
    assert!(!bars.is_empty());
    assert!(bars.iter().all(|&x| !is_reversed(x, row)));
    assert!(is_reversed(10, row) && is_reversed(139, row));
}

#[test]
fn the_hints_follow_the_state() {
    let mut app = busy(Appearance::default());
    let hints = |app: &mut _| screen(app, 140, 24).lines().last().unwrap().to_owned();
    let before = hints(&mut app);
    assert!(
        before.contains("Enter detail") && before.contains("Space pause"),
        "{before}"
    );
    assert!(
        !before.contains("by address") && !before.contains("J scroll"),
        "{before}"
    );
    app.update(Action::Move(Motion::Down));
    app.update(Action::Open);
    app.update(Action::Pause);
    let open = hints(&mut app);
    for word in ["Enter close", "a by address", "J scroll", "Space resume"] {
        assert!(open.contains(word), "{word}: {open}");
    }
    app.update(Action::Show(crate::app::tab::Tab::Packets));
    assert!(!hints(&mut app).contains("f flow"));
    app.update(Action::Move(Motion::Last));
    assert!(hints(&mut app).contains("f flow"));
    app.update(Action::Show(crate::app::tab::Tab::Problems));
    assert!(!hints(&mut app).contains("Enter"));
}

#[test]
fn the_title_of_the_order_is_whole() {
    let mut app = busy(Appearance::default());
    for (column, title) in [
        (Column::Protocol, "PROTO▴ "),
        (Column::Segments, "SEGMENTS▾ "),
        (Column::Seen, "SEEN▴"),
    ] {
        app.update(Action::SortFlows(column));
        let text = screen(&mut app, 200, 24);
        assert!(text.contains(title), "{text}");
    }
}

#[test]
fn a_long_filter_leaves_room_for_what_it_shows() {
    let mut app = busy(Appearance::default());
    let filter = "not host 198.51.100.77 and not net 203.0.113.0/24 and not port 22 and not icmp6";
    app.state
        .filtering
        .add(crate::filter::Filter::parse(filter).unwrap());
    app.update(Action::Window);
    let text = screen(&mut app, 80, 24);
    let line = filter_line(&text).unwrap();
    assert!(
        line.starts_with(" filter  not ") && line.ends_with(" flows"),
        "{text}"
    );
    app.update(Action::RemovePart);
    let text = screen(&mut app, 80, 24);
    let line = filter_line(&text).unwrap();
    assert!(line.ends_with("remove which part? (number)"), "{text}");
}
