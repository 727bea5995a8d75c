use unicode_width::UnicodeWidthStr;

use super::*;

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
    assert_eq!(rate(57.5, Units::Bits), "460 bit/s");
}

#[test]
fn binary_prefixes_stand_for_powers_of_1024() {
    let (binary, bits) = (Units::BinaryBytes, Units::BinaryBits);
    for (amount, units, text) in [
        (999.0, binary, "999 B/s"),
        (1_023.0, binary, "1023 B/s"),
        (1_024.0, binary, "1.0 KiB/s"),
        (12_345.0, binary, "12.1 KiB/s"),
        (1_023.0 * 1_024.0, binary, "1023 KiB/s"),
        (1.5 * 1_048_576.0, binary, "1.5 MiB/s"),
        (1_024.0, bits, "8.0 Kibit/s"),
    ] {
        assert_eq!(rate(amount, units), text);
    }
    assert_eq!(bytes(3_123_456_789, binary), "2.9 GiB");
    assert_eq!(bytes(3_123_456_789, bits), "2.9 GiB");
}

#[test]
fn no_amount_is_wider_than_its_column() {
    let mut units = Units::default();
    for _ in 0..4 {
        let room = [rate_width(units), bytes_width(units)].map(usize::from);
        let mut amount = 1.0;
        while amount < 1e14 {
            for text in [rate(amount, units), scaled(amount, units, 9.95, "/s")] {
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
