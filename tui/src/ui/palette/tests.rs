use super::*;

#[test]
fn colours_go_to_the_nearest_of_256() {
    assert_eq!(nearest(0x000000), 16);
    assert_eq!(nearest(0xffffff), 231);
    assert_eq!(nearest(0xff0000), 196);
    assert_eq!(nearest(0x080808), 232);
    assert_eq!(nearest(0x5f87af), 67);
}

#[test]
fn without_colours_there_is_none() {
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
fn sixteen_colours_are_enough() {
    let appearance = Appearance {
        colours: Colours::Ansi,
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
