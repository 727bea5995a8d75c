//! Writing on the screen: the one place through which text gets there.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_width::UnicodeWidthStr;

use super::format::truncate;
use super::geometry::Geometry;
use super::palette::Palette;
use crate::app::action::Action;
use crate::diagnosis::Severity;
use crate::keys::Keymap;
use crate::text::clean;

/// A buffer, the styles to write in it with, and what can be clicked.
#[derive(Debug)]
pub struct Canvas<'a> {
    /// The cells.
    pub buffer: &'a mut Buffer,
    /// The styles.
    pub palette: Palette,
    /// Whether only ASCII characters may be written.
    pub ascii: bool,
    /// What has been drawn where.
    pub geometry: Geometry,
    /// The bindings in force.
    pub keymap: &'a Keymap,
    /// What the view has to add at the right end of the tabs.
    pub note: Option<String>,
}

impl Canvas<'_> {
    /// Writes text into a line of the area, cut with an ellipsis where it is
    /// too long. Returns what remains of the line.
    pub fn text(&mut self, line: Rect, text: &str, style: Style) -> Rect {
        if line.is_empty() {
            return line;
        }
        let text = truncate(
            &self.harmless(text),
            usize::from(line.width),
            self.ellipsis(),
        );
        let (x, _) = self
            .buffer
            .set_stringn(line.x, line.y, &text, usize::from(line.width), style);
        Rect {
            x,
            width: line.right().saturating_sub(x),
            ..line
        }
    }

    /// The text without what a terminal might obey, or cannot show.
    fn harmless(&self, text: &str) -> String {
        let text = clean(text);
        if self.ascii {
            text.replace(|c: char| !c.is_ascii(), "?")
        } else {
            text
        }
    }

    /// Writes several texts one after the other.
    pub fn texts<'t>(
        &mut self,
        line: Rect,
        texts: impl IntoIterator<Item = (&'t str, Style)>,
    ) -> Rect {
        texts
            .into_iter()
            .fold(line, |rest, (text, style)| self.text(rest, text, style))
    }

    /// Writes text at the right end of a line. Returns what remains before it.
    pub fn right(&mut self, line: Rect, text: &str, style: Style) -> Rect {
        let width = u16::try_from(text.width())
            .unwrap_or(u16::MAX)
            .min(line.width);
        let place = Rect {
            x: line.right() - width,
            width,
            ..line
        };
        self.text(place, text, style);
        Rect {
            width: line.width - width,
            ..line
        }
    }

    /// Writes text that can be clicked.
    pub fn button(&mut self, line: Rect, text: &str, style: Style, action: Action) -> Rect {
        let rest = self.text(line, text, style);
        let zone = Rect {
            width: rest.x - line.x,
            height: 1,
            ..line
        };
        self.geometry.zone(zone, action);
        rest
    }

    /// A horizontal rule.
    pub fn rule(&mut self, line: Rect) {
        let glyph = if self.ascii { "-" } else { "─" };
        let rule = glyph.repeat(usize::from(line.width));
        let style = self.palette.dim;
        self.text(line, &rule, style);
    }

    /// The mark that something was cut.
    #[must_use]
    pub const fn ellipsis(&self) -> &'static str {
        if self.ascii { "~" } else { "…" }
    }

    /// The sign and the style of how bad something is.
    #[must_use]
    pub const fn severity(&self, severity: Severity) -> (&'static str, Style) {
        match severity {
            Severity::Error => (self.glyph("✗", "x"), self.palette.bad),
            Severity::Warning => (self.glyph("▲", "!"), self.palette.warn),
            Severity::Info => (self.glyph("●", "i"), self.palette.good),
        }
    }

    /// One of two glyphs, the second for ASCII.
    #[must_use]
    pub const fn glyph(&self, glyph: &'static str, ascii: &'static str) -> &'static str {
        if self.ascii { ascii } else { glyph }
    }
}

/// Takes away what stands in an area.
pub fn clear(canvas: &mut Canvas<'_>, area: Rect) {
    for y in area.top()..area.bottom() {
        for x in area.left()..area.right() {
            canvas.buffer[(x, y)].reset();
        }
    }
}

/// Splits the first line off an area.
#[must_use]
pub fn line(area: &mut Rect) -> Rect {
    let line = Rect {
        height: area.height.min(1),
        ..*area
    };
    area.y += line.height;
    area.height -= line.height;
    line
}

/// Splits lines off the end of an area.
#[must_use]
pub fn bottom(area: &mut Rect, lines: u16) -> Rect {
    let lines = lines.min(area.height);
    area.height -= lines;
    Rect {
        y: area.bottom(),
        height: lines,
        ..*area
    }
}

/// The area without its first columns.
#[must_use]
pub const fn indent(area: Rect, columns: u16) -> Rect {
    let columns = if columns < area.width {
        columns
    } else {
        area.width
    };
    Rect {
        x: area.x + columns,
        width: area.width - columns,
        ..area
    }
}
