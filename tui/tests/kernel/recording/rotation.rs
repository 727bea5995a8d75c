//! A recording in several files, of which the last ones are kept.

use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};

use super::{Recorder, directory, lines, read};
use crate::counting::{check_sums, settled};
use crate::lab::{End, Lab, Layout, NEAR};
use crate::report::Report;
use crate::traffic;
use crate::wait::until_true;

/// Bytes of a file: some intervals.
const SIZE: &str = "3000";
/// Files that are kept of one recording.
const KEPT: usize = 3;

pub fn rotates(layout: Layout) {
    let directory = directory();
    // As the user that called sudo, who creates all of them.
    chown(directory.path(), Some(65534), Some(65533)).unwrap();
    let [all, some] = ["all", "some"].map(|name| directory.path().join(name));
    let lab = Lab::new(layout);
    let keep = |base: &Path, number: &str| {
        let args = ["--max-size", SIZE, "--rotate", number];
        Recorder::start_with(&lab, &args, base)
    };
    let everything = keep(&all, "100000");
    everything.wait_for(&part(&all, 1));
    let last = keep(&some, &KEPT.to_string());
    lab.bring_up();
    until_true("there are several files more than are kept", || {
        for &family in lab.families() {
            traffic::ping(&lab, End::Near, family, 5);
        }
        [&all, &some]
            .iter()
            .all(|base| part(base, 2 * KEPT).exists())
    });
    let before = settled(&lab);
    everything.end();
    last.end();

    // One after the other they have every packet, so every interval is in one of them.
    let files = parts(&all);
    for (number, file) in (1..).zip(&files) {
        assert_eq!(file, &part(&all, number));
    }
    let report = opened(&files);
    check_sums(&lab, &report, before);

    // The others are gone, and each one opens by itself.
    let files = parts(&some);
    assert_eq!(files.len(), KEPT);
    assert!(!files.contains(&part(&some, 1)));
    for file in &files {
        let report = opened(std::slice::from_ref(file));
        let is_watched = report.of_type("start").any(|line| {
            let device = &line["devices"][0];
            device["name"] == NEAR && device["hooks"].is_string()
        });
        assert!(is_watched, "{}", file.display());
        assert!(report.of_type("totals").count() > 0, "{}", file.display());
    }
    for two in files.windows(2) {
        opened(two);
    }
}

/// What files of one recording say together.
fn opened(files: &[PathBuf]) -> Report {
    let output = read(&["stream", "--from"], files);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{files:?}: {errors}");
    // Nothing is missing, and nothing damaged.
    assert!(!errors.contains("recording"), "{files:?}: {errors}");
    let report = Report::new(lines(&output));
    let notices: Vec<_> = report.of_type("notice").collect();
    assert!(
        !notices.iter().any(|it| it.to_string().contains("read")),
        "{notices:?}"
    );
    report
}

/// A file by its number.
fn part(base: &Path, number: usize) -> PathBuf {
    PathBuf::from(format!("{}-{number:04}", base.display()))
}

/// All files, in order.
fn parts(base: &Path) -> Vec<PathBuf> {
    let start = format!("{}-", base.display());
    let entries = fs::read_dir(base.parent().unwrap()).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut parts: Vec<_> = paths
        .filter(|path| path.display().to_string().starts_with(&start))
        .collect();
    parts.sort();
    parts
}
