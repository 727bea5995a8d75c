//! Numbers as bars.

#[cfg(test)]
mod tests;

/// The glyphs from nothing to full.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const ASCII: [char; 8] = [' ', '.', ':', '-', '=', '+', '*', '#'];

/// The mean of the values in each of `cells` cells, the newest at the end.
/// Cells stand for whole multiples of slots since the start, so that they move
/// on together and rarely: `newest` is the number of the newest slot. What was
/// before the first value is nothing.
#[must_use]
pub fn cells(values: &[f64], cells: usize, slots: usize, newest: usize) -> Vec<Option<f64>> {
    if cells == 0 {
        return Vec::new();
    }
    spans(values, cells, slots.div_ceil(cells).max(1), newest)
}

/// The cell of [`cells`] in which a slot is.
#[must_use]
pub fn place(slot: usize, cells: usize, slots: usize, newest: usize) -> Option<usize> {
    let span = slots.div_ceil(cells.max(1)).max(1);
    cells.checked_sub(1 + (newest / span).checked_sub(slot / span)?)
}

/// Like [`cells`], but each one is over and has all of its slots: none changes
/// until all move on. Where there is nothing in them yet, the one that is not over
/// stands in place of the last one, which shows that there is something.
#[must_use]
pub fn whole_cells(values: &[f64], cells: usize, slots: usize, newest: usize) -> Vec<Option<f64>> {
    let span = ((slots + 1) / (cells + 1)).max(1);
    let mut cells = spans(values, cells + 1, span, newest);
    let running = cells.pop().flatten().filter(|value| *value > 0.0);
    if max(&cells) == 0.0
        && let (Some(last), Some(running)) = (cells.last_mut(), running)
    {
        *last = Some(running);
    }
    cells
}

/// The mean of the values in each cell of `span` slots.
fn spans(values: &[f64], cells: usize, span: usize, newest: usize) -> Vec<Option<f64>> {
    let last = newest / span;
    let mut sums = vec![(0.0, 0u32); cells];
    for (back, value) in values.iter().rev().enumerate() {
        let Some(slot) = newest.checked_sub(back) else {
            break;
        };
        if let Some(place) = (cells - 1).checked_sub(last - slot / span) {
            sums[place].0 += value;
            sums[place].1 += 1;
        }
    }
    sums.into_iter()
        .map(|(sum, number)| (number > 0).then(|| sum / f64::from(number)))
        .collect()
}

/// A graph of one line. Its scale is its own: the largest value is full.
#[must_use]
pub fn sparkline(cells: &[Option<f64>], ascii: bool) -> String {
    let glyphs = if ascii { ASCII } else { BARS };
    let max = max(cells);
    cells
        .iter()
        .map(|cell| cell.map_or(' ', |value| glyphs[level(value, max, 7)]))
        .collect()
}

/// A graph of several lines, the uppermost first.
#[must_use]
pub fn bars(cells: &[Option<f64>], lines: usize, ascii: bool) -> Vec<String> {
    let (max, steps) = (max(cells), lines * 8);
    let levels: Vec<Option<usize>> = cells
        .iter()
        .map(|cell| cell.map(|value| level(value, max, steps)))
        .collect();
    (0..lines)
        .rev()
        .map(|line| {
            let glyph = |level: usize| match level.saturating_sub(line * 8) {
                0 if line == 0 && !ascii => '▁',
                0 => ' ',
                _ if ascii => '#',
                part => BARS[part.min(8) - 1],
            };
            levels
                .iter()
                .map(|level| level.map_or(' ', glyph))
                .collect()
        })
        .collect()
}

/// A share of a whole as a bar of `cells` cells.
#[must_use]
pub fn share(part: f64, whole: f64, cells: usize, ascii: bool) -> String {
    if ascii {
        return "#".repeat(level(part, whole, cells));
    }
    let eighths = level(part, whole, cells * 8);
    let mut bar = "█".repeat(eighths / 8);
    if let Some(rest) = (eighths % 8).checked_sub(1) {
        bar.push(['▏', '▎', '▍', '▌', '▋', '▊', '▉'][rest]);
    }
    bar
}

/// The largest value.
#[must_use]
pub fn max(cells: &[Option<f64>]) -> f64 {
    cells.iter().flatten().copied().fold(0.0, f64::max)
}

/// Where a value stands between 0 and `steps`; above 0 if there is any.
fn level(value: f64, max: f64, steps: usize) -> usize {
    if value > 0.0 && max > 0.0 && steps > 0 {
        ((value / max * steps as f64).ceil() as usize).clamp(1, steps)
    } else {
        0
    }
}
