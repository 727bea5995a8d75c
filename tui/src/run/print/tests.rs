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

#[test]
fn the_doctor_reads_the_configuration_file() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("nkview/config.toml");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    let directory = home.path().display().to_string();
    let variable = |name: &str| (name == "XDG_CONFIG_HOME").then(|| directory.clone());
    let state = || settings(None, variable).state;
    assert_eq!(state(), State::Ok, "there is none");
    std::fs::write(&file, "[screen]\nunits = 5\n").unwrap();
    let finding = settings(None, variable);
    assert_eq!(finding.state, State::Fatal);
    assert!(finding.found.contains("screen.units"), "{finding}");
    std::fs::write(&file, "[screen]\nunits = 'bits'\n").unwrap();
    assert_eq!(state(), State::Ok);
    // What is no file cannot be read.
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    assert_eq!(state(), State::Without);
}
