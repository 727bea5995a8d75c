use probe_common::FlowKey;

use super::*;
use crate::model::FlowFacts;

fn flow(server: u8, port: u16, client_port: u16) -> FlowCounts {
    FlowCounts {
        key: FlowKey {
            device: 3,
            local: [1; 16],
            remote: [server; 16],
            local_port: client_port,
            remote_port: port,
            protocol: 6,
            ..FlowKey::default()
        },
        facts: Some(Box::new(FlowFacts::default())),
        ..FlowCounts::default()
    }
}

fn with(mut flow: FlowCounts, direction: Direction, counts: TcpCounts) -> FlowCounts {
    flow.facts.as_mut().unwrap().tcp[direction as usize] = counts;
    flow
}

const SYN: TcpCounts = TcpCounts {
    syn: 1,
    retransmitted: 0,
    retransmitted_bytes: 0,
    gaps: 0,
    duplicate_acks: 0,
    zero_windows: 0,
    syn_ack: 0,
    fin: 0,
    rst: 0,
};
const SYN_ACK: TcpCounts = TcpCounts {
    syn: 0,
    syn_ack: 1,
    ..SYN
};
const RST: TcpCounts = TcpCounts {
    syn: 0,
    rst: 1,
    ..SYN
};

fn at(seconds: u64, flows: &[FlowCounts]) -> Interval {
    Interval {
        at: Duration::from_secs(seconds),
        flows: flows.to_vec(),
        ..Interval::default()
    }
}

#[test]
fn a_syn_that_gets_no_answer_is_suspicious() {
    use Direction::{In, Out};
    let unanswered = with(flow(2, 443, 4000), Out, SYN);
    let refused = with(with(flow(3, 443, 4000), Out, SYN), In, RST);
    let answered = with(with(flow(4, 443, 4000), Out, SYN), In, SYN_ACK);
    let mut inward = with(flow(5, 4000, 443), In, SYN);
    inward.key.local = [6; 16];
    let open = flow(7, 443, 4000);
    let unknown = FlowCounts {
        facts: None,
        ..flow(8, 443, 4000)
    };
    let all = [
        unanswered.clone(),
        refused,
        answered,
        inward.clone(),
        open,
        unknown,
    ];
    let suspects = Suspects::default().of(&at(1, &all));
    let expected = [unanswered, inward].map(|it| (3, Tuple::sent(&it.key)));
    assert_eq!(suspects, expected);
}

#[test]
fn a_service_is_looked_at_now_and_then() {
    let mut suspects = Suspects::default();
    let mut count = |seconds, port| {
        let flow = with(flow(2, port, 4000 + seconds as u16), Direction::Out, SYN);
        suspects.of(&at(seconds, &[flow])).len()
    };
    assert_eq!([1, 2, 3].map(|seconds| count(seconds, 443)), [1, 0, 1]);
    // Another service has its own turn.
    assert_eq!([3, 4].map(|seconds| count(seconds, 80)), [1, 0]);
}

#[test]
fn a_scan_is_not_followed() {
    let mut suspects = Suspects::default();
    let mut seen = 0;
    for second in 0..400 {
        let port = |number: u64| (second * 100 + number) as u16;
        let scan: Vec<FlowCounts> = (0..100)
            .map(|number| with(flow(2, port(number), 4000), Direction::Out, SYN))
            .collect();
        let found = suspects.of(&at(1, &scan)).len();
        assert!(found <= FLOWS);
        seen += found;
    }
    assert_eq!(seen, SERVICES);
    assert_eq!(suspects.chosen.len(), SERVICES);
    // Later there is room again.
    let flow = with(flow(9, 443, 4000), Direction::Out, SYN);
    assert_eq!(suspects.of(&at(19, &[flow])).len(), 1);
    assert_eq!(suspects.chosen.len(), 1);
}

/// UDP of these packets in and out.
fn udp(server: u8, port: u16, packets: [u64; 2]) -> FlowCounts {
    let mut flow = flow(server, port, 4000);
    flow.key.protocol = 17;
    flow.facts = None;
    for (counters, packets) in flow.value.directions.iter_mut().zip(packets) {
        counters.packets = packets;
    }
    flow
}

#[test]
fn udp_without_an_answer_is_looked_up_behind_connections() {
    let answered = udp(2, 53, [1, 1]);
    let to_all = udp(0xff, 5353, [0, 3]);
    let silent = udp(3, 514, [0, 3]);
    let inward = udp(4, 9, [2, 0]);
    let syn = with(flow(5, 443, 4000), Direction::Out, SYN);
    let all = [
        answered,
        to_all,
        silent.clone(),
        inward.clone(),
        syn.clone(),
    ];
    let mut suspects = Suspects::default();
    let mut chosen = |seconds| suspects.of(&at(seconds, &all));
    let of = |flow: &FlowCounts| (3, Tuple::sent(&flow.key));
    assert_eq!(chosen(1), [of(&syn), of(&silent)]);
    assert_eq!(chosen(2), [of(&inward)], "the others were just looked up");
    assert_eq!(chosen(3), [of(&syn)]);
    assert_eq!(chosen(11), [of(&syn), of(&silent)]);
}
