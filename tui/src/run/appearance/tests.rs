use super::*;

fn seen(variables: &[(&str, &str)]) -> Appearance {
    asked(variables).0
}

/// The appearance, and whether the terminal is queried.
fn asked(variables: &[(&str, &str)]) -> (Appearance, bool) {
    let args = ScreenArgs {
        push_down: false,
        filter: crate::cli::FilterText::default(),
        bits: false,
        ascii: false,
        light: false,
        dark: false,
        max_draw_rate: None,
        keep_screen: false,
        no_mouse: false,
        config: crate::cli::ConfigArgs { config: None },
    };
    appearance(
        &args,
        crate::config::Config::parse("").unwrap().screen,
        |name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        },
    )
}

#[test]
fn the_terminal_is_asked_for_its_background_where_nothing_tells_it() {
    let rich = ("TERM", "xterm-256color");
    assert!(asked(&[rich]).1);
    assert!(!asked(&[rich, ("COLORFGBG", "15;0")]).1);
    assert!(!asked(&[("TERM", "linux")]).1);
}

#[test]
fn colors_are_those_that_the_terminal_has() {
    for (variables, expected) in [
        (
            &[("TERM", "xterm-256color"), ("COLORTERM", "truecolor")][..],
            Colors::True,
        ),
        (&[("TERM", "screen-256color")], Colors::Indexed),
        (&[("TERM", "linux")], Colors::Ansi),
        (&[("TERM", "dumb")], Colors::None),
        (&[], Colors::None),
        (
            &[("TERM", "xterm-256color"), ("NO_COLOR", "1")],
            Colors::None,
        ),
        (
            &[("TERM", "xterm-256color"), ("NO_COLOR", "")],
            Colors::Indexed,
        ),
    ] {
        assert_eq!(seen(variables).colors, expected, "{variables:?}");
    }
}

#[test]
fn a_light_background_is_believed() {
    assert!(seen(&[("COLORFGBG", "0;15")]).light);
    assert!(seen(&[("COLORFGBG", "0;default;7")]).light);
    assert!(!seen(&[("COLORFGBG", "15;0")]).light);
    assert!(!seen(&[]).light);
}

#[test]
fn a_locale_without_unicode_gets_ascii() {
    assert!(seen(&[("LANG", "C")]).ascii);
    assert!(seen(&[("LANG", "de_DE.UTF-8"), ("LC_ALL", "POSIX")]).ascii);
    assert!(seen(&[("TERM", "linux")]).ascii);
    assert!(seen(&[("TERM", "linux"), ("LANG", "C.UTF-8")]).ascii);
    assert!(!seen(&[("LC_CTYPE", "C.utf8")]).ascii);
    assert!(!seen(&[("TERM", "xterm")]).ascii);
}
