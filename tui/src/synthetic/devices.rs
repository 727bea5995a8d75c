//! Devices of all kinds, three of them watched.

use super::NAMES;
use crate::model::{
    Container, Device, DeviceKind, HookChain, HookPoint, HookProgram, Hooks, LinkCounters,
    LinkSide, LocalEnd, Namespace, Netkit, Peer, PeerDevice, Pod, Watch, WatchFailure,
};

/// The devices: three watched, some not.
pub fn devices() -> Vec<Device> {
    let netkit = |policy: &str, peer_policy: &str| {
        DeviceKind::Netkit(Netkit {
            mode: "l3".to_owned(),
            policy: policy.to_owned(),
            peer_policy: peer_policy.to_owned(),
            scrub: Some("none".to_owned()),
            peer_scrub: Some("default".to_owned()),
        })
    };
    let yes = |slot, hooks| Watch::Yes {
        slot,
        hooks,
        local: match hooks {
            Hooks::Netkit => LocalEnd::Peer,
            Hooks::Tcx | Hooks::Clsact => LocalEnd::Here,
        },
    };
    let device = |name: &str, index, kind, watch, mac: &[u8]| Device {
        name: name.to_owned(),
        index,
        kind,
        up: index != 6,
        carrier: index != 6,
        mtu: if index == 1 { 65_536 } else { 1_500 },
        mac: mac.to_vec(),
        watch,
        ..Device::default()
    };
    let mut devices = vec![
        device(
            "lo",
            1,
            DeviceKind::Other("loopback".to_owned()),
            Watch::No,
            &[0; 6],
        ),
        device(
            "eth0",
            2,
            DeviceKind::Other("physical".to_owned()),
            yes(2, Hooks::Tcx),
            &[2, 0x42, 0xac, 0x11, 0, 2],
        ),
        device(
            NAMES[0],
            3,
            netkit("forward", "blackhole"),
            yes(0, Hooks::Netkit),
            &[0; 6],
        ),
        device(
            NAMES[1],
            4,
            netkit("forward", "forward"),
            yes(1, Hooks::Netkit),
            &[0; 6],
        ),
        device(
            "br0",
            5,
            DeviceKind::Other("bridge".to_owned()),
            Watch::No,
            &[2, 0x42, 1, 2, 3, 4],
        ),
        device(
            "wg0",
            6,
            DeviceKind::Other("wireguard".to_owned()),
            Watch::Failed(WatchFailure::Other(
                "attaching to tcx ingress: permission denied; run as root".to_owned(),
            )),
            &[],
        ),
    ];
    for (device, pod) in devices[2..4].iter_mut().zip(["web-7d9f", "db-0"]) {
        device.counters = counters([120_431, 98_200_113, 0], [98_310, 71_020_555, 3]);
        device.peer = Some(peer(pod));
        device.chains = Ok(chains());
    }
    devices
}

fn counters(rx: [u64; 3], tx: [u64; 3]) -> LinkCounters {
    let [rx, tx] = [rx, tx].map(|[packets, bytes, dropped]| LinkSide {
        packets,
        bytes,
        dropped,
    });
    LinkCounters { rx, tx }
}

fn peer(pod: &str) -> Peer {
    Peer {
        index: 2,
        namespace: Some(Namespace {
            id: 1,
            name: Some("cni-5f3a".to_owned()),
            pid: Some(4711),
            container: Some(Container {
                runtime: Some("containerd".to_owned()),
                id: "3f4d1c8a9b0e".repeat(6)[..64].to_owned(),
                name: None,
                pod: Some(Pod {
                    uid: "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9".to_owned(),
                    name: None,
                }),
                host_name: Some(pod.to_owned()),
            }),
            unknown: None,
        }),
        device: Some(PeerDevice {
            name: "eth0".to_owned(),
            mac: vec![0; 6],
            mtu: 1500,
            up: true,
            counters: counters([98_307, 71_019_002, 0], [120_431, 98_200_113, 0]),
        }),
    }
}

fn chains() -> Vec<HookChain> {
    let chain = |hook, name: &str| HookChain {
        hook,
        of_peer: false,
        programs: vec![program(31, "nkview"), program(17, name)],
    };
    vec![
        chain(HookPoint::NetkitPrimary, "cil_to_container"),
        chain(HookPoint::NetkitPeer, "cil_from_container"),
    ]
}

fn program(id: u32, name: &str) -> HookProgram {
    let ours = name == "nkview";
    HookProgram {
        id,
        name: Some(name.to_owned()),
        tag: Some("a04f5eef06a7f555".to_owned()),
        link: Some(id + 1),
        pinned: (!ours).then(|| format!("/sys/fs/bpf/cilium/{name}")),
        ours,
    }
}
