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
