//! The numbers of a graph: the maximum and the mean of what is shown, and the values at
//! the cursor.

use probe_common::Direction;
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_width::UnicodeWidthStr;

use crate::app::state::State;
use crate::flow::{Block, Series, Span};
use crate::ui::canvas::{Canvas, indent};
use crate::ui::{format, time_of_day};

/// The numbers of a series.
#[derive(Clone, Copy, Debug)]
pub struct Numbers<'a> {
    /// The state.
    pub state: &'a State,
    /// What is drawn.
    pub series: &'a Series,
}

/// Pieces of text with their styles.
pub type Texts = Vec<(String, Style)>;

impl Numbers<'_> {
    /// The maximum and the mean, as much as has room in these columns; or the values at
    /// the cursor, where these have none below it.
    pub fn title(self, canvas: &Canvas<'_>, room: u16, cursor: Option<Block>) -> Option<Texts> {
        let value = |side| match cursor {
            Some(at) => self.value(side, at),
            None => self.mean(side),
        };
        let max = |side: usize| {
            let values = self.series.values[side].iter();
            values.copied().fold(0.0, f64::max)
        };
        let full = self.each(canvas, |arrow, side| {
            let (max, mean) = (self.rate(max(side)), self.rate(value(side)));
            format!(" {arrow} max {max}, mean {mean} ")
        });
        // The maximum is beside the graph, too.
        let mut short = self.each(canvas, |arrow, side| {
            let space = canvas.glyph("", " ");
            format!(" {arrow}{space}{}", self.rate(value(side)))
        });
        if cursor.is_none() {
            short.insert(0, ("mean".to_owned(), canvas.palette.dim));
        }
        let full = cursor.is_none().then_some(full);
        let mut texts = full.into_iter().chain([short]);
        texts.find(|texts| width(texts) <= room)
    }

    /// Writes below the cursor when the values there were counted, and their size where
    /// there is room for it. Returns whether there was.
    pub fn under_cursor(self, canvas: &mut Canvas<'_>, axis: Rect, at: Block, column: u16) -> bool {
        let (begin, end) = at.time;
        let time = |moment| time_of_day(self.state, moment, "%T");
        let time = match self.series.span {
            Span::Minute => time(end),
            _ => format!("{}{}{}", time(begin), canvas.glyph("–", "-"), time(end)),
        };
        let mut texts = vec![(format!(" {time} "), canvas.palette.accent)];
        let values = self.each(canvas, |arrow, side| {
            format!(" {arrow} {} ", self.rate(self.value(side, at)))
        });
        let has_room = width(&texts) + width(&values) <= axis.width;
        if has_room {
            texts.extend(values);
        }
        let width = width(&texts).min(axis.width);
        let start = column.saturating_sub(width / 2).min(axis.width - width);
        write(canvas, indent(axis, start), &texts);
        has_room
    }

    /// A text for each direction, in its color and with its arrow.
    fn each(self, canvas: &Canvas<'_>, text: impl Fn(&str, usize) -> String) -> Texts {
        let palette = canvas.palette;
        let sides = [
            (Direction::In, canvas.glyph("↓", "in"), palette.inward),
            (Direction::Out, canvas.glyph("↑", "out"), palette.outward),
        ];
        let texts = sides.map(|(side, arrow, style)| (text(arrow, side as usize), style));
        texts.into()
    }

    fn rate(self, rate: f64) -> String {
        match format::rate(rate, self.state.appearance.units) {
            none if none.is_empty() => "0".to_owned(),
            rate => rate,
        }
    }

    fn value(self, side: usize, at: Block) -> f64 {
        let back = self.series.newest.checked_sub(at.number as usize);
        let mut values = self.series.values[side].iter().rev();
        let value = back.and_then(|back| values.nth(back));
        value.copied().unwrap_or_default()
    }

    /// The mean over the time that the values cover.
    fn mean(self, side: usize) -> f64 {
        let clock = self.state.picture().flows.clock();
        let values = self.series.values[side].iter().rev();
        let (mut bytes, mut seconds) = (0.0, 0.0);
        for (value, block) in values.zip(clock.newest_blocks(self.series.span)) {
            let (begin, end) = block.time;
            let length = end.saturating_sub(begin).as_secs_f64();
            bytes += value * length;
            seconds += length;
        }
        if seconds > 0.0 { bytes / seconds } else { 0.0 }
    }
}

fn width(texts: &Texts) -> u16 {
    texts.iter().map(|(text, _)| text.width() as u16).sum()
}

/// Writes them.
pub fn write(canvas: &mut Canvas<'_>, place: Rect, texts: &Texts) {
    let texts = texts.iter();
    canvas.texts(place, texts.map(|(text, style)| (text.as_str(), *style)));
}
