use bytemuck::Zeroable;
use probe_common::{Direction, FlowKey, LinkLayer, Reason};

use super::*;
use crate::model::Moment;

fn packet(length: u32) -> Packet {
    Packet {
        at: Moment::from_secs(1),
        key: FlowKey::zeroed(),
        direction: Direction::In,
        reason: Reason::First,
        len: length,
        segments: 1,
        mark: 0,
        vlan_tci: 0,
        cookie: None,
        cgroup: None,
        link_layer: LinkLayer::Ethernet,
        data: Box::default(),
    }
}

#[test]
fn the_oldest_leave_and_numbers_stay() {
    let mut packets = Packets::default();
    let many: Vec<Packet> = (0..KEPT as u32).map(packet).collect();
    packets.extend(&many);
    assert_eq!(packets.left(), 0);
    packets.extend(&[packet(77), packet(78)]);
    assert_eq!((packets.iter().count(), packets.left()), (KEPT, 2));
    assert_eq!(packets.get(1), None);
    assert_eq!(packets.get(2).map(|p| p.len), Some(2));
    assert_eq!(packets.get(KEPT as u64 + 1).map(|p| p.len), Some(78));
    assert_eq!(packets.iter().next().map(|(number, _)| number), Some(2));
}
