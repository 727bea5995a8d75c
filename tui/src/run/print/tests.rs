use super::*;
use doctor::{Finding, State};

fn finding(state: State, found: &str) -> Finding {
    Finding {
        what: "tcx",
        state,
        found: found.to_owned(),
        cure: (state != State::Ok).then_some("ask as root".into()),
    }
}

#[test]
fn a_report_fits_the_terminal() {
    let findings = [
        finding(State::Ok, "the kernel has it: any device can be watched"),
        finding(State::Without, "unknown: the kernel was not to be asked"),
    ];
    assert_eq!(
        report(&findings, 44),
        "\
ok   tcx            the kernel has it: any
                    device can be watched
--   tcx            unknown: the kernel was
                    not to be asked
                    → ask as root

nkview works here, without what is marked with --.
"
    );
}

#[test]
fn nothing_works_when_something_needed_is_missing() {
    let text = report(
        &[finding(State::Fatal, "the kernel refuses it")],
        usize::MAX,
    );
    assert!(text.starts_with("FAIL tcx"), "{text}");
    assert!(!text.contains("works here"), "{text}");
}
