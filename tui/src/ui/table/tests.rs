use super::*;

fn fitted(width: u16) -> Vec<(char, u16)> {
    let columns = [
        Column::left('a', "", 5..=5, 1),
        Column::left('b', "", 10..=20, 9),
        Column::left('c', "", 10..=20, 8),
        Column::left('d', "", 4..=6, 2),
    ];
    fit(&columns, width)
        .into_iter()
        .map(|(column, width)| (column.id, width))
        .collect()
}

#[test]
fn columns_leave_in_a_fixed_order() {
    assert_eq!(fitted(32), [('a', 5), ('b', 10), ('c', 10), ('d', 4)]);
    assert_eq!(fitted(31), [('b', 12), ('c', 12), ('d', 5)]);
    assert_eq!(fitted(25), [('b', 12), ('c', 12)]);
    assert_eq!(fitted(20), [('b', 20)]);
    assert_eq!(fitted(9), []);
}

#[test]
fn no_column_is_wider_than_it_wants() {
    assert_eq!(fitted(200), [('a', 5), ('b', 20), ('c', 20), ('d', 6)]);
}
