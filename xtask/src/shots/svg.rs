//! A screen as an SVG: a rectangle for each background, a text for each run of
//! cells of one style.

use std::fmt::Write;

use vt100::{Cell, Color, Screen};

#[cfg(test)]
mod tests;

/// A cell's size, and the space around the screen.
const CELL: (f32, f32) = (8.4, 16.5);
const MARGIN: f32 = 12.0;
const FOREGROUND: u32 = 0xd5_dae4;
const BACKGROUND: u32 = 0x12_161d;

/// How cells look.
#[derive(Clone, Copy, PartialEq)]
struct Style {
    foreground: u32,
    background: u32,
    bold: bool,
    underline: bool,
}

/// The screen as an SVG document.
pub fn picture(screen: &Screen) -> String {
    let (rows, columns) = screen.size();
    let (rows, columns) = (rows.get(), columns.get());
    let mut svg = String::new();
    for row in 0..rows {
        let mut column = 0;
        while column < columns {
            let style = screen.cell(row, column).map(style);
            let start = column;
            let mut text = String::new();
            while column < columns && screen.cell(row, column).map(self::style) == style {
                if let Some(cell) = screen.cell(row, column)
                    && !cell.is_wide_continuation()
                {
                    text.push_str(match cell.contents() {
                        "" => " ",
                        contents => contents,
                    });
                }
                column += 1;
            }
            if let Some(style) = style {
                run(&mut svg, style, &text, (row, start, column));
            }
        }
    }
    let (width, height) = (
        f32::from(columns) * CELL.0 + 2.0 * MARGIN,
        f32::from(rows) * CELL.1 + 2.0 * MARGIN,
    );
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" \
         font-family=\"ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace\" \
         font-size=\"14\" fill=\"#{FOREGROUND:06x}\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#{BACKGROUND:06x}\"/>\n{svg}</svg>\n"
    )
}

/// Cells of a row from `start` to before `end`.
fn run(svg: &mut String, style: Style, text: &str, (row, start, end): (u16, u16, u16)) {
    let x = f32::from(start) * CELL.0 + MARGIN;
    let y = f32::from(row) * CELL.1 + MARGIN;
    let width = f32::from(end - start) * CELL.0;
    if style.background != BACKGROUND {
        let (color, height) = (style.background, CELL.1);
        // Writing to a string cannot fail.
        let _ = writeln!(
            svg,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height}\" \
             fill=\"#{color:06x}\"/>"
        );
    }
    if text.trim().is_empty() {
        return;
    }
    let mut attributes = String::new();
    if style.foreground != FOREGROUND {
        let _ = write!(attributes, " fill=\"#{:06x}\"", style.foreground);
    }
    if style.bold {
        attributes.push_str(" font-weight=\"bold\"");
    }
    if style.underline {
        attributes.push_str(" text-decoration=\"underline\"");
    }
    let baseline = y + CELL.1 * 0.75;
    // Each word stands where its cells are, whatever the font.
    let mut column = 0.0;
    for word in text.split_inclusive(' ') {
        let cells = word.chars().count() as f32;
        let x = x + column * CELL.0;
        column += cells;
        let word = word.trim_end();
        if word.is_empty() {
            continue;
        }
        let width = word.chars().count() as f32 * CELL.0;
        let _ = writeln!(
            svg,
            "<text x=\"{x:.1}\" y=\"{baseline:.1}\" textLength=\"{width:.1}\"{attributes}>{}</text>",
            escaped(word)
        );
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn style(cell: &Cell) -> Style {
    let mut foreground = rgb(cell.fgcolor(), FOREGROUND);
    let mut background = rgb(cell.bgcolor(), BACKGROUND);
    if cell.inverse() {
        std::mem::swap(&mut foreground, &mut background);
    }
    Style {
        foreground,
        background,
        bold: cell.bold(),
        underline: cell.underline(),
    }
}

/// xterm's colors.
fn rgb(color: Color, default: u32) -> u32 {
    const ANSI: [u32; 16] = [
        0x00_0000, 0xcd_3131, 0x0d_bc79, 0xe5_e510, 0x24_72c8, 0xbc_3fbc, 0x11_a8cd, 0xe5_e5e5,
        0x66_6666, 0xf1_4c4c, 0x23_d18b, 0xf5_f543, 0x3b_8eea, 0xd6_70d6, 0x29_b8db, 0xff_ffff,
    ];
    let level = |step: u8| {
        if step == 0 {
            0
        } else {
            55 + 40 * u32::from(step)
        }
    };
    match color {
        Color::Default => default,
        Color::Idx(index @ ..16) => ANSI[usize::from(index)],
        Color::Idx(index @ 16..232) => {
            let index = index - 16;
            level(index / 36) << 16 | level(index / 6 % 6) << 8 | level(index % 6)
        }
        Color::Idx(index @ 232..) => (8 + 10 * u32::from(index - 232)) * 0x01_0101,
        Color::Rgb(r, g, b) => u32::from_be_bytes([0, r, g, b]),
    }
}
