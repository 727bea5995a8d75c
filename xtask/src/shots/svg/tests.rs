use std::num::NonZero;

use super::*;

fn drawn(bytes: &str) -> String {
    let mut parser = vt100::Parser::new(NonZero::new(2).unwrap(), NonZero::new(20).unwrap(), 0);
    parser.process(bytes.as_bytes());
    picture(parser.screen())
}

#[test]
fn runs_have_the_colors_of_their_cells() {
    let svg = drawn("plain \x1b[38;2;1;2;3mrgb\x1b[0m \x1b[1;41mred\x1b[0m");
    assert!(svg.contains(">plain</text>"), "{svg}");
    assert!(svg.contains("fill=\"#010203\">rgb</text>"), "{svg}");
    assert!(svg.contains("fill=\"#cd3131\"/>"), "{svg}");
    assert!(svg.contains("font-weight=\"bold\">red</text>"), "{svg}");
}

#[test]
fn markup_is_text() {
    let svg = drawn("<a&b>");
    assert!(svg.contains("&lt;a&amp;b&gt;"), "{svg}");
}

#[test]
fn the_cube_and_the_greys() {
    assert_eq!(rgb(Color::Idx(16), 1), 0);
    assert_eq!(rgb(Color::Idx(231), 1), 0xff_ffff);
    assert_eq!(rgb(Color::Idx(232), 1), 0x08_0808);
    assert_eq!(rgb(Color::Default, 1), 1);
}
