//! Colors by the role that they play.

use ratatui::style::{Color, Modifier, Style};

use crate::app::{Appearance, Colors};

#[cfg(test)]
mod tests;

/// The styles of the screen. Each role differs from plain text by more than
/// its color alone, or is marked by a word or a sign too.
#[derive(Clone, Copy, Debug)]
pub struct Palette {
    /// Whatever has no other role: the terminal's own colors.
    pub text: Style,
    /// What may be overlooked: labels, units, what is over.
    pub dim: Style,
    /// What is read first.
    pub strong: Style,
    /// The program, the open tab, the column that is sorted by.
    pub accent: Style,
    /// Towards the local end.
    pub inward: Style,
    /// Away from the local end.
    pub outward: Style,
    /// Graphs in tables, of which there are many.
    pub graph: Style,
    /// As it should be.
    pub good: Style,
    /// Not as it should be.
    pub warn: Style,
    /// Wrong.
    pub bad: Style,
    /// The selected row, laid over what is there.
    pub selected: Style,
    /// The chosen cell of the selected row, laid over that.
    pub cell: Style,
    /// A graph in the selected row, laid over that: reversed it would show what is not
    /// there.
    pub selected_graph: Style,
    /// A part of the filter.
    pub part: Style,
    /// Something that must not be overlooked, with a background of its own.
    pub alarm: Style,
}

/// One role's color: on dark and on light backgrounds as 0xRRGGBB, and of the
/// 16 of ANSI on either. Those are dark in some palettes and bright in others, so few of
/// them can be read everywhere.
struct Shade(u32, u32, Color, Color);

const DIM: Shade = Shade(0x8d_96a8, 0x6a_7282, Color::Reset, Color::Reset);
const ACCENT: Shade = Shade(0x7f_b2ff, 0x1d_4fd8, Color::LightCyan, Color::Blue);
const INWARD: Shade = Shade(0x76_d0c4, 0x0f_766e, Color::Cyan, Color::Blue);
const OUTWARD: Shade = Shade(0xe3_b06f, 0x9a_4a12, Color::LightYellow, Color::Magenta);
const GRAPH: Shade = Shade(0x6c_86b5, 0x5f_7db5, Color::LightBlue, Color::Blue);
const GOOD: Shade = Shade(0x98_c98a, 0x3f_7d20, Color::Green, Color::Reset);
const WARN: Shade = Shade(0xec_bf63, 0x8f_5f08, Color::LightYellow, Color::Magenta);
const BAD: Shade = Shade(0xf4_8a92, 0xb9_1c1c, Color::LightRed, Color::Red);
const SELECTED: Shade = Shade(0x2b_3448, 0xdb_e4f5, Color::Reset, Color::Reset);
const PART: Shade = Shade(0x2f_3a34, 0xdd_ecdf, Color::Reset, Color::Reset);

impl Palette {
    /// The palette for a terminal.
    #[must_use]
    pub fn new(appearance: Appearance) -> Self {
        let color = |shade: &Shade| match appearance.colors {
            Colors::None => Color::Reset,
            Colors::Ansi if appearance.light => shade.3,
            Colors::Ansi => shade.2,
            Colors::Indexed => Color::Indexed(nearest(shade.rgb(appearance.light))),
            Colors::True => Color::from_u32(shade.rgb(appearance.light)),
        };
        let rich = matches!(appearance.colors, Colors::Indexed | Colors::True);
        let plain = Style::new();
        let fg = |shade: &Shade| plain.fg(color(shade));
        Self {
            text: plain,
            dim: if rich {
                fg(&DIM)
            } else {
                plain.add_modifier(Modifier::DIM)
            },
            strong: plain.add_modifier(Modifier::BOLD),
            accent: fg(&ACCENT).add_modifier(Modifier::BOLD),
            inward: fg(&INWARD),
            outward: fg(&OUTWARD),
            graph: fg(&GRAPH),
            good: fg(&GOOD),
            warn: fg(&WARN).add_modifier(Modifier::BOLD),
            bad: fg(&BAD).add_modifier(Modifier::BOLD),
            selected: if rich {
                plain.bg(color(&SELECTED)).add_modifier(Modifier::BOLD)
            } else {
                plain.add_modifier(Modifier::REVERSED)
            },
            // Against the reversed row of a poor terminal the cell stands upright.
            cell: if rich {
                plain.add_modifier(Modifier::REVERSED)
            } else {
                plain
                    .remove_modifier(Modifier::REVERSED)
                    .add_modifier(Modifier::UNDERLINED)
            },
            selected_graph: if rich {
                plain
            } else {
                plain.remove_modifier(Modifier::REVERSED)
            },
            part: if rich {
                plain.bg(color(&PART))
            } else {
                plain.add_modifier(Modifier::UNDERLINED)
            },
            alarm: fg(&BAD).add_modifier(Modifier::BOLD | Modifier::REVERSED),
        }
    }
}

impl Shade {
    const fn rgb(&self, light: bool) -> u32 {
        if light { self.1 } else { self.0 }
    }
}

/// The nearest of xterm's 6×6×6 cube and its 24 greys.
fn nearest(rgb: u32) -> u8 {
    let [_, r, g, b] = rgb.to_be_bytes();
    let level = |index: u8| if index == 0 { 0 } else { 55 + 40 * index };
    let cube = (0..6).flat_map(|r| (0..6).flat_map(move |g| (0..6).map(move |b| (r, g, b))));
    let cube = cube.map(|(r, g, b)| (16 + 36 * r + 6 * g + b, [level(r), level(g), level(b)]));
    let greys = (0..24).map(|grey| (232 + grey, [8 + 10 * grey; 3]));
    cube.chain(greys)
        .min_by_key(|(_, color)| {
            let distance = |a: u8, b: u8| u32::from(a.abs_diff(b)).pow(2);
            distance(color[0], r) + distance(color[1], g) + distance(color[2], b)
        })
        .map_or(7, |(index, _)| index)
}
