use bytemuck::Zeroable;
use probe_common::{Direction, FlowKey, LinkLayer, Reason};

use super::*;
use crate::app::devices::SlotNames;
use crate::filter::Filter;
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
        link_layer: LinkLayer::Ethernet,
        data: Box::default(),
    }
}

#[test]
fn the_oldest_leave_and_numbers_stay() {
    let mut packets = Packets::default();
    packets.extend((0..KEPT as u32).map(packet).collect());
    assert_eq!(packets.left(), 0);
    packets.extend(vec![packet(77), packet(78)]);
    assert_eq!((packets.len(), packets.left()), (KEPT, 2));
    assert_eq!(packets.get(1), None);
    assert_eq!(packets.get(2).map(|p| p.len), Some(2));
    assert_eq!(packets.get(KEPT as u64 + 1).map(|p| p.len), Some(78));
    assert_eq!(packets.iter().next().map(|(number, _)| number), Some(2));
}

#[test]
fn following_shows_the_newest_and_a_selection_is_left_alone() {
    let mut packets = Packets::default();
    let mut view = PacketsView::default();
    view.list.set_page(10);
    packets.extend((0..50).map(packet).collect());
    let (filter, names) = (Filter::everything(), SlotNames::default());
    let criteria = Criteria {
        filter: &filter,
        hide_closed: false,
        hide_own: None,
        names: &names,
    };
    view.refresh(&packets, criteria);
    assert_eq!(view.list.visible(10)[0], 40);
    view.follow = false;
    view.list.select(45);
    packets.extend((0..50).map(packet).collect());
    view.refresh(&packets, criteria);
    assert_eq!(
        (view.list.selected(), view.list.visible(10)[0]),
        (Some(45), 40)
    );
}
