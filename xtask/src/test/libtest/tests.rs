use super::*;

const GOOD: &str = "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; \
                    finished in 0.00s";
const BAD: &str = "test result: FAILED. 3 passed; 2 failed; 1 ignored; 0 measured; 4 filtered out";

fn count(passed: u64, failed: u64, skipped: u64) -> Count {
    Count {
        passed,
        failed,
        skipped,
    }
}

#[test]
fn summaries_are_read_however_they_come() {
    for (line, expected) in [
        (GOOD.to_owned(), count(3, 0, 1)),
        (BAD.to_owned(), count(3, 2, 1)),
        (format!("{GOOD}\r"), count(3, 0, 1)),
        (GOOD.replace("ok", "\u{1b}[32mok\u{1b}[0m"), count(3, 0, 1)),
    ] {
        assert_eq!(summary(&line), Some(expected), "{line}");
    }
}

#[test]
fn other_lines_are_no_summaries() {
    for line in [
        "test result: unknown",
        "a test says: test result: ok. 3 passed; 0 failed; 1 ignored",
        "test flow::tests::sums ... ok",
        "test result: ok. many passed; 0 failed; 0 ignored",
        "running 3 tests",
        "",
    ] {
        assert_eq!(summary(line), None, "{line}");
    }
}

#[test]
fn the_summaries_of_several_programs_add_up() {
    let output = format!("{GOOD}\n\nrunning 6 tests\n{BAD}\n");
    assert_eq!(Count::of(&output, false), count(6, 2, 2));
}

#[test]
fn a_bad_end_is_a_failure_even_if_no_summary_says_so() {
    assert_eq!(Count::of(GOOD, false), count(3, 1, 1));
    assert_eq!(Count::of("error: could not compile", false), count(0, 1, 0));
}

#[test]
fn a_program_that_reports_nothing_has_not_passed() {
    assert_eq!(Count::of("", true), count(0, 1, 0));
}

#[test]
fn what_is_shown_is_what_was_printed() {
    let printed = b"one\ntwo \xff\nno end".as_slice();
    let mut shown = Vec::new();
    let read = show(printed, &mut shown).expect("memory can be read");
    assert_eq!(shown, printed);
    assert_eq!(read, "one\ntwo \u{fffd}\nno end");
}

#[test]
fn a_real_program_is_counted() {
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("echo '{GOOD}'; exit 3"));
    // Not on standard output, where it would be counted with this test.
    let counted = run_to(&mut command, &mut io::sink()).expect("there is a shell");
    assert_eq!(counted.count, count(3, 1, 1));
}

#[test]
fn reasons_of_skipped_tests_are_counted() {
    let output = "test one ... ok\n\
                  test two::veth   ... ignored (there is no netkit (6.7) here)\n\
                  test three ... ignored (there is no netkit (6.7) here)\r\n\
                  test four ... ignored, needs a display\n\
                  test five ... \u{1b}[33mignored\u{1b}[0m\n\
                  a test says: test six ... ignored (no)\n";
    let reasons = Ran::of(output, true).reasons;
    let expected = [
        ("needs a display".to_owned(), 1),
        ("there is no netkit (6.7) here".to_owned(), 2),
    ];
    assert_eq!(reasons, expected.into());
}
