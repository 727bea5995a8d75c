use super::*;

fn event() -> PacketEvent {
    let mut event = PacketEvent::zeroed();
    event.time = 5_000_000_300;
    event.len = 1500;
    event.device = 3;
    event.direction = 1;
    event.reason = Reason::Dns as u16;
    event.captured = 14;
    event.data[12..14].copy_from_slice(&[0x88, 0xcc]);
    event.data[14] = 0xff;
    event
}

fn read(event: &PacketEvent) -> Option<Packet> {
    packet(bytemuck::bytes_of(event), 5_000_000_000)
}

#[test]
fn an_event_becomes_a_packet_of_its_flow() {
    let packet = read(&event()).unwrap();
    assert_eq!(packet.at, Duration::from_nanos(300));
    assert_eq!((packet.key.device, packet.key.ether_type), (3, 0x88cc));
    assert_eq!(
        (packet.direction, packet.reason),
        (Direction::Out, Reason::Dns)
    );
    assert_eq!((packet.len, packet.segments), (1500, 1));
    // What lies behind the captured bytes is not the packet's.
    assert_eq!(packet.data.len(), 14);
}

/// The kernel loops multicast back without an Ethernet header.
#[test]
fn a_packet_says_what_it_starts_with() {
    let mut event = event();
    event.link_layer = LinkLayer::None as u32;
    event.data[0] = 0x45;
    let packet = read(&event).unwrap();
    assert_eq!(packet.link_layer, LinkLayer::None);
    assert_eq!(packet.key.ether_type, 0x0800);
}

#[test]
fn what_is_no_event_of_ours_is_no_packet() {
    assert!(packet(&[0; 12], 0).is_none());
    for change in [
        |event: &mut PacketEvent| event.direction = 2,
        |event: &mut PacketEvent| event.reason = 99,
        |event: &mut PacketEvent| event.link_layer = 2,
    ] {
        let mut event = event();
        change(&mut event);
        assert!(read(&event).is_none());
    }
    let mut event = event();
    event.captured = u16::MAX;
    assert_eq!(read(&event).unwrap().data.len(), SNAPSHOT);
}
