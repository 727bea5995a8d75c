use super::*;
use crate::model::Pod;

#[test]
fn pods_and_containers_have_the_names_of_their_logs() {
    let logs = tempfile::tempdir().unwrap();
    let id = "3f".repeat(32);
    // A static pod has a hash of its manifest for an uid.
    for pod in [
        "shop_web-7d9f_0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9",
        "kube-system_etcd-node1_5a3c1f0e9b8d7c6a5f4e3d2c1b0a9f8e",
        "lost+found",
    ] {
        fs::create_dir_all(logs.path().join("pods").join(pod)).unwrap();
    }
    let containers = logs.path().join("containers");
    fs::create_dir(&containers).unwrap();
    let link = format!("web-7d9f_shop_side-car-{id}.log");
    fs::write(containers.join(link), "").unwrap();
    fs::write(containers.join("other"), "").unwrap();
    let kubelet = Kubelet::read_from(logs.path().to_owned());

    let container = |id: &str, uid: &str| {
        let mut container = Container {
            id: id.to_owned(),
            pod: Some(Pod {
                uid: uid.to_owned(),
                name: None,
            }),
            host_name: Some("node1".to_owned()),
            ..Container::default()
        };
        kubelet.name(&mut container);
        container
    };
    let web = container(&id, "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9");
    assert_eq!(web.name.as_deref(), Some("side-car"));
    assert_eq!(web.label(), "shop/web-7d9f");
    // It has the node's host name, and is named all the same.
    let etcd = container("other", "5a3c1f0e9b8d7c6a5f4e3d2c1b0a9f8e");
    assert_eq!(etcd.label(), "kube-system/etcd-node1");
    assert_eq!(etcd.name, None);
    let unknown = container("other", "ffffffff");
    assert_eq!(unknown.label(), "node1");
}
