use super::*;

fn layers() -> [Layer; 3] {
    let ran = Ran {
        count: Count {
            passed: 212,
            failed: 0,
            skipped: 1,
        },
        reasons: [("there is no netkit here".to_owned(), 1)].into(),
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
        Layer {
            name: "kernel 7.3".into(),
            outcome: Outcome::Broken("the kernel panics".into()),
            took: Duration::from_secs(4),
        },
    ]
}

#[test]
fn a_layer_that_does_not_run_says_why() {
    let lines = "
layer        passed  failed skipped  seconds
workspace       212       0       1     12.3
            1 skipped: there is no netkit here
kernel            0       0       1      0.0  cannot run: there is no sudo
kernel 7.3        0       1       0      4.0  broken: the kernel panics
";
    assert_eq!(table(&layers(), false), lines);
    assert_eq!(
        sum(&layers(), false).to_string(),
        "212 passed, 1 failed, 2 skipped"
    );
}

#[test]
fn where_all_must_run_it_fails() {
    assert_eq!(
        sum(&layers(), true).to_string(),
        "212 passed, 2 failed, 1 skipped"
    );
}
