use super::*;

#[test]
fn a_column_keeps_its_place_while_it_is_hidden() {
    let mut columns = Columns::default();
    columns.choose(Column::State);
    columns.toggle();
    assert!(!columns.shown().any(|column| column == Column::State));
    columns.toggle();
    assert_eq!(columns, {
        let mut all = Columns::default();
        all.choose(Column::State);
        all
    });
}

#[test]
fn columns_move_and_stop_at_the_ends() {
    let mut columns = Columns::default();
    columns.shift(Shift::Left);
    assert_eq!(columns, Columns::default());
    let shown = columns.shown().count();
    for _ in 0..20 {
        columns.shift(Shift::Right);
    }
    assert_eq!(columns.shown().last(), Some(Column::Device));
    assert_eq!(columns.shown().count(), shown);
}

#[test]
fn the_column_of_hosts_is_there_for_several() {
    let shown = |columns: Columns| columns.shown().collect::<Vec<_>>();
    let default = shown(Columns::default());
    let one = Columns::default().for_hosts(false);
    assert!(one.all().iter().all(|(column, _)| *column != Column::Node));
    assert_eq!(shown(one), default);
    let several = shown(Columns::default().for_hosts(true));
    assert_eq!(several[0], Column::Node);
    assert_eq!(several[1..], default);
    let placed = [Column::Device, Column::Node];
    assert_eq!(shown(Columns::new(placed).for_hosts(true)), placed);
    assert_eq!(
        shown(Columns::new(placed).for_hosts(false)),
        [Column::Device]
    );
}

#[test]
fn the_last_column_stays() {
    let mut columns = Columns::new([Column::Remote]);
    columns.toggle();
    assert_eq!(columns.shown().collect::<Vec<_>>(), [Column::Remote]);
}
