use std::fs;
use std::os::unix::fs::symlink;

use super::*;

#[test]
fn the_file_is_private_and_never_behind_a_link() {
    let directory = tempfile::tempdir().unwrap();
    let [file, link, other] = ["file", "link", "other"].map(|name| directory.path().join(name));
    create(&file, false).unwrap();
    assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
    let error = create(&file, false).unwrap_err().to_string();
    assert!(error.ends_with("exists; --force overwrites it"), "{error}");

    fs::write(&file, "old").unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    create(&file, true).unwrap();
    let metadata = fs::metadata(&file).unwrap();
    assert_eq!((metadata.len(), metadata.mode() & 0o777), (0, 0o600));

    fs::write(&file, "old").unwrap();
    symlink(&file, &link).unwrap();
    fs::hard_link(&file, &other).unwrap();
    for force in [false, true] {
        create(&link, force).unwrap_err();
        create(&other, force).unwrap_err();
    }
    let error = create(&link, true).unwrap_err().to_string();
    assert!(error.contains("is a symbolic link"), "{error}");
    assert_eq!(fs::read(&file).unwrap(), b"old");
}

#[test]
fn a_thread_creates_files_and_removes_them() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    let files = Files::start().unwrap();
    files.create(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    files.create(&path).unwrap_err();
    files.remove(path.clone()).unwrap();
    assert!(!path.exists());
    let error = format!("{:#}", files.remove(path.clone()).unwrap_err());
    assert!(error.contains(&path.display().to_string()), "{error}");
}
