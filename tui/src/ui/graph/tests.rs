use super::*;

#[test]
fn nothing_zero_and_the_largest_differ() {
    let cells = [None, Some(0.0), Some(0.001), Some(4.0), Some(7.0)];
    assert_eq!(sparkline(&cells, false), " ▁▂▅█");
    assert_eq!(sparkline(&cells, true), "  .=#");
    assert_eq!(sparkline(&[Some(0.0); 3], false), "▁▁▁");
}

#[test]
fn cells_move_on_only_when_a_whole_one_has_passed() {
    let values = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    // Slots 0 to 5, three a cell.
    assert_eq!(cells(&values, 2, 6, 5), [Some(2.0), Some(5.0)]);
    // A seventh begins a cell of its own, and what was stays as it was.
    let values = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 9.0];
    assert_eq!(cells(&values, 2, 6, 6), [Some(5.0), Some(9.0)]);
    assert_eq!(cells(&[7.0], 3, 60, 20), [None, None, Some(7.0)]);
    assert_eq!(cells(&values, 0, 60, 6), []);
    assert_eq!(cells(&values, 100, 60, 6).len(), 100);
}

#[test]
fn bars_stand_on_each_other() {
    let cells = [Some(0.0), Some(4.0), Some(8.0), Some(16.0)];
    assert_eq!(bars(&cells, 2, false), ["   █", "▁▄██"]);
    assert_eq!(bars(&cells, 2, true), ["   #", " ###"]);
}

#[test]
fn shares() {
    assert_eq!(share(1.0, 1.0, 4, false), "████");
    assert_eq!(share(0.5, 1.0, 3, false), "█▌");
    assert_eq!(share(0.0, 1.0, 3, false), "");
    assert_eq!(share(0.0, 0.0, 3, true), "");
    assert_eq!(share(9.0, 1.0, 3, true), "###");
}

#[test]
fn what_has_just_begun_is_shown_and_then_stays() {
    // Four slots a cell, of which the last has two so far.
    let row = |values: &[f64], newest| sparkline(&whole_cells(values, 3, 15, newest), false);
    let mut values = vec![0.0; 14];
    values[13] = 5.0;
    assert_eq!(row(&values, 13), "▁▁█", "of the cell that is not over");
    values.extend([5.0, 5.0, 0.0]);
    assert_eq!(row(&values, 16), "▁▁█", "now it is over");
    // What is over is not changed by what is not.
    values.extend([900.0]);
    assert_eq!(row(&values, 17), "▁▁█");
}
