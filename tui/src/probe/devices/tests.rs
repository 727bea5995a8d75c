use netlink_packet_core::Emitable;
use netlink_packet_route::link::{
    InfoData, InfoKind, InfoNetkit, LinkAttribute, LinkFlags, LinkInfo, LinkLayerType, LinkMessage,
    NetkitMode, NetkitPolicy, NetkitScrub, Prop,
};

use super::*;
use crate::probe::netlink::attribute;

/// The device of a message, as the kernel would write it.
fn link(message: &LinkMessage) -> Link {
    let mut body = vec![0; message.buffer_len()];
    message.emit(&mut body);
    let kind = libc::RTM_NEWLINK;
    super::link(&Message { kind, body }).unwrap()
}

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
    let elsewhere = PeerId {
        index: 2,
        namespace: Some(4),
    };
    assert_eq!(link.peer, Some(elsewhere));
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
    let here = PeerId {
        index: 3,
        namespace: None,
    };
    assert_eq!(link.peer, Some(here));
}

#[test]
fn what_is_on_top_of_a_device_is_no_end_of_a_pair() {
    let vlan = message(InfoKind::Vlan, None, vec![LinkAttribute::Link(3)]);
    assert_eq!(link(&vlan).peer, None);
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

#[test]
fn names_need_not_be_utf_8() {
    let mut body = vec![0; HEADER];
    body.extend(attribute(libc::IFLA_IFNAME, b"w\xff\0"));
    body.extend(attribute(libc::IFLA_IFALIAS, b"b\xfcro"));
    body.extend(attribute(libc::IFLA_MTU, &1500_u32.to_ne_bytes()));
    let link = super::link(&Message { kind: 0, body }).unwrap();
    assert_eq!(link.name, "w\u{fffd}");
    assert_eq!(link.alias.as_deref(), Some("b\u{fffd}ro"));
    assert_eq!(link.mtu, 1500);
}

#[test]
fn a_device_has_further_names() {
    let names = ["one", "two"].map(|name| Prop::AltIfName(name.to_owned()));
    let extra = vec![LinkAttribute::PropList(names.to_vec())];
    let link = link(&message(InfoKind::Veth, None, extra));
    assert_eq!(link.altnames, ["one", "two"]);
}

#[test]
fn every_xdp_program_is_listed_once() {
    let id = |kind, id: u32| attribute(kind, &id.to_ne_bytes());
    // Attached in two modes at a time: driver and generic.
    let value = [attribute(2, &[4]), id(5, 9), id(6, 7)].concat();
    assert_eq!(xdp_programs(&value), [7, 9]);
    // In one mode its id stands twice.
    let value = [attribute(2, &[2]), id(4, 7), id(6, 7)].concat();
    assert_eq!(xdp_programs(&value), [7]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_subscription_that_has_failed_is_renewed() {
    let mut devices = Devices::open().unwrap();
    // Reading from it fails.
    devices.changes = TokioSocket::new(libc::NETLINK_ROUTE as isize).unwrap();
    devices.retry = Some(Instant::now());
    devices.changed().await.unwrap();
    assert_eq!(devices.retry, None);
    let links = devices.list().await.unwrap();
    assert!(links.iter().any(|link| link.name == "lo"), "{links:?}");
}

#[test]
fn the_errors_of_what_came_in_are_read_from_their_places() {
    let stats: Vec<u8> = (0..24_u64).flat_map(u64::to_ne_bytes).collect();
    let expected = NicReceive {
        packets: 0,
        missed: 15,
        overruns: 14,
        crc: 12,
        misaligned: 13,
    };
    assert_eq!(receive(&stats), expected);
    assert_eq!(receive(&stats[..64]), NicReceive::default());
}
