use probe_common::parse::number::tcp::{ACK, FIN, PSH, RST, SYN};

use super::{TcpState, opens};
use TcpState::{Closed, Closing, Open, Opening, Refused, Reset};

#[test]
fn states_follow_from_the_flags_of_both_directions() {
    let table = [
        // One end, the other end, the state of either order.
        (0, 0, None),
        (SYN, 0, Some(Opening)),
        (SYN, SYN | ACK, Some(Open)),
        (SYN | ACK, SYN | ACK | PSH, Some(Open)),
        // The SYN of one end was missed, but it talks.
        (SYN, ACK, Some(Open)),
        // Joined midway.
        (ACK, 0, Some(Open)),
        (ACK | PSH, ACK, Some(Open)),
        (SYN | ACK | FIN, SYN | ACK, Some(Closing)),
        (FIN | ACK, 0, Some(Closing)),
        (SYN | ACK | FIN, SYN | ACK | FIN, Some(Closed)),
        // A refused connection.
        (SYN, RST | ACK, Some(Refused)),
        // Given up before the handshake was complete.
        (SYN | RST, SYN | ACK, Some(Reset)),
        (SYN | ACK | FIN, SYN | ACK | FIN | RST, Some(Reset)),
        (RST, 0, Some(Reset)),
    ];
    for (a, b, state) in table {
        assert_eq!(TcpState::from_flags([a, b]), state, "{a:#x} {b:#x}");
        assert_eq!(TcpState::from_flags([b, a]), state, "{b:#x} {a:#x}");
    }
}

#[test]
fn only_ended_connections_are_closed() {
    let closed = [Opening, Open, Closing, Closed, Refused, Reset].map(TcpState::is_closed);
    assert_eq!(closed, [false, false, false, true, true, true]);
}

#[test]
fn a_syn_of_either_end_opens() {
    assert!(opens([SYN, 0]) && opens([0, SYN | ACK]));
    assert!(!opens([ACK | FIN, RST]));
}
