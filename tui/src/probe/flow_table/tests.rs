use super::{EPOCHS, age, moment, pages_for};

#[test]
fn ages_hold_across_the_end_of_the_numbers() {
    for start in [
        0,
        1,
        70_000,
        u32::from(EPOCHS) - 3,
        5 * u32::from(EPOCHS) - 1,
    ] {
        for later in [0, 1, 17, 200] {
            assert_eq!(u32::from(age(moment(start + later), moment(start))), later);
        }
    }
}

#[test]
fn a_table_has_two_slots_a_flow() {
    assert_eq!(
        [1, 16, 17, 131_072, 16_777_216].map(pages_for),
        [1, 1, 2, 8192, 1 << 20]
    );
}
