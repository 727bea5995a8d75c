use probe_common::signal::DropKey;

use super::{Drops, FLOWS, function, is_noise, most};
use crate::model::Tuple;
use crate::model::signal::DroppedFlow;

#[test]
fn only_what_has_grown_since_the_last_reading_counts() {
    let mut drops = Drops::default();
    let key = DropKey::default();
    assert_eq!(drops.grow(key, 5, 1), 5);
    assert_eq!(drops.grow(key, 5, 2), 0);
    assert_eq!(drops.grow(key, 12, 3), 7);
    // The entry made room and came back.
    assert_eq!(drops.grow(key, 2, 4), 2);
    assert_eq!(drops.last[&key], (2, 4));
}

#[test]
fn a_place_is_the_function() {
    assert_eq!(
        function("nft_do_chain+0x1f2/0x6c0 [nf_tables]"),
        "nft_do_chain"
    );
    assert_eq!(function("ip_rcv_core.isra.0+0x1/0x2"), "ip_rcv_core");
    assert_eq!(function("netkit_xmit+0x10/0x20"), "netkit_xmit");
}

#[test]
fn drops_of_drivers_are_no_noise_though_they_have_no_reason() {
    for place in [
        "netkit_xmit",
        "veth_xmit",
        "tun_net_xmit",
        "__dev_forward_skb2",
        "ip_error",
    ] {
        assert!(!is_noise("NOT_SPECIFIED", place), "{place}");
    }
    for place in [
        "sk_stream_kill_queues",
        "unix_release_sock",
        "tcp_v4_rcv",
        "icmpv6_rcv",
    ] {
        assert!(is_noise("NOT_SPECIFIED", place), "{place}");
    }
    assert!(is_noise("NO_SOCKET", "ping_rcv"));
    assert!(!is_noise("NO_SOCKET", "tcp_v4_rcv"));
    assert!(!is_noise("NETFILTER_DROP", "nft_do_chain"));
}

#[test]
fn the_flows_that_lost_the_most_come_first() {
    let flow = |packets| DroppedFlow {
        tuple: Tuple {
            source_port: packets,
            ..Tuple::default()
        },
        packets: u64::from(packets),
    };
    let flows = most((1..=100).map(flow).collect());
    assert_eq!(flows.len(), FLOWS);
    assert_eq!(flows[0].packets, 100);
    assert_eq!(flows[FLOWS - 1].packets, 101 - FLOWS as u64);
}
