use super::*;

const SAMPLE: &str = "\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:    1044      12    0    0    0     0          0         0     1044      12    0    0    0     0       0          0
  lxc1: 18446744073709551615 7 1 2 3 4 5 6 800 9 1 3 0 0 0 0
 short: 1 2 3
";

#[test]
fn a_line_has_both_sides_of_a_device() {
    let all = parse(SAMPLE);
    assert_eq!(all.len(), 2, "{all:?}");
    let side = |packets, bytes, dropped| LinkSide {
        packets,
        bytes,
        dropped,
    };
    let expected = LinkCounters {
        rx: side(7, u64::MAX, 2),
        tx: side(9, 800, 3),
    };
    assert_eq!(all["lxc1"], expected);
}

#[test]
fn this_namespace_can_be_read() {
    const LOOPBACK: u32 = 1;
    let peer = |index| PeerLocation { place: None, index };
    let (here, gone) = (peer(LOOPBACK), peer(u32::MAX / 2));
    let devices = [LOOPBACK, gone.index];
    let readings = Readings::take(devices.into_iter(), [&here, &gone].into_iter());
    assert!(readings.of(LOOPBACK).is_some());
    assert!(readings.of(gone.index).is_none());
    assert!(readings.of_peer(&here).is_some());
    assert!(readings.of_peer(&gone).is_none());
}
