use super::*;

const OURS: u32 = 7;

fn chain(ids: &[u32]) -> Vec<Program> {
    let program = |&id: &u32| match id {
        OURS => Program::new(id, "nkview"),
        8 => Program::new(id, ""),
        6 => Program::new(id, "nkview"),
        _ => Program::new(id, format!("cil_{id}")),
    };
    ids.iter().map(program).collect()
}

fn reported(before: &[u32], now: &[u32]) -> (Level, String) {
    let change = Change::between(HookPoint::TcxIngress, &chain(before), &chain(now), OURS);
    (change.level(), change.to_string())
}

#[test]
fn what_is_said_of_a_chain_that_has_changed() {
    for (before, now, level, text) in [
        (
            &[7][..],
            &[7, 9][..],
            Level::Info,
            "cil_9 (program 9) came; another program is on tcx ingress now, behind nkview",
        ),
        (
            &[7, 9],
            &[7],
            Level::Info,
            "cil_9 (program 9) left; nkview is alone on tcx ingress now",
        ),
        (
            &[7, 9],
            &[7, 8, 10],
            Level::Info,
            "program 8, cil_10 (program 10) came; cil_9 (program 9) left; 2 other programs are \
             on tcx ingress now, behind nkview",
        ),
        (
            &[7],
            &[9, 7],
            Level::Warning,
            "cil_9 (program 9) came; cil_9 (program 9) runs before nkview on tcx ingress now; \
             packets that it keeps are not counted",
        ),
        (
            &[9, 7, 10],
            &[9, 10, 7],
            Level::Warning,
            "cil_9 (program 9), cil_10 (program 10) run before nkview on tcx ingress now; \
             packets that they keep are not counted",
        ),
        (
            &[7],
            &[6, 7],
            Level::Info,
            "nkview (program 6) came; before this nkview on tcx ingress now: nkview (program 6), \
             which keeps no packets",
        ),
        (
            &[7],
            &[6, 9, 7],
            Level::Warning,
            "nkview (program 6), cil_9 (program 9) came; nkview (program 6), cil_9 (program 9) run \
             before nkview on tcx ingress now; packets that they keep are not counted",
        ),
        (
            &[7, 9],
            &[9],
            Level::Warning,
            "nkview's program was taken off tcx ingress",
        ),
        // Something came and went between two looks.
        (
            &[7],
            &[7],
            Level::Info,
            "nkview is alone on tcx ingress now",
        ),
    ] {
        assert_eq!(
            reported(before, now),
            (level, text.to_owned()),
            "{before:?} {now:?}"
        );
    }
}
