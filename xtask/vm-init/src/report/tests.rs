use super::Report;

#[test]
fn a_report_survives_its_line() {
    for report in [
        Report::Ready("6.12.1+deb13-cloud-amd64".into()),
        Report::Ended(0),
        Report::Ended(143),
        Report::Failed("no directory /a b: cause".into()),
    ] {
        assert_eq!(report.to_string().parse(), Ok(report));
    }
}

#[test]
fn a_report_is_one_line() {
    assert_eq!(
        Report::Failed("first\nsecond".into()).to_string(),
        "failed first second"
    );
}

#[test]
fn what_is_no_report_is_refused() {
    for line in ["", "ready", "ended", "ended x", "else 1"] {
        assert!(line.parse::<Report>().is_err(), "{line:?}");
    }
}
