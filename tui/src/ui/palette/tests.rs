use super::*;

#[test]
fn colors_go_to_the_nearest_of_256() {
    assert_eq!(nearest(0x000000), 16);
    assert_eq!(nearest(0xffffff), 231);
    assert_eq!(nearest(0xff0000), 196);
    assert_eq!(nearest(0x080808), 232);
    assert_eq!(nearest(0x5f87af), 67);
}

#[test]
fn without_colors_there_is_none() {
    let palette = Palette::new(Appearance::default());
    for style in [
        palette.dim,
        palette.inward,
        palette.warn,
        palette.selected,
        palette.alarm,
    ] {
        assert!(matches!(style.fg, None | Some(Color::Reset)), "{style:?}");
        assert!(matches!(style.bg, None | Some(Color::Reset)), "{style:?}");
    }
    assert!(palette.selected.add_modifier.contains(Modifier::REVERSED));
}

#[test]
fn sixteen_colors_are_enough() {
    let appearance = Appearance {
        colors: Colors::Ansi,
        ..Appearance::default()
    };
    let palette = Palette::new(appearance);
    for style in [palette.accent, palette.inward, palette.outward, palette.bad] {
        assert!(!matches!(
            style.fg,
            Some(Color::Rgb(..) | Color::Indexed(_))
        ));
    }
}

/// The 16 colors of xterm, PuTTY and the Linux console, as 0xRRGGBB.
const TERMINALS: [[u32; 16]; 3] = [
    [
        0x000000, 0xcd0000, 0x00cd00, 0xcdcd00, 0x0000ee, 0xcd00cd, 0x00cdcd, 0xe5e5e5, 0x7f7f7f,
        0xff0000, 0x00ff00, 0xffff00, 0x5c5cff, 0xff00ff, 0x00ffff, 0xffffff,
    ],
    [
        0x000000, 0xbb0000, 0x00bb00, 0xbbbb00, 0x0000bb, 0xbb00bb, 0x00bbbb, 0xbbbbbb, 0x555555,
        0xff5555, 0x55ff55, 0xffff55, 0x5555ff, 0xff55ff, 0x55ffff, 0xffffff,
    ],
    [
        0x000000, 0xaa0000, 0x00aa00, 0xaa5500, 0x0000aa, 0xaa00aa, 0x00aaaa, 0xaaaaaa, 0x555555,
        0xff5555, 0x55ff55, 0xffff55, 0x5555ff, 0xff55ff, 0x55ffff, 0xffffff,
    ],
];

/// The contrast of two colors (WCAG 2.2).
fn contrast(a: u32, b: u32) -> f64 {
    let luminance = |color: u32| {
        let [_, r, g, b] = color.to_be_bytes().map(|value| {
            let value = f64::from(value) / 255.0;
            if value <= 0.04045 {
                value / 12.92
            } else {
                ((value + 0.055) / 1.055).powf(2.4)
            }
        });
        0.2126 * r + 0.7152 * g + 0.0722 * b
    };
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

#[test]
fn sixteen_colors_can_be_read_on_every_palette() {
    const NUMBERS: [Color; 16] = [
        Color::Black,
        Color::Red,
        Color::Green,
        Color::Yellow,
        Color::Blue,
        Color::Magenta,
        Color::Cyan,
        Color::Gray,
        Color::DarkGray,
        Color::LightRed,
        Color::LightGreen,
        Color::LightYellow,
        Color::LightBlue,
        Color::LightMagenta,
        Color::LightCyan,
        Color::White,
    ];
    for (light, background) in [(false, 0x000000), (true, 0xffffff)] {
        let palette = Palette::new(Appearance {
            colors: Colors::Ansi,
            light,
            ..Appearance::default()
        });
        // What is drawn needs less than what is read.
        for (style, least) in [
            (palette.accent, 4.5),
            (palette.inward, 4.5),
            (palette.outward, 4.5),
            (palette.good, 4.5),
            (palette.warn, 4.5),
            (palette.bad, 4.5),
            (palette.graph, 3.0),
        ] {
            let color = style.fg.unwrap();
            let Some(number) = NUMBERS.iter().position(|it| *it == color) else {
                assert_eq!(color, Color::Reset);
                continue;
            };
            for terminal in TERMINALS {
                let contrast = contrast(terminal[number], background);
                assert!(
                    contrast >= least,
                    "{color} on {background:06x}: {contrast:.2}"
                );
            }
        }
    }
}
