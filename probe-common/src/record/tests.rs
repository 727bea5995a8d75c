use super::*;

fn key(local: (u8, u16), remote: (u8, u16), protocol: u8) -> FlowKey {
    FlowKey {
        local: [local.0; 16],
        remote: [remote.0; 16],
        local_port: local.1,
        remote_port: remote.1,
        protocol,
        ..FlowKey::default()
    }
}

#[test]
fn both_directions_of_a_loopback_flow_have_one_key() {
    const TCP: u8 = 6;
    const ICMP: u8 = 1;
    for (there, back, local_port) in [
        // The server is local, whatever its address.
        (
            key((1, 40000), (2, 443), TCP),
            key((2, 443), (1, 40000), TCP),
            443,
        ),
        (
            key((2, 40000), (1, 443), TCP),
            key((1, 443), (2, 40000), TCP),
            443,
        ),
        (key((2, 53), (1, 53), TCP), key((1, 53), (2, 53), TCP), 53),
        // An echo's identifier and type stay where they are.
        (key((2, 7), (1, 8), ICMP), key((1, 7), (2, 8), ICMP), 7),
    ] {
        let [mut there, mut back] = [there, back];
        assert_eq!(
            (there.orient(), back.orient()),
            (Direction::In, Direction::Out)
        );
        assert_eq!(there, back);
        assert_eq!(there.local_port, local_port);
    }
}

#[test]
fn an_end_that_talks_to_itself_sends() {
    let mut own = key((1, 53), (1, 53), 17);
    let before = own;
    assert_eq!(own.orient(), Direction::Out);
    assert_eq!(own, before);
}
