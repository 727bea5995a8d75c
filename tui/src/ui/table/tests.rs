use super::*;

fn column(id: char, min: u16, max: u16, keep: u8) -> Column<char> {
    Column {
        id,
        title: "",
        right: false,
        min,
        max,
        keep,
    }
}

fn fitted(width: u16) -> Vec<(char, u16)> {
    let columns = [
        column('a', 5, 5, 1),
        column('b', 10, 20, 9),
        column('c', 10, 20, 8),
        column('d', 4, 6, 2),
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
