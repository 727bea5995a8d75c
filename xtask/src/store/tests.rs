use std::fs;

use anyhow::bail;

use super::Store;

#[test]
fn a_directory_is_filled_once() {
    let temporary = tempfile::tempdir().unwrap();
    let store = Store::at(temporary.path().join("store")).unwrap();
    let path = store
        .get("thing", |directory| {
            Ok(fs::write(directory.join("file"), "first")?)
        })
        .unwrap();
    assert_eq!(path, store.path("thing"));
    let again = store.get("thing", |_| bail!("it is there")).unwrap();
    assert_eq!(fs::read_to_string(again.join("file")).unwrap(), "first");
}

#[test]
fn what_could_not_be_filled_is_begun_anew() {
    let temporary = tempfile::tempdir().unwrap();
    let store = Store::at(temporary.path().into()).unwrap();
    let failed = store.get("thing", |directory| {
        fs::write(directory.join("rubbish"), "")?;
        bail!("the network is down")
    });
    assert_eq!(failed.unwrap_err().to_string(), "the network is down");
    assert!(!store.path("thing").exists());
    let path = store.get("thing", |_| Ok(())).unwrap();
    assert_eq!(fs::read_dir(path).unwrap().count(), 0);
}
