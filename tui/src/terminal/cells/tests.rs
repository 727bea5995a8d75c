use std::num::NonZero;

use proptest::prelude::*;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Color;

use super::*;

const AREA: Rect = Rect::new(0, 0, 30, 12);

/// Some text in some style somewhere.
fn text() -> impl Strategy<Value = (u16, u16, String, Style)> {
    let words = prop_oneof!["[0-9]{1,3}", "[a-z ]{1,40}", "[▁▄█…]{1,6}", "[a-z]▾[0-9]"];
    let style = prop_oneof![
        Just(Style::new()),
        Just(Style::new().fg(Color::Rgb(1, 2, 3))),
        Just(Style::new().fg(Color::Green).bg(Color::Indexed(7))),
    ];
    (0..AREA.width, 0..AREA.height, words, style)
}

fn screen(texts: &[(u16, u16, String, Style)]) -> Buffer {
    let mut buffer = Buffer::empty(AREA);
    for (x, y, text, style) in texts {
        buffer.set_string(*x, *y, text, *style);
    }
    buffer
}

/// What a terminal shows.
fn shown(terminal: &vt100::Parser) -> Vec<(String, vt100::Color, vt100::Color)> {
    let cell = |row, column| {
        let cell = terminal.screen().cell(row, column).unwrap();
        let text = match cell.contents() {
            "" => " ",
            text => text,
        };
        (text.to_owned(), cell.fgcolor(), cell.bgcolor())
    };
    let rows = 0..AREA.height;
    rows.flat_map(|row| (0..AREA.width).map(move |column| cell(row, column)))
        .collect()
}

fn terminal() -> vt100::Parser {
    let [height, width] = [AREA.height, AREA.width].map(|it| NonZero::new(it).unwrap());
    vt100::Parser::new(height, width, 0)
}

fn feed(terminal: &mut vt100::Parser, from: &Buffer, to: &Buffer) -> usize {
    let mut bytes = Vec::new();
    write(from.diff(to).into_iter(), AREA.width, true, &mut bytes).unwrap();
    terminal.process(&bytes);
    bytes.len()
}

proptest! {
    #[test]
    fn changes_lead_to_the_same_picture_as_drawing_it_whole(
        before in prop::collection::vec(text(), 0..20),
        after in prop::collection::vec(text(), 0..20),
    ) {
        let empty = Buffer::empty(AREA);
        let (before, after) = (screen(&before), screen(&after));
        let mut by_changes = terminal();
        feed(&mut by_changes, &empty, &before);
        feed(&mut by_changes, &before, &after);
        let mut whole = terminal();
        let mut cells = Vec::new();
        for row in AREA.rows() {
            for place in row.columns() {
                let cell = &after[(place.x, place.y)];
                cells.extend(way(None, Position::new(place.x, place.y), true));
                queue!(cells, SetAttribute(Attribute::Reset), SetStyle(content(cell.style()))).unwrap();
                cells.extend(cell.symbol().as_bytes());
            }
        }
        whole.process(&cells);
        prop_assert_eq!(shown(&by_changes), shown(&whole));
    }
}

#[test]
fn digits_below_each_other_take_three_bytes_each() {
    let before = Buffer::empty(AREA);
    let mut after = before.clone();
    for y in 0..10 {
        after.set_string(20, y, "7", Style::new());
    }
    let mut bytes = Vec::new();
    write(
        before.diff(&after).into_iter(),
        AREA.width,
        true,
        &mut bytes,
    )
    .unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let below = "\n\u{8}7".repeat(9);
    assert!(text.contains(&below), "{text:?}");
}

/// Behind it some have the cursor on the column, and some have it past it.
#[test]
fn nothing_leads_from_behind_the_last_column() {
    let before = Buffer::empty(AREA);
    let mut after = before.clone();
    after.set_string(AREA.width - 1, 3, "7", Style::new());
    after.set_string(AREA.width - 1, 4, "7", Style::new());
    let mut bytes = Vec::new();
    write(
        before.diff(&after).into_iter(),
        AREA.width,
        true,
        &mut bytes,
    )
    .unwrap();
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.contains("7\x1b[5;30H7"), "{text:?}");
}

#[test]
fn the_way_is_the_shortest() {
    let at = |x, y| Position { x, y };
    for (from, to, expected) in [
        (None, at(3, 2), "\x1b[3;4H"),
        (Some(at(3, 2)), at(3, 2), ""),
        (Some(at(3, 2)), at(4, 2), "\x1b[C"),
        (Some(at(3, 2)), at(60, 2), "\x1b[57C"),
        (Some(at(3, 2)), at(2, 3), "\n\u{8}"),
        (Some(at(90, 2)), at(0, 3), "\n\r"),
        (Some(at(90, 2)), at(89, 30), "\x1b[28B\u{8}"),
        (Some(at(90, 2)), at(89, 1), "\x1b[2;90H"),
    ] {
        let way = String::from_utf8(way(from, to, true)).unwrap();
        assert_eq!(way, expected, "{from:?} {to:?}");
    }
}

#[test]
fn what_follows_a_symbol_of_uncertain_width_is_placed() {
    let before = Buffer::empty(AREA);
    for symbol in [
        "➡\u{fe0f}",
        "\u{1f1e9}\u{1f1ea}",
        "👩\u{200d}🚀",
        "e\u{301}",
        "漢",
    ] {
        let mut after = before.clone();
        after.set_string(3, 2, format!("a{symbol}b"), Style::new());
        let mut bytes = Vec::new();
        write(
            before.diff(&after).into_iter(),
            AREA.width,
            true,
            &mut bytes,
        )
        .unwrap();
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.contains(&format!("{symbol}\x1b[")), "{text:?}");
    }
}

/// In line feed mode a line feed would lead to the first column.
#[test]
fn without_line_feeds_the_way_down_is_a_sequence() {
    let at = |x, y| Some(Position { x, y });
    let way = |from, to: Option<Position>| way(from, to.unwrap(), false);
    assert_eq!(way(at(3, 2), at(3, 3)), b"\x1b[B");
    assert_eq!(way(at(3, 2), at(3, 5)), b"\x1b[3B");
    assert_eq!(way(at(90, 2), at(0, 3)), b"\x1b[B\r");
}
