use super::*;

fn packet(length: u32) -> Packet {
    Packet {
        len: length,
        ..Packet::sample([])
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
