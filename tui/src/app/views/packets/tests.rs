use bytemuck::Zeroable;
use probe_common::{Direction, FlowKey, LinkLayer, Reason};

use super::*;
use crate::filter::Filter;
use crate::model::{Moment, Packet};
use crate::about::Known;
use crate::traffic::Host;

fn packet(length: u32) -> Packet {
    Packet {
        len: length,
        ..Packet::sample([])
    }
}

#[test]
fn following_shows_the_newest_and_a_selection_is_left_alone() {
    let some: Vec<Packet> = (0..50).map(packet).collect();
    let mut packets = Packets::default();
    let mut view = PacketsView::default();
    view.list.set_page(10);
    packets.extend(&some);
    let (filter, host) = (Filter::everything(), Host::default());
    let criteria = Criteria {
        filter: &filter,
        hide_closed: false,
        hide_own: None,
        known: Known {
            host: &host,
            diagnosis: None,
            concerns: None,
            nodes: None,
        },
    };
    view.refresh(&packets, criteria);
    assert_eq!(view.list.visible(10)[0], 40);
    view.follow = false;
    view.list.select(45);
    packets.extend(&some);
    view.refresh(&packets, criteria);
    assert_eq!(
        (view.list.selected(), view.list.visible(10)[0]),
        (Some(45), 40)
    );
}
