use super::*;

const OURS: u32 = 7;

fn chain(programs: &[(u32, &str)]) -> Vec<Program> {
    let program = |&(id, name): &(u32, &str)| Program::new(id, name);
    programs.iter().map(program).collect()
}

#[test]
fn only_the_last_nkview_of_a_closed_hook_drops_when_there_is_no_other_program() {
    for (programs, drops) in [
        (&[(7, "nkview")][..], true),
        // A name is not needed for our own.
        (&[(7, "")], true),
        (&[(9, "nkview"), (7, "nkview")], true),
        (&[(7, "nkview"), (9, "nkview")], false),
        (&[(9, "cil_from"), (7, "nkview")], false),
        (&[(9, ""), (7, "nkview")], false),
        (&[(8, "cil_from"), (9, "nkview"), (7, "nkview")], false),
        // What drops by a rule opens nothing.
        (&[(7, "nkview"), (5, "nkview_block")], true),
        (&[(9, "nkview"), (7, "nkview"), (5, "nkview_block")], true),
        (&[(7, "nkview"), (9, "nkview"), (5, "nkview_block")], false),
        (
            &[(7, "nkview"), (5, "nkview_block"), (9, "cil_from")],
            false,
        ),
        (&[(5, "nkview_block")], false),
        // It was taken off.
        (&[(9, "nkview")], false),
        (&[], false),
    ] {
        let chain = chain(programs);
        let wanted = if drops { verdict::DROP } else { verdict::NEXT };
        assert_eq!(verdict(true, &chain, OURS), wanted, "{chain:?}");
        assert_eq!(verdict(false, &chain, OURS), verdict::NEXT, "{chain:?}");
    }
}

#[test]
fn a_rule_keeps_a_closed_hook_closed_also_without_the_counting_program() {
    for (programs, drops) in [
        (&[(7, "nkview"), (5, "nkview_block")][..], true),
        (&[(7, ""), (5, "nkview_block")], true),
        (&[(5, "nkview_block")], true),
        (&[(9, "nkview"), (7, "nkview"), (5, "nkview_block")], true),
        (
            &[(7, "nkview"), (5, "nkview_block"), (9, "cil_from")],
            false,
        ),
        (&[(7, "nkview"), (5, "nkview_block"), (9, "")], false),
    ] {
        let chain = chain(programs);
        let wanted = if drops { verdict::DROP } else { verdict::NEXT };
        assert_eq!(block_verdict(true, &chain, OURS), wanted, "{chain:?}");
        assert_eq!(block_verdict(false, &chain, OURS), verdict::NEXT);
    }
}

#[test]
fn a_rule_stands_behind_all_that_count() {
    for (programs, place) in [
        (&[(7, "nkview")][..], Some(7)),
        (&[(7, "nkview"), (8, "nkview"), (3, "cil_from")], Some(8)),
        (
            &[(9, "nkview"), (7, "nkview"), (3, "cil_from"), (8, "nkview")],
            Some(7),
        ),
        (&[(7, ""), (5, "nkview_block"), (8, "nkview")], Some(7)),
        (&[(8, "nkview")], None),
    ] {
        assert_eq!(anchor(&chain(programs), OURS), place, "{programs:?}");
    }
}
