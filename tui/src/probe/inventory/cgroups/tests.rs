use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::MetadataExt;

use super::below;

const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

#[test]
fn a_cgroup_is_found_by_the_inode_of_its_directory() {
    let root = tempfile::tempdir().unwrap();
    let pod = "kubepods.slice/kubepods-pod12345678_1234_1234_1234_123456789abc.slice";
    let scope = format!("{pod}/cri-containerd-{ID}.scope");
    let inside = format!("{scope}/init");
    let service = "system.slice/sshd.service";
    for path in [&inside, service] {
        fs::create_dir_all(root.path().join(path)).unwrap();
    }
    let inode = |path: &str| fs::metadata(root.path().join(path)).unwrap().ino();
    let wanted = HashSet::from([inode(&scope), inode(&inside), inode(service), u64::MAX]);
    let found = below(root.path(), &wanted);
    assert_eq!(found.len(), 2);
    for path in [&scope, &inside] {
        let container = &found[&inode(path)];
        assert_eq!(container.id, ID);
        assert_eq!(container.runtime.as_deref(), Some("containerd"));
        let pod = container.pod.as_ref().unwrap();
        assert_eq!(pod.uid, "12345678-1234-1234-1234-123456789abc");
    }
}
