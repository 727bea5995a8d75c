use super::*;

#[test]
fn the_object_has_the_program_and_no_data_of_its_own() {
    let object = parse(OBJECT).unwrap();
    assert!(object.programs.contains_key(PROGRAM));
    let mut names: Vec<_> = object.maps.keys().map(String::as_str).collect();
    names.sort_unstable();
    // Read-only data would be one more map, to be filled and frozen.
    let mut expected = [
        map::ATTACHMENT,
        map::BUDGET,
        map::DIRTY,
        map::GEOMETRY,
        map::SOCKETS,
        map::TABLE,
        map::TCP,
        map::PACKETS,
        map::PREFIXES,
        map::SETTINGS,
        map::TOTALS,
    ];
    expected.sort_unstable();
    assert_eq!(names, expected);
}
