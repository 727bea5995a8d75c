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
