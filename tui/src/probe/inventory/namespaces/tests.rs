use std::os::unix::fs::symlink;

use super::*;

/// A directory like `/proc`, of processes and the inodes of their namespaces.
fn proc(processes: &[(u32, u64)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (pid, inode) in processes {
        let namespaces = directory.path().join(format!("{pid}/ns"));
        fs::create_dir_all(&namespaces).unwrap();
        symlink(format!("net:[{inode}]"), namespaces.join("net")).unwrap();
    }
    // What is no process, and one that has just ended.
    fs::create_dir(directory.path().join("sys")).unwrap();
    fs::create_dir(directory.path().join("77")).unwrap();
    directory
}

#[test]
fn a_namespace_has_its_name_and_its_first_process() {
    let names = tempfile::tempdir().unwrap();
    let named = names.path().join("blue");
    File::create(&named).unwrap();
    let blue = fs::metadata(&named).unwrap().ino();
    let processes = proc(&[(900, blue), (20, blue), (30, 4_026_531_840)]);
    let mut candidates = Candidates::default();
    candidates.add_named(names.path());
    candidates.add_processes(processes.path());

    assert_eq!(candidates.by_inode.len(), 2);
    let place = &candidates.by_inode[&blue];
    assert_eq!(place.name.as_deref(), Some("blue"));
    assert_eq!(place.pid, Some(20));
    assert_eq!(place.path, named);
    let place = &candidates.by_inode[&4_026_531_840];
    assert_eq!((place.name.as_deref(), place.pid), (None, Some(30)));
    assert_eq!(place.path, processes.path().join("30/ns/net"));
}

#[test]
fn a_namespace_of_a_thread_is_found() {
    let tasks = proc(&[(20, 4_026_531_840), (21, 4_026_531_999)]);
    let mut candidates = Candidates::default();
    candidates.add_threads(tasks.path());
    let places: Vec<_> = candidates.by_inode.values().collect();
    assert_eq!(places.len(), 2);
    assert_eq!(places[1].path, tasks.path().join("21/ns/net"));
    assert_eq!(places[1].pid, None);
}

#[test]
fn a_path_that_stands_for_another_namespace_is_not_entered() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let inode = file.as_file().metadata().unwrap().ino();
    let mut place = Place {
        path: file.path().to_owned(),
        inode,
        name: None,
        pid: None,
    };
    assert!(place.open().is_ok());
    place.inode += 1;
    assert!(place.open().unwrap_err().to_string().contains("another"));
}

#[test]
fn it_says_what_would_have_to_be_allowed() {
    let places = Places {
        denied: 3,
        ..Places::default()
    };
    assert!(
        places
            .why_not_found()
            .contains("3 of others need CAP_SYS_PTRACE")
    );
    let places = Places {
        denied: 3,
        may_trace: true,
        ..Places::default()
    };
    assert!(!places.why_not_found().contains("CAP"));
    assert!(!Places::default().why_not_found().contains("CAP"));
}
