//! Tables: columns that leave in a fixed order where it is narrow, numbers at
//! the right, a selected row, titles to sort by.

use std::ops::RangeInclusive;

use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_width::UnicodeWidthStr;

use super::canvas::{Canvas, indent, line};
use super::format::shorten;
use crate::app::action::Action;
use crate::app::item::Item;
use crate::app::list::{Extent, List};
use crate::diagnosis::Severity;

#[cfg(test)]
mod tests;

/// A column.
#[derive(Clone, Copy, Debug)]
pub struct Column<C> {
    /// Which.
    pub id: C,
    /// Its title.
    pub title: &'static str,
    /// Whether its text stands at the right.
    pub right: bool,
    /// Its least width in cells.
    pub min: u16,
    /// Its width where there is room.
    pub max: u16,
    /// Columns with a low number leave first where it is narrow.
    pub keep: u8,
}

impl<C> Column<C> {
    /// A left-aligned column of text, with its width in cells.
    #[must_use]
    pub fn left(id: C, title: &'static str, width: RangeInclusive<u16>, keep: u8) -> Self {
        Self {
            id,
            title,
            right: false,
            min: *width.start(),
            max: *width.end(),
            keep,
        }
    }

    /// A column of numbers, which end at the right.
    #[must_use]
    pub fn right(id: C, title: &'static str, width: RangeInclusive<u16>, keep: u8) -> Self {
        Self {
            right: true,
            ..Self::left(id, title, width, keep)
        }
    }
}

/// The text of a cell.
#[derive(Clone, Debug, Default)]
pub struct Cell {
    /// What.
    pub text: String,
    /// How.
    pub style: Style,
    /// Whether it is drawn with bars.
    pub is_graph: bool,
    /// Whether it runs on over the cells behind it as far as they are empty.
    pub runs_on: bool,
}

impl Cell {
    /// Text in a style.
    #[must_use]
    pub fn new(text: impl Into<String>, style: Style) -> Self {
        Self {
            text: text.into(),
            style,
            is_graph: false,
            runs_on: false,
        }
    }

    /// Text that runs on over the cells behind it as far as they are empty.
    #[must_use]
    pub fn running(text: impl Into<String>, style: Style) -> Self {
        Self {
            runs_on: true,
            ..Self::new(text, style)
        }
    }

    /// Bars in a style.
    #[must_use]
    pub fn graph(bars: impl Into<String>, style: Style) -> Self {
        Self {
            is_graph: true,
            ..Self::new(bars, style)
        }
    }
}

/// How the rows of a table are sorted and what a click does.
pub struct TableSpec<C, I> {
    /// The columns that are sorted by, all or by their sum, and whether the largest
    /// comes first.
    pub order: (Vec<C>, bool),
    /// What a click on a title does.
    pub sort: fn(C) -> Option<Action>,
    /// The column of the chosen cell of the selected row.
    pub cell: Option<C>,
    /// What a row stands for.
    pub item: fn(I) -> Item,
}

/// The columns that fit, with their widths: each gets its least, and what is
/// left goes to those that want more.
#[must_use]
pub fn fit<C: Copy>(columns: &[Column<C>], width: u16) -> Vec<(Column<C>, u16)> {
    let mut fitting = columns.to_vec();
    let needs = |columns: &[Column<C>]| -> u16 {
        let gaps = columns.len().saturating_sub(1) as u16;
        columns.iter().map(|column| column.min).sum::<u16>() + gaps
    };
    while needs(&fitting) > width {
        let first = fitting
            .iter()
            .enumerate()
            .min_by_key(|(_, column)| column.keep)
            .map(|(place, _)| place);
        match first {
            Some(place) => fitting.remove(place),
            None => return Vec::new(),
        };
    }
    let mut left = width - needs(&fitting);
    let mut widths: Vec<u16> = fitting.iter().map(|column| column.min).collect();
    while left > 0 {
        let mut wants = false;
        for (width, column) in widths.iter_mut().zip(&fitting) {
            if *width < column.max && left > 0 {
                *width += 1;
                left -= 1;
                wants = true;
            }
        }
        if !wants {
            break;
        }
    }
    fitting.into_iter().zip(widths).collect()
}

/// The title of the columns that are sorted by, when none has room.
#[must_use]
pub fn hidden<C: Copy + PartialEq>(
    columns: &[Column<C>],
    width: u16,
    sorted: &[C],
) -> Option<&'static str> {
    let is_it = |column: &&Column<C>| sorted.contains(&column.id);
    let fitting = fit(columns, width.saturating_sub(1));
    if fitting.iter().any(|(column, _)| is_it(&column)) {
        return None;
    }
    columns.iter().find(is_it).map(|column| column.title)
}

/// Draws a table; `cell` gives the text of a row in a column of a width.
pub fn draw<C, I>(
    canvas: &mut Canvas<'_>,
    mut area: Rect,
    columns: &[Column<C>],
    list: &List<I>,
    spec: &TableSpec<C, I>,
    cell: impl Fn(&Canvas<'_>, I, C, u16) -> Cell,
) where
    C: Copy + PartialEq,
    I: Copy + PartialEq,
{
    let columns = fit(columns, area.width.saturating_sub(1));
    titles(canvas, line(&mut area), &columns, spec);
    let page = usize::from(area.height);
    canvas.geometry.extent = Extent {
        page,
        rows: list.rows().len(),
    };
    if list.selected().is_some() && list.rows().len() > page && page > 0 {
        let row = (list.place() + 1).min(list.rows().len());
        let text = format!("row {row} of {} ", list.rows().len());
        let note = canvas.note.take().unwrap_or_default();
        canvas.note = Some(format!("{note}{text}"));
    }
    for row in list.visible(page) {
        let place = line(&mut area);
        canvas
            .geometry
            .zone(place, Action::Select((spec.item)(*row)));
        let mut rest = indent(place, 1);
        let mut graphs = Vec::new();
        let cells: Vec<Cell> = columns
            .iter()
            .map(|(column, width)| cell(canvas, *row, column.id, *width))
            .collect();
        for (place, (column, width)) in columns.iter().enumerate() {
            let cell = &cells[place];
            let run = if cell.runs_on {
                run(&cells, &columns, place)
            } else {
                0
            };
            let field = Rect {
                width: (*width + run).min(rest.width),
                ..rest
            };
            if cell.is_graph {
                graphs.push(field);
            }
            if cell.runs_on {
                let room = usize::from(field.width);
                let text = shorten(&cell.text, room, canvas.ellipsis());
                canvas.text(field, &text, cell.style);
            } else if column.right {
                canvas.right(field, &cell.text, cell.style);
            } else if !cell.text.is_empty() {
                canvas.text(field, &cell.text, cell.style);
            }
            rest = indent(rest, width + 1);
        }
        if list.selected() == Some(*row) {
            let (mark, style) = (canvas.glyph("▌", ">"), canvas.palette.accent);
            canvas.text(place, mark, style);
            canvas.buffer.set_style(place, canvas.palette.selected);
            for graph in graphs {
                canvas
                    .buffer
                    .set_style(graph, canvas.palette.selected_graph);
            }
            let mut rest = indent(place, 1);
            for (column, width) in &columns {
                if spec.cell == Some(column.id) {
                    let field = Rect {
                        width: (*width).min(rest.width),
                        ..rest
                    };
                    canvas.buffer.set_style(field, canvas.palette.cell);
                }
                rest = indent(rest, width + 1);
            }
        }
    }
}

/// The cells of the columns behind a place whose cells are empty, with their gaps.
fn run<C>(cells: &[Cell], columns: &[(Column<C>, u16)], place: usize) -> u16 {
    let behind = columns.iter().zip(cells).skip(place + 1);
    let empty = behind.take_while(|(_, cell)| cell.text.is_empty());
    empty.map(|((_, width), _)| width + 1).sum()
}

/// Draws a sign at the left edge of rows, a cell wide.
pub fn signs<I: Copy + PartialEq>(
    canvas: &mut Canvas<'_>,
    mut area: Rect,
    list: &List<I>,
    sign: impl Fn(&Canvas<'_>, I) -> Option<(&'static str, Style)>,
) {
    let _titles = line(&mut area);
    for row in list.visible(usize::from(area.height)) {
        let place = line(&mut area);
        if let Some((sign, style)) = sign(canvas, *row) {
            canvas.text(place, sign, style);
        }
    }
}

/// Marks the rows of a table that a problem concerns, at their left edge, by a
/// sign and a color. The selected row has its own mark there.
pub fn marks<I: Copy + PartialEq>(
    canvas: &mut Canvas<'_>,
    area: Rect,
    list: &List<I>,
    problem: impl Fn(I) -> Option<Severity>,
) {
    signs(canvas, area, list, |canvas, row| {
        let severity = problem(row).filter(|_| list.selected() != Some(row))?;
        Some(canvas.severity(severity))
    });
}

fn titles<C: Copy + PartialEq, I>(
    canvas: &mut Canvas<'_>,
    place: Rect,
    columns: &[(Column<C>, u16)],
    spec: &TableSpec<C, I>,
) {
    let mut rest = indent(place, 1);
    for (column, width) in columns {
        let title = if canvas.ascii {
            column.title.trim_start_matches(['↓', '↑'])
        } else {
            column.title
        };
        let (sorted, descending) = &spec.order;
        let (title, style) = match sorted.contains(&column.id) {
            true => {
                let mark = if *descending {
                    canvas.glyph("▾", "v")
                } else {
                    canvas.glyph("▴", "^")
                };
                // It may stand in the gap behind the column, where there is one.
                let room = usize::from((*width + 1).min(rest.width));
                let title = title.chars().take(room.saturating_sub(mark.width()));
                let title: String = title.collect();
                (format!("{title}{mark}"), canvas.palette.accent)
            }
            false => (title.to_owned(), canvas.palette.dim),
        };
        let field = Rect {
            width: (*width).max(title.width() as u16).min(rest.width),
            ..rest
        };
        if column.right {
            canvas.right(field, &title, style);
        } else {
            canvas.text(field, &title, style);
        }
        if let Some(action) = (spec.sort)(column.id) {
            canvas.geometry.zone(field, action);
        }
        rest = indent(rest, width + 1);
    }
}
