use super::*;

fn message(kind: InfoKind, data: Option<InfoData>, extra: Vec<LinkAttribute>) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.header.index = 7;
    message.header.link_layer_type = LinkLayerType::Ether;
    message.header.flags = LinkFlags::Up;
    let mut infos = vec![LinkInfo::Kind(kind)];
    infos.extend(data.map(LinkInfo::Data));
    message.attributes = vec![
        LinkAttribute::IfName("lxc1".to_owned()),
        LinkAttribute::Mtu(1450),
        LinkAttribute::LinkInfo(infos),
    ];
    message.attributes.extend(extra);
    message
}

#[test]
fn a_netkit_primary_has_its_pair_in_another_namespace() {
    let data = InfoData::Netkit(vec![
        InfoNetkit::Primary(true),
        InfoNetkit::Mode(NetkitMode::L3),
        InfoNetkit::Policy(NetkitPolicy::Pass),
        InfoNetkit::PeerPolicy(NetkitPolicy::Drop),
        InfoNetkit::Scrub(NetkitScrub::None),
    ]);
    let extra = vec![LinkAttribute::Link(2), LinkAttribute::LinkNetNsId(4)];
    let link = link(&message(InfoKind::Netkit, Some(data), extra));
    let netkit = link.netkit().unwrap();
    assert_eq!(
        (link.name.as_str(), link.mtu, link.up),
        ("lxc1", 1450, true)
    );
    assert_eq!(netkit.mode, "l3");
    assert_eq!(netkit.policy, "forward");
    assert_eq!(netkit.peer_policy, BLACKHOLE);
    assert_eq!(
        (netkit.scrub.as_deref(), &netkit.peer_scrub),
        (Some("none"), &None)
    );
    let elsewhere = OtherEnd {
        index: 2,
        namespace: Some(4),
    };
    assert_eq!(link.other_end, Some(elsewhere));
}

#[test]
fn a_netkit_peer_is_told_from_its_primary() {
    let data = InfoData::Netkit(vec![InfoNetkit::Primary(false)]);
    let link = link(&message(
        InfoKind::Netkit,
        Some(data),
        vec![LinkAttribute::Link(3)],
    ));
    assert_eq!(link.kind, DeviceKind::NetkitPeer);
    let here = OtherEnd {
        index: 3,
        namespace: None,
    };
    assert_eq!(link.other_end, Some(here));
}

#[test]
fn what_is_on_top_of_a_device_is_no_end_of_a_pair() {
    let vlan = message(InfoKind::Vlan, None, vec![LinkAttribute::Link(3)]);
    assert_eq!(link(&vlan).other_end, None);
}

#[test]
fn a_tunnel_has_no_link_layer() {
    let mut message = message(InfoKind::Wireguard, None, Vec::new());
    message.header.link_layer_type = LinkLayerType::None;
    let link = link(&message);
    assert_eq!(link.kind, DeviceKind::Other("wireguard".to_owned()));
    assert_eq!(link.link_layer, LinkLayer::None);
}

#[test]
fn a_device_that_no_link_type_made_has_a_kind_all_the_same() {
    let mut message = LinkMessage::default();
    let kind = |message: &LinkMessage| link(message).kind;
    assert_eq!(kind(&message), DeviceKind::Other("physical".to_owned()));
    message.header.flags = LinkFlags::Loopback;
    assert_eq!(kind(&message), DeviceKind::Other("loopback".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_has_ended_is_replaced() {
    let mut devices = Devices::open().unwrap();
    devices.changes = futures::channel::mpsc::unbounded().1;
    devices.changed().await.unwrap();
    let links = devices.list().await.unwrap();
    assert!(links.iter().any(|link| link.name == "lo"), "{links:?}");
    assert!(
        devices
            .changes
            .try_recv()
            .is_err_and(|error| !error.is_closed())
    );
}
