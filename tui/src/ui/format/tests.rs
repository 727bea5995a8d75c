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
fn tables_show_two_digits() {
    let short = |amount, units| short_amount(amount, Measure::ALL[0], units);
    assert_eq!(short(12_345.0, Units::Bytes), "12 kB/s");
    assert_eq!(short(996_000.0, Units::Bytes), "1.0 MB/s");
    assert_eq!(short(217_000.0, Units::Bytes), "220 kB/s");
    assert_eq!(short(7.0, Units::Bytes), "7 B/s");
    assert_eq!(short(217.0 * 1_024.0, Units::BinaryBytes), "220 KiB/s");
    assert_eq!(short(5.27 * 1_048_576.0, Units::BinaryBytes), "5.3 MiB/s");
}

#[test]
fn a_lone_amount_is_never_empty() {
    let none = |measure, units| some_amount(0.0, measure, units);
    assert_eq!(none(Measure::ALL[0], Units::BinaryBytes), "0 B/s");
    assert_eq!(none(Measure::Total, Units::BinaryBits), "0 bit");
}
