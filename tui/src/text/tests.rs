use std::time::Duration;

use proptest::prelude::*;
use unicode_width::UnicodeWidthStr;

use super::*;

#[test]
fn ascii_reads_as_typed() {
    assert_eq!(ascii("10 µs → … ≥ 5×2, 漢"), "10 us -> ... >= 5x2, ?");
}

#[test]
fn counts() {
    assert_eq!(grouped(0), "0");
    assert_eq!(grouped(999), "999");
    assert_eq!(grouped(1_204_331), "1,204,331");
    assert_eq!(short_count(9_999), "9,999");
    assert_eq!(short_count(120_400), "120 k");
    assert_eq!(short_count(999_900), "1.00 M");
    assert_eq!(short_count(12_340_000), "12.3 M");
    let mut number: u64 = 1;
    while let Some(next) = number.checked_mul(3) {
        assert!(short_count(number).width() <= 6, "{}", short_count(number));
        number = next;
    }
    assert_eq!(plural(1, "flow"), "1 flow");
    assert_eq!(plural(1208, "flow"), "1,208 flows");
    assert_eq!(plural(0, "query"), "0 queries");
    assert_eq!(plural(1, "query"), "1 query");
    assert_eq!(plural(2, "key"), "2 keys");
    assert_eq!(plural(2, "address"), "2 addresses");
    assert_eq!(plural(2, "match"), "2 matches");
    assert_eq!(plural(2, "SYN-ACK"), "2 SYN-ACKs");
}

#[test]
fn ages_have_one_unit() {
    let text = |seconds| age(Duration::from_secs(seconds));
    assert_eq!(text(9), "9s");
    assert_eq!(text(49), "49s");
    assert_eq!(text(119), "1m");
    assert_eq!(text(7200), "2h");
    assert_eq!(text(200_000), "2d");
    assert_eq!(duration(Duration::from_secs(192)), "3m12s");
}

#[test]
fn addresses_lose_their_middle_and_keep_their_port() {
    assert_eq!(shorten("10.0.1.7:443", 12, "…"), "10.0.1.7:443");
    assert_eq!(
        shorten("100.100.100.100:51820", 17, "…"),
        "100.100.…00:51820"
    );
    let v6 = "[2001:db8:1234:5678:9abc:def0:1:2]:51820";
    assert_eq!(shorten(v6, 20, "…"), "[2001:db8:…:2]:51820");
    assert_eq!(shorten(v6, 20, "~"), "[2001:db8:~:2]:51820");
    for width in 0..45 {
        assert!(shorten(v6, width, "…").width() <= width);
        assert!(truncate(v6, width, "…").width() <= width);
    }
    assert_eq!(truncate("neighbor solicitation", 9, "…"), "neighbor…");
}

#[test]
fn hardware_addresses() {
    assert_eq!(mac(&[2, 0x42, 0xac, 0x11, 0, 2]), "02:42:ac:11:00:02");
    assert_eq!(mac(&[]), "");
}

#[test]
fn what_is_wide_or_combined_is_cut_between_characters() {
    assert_eq!(shorten(":漢漢漢漢漢", 10, "…"), ":漢漢…漢漢");
    assert_eq!(shorten("漢漢漢漢漢漢", 4, "…"), "漢…");
    assert_eq!(truncate("漢漢漢", 4, "…"), "漢…");
    // An e and its accent, a flag, a family.
    let family = "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}";
    assert_eq!(truncate("e\u{301}e\u{301}e\u{301}", 2, "…"), "e\u{301}…");
    for text in ["🇩🇪🇫🇷🇮🇹:443", family, "a\u{fe0f}b\u{fe0f}c\u{fe0f}"] {
        let text = text.repeat(3);
        for width in 0..20 {
            for cut in [shorten(&text, width, "…"), truncate(&text, width, "…")] {
                assert!(cut.width() <= width, "{cut:?} in {width}");
                let parts: Vec<&str> = cut.split('…').collect();
                assert!(text.starts_with(parts[0]), "{cut:?}");
                assert!(
                    text.ends_with(parts.last().unwrap()) || parts.len() == 2,
                    "{cut:?}"
                );
            }
        }
    }
}

#[test]
fn reading_is_safe_for_any_terminal() {
    let mark = "\u{fffd}";
    for (text, safe) in [
        ("tab\there", "tab\u{fffd}here"),
        ("\u{1b}]0;x\u{7}", "\u{fffd}]0;x\u{fffd}"),
        // Drawn in one cell or two: an arrow as emoji, a flag, a skin tone.
        ("➡\u{fe0f}.", "➡\u{fffd}."),
        ("🇩🇪", "\u{fffd}\u{fffd}"),
        ("👍\u{1f3fd}", "👍\u{fffd}"),
        ("e\u{301}", "e\u{301}"),
        ("Büro 東京 ☃", "Büro 東京 ☃"),
    ] {
        assert_eq!(clean(text), safe);
    }
    assert_eq!(clean_lines("a\u{1b}[2J\nb\r"), "a\u{fffd}[2J\nb\u{fffd}");
    assert_eq!(clean("\u{200d}\u{202e}\u{9b}"), mark.repeat(3));
}

proptest! {
    #[test]
    fn no_cut_is_wider_than_its_room(text in any::<String>(), width in 0_usize..30) {
        prop_assert!(shorten(&text, width, "…").width() <= width);
        prop_assert!(truncate(&text, width, "…").width() <= width);
    }
}
