use super::*;

fn layers() -> [Layer; 2] {
    let ran = Count {
        passed: 212,
        failed: 0,
        skipped: 1,
    };
    [
        Layer {
            name: "workspace".into(),
            outcome: Outcome::Ran(ran),
            took: Duration::from_millis(12_340),
        },
        Layer {
            name: "kernel".into(),
            outcome: Outcome::Unable("there is no sudo\n".into()),
            took: Duration::ZERO,
        },
    ]
}

#[test]
fn a_layer_that_cannot_run_is_skipped_and_says_why() {
    let lines = "
layer       passed  failed skipped  seconds
workspace      212       0       1     12.3
kernel           0       0       1      0.0  did not run: there is no sudo
";
    assert_eq!(table(&layers(), false), lines);
    assert_eq!(
        sum(&layers(), false).to_string(),
        "212 passed, 0 failed, 2 skipped"
    );
}

#[test]
fn where_all_must_run_it_fails() {
    assert_eq!(
        sum(&layers(), true).to_string(),
        "212 passed, 1 failed, 1 skipped"
    );
}
