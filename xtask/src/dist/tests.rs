use super::*;

#[test]
fn an_archive_does_not_depend_on_the_order_or_time_of_its_files() {
    let directory = tempfile::tempdir().expect("a directory");
    let release = Release {
        version: "1".to_owned(),
        epoch: "1000000000".to_owned(),
        output: directory.path().to_owned(),
        tree: directory.path().to_owned(),
    };
    let pack = |name: &str, files: [&str; 2]| {
        let tree = directory.path().join(name);
        create(&tree).expect("a tree");
        for file in files {
            fs::write(tree.join(file), file).expect("a file");
        }
        let file = fs::File::open(tree.join(files[0])).expect("a file");
        let long_ago =
            std::time::UNIX_EPOCH + std::time::Duration::from_secs(files[0].len() as u64);
        file.set_modified(long_ago).expect("a time");
        let archive = directory.path().join(format!("{name}.tar"));
        release.tar(&tree, &archive).expect("an archive");
        fs::read(archive).expect("its bytes")
    };
    assert!(pack("a", ["one", "three"]) == pack("b", ["three", "one"]));
}
