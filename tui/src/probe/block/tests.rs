use super::*;

#[test]
fn the_object_has_the_program_and_no_data_of_its_own() {
    let object = object::parse(OBJECT).unwrap();
    assert!(object.programs.contains_key(BLOCK_PROGRAM));
    let mut names: Vec<_> = object.maps.keys().map(String::as_str).collect();
    names.sort_unstable();
    let mut expected = [
        map::ADDRESSES,
        map::ATTACHMENT,
        map::BLOCKED,
        map::LABEL,
        map::PORTS,
        map::TERMS,
        map::UNTIL,
    ];
    expected.sort_unstable();
    assert_eq!(names, expected);
}

#[test]
fn a_rule_is_lifted_or_over_or_holds() {
    assert_eq!(Standing::of(0, 5), Standing::Lifted);
    assert_eq!(Standing::of(5, 5), Standing::Over);
    assert_eq!(Standing::of(4, 5), Standing::Over);
    let left = Duration::from_nanos(2);
    assert_eq!(Standing::of(7, 5), Standing::Holds(left));
}

#[test]
fn a_long_text_is_cut_between_characters() {
    let rule = BlockRule {
        text: format!("{}ß", "x".repeat(block::TEXT - 1)),
        ..BlockRule::default()
    };
    let label = label(&rule, Owner { pid: 1, uid: 2 });
    assert_eq!(label.text[block::TEXT - 2..], [b'x', 0]);
}
