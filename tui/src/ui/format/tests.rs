use super::*;

#[test]
fn totals_have_no_time() {
    assert_eq!(amount(12_345.0, Measure::Total, Units::Bytes), "12.3 kB");
    assert_eq!(
        short_amount(12_345.0, Measure::Total, Units::Bits),
        "99 kbit"
    );
    assert_eq!(amount(0.0, Measure::Total, Units::Bytes), "");
}

#[test]
fn rates_are_short() {
    for (bytes, text) in [
        (0.0, ""),
        (0.4, ""),
        (7.0, "7 B/s"),
        (999.0, "999 B/s"),
        (1_200.0, "1.2 kB/s"),
        (12_345.0, "12.3 kB/s"),
        (99_960.0, "100 kB/s"),
        (999_400.0, "999 kB/s"),
        (8_100_000.0, "8.1 MB/s"),
        (12.5e9, "12.5 GB/s"),
    ] {
        assert_eq!(rate(bytes, Units::Bytes), text);
    }
    assert_eq!(rate(1_250_000.0, Units::Bits), "10.0 Mbit/s");
    assert_eq!(
        short_amount(12_345.0, Measure::ALL[0], Units::Bytes),
        "12 kB/s"
    );
    assert_eq!(
        short_amount(996_000.0, Measure::ALL[0], Units::Bytes),
        "1.0 MB/s"
    );
    assert_eq!(
        short_amount(217_000.0, Measure::ALL[0], Units::Bytes),
        "220 kB/s"
    );
    assert_eq!(short_amount(7.0, Measure::ALL[0], Units::Bytes), "7 B/s");
}

#[test]
fn binary_prefixes_stand_for_powers_of_1024() {
    let (bytes, bits) = (Units::BinaryBytes, Units::BinaryBits);
    for (amount, units, text) in [
        (999.0, bytes, "999 B/s"),
        (1_023.0, bytes, "1023 B/s"),
        (1_024.0, bytes, "1.0 KiB/s"),
        (12_345.0, bytes, "12.1 KiB/s"),
        (1_023.0 * 1_024.0, bytes, "1023 KiB/s"),
        (1.5 * 1_048_576.0, bytes, "1.5 MiB/s"),
        (1_024.0, bits, "8.0 Kibit/s"),
    ] {
        assert_eq!(rate(amount, units), text);
    }
    let short = |amount| short_amount(amount, Measure::ALL[0], bytes);
    assert_eq!(short(217.0 * 1_024.0), "220 KiB/s");
    assert_eq!(short(5.27 * 1_048_576.0), "5.3 MiB/s");
    assert_eq!(super::bytes(3_123_456_789, bytes), "2.9 GiB");
    assert_eq!(super::bytes(3_123_456_789, bits), "2.9 GiB");
    assert_eq!(some_amount(0.0, Measure::ALL[0], bytes), "0 B/s");
    assert_eq!(some_amount(0.0, Measure::Total, bits), "0 bit");
}

#[test]
fn no_amount_is_wider_than_its_column() {
    let mut units = Units::default();
    for _ in 0..4 {
        let room = [rate_width(units), bytes_width(units)].map(usize::from);
        let mut amount = 1.0;
        while amount < 1e14 {
            for text in [
                rate(amount, units),
                short_amount(amount, Measure::ALL[0], units),
            ] {
                assert!(text.width() <= room[0], "{text}");
            }
            let text = bytes(amount as u64, units);
            assert!(text.width() <= room[1], "{text}");
            amount *= 1.007;
        }
        units = units.next();
    }
    assert_eq!(units, Units::default());
}

#[test]
fn counts() {
    assert_eq!(count(0), "0");
    assert_eq!(count(999), "999");
    assert_eq!(count(1_204_331), "1,204,331");
    assert_eq!(short_count(9_999), "9,999");
    assert_eq!(short_count(120_400), "120 k");
    assert_eq!(short_count(999_900), "1.00 M");
    assert_eq!(short_count(12_340_000), "12.3 M");
    let mut number: u64 = 1;
    while let Some(next) = number.checked_mul(3) {
        assert!(short_count(number).width() <= 6, "{}", short_count(number));
        number = next;
    }
    assert_eq!(bytes(3_123_456_789, Units::Bytes), "3.1 GB");
    assert_eq!(plural(1, "flow"), "1 flow");
    assert_eq!(plural(1208, "flow"), "1,208 flows");
}

#[test]
fn ages_change_seldom() {
    let text = |seconds| age(Duration::from_secs(seconds));
    assert_eq!(text(9), "<10s");
    assert_eq!(text(49), "40s");
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
    assert_eq!(truncate("neighbour solicitation", 10, "…"), "neighbour…");
}

#[test]
fn hardware_addresses() {
    assert_eq!(mac(&[2, 0x42, 0xac, 0x11, 0, 2]), "02:42:ac:11:00:02");
    assert_eq!(mac(&[]), "");
}
