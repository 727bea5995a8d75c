use clap::Parser;

use super::*;

#[test]
fn the_last_files_of_a_series_are_kept() {
    let kept = NonZero::new(2).unwrap();
    let mut series = Series::new(PathBuf::from("/var/log/incident.nkv"), kept);
    let names: Vec<_> = (0..3).map(|_| series.next()).collect();
    let path = |number: u32| PathBuf::from(format!("/var/log/incident-000{number}.nkv"));
    assert_eq!(
        names,
        [(path(1), None), (path(2), None), (path(3), Some(path(1)))]
    );
    let mut series = Series::new(PathBuf::from("incident"), kept);
    assert_eq!(series.next().0, PathBuf::from("incident-0001"));
}

#[test]
fn numbers_go_on_behind_those_of_files_that_are_there() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    for name in [
        "a-0003.nkv",
        "a-0012.nkv",
        "a-0099",
        "a-7.nkv",
        "b-0050.nkv",
    ] {
        std::fs::write(path(name), "").unwrap();
    }
    let kept = NonZero::new(1).unwrap();
    let mut series = Series::new(path("a.nkv"), kept);
    assert_eq!(series.next(), (path("a-0013.nkv"), None));
    // What was there before is none of those that are removed.
    let removed = Some(path("a-0013.nkv"));
    assert_eq!(series.next(), (path("a-0014.nkv"), removed));
    let mut series = Series::new(path("c.nkv"), kept);
    assert_eq!(series.next().0, path("c-0001.nkv"));
}

#[test]
fn a_recording_is_not_copied_onto_itself() {
    let directory = tempfile::tempdir().unwrap();
    let [file, link, other] = ["a.nkv", "l.nkv", "b.nkv"].map(|name| directory.path().join(name));
    std::fs::write(&file, "recorded").unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();
    let create = |from: &Path, to: &Path| {
        let words = ["nkview", "record", "--force", "--from"].map(std::ffi::OsStr::new);
        let words = words.into_iter().chain([from.as_os_str(), to.as_os_str()]);
        match crate::cli::Cli::parse_from(words).command {
            Some(crate::cli::Command::Record(args)) => Target::create(&args).map(|_| ()),
            _ => panic!("another command"),
        }
    };
    for from in [&file, &link] {
        let error = create(from, &file).unwrap_err().to_string();
        assert!(error.contains("is the recording to be copied"), "{error}");
    }
    assert_eq!(std::fs::read(&file).unwrap(), b"recorded");
    create(&file, &other).unwrap();
}
