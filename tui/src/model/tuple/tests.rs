use probe_common::FlowKey;

use super::Tuple;

const KEY: FlowKey = FlowKey {
    local: [1; 16],
    remote: [2; 16],
    device: 7,
    ether_type: 0x86dd,
    local_port: 40_000,
    remote_port: 443,
    protocol: 6,
    flags: 0,
    vlan: 0,
    inner_vlan: 0,
};

#[test]
fn a_tuple_belongs_to_the_flow_in_both_directions() {
    let sent = Tuple::sent(&KEY);
    assert!(sent.is_of(&KEY));
    assert!(sent.reversed().is_of(&KEY));
}

#[test]
fn another_port_or_protocol_is_another_flow() {
    let sent = Tuple::sent(&KEY);
    let port = Tuple {
        source_port: 40_001,
        ..sent
    };
    let protocol = Tuple {
        protocol: 17,
        ..sent
    };
    assert!(!port.is_of(&KEY));
    assert!(!protocol.is_of(&KEY));
}

#[test]
fn a_mapped_address_is_an_ipv4_address() {
    let mut source = [0; 16];
    source[10..12].fill(0xff);
    source[12..].copy_from_slice(&[10, 0, 0, 1]);
    let tuple = Tuple {
        source,
        ..Tuple::default()
    };
    assert_eq!(tuple.source().to_string(), "10.0.0.1");
}

#[test]
fn an_answer_to_a_ping_belongs_to_its_flow() {
    let key = FlowKey {
        protocol: 1,
        local_port: 77,
        remote_port: 8,
        ..KEY
    };
    let answer = Tuple {
        source: key.remote,
        destination: key.local,
        source_port: 77,
        destination_port: 8,
        protocol: 1,
    };
    assert!(answer.is_of(&key));
}
