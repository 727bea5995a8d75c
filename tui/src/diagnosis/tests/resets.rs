//! Connections that are reset in the middle, by an end or by something between.

use probe_common::parse::number::{ip as protocol, tcp};

use super::causes::{dropped, stack, tuple};
use super::stalls::{FULL, PORT, begins, second};
use super::*;
use crate::model::signal::Signals;

/// A reset in the name of the server.
fn reset(lab: &mut Lab, ttl: u8) {
    let builder = ip(SERVER, CLIENT, ttl).tcp(5432, PORT, 9, 0).rst();
    lab.send(written(builder, &[]), Direction::In);
}

/// The counters of the second with a reset.
fn reset_second(ttl: u8) -> FlowCounts {
    let mut counts = second([11, 20], FULL, 0);
    counts.value.directions[0].tcp_flags |= tcp::RST;
    counts.value.directions[0].hop_limit = ttl;
    counts
}

/// A connection that was there before it was watched.
fn established() -> Lab {
    let mut lab = Lab::new();
    for _ in 0..2 {
        lab.count(vec![second([10, 20], FULL, 0)]);
    }
    lab
}

#[test]
fn a_reset_that_came_another_way_is_by_something_between() {
    // Its counters may be read before its packet.
    for counters_first in [false, true] {
        let mut lab = established();
        if counters_first {
            lab.count(vec![reset_second(63)]);
            reset(&mut lab, 63);
        } else {
            reset(&mut lab, 63);
            lab.count(vec![reset_second(63)]);
        }
        lab.pass(1);
        assert_eq!(lab.kinds(), ["reset-midstream"], "{counters_first}");
        let sentence = lab.sentence();
        let named = "from 10.0.0.1 to 10.0.0.2:5432 was reset by something on the path";
        assert!(sentence.contains(named), "{sentence}");
    }
}

#[test]
fn a_reset_that_came_as_everything_else_did_is_by_its_end() {
    let mut lab = established();
    reset(&mut lab, 64);
    lab.count(vec![reset_second(64)]);
    lab.pass(1);
    assert_eq!(lab.kinds(), Vec::<&str>::new());
}

#[test]
fn the_firewall_that_resets_is_named_where_the_kernel_shows_it() {
    for port in [PORT, PORT + 1] {
        let mut lab = Lab::new();
        begins(&mut lab, PORT, 5432);
        lab.count(vec![second([10, 20], FULL, 0)]);
        reset(&mut lab, 63);
        let packet = tuple((CLIENT, port), (SERVER, 5432), protocol::TCP);
        lab.signals(Signals {
            drops: vec![dropped("eth0", 1, packet)],
            stacks: vec![stack()],
            ..Signals::default()
        });
        lab.count(vec![reset_second(63)]);
        assert_eq!(lab.kinds(), ["reset-midstream"]);
        let sentence = lab.sentence();
        let is_named = sentence.contains("reset by a firewall of the host in");
        assert_eq!(is_named, port == PORT, "{sentence}");
    }
}
