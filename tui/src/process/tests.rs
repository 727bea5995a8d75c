use super::*;

const FIELDS: &str = "S 345 812 811 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 98765 10 11";

#[test]
fn the_name_may_hold_anything() {
    let process = Process::parse(&format!("812 (a ) (S 9) {FIELDS}")).unwrap();
    let expected = Process {
        name: "a ) (S 9".to_owned(),
        parent: 345,
        group: 812,
        session: 811,
        started: 98_765,
    };
    assert_eq!(process, expected);
    assert_eq!(Process::parse("812 (a"), None);
    assert_eq!(Process::parse("812 (a) S 345"), None);
}

#[test]
fn this_process_has_the_parent_that_the_kernel_tells() {
    let process = Process::read("self").unwrap();
    assert_eq!(process.parent, std::os::unix::process::parent_id());
    assert_eq!(Process::read(std::process::id()), Some(process));
}

#[test]
fn this_process_is_among_those_that_there_are() {
    assert!(pids(Path::new("/proc")).any(|pid| pid == std::process::id()));
    assert_eq!(pids(Path::new("/nowhere")).count(), 0);
}

#[test]
fn numbers_of_a_descriptor_are_found_by_their_whole_name() {
    let report = "pos:\t0\nprog_id:\t7\nrun_time_ns:\t12\nprog_tag:\tabc\n";
    assert_eq!(number_in(report, "prog_id"), Some(7));
    assert_eq!(number_in(report, "run_time_ns"), Some(12));
    assert_eq!(number_in(report, "id"), None);
    assert_eq!(number_in(report, "prog_tag"), None);
}
