//! Cells as bytes. Of a frame over a slow line most bytes would say where the
//! next digit goes; so changes are written down the screen, column by column,
//! where the next one is mostly a line feed and a backspace away.

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

/// Changes that begin within so many columns are written one below the other.
const BAND: u16 = 8;

/// Cells next to each other, in one style.
struct Run<'a> {
    at: Position,
    /// The column behind it.
    end: u16,
    /// Whether all terminals draw it in the same width.
    is_plain: bool,
    /// The style by its number: a place is told in fewer bytes than a style.
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

/// Writes cells, which come row by row, on a screen of this width.
///
/// # Errors
/// Those of `out`.
pub fn write<'a>(
    cells: impl Iterator<Item = (u16, u16, &'a Cell)>,
    width: u16,
    out: &mut impl Write,
) -> io::Result<()> {
    let mut styles = Vec::new();
    let mut runs = runs(cells, &mut styles);
    runs.sort_by_key(|run| (run.style, run.at.x / BAND, run.at.y, run.at.x));
    let mut cursor = None;
    let mut style = None;
    for run in &runs {
        out.write_all(&way(cursor, run.at))?;
        if style != Some(run.style) {
            style = Some(run.style);
            queue!(
                out,
                SetAttribute(Attribute::Reset),
                SetStyle(content(styles[run.style]))
            )?;
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
        match runs.last_mut() {
            Some(run) if (run.end, run.at.y, run.style) == (x, y, style) => {
                run.cells.push(cell);
                run.end = end;
                run.is_plain &= is_plain;
            }
            _ => runs.push(Run {
                at: Position { x, y },
                end,
                is_plain,
                style,
                cells: vec![cell],
            }),
        }
    }
    runs
}

/// The shortest way for the cursor.
fn way(from: Option<Position>, to: Position) -> Vec<u8> {
    let absolute = format!("\x1b[{};{}H", to.y + 1, to.x + 1).into_bytes();
    let Some(from) = from.filter(|from| from.y <= to.y) else {
        return absolute;
    };
    let down = match to.y - from.y {
        lines @ 0..=3 => vec![b'\n'; lines.into()],
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
    // The reset has said these.
    for colour in [
        &mut content.foreground_color,
        &mut content.background_color,
        &mut content.underline_color,
    ] {
        *colour = colour.filter(|colour| *colour != Color::Reset);
    }
    content
}
