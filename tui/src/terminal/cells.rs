//! Cells as bytes. Of a frame over a slow line most bytes would say where the
//! next digit goes; so changes are written down the screen, column by column,
//! where the next one is mostly a line feed and a backspace away. Behind a cell that
//! terminals draw in different widths the next one is placed absolutely.

use std::io::{self, Write};

use crossterm::queue;
use crossterm::style::{Attribute, Color, ContentStyle, Print, SetAttribute, SetStyle};
use ratatui::backend::IntoCrossterm;
use ratatui::buffer::Cell;
use ratatui::layout::Position;
use ratatui::style::Style;
use unicode_width::UnicodeWidthStr;

#[cfg(test)]
mod tests;

/// Changes that begin within this many columns are written one below the other.
const BAND: u16 = 8;

/// Cells next to each other, in one style.
struct Run<'a> {
    at: Position,
    /// The column behind it.
    end: u16,
    /// Whether all terminals draw it in the same width.
    is_plain: bool,
    /// Whether most do; otherwise it is of a single cell.
    is_certain: bool,
    /// The style by its number: a position takes fewer bytes than a style.
    style: usize,
    cells: Vec<&'a Cell>,
}

impl Run<'_> {
    /// Where the cursor is after it. Terminals differ in that behind the last
    /// column.
    fn cursor(&self, width: u16) -> Option<Position> {
        let is_known = self.is_plain && self.end < width;
        is_known.then_some(Position {
            x: self.end,
            y: self.at.y,
        })
    }
}

/// Writes cells, which come row by row, on a screen of this width, where a line
/// feed keeps the column or not.
///
/// # Errors
/// Those of `out`.
pub fn write<'a>(
    cells: impl Iterator<Item = (u16, u16, &'a Cell)>,
    width: u16,
    line_feeds: bool,
    out: &mut impl Write,
) -> io::Result<()> {
    let mut styles = Vec::new();
    let mut runs = runs(cells, &mut styles);
    runs.sort_by_key(|run| (run.style, run.at.x / BAND, run.at.y, run.at.x));
    let mut cursor = None;
    let mut style = None;
    for run in &runs {
        out.write_all(&way(cursor, run.at, line_feeds))?;
        if style != Some(run.style) {
            style = Some(run.style);
            queue!(
                out,
                SetAttribute(Attribute::Reset),
                SetStyle(content(styles[run.style]))
            )?;
        }
        if let [cell] = run.cells[..]
            && !is_certain(cell.symbol())
        {
            // Where it is drawn narrower, nothing shows next to it.
            let columns = usize::from(run.end - run.at.x);
            write!(out, "{:columns$}", "")?;
            out.write_all(&way(None, run.at, line_feeds))?;
        }
        for cell in &run.cells {
            queue!(out, Print(cell.symbol()))?;
        }
        cursor = run.cursor(width);
    }
    queue!(out, SetAttribute(Attribute::Reset))
}

fn runs<'a>(
    cells: impl Iterator<Item = (u16, u16, &'a Cell)>,
    styles: &mut Vec<Style>,
) -> Vec<Run<'a>> {
    let mut runs: Vec<Run<'a>> = Vec::new();
    for (x, y, cell) in cells {
        let style = cell.style();
        let style = styles
            .iter()
            .position(|it| *it == style)
            .unwrap_or_else(|| {
                styles.push(style);
                styles.len() - 1
            });
        let end = x + cell.symbol().width() as u16;
        let is_plain = cell.symbol().is_ascii();
        let is_certain = is_certain(cell.symbol());
        match runs.last_mut() {
            Some(run)
                if (run.end, run.at.y, run.style) == (x, y, style)
                    && is_certain
                    && run.is_certain =>
            {
                run.cells.push(cell);
                run.end = end;
                run.is_plain &= is_plain;
            }
            _ => runs.push(Run {
                at: Position { x, y },
                end,
                is_plain,
                is_certain,
                style,
                cells: vec![cell],
            }),
        }
    }
    runs
}

/// Whether terminals agree on the width of a symbol: one character of an alphabet
/// or of what graphs and boxes are drawn with. They do not on joined and combined
/// characters, flags, emoji, and some scripts.
fn is_certain(symbol: &str) -> bool {
    let mut characters = symbol.chars();
    let is_known =
        |c| matches!(c, '\0'..='\u{2ff}' | '\u{370}'..='\u{52f}' | '\u{2010}'..='\u{25ff}');
    characters.next().is_none_or(is_known) && characters.next().is_none()
}

/// The shortest way for the cursor.
fn way(from: Option<Position>, to: Position, line_feeds: bool) -> Vec<u8> {
    let absolute = format!("\x1b[{};{}H", to.y + 1, to.x + 1).into_bytes();
    let Some(from) = from.filter(|from| from.y <= to.y) else {
        return absolute;
    };
    let down = match to.y - from.y {
        0 => Vec::new(),
        lines @ 1..=3 if line_feeds => vec![b'\n'; lines.into()],
        1 => b"\x1b[B".to_vec(),
        lines => format!("\x1b[{lines}B").into_bytes(),
    };
    let right = |columns: u16| match columns {
        0 => String::new(),
        1 => "\x1b[C".to_owned(),
        _ => format!("\x1b[{columns}C"),
    };
    let across = if to.x >= from.x {
        right(to.x - from.x)
    } else {
        "\u{8}".repeat((from.x - to.x).into())
    };
    let from_the_edge = format!("\r{}", right(to.x));
    [across, from_the_edge]
        .into_iter()
        .map(|across| [down.as_slice(), across.as_bytes()].concat())
        .chain([absolute])
        .min_by_key(Vec::len)
        .unwrap_or_default()
}

fn content(style: Style) -> ContentStyle {
    let mut content: ContentStyle = style.into_crossterm();
    // The reset has set these.
    for color in [
        &mut content.foreground_color,
        &mut content.background_color,
        &mut content.underline_color,
    ] {
        *color = color.filter(|color| *color != Color::Reset);
    }
    content
}
