//! Text in as many cells as there are.
//!
//! Widths are those of whole texts as `unicode-width` has them, and cuts are
//! between grapheme clusters, so that no character is drawn without those that
//! it is drawn with.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// Text in at most `width` cells; what is too long ends in an ellipsis.
#[must_use]
pub fn truncate(text: &str, width: usize, ellipsis: &str) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    match width.checked_sub(ellipsis.width()) {
        Some(room) => format!("{}{ellipsis}", start(text, room)),
        None => start(text, width).to_owned(),
    }
}

/// An end of a flow in at most `width` cells: the middle of the address leaves
/// first, its start and the port last.
#[must_use]
pub fn shorten(text: &str, width: usize, ellipsis: &str) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let Some(room) = width.checked_sub(ellipsis.width()) else {
        return String::new();
    };
    // The port, and two characters before it.
    let port = text
        .rfind(['.', ']', ':'])
        .and_then(|end| text[end..].rfind(':').map(|colon| end + colon))
        .filter(|colon| *colon > 0)
        .map_or(0, |colon| text[colon..].width() + 2);
    let tail = end(text, port.max(room / 2).min(room));
    let head = start(text, room - tail.width());
    format!("{head}{ellipsis}{tail}")
}

/// The longest start of a text that fits into `width` cells.
fn start(text: &str, width: usize) -> &str {
    let ends = text.grapheme_indices(true).map(|(at, it)| at + it.len());
    let fitting = ends.take_while(|end| text[..*end].width() <= width);
    &text[..fitting.last().unwrap_or_default()]
}

/// The longest end of a text that fits into `width` cells.
fn end(text: &str, width: usize) -> &str {
    let starts = text.grapheme_indices(true).rev().map(|(at, _)| at);
    let fitting = starts.take_while(|start| text[*start..].width() <= width);
    &text[fitting.last().unwrap_or(text.len())..]
}
