use super::*;
use crate::model::signal::{DropCount, TraceStatus, Where};
use crate::model::stack::NeighborState;
use crate::model::{Namespace, Peer};

fn owner(cookie: u64) -> Owner {
    Owner {
        cookie,
        namespace: 1,
        pid: 7,
        command: format!("p{cookie}"),
        executable: None,
        started: 0,
        others: 0,
    }
}

fn drop(reason: &str, packets: u64, noise: bool) -> DropCount {
    DropCount {
        at: Where::default(),
        reason: reason.to_owned(),
        place: "f".to_owned(),
        packets,
        noise,
        flows: Vec::new(),
    }
}

fn at(seconds: u64) -> Signals {
    Signals {
        at: Duration::from_secs(seconds),
        ..Signals::default()
    }
}

#[test]
fn owners_stay_until_there_are_too_many() {
    let mut kernel = Kernel::default();
    for cookie in 0..=OWNERS as u64 {
        kernel.apply(&Signals {
            owners: vec![owner(cookie), owner(cookie)],
            ..at(1)
        });
    }
    assert_eq!(kernel.owner(0), None);
    assert_eq!(kernel.owner(1), Some(&owner(1)));
    assert_eq!(kernel.owners.len(), OWNERS);
    assert_eq!(kernel.order.len(), OWNERS);
}

#[test]
fn drops_of_a_minute_are_summed_the_most_first_and_noise_last() {
    let mut kernel = Kernel::default();
    for (seconds, drops) in [
        (1, vec![drop("OLD", 9, false)]),
        (62, vec![drop("A", 2, false), drop("B", 3, false)]),
        (63, vec![drop("A", 2, false), drop("C", 50, true)]),
    ] {
        kernel.apply(&Signals {
            drops,
            ..at(seconds)
        });
    }
    let drops: Vec<_> = kernel
        .drops()
        .into_iter()
        .map(|(place, packets)| (place.reason.as_str(), packets))
        .collect();
    assert_eq!(drops, [("A", 4), ("B", 3), ("C", 50)]);
    kernel.apply(&at(200));
    assert!(kernel.drops().is_empty());
}

#[test]
fn the_state_of_tracing_stays_until_it_is_reported_again() {
    let mut kernel = Kernel::default();
    let on = Trace::On(TraceStatus::default());
    kernel.apply(&Signals {
        trace: Some(on.clone()),
        ..at(1)
    });
    kernel.apply(&at(2));
    assert_eq!(kernel.trace(), Some(&on));
}

#[test]
fn a_container_is_the_processes_or_else_the_cgroups() {
    let mut kernel = Kernel::default();
    let container = |id: &str| Container {
        id: id.to_owned(),
        ..Container::default()
    };
    let of = |sockets, id| ContainerOf {
        sockets,
        container: container(id),
    };
    kernel.apply(&Signals {
        containers: vec![
            of(Sockets::Cookie(7), "process"),
            of(Sockets::Cgroup(44), "cgroup"),
        ],
        ..at(1)
    });
    let found = |cookie, cgroup| {
        let socket = Socket {
            cookie,
            cgroup,
            tcp: None,
        };
        kernel.container(&socket).map(|it| it.id.as_str())
    };
    assert_eq!(found(7, 44), Some("process"));
    assert_eq!(found(8, 44), Some("cgroup"));
    assert_eq!(found(8, 1), None);
}

#[test]
fn queues_and_neighbors_are_those_of_both_ends() {
    let qdisc = |device, kind: &str| Qdisc {
        device,
        kind: kind.to_owned(),
        ..Qdisc::default()
    };
    let stack = |is_own, devices: &[u32], qdiscs: &[Qdisc]| Stack {
        is_own,
        devices: devices.to_vec(),
        qdiscs: qdiscs.to_vec(),
        neighbors: vec![Neighbor {
            device: 2,
            address: "10.0.0.9".parse().unwrap(),
            state: NeighborState::Failed,
        }],
        ..Stack::default()
    };
    let mut kernel = Kernel::default();
    kernel.apply(&Signals {
        stacks: vec![
            stack(true, &[], &[qdisc(7, "fq"), qdisc(2, "mq")]),
            stack(false, &[7], &[qdisc(2, "netem"), qdisc(3, "tbf")]),
            stack(false, &[8], &[qdisc(2, "pfifo")]),
        ],
        ..at(1)
    });
    let mut device = Device {
        index: 7,
        peer: Some(Peer {
            index: 2,
            namespace: Some(Namespace {
                id: 0,
                name: None,
                pid: None,
                container: None,
                unknown: None,
            }),
            device: None,
        }),
        ..Device::default()
    };
    let kinds = |device: &Device| -> Vec<_> {
        let qdiscs = kernel.qdiscs(device);
        qdiscs.map(|(end, it, _)| (end, it.kind.clone())).collect()
    };
    let (own, peer) = (LinkEnd::Own, LinkEnd::Peer);
    let expected = [(own, "fq".to_owned()), (peer, "netem".to_owned())];
    assert_eq!(kinds(&device), expected);
    assert_eq!(kernel.silent_neighbors(&device).count(), 1);
    // A peer in the same namespace.
    device.peer.as_mut().unwrap().namespace = None;
    let expected = [(own, "fq".to_owned()), (peer, "mq".to_owned())];
    assert_eq!(kinds(&device), expected);
    // What reports nothing of stacks leaves the last reading.
    kernel.apply(&at(2));
    assert_eq!(kernel.qdiscs(&device).count(), 2);
}

#[test]
fn the_latest_look_up_of_a_flow_counts_and_the_oldest_are_forgotten() {
    let flow = |port, unknown: &str| FlowState {
        device: 7,
        tuple: Tuple {
            source_port: port,
            ..Tuple::default()
        },
        unknown: vec![unknown.to_owned()],
        ..FlowState::default()
    };
    let mut kernel = Kernel::default();
    let mut look_up = |port, unknown: &str| {
        kernel.apply(&Signals {
            flows: vec![flow(port, unknown)],
            ..at(1)
        });
    };
    look_up(0, "first");
    look_up(1, "first");
    look_up(0, "second");
    for port in 2..=FLOWS as u16 {
        look_up(port, "first");
    }
    let found = |device, port| {
        let flow = kernel.flow(device, &flow(port, "").tuple)?;
        Some(flow.unknown[0].as_str())
    };
    assert_eq!(found(7, 0), Some("second"));
    assert_eq!(found(7, 1), None);
    assert_eq!(found(7, FLOWS as u16), Some("first"));
    assert_eq!(found(8, 0), None);
    assert_eq!(kernel.flows.len(), FLOWS);
}
