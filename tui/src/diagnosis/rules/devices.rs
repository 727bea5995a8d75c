//! The watched devices themselves: down, flapping, with ends that do not fit, with
//! packets for everybody; and the CPUs and the probe behind them.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use super::{list, span};
use crate::diagnosis::claims::Claim;
use crate::diagnosis::evidence::datagrams::ends;
use crate::diagnosis::finding::Subject;
use crate::diagnosis::kind::Kind;
use crate::diagnosis::view::View;
use crate::model::{Device, DeviceKind};
use crate::text::plural;

/// Changes of the carrier before it is more than a restart at the other end.
const FLAPS: usize = 4;
/// A link that is down for so long is no restart.
const DOWN: Duration = Duration::from_secs(2);
/// Multicast packets a second, where streams of some thousand are usual, and how many
/// times more than all else.
const MULTICAST: f64 = 20_000.0;
const RATIO: u64 = 4;
/// Addresses that a link is about.
const HOSTS: usize = 16;
/// For this many intervals in a row.
const INTERVALS: usize = 3;
/// Packets a second that are work for a CPU.
const BUSY: f64 = 20_000.0;
/// Of all packets on one CPU.
const SHARE: f64 = 0.95;

pub fn rule(view: &View<'_>, claims: &mut Vec<Claim>) {
    for (slot, device) in view.devices {
        links(view, *slot, device, claims);
        policy(view, *slot, device, claims);
        mtu(view, device, claims);
    }
    storms(view, claims);
    one_cpu(view, claims);
    observer(view, claims);
}

fn about(view: &View<'_>, kind: Kind, device: &str) -> Claim {
    Claim {
        kind,
        key: device.to_owned(),
        about: Vec::new(),
        sentence: String::new(),
        since: view.now,
        last: view.now,
        count: 1,
        subjects: vec![Subject::Device {
            name: device.to_owned(),
        }],
        evidence: Vec::new(),
        not_looked_at: Vec::new(),
        advice: String::new(),
    }
}

fn links(view: &View<'_>, slot: u32, device: &Device, claims: &mut Vec<Claim>) {
    let Some(link) = view.evidence.links.get(slot) else {
        return;
    };
    let name = view.device(slot);
    let times = u64::from(link.changes());
    let behind = behind(view, slot);
    let waiting: Vec<IpAddr> = view
        .evidence
        .neighbors
        .iter()
        .filter(|(on, _, asked)| *on == slot && asked.unanswered > 0)
        .map(|(_, address, _)| address)
        .take(HOSTS)
        .collect();
    // One that was never up is none that anybody misses, unless packets wait for it.
    let asked = view.evidence.neighbors.iter();
    let needed = asked
        .filter(|(on, _, asked)| *on == slot && asked.unanswered > 0)
        .filter(|_| device.up && !device.carrier)
        .map(|(.., asked)| asked.since)
        .min();
    let waiting_for = match waiting.is_empty() {
        true => String::new(),
        false => format!("; packets for {} wait", list(&waiting)),
    };
    if times >= FLAPS as u64 {
        claims.push(Claim {
            since: link.since,
            last: link.last,
            count: times,
            sentence: format!(
                "the link of {name} is flapping: its carrier had {} in {}{waiting_for}",
                plural(times, "change"),
                span(view.now.saturating_sub(link.since))
            ),
            about: waiting.into_iter().chain(behind).collect(),
            evidence: vec![format!(
                "carrier_changes of {} grew by {times} since {} ago",
                device.name,
                span(view.now.saturating_sub(link.since))
            )],
            advice: format!(
                "`ip -s -s link show {}`, `dmesg`: cable, transceiver, or whatever manages the other \
                 end",
                device.name
            ),
            ..about(view, Kind::LINK_FLAPPING, &device.name)
        });
    } else if let Some(since) = link.down_since.or(needed).filter(|since| {
        // What goes away for good is down for a moment before.
        view.now.saturating_sub(*since) >= DOWN
    }) {
        let what = match (device.up, device.carrier) {
            (false, _) => "has been administratively down",
            _ => "has had no carrier (its other end is down or gone)",
        };
        claims.push(Claim {
            since,
            sentence: format!(
                "{name} {what} for {}{waiting_for}",
                span(view.now.saturating_sub(since))
            ),
            about: waiting.into_iter().chain(behind).collect(),
            evidence: vec![format!(
                "{}: {}, {}",
                device.name,
                if device.up { "up" } else { "down" },
                if device.carrier {
                    "carrier"
                } else {
                    "no carrier"
                }
            )],
            advice: format!("`ip link show {}`, here and at its other end", device.name),
            ..about(view, Kind::LINK_DOWN, &device.name)
        });
    }
}

/// The hosts that a device leads to, as far as connections show them: with a link go
/// the routes over it.
fn behind(view: &View<'_>, slot: u32) -> BTreeSet<IpAddr> {
    let connections = view.evidence.connections.iter();
    let of_device = connections.filter(|it| it.key.device == slot);
    let local: BTreeSet<IpAddr> = of_device.map(|it| ends(&it.key)[0].address).collect();
    local.into_iter().take(HOSTS).collect()
}

/// A netkit pair whose policy drops what no program lets through.
fn policy(view: &View<'_>, slot: u32, device: &Device, claims: &mut Vec<Claim>) {
    let DeviceKind::Netkit(netkit) = &device.kind else {
        return;
    };
    let ways = [
        (netkit.policy.as_str(), "out of the node"),
        (netkit.peer_policy.as_str(), "into it"),
    ];
    let closed: Vec<_> = ways
        .iter()
        .filter(|(policy, _)| *policy == "blackhole")
        .collect();
    let dropped = view.evidence.diverted.get(&slot).copied().unwrap_or(0);
    if closed.is_empty() || dropped < INTERVALS as u64 {
        return;
    }
    let name = view.device(slot);
    claims.push(Claim {
        count: dropped,
        sentence: format!(
            "the policy of the netkit pair {name} is blackhole, and no program lets its packets \
             through: {} dropped",
            plural(dropped, "packet")
        ),
        evidence: vec![format!(
            "policy {} of the primary, {} of the peer",
            netkit.policy, netkit.peer_policy
        )],
        advice: format!(
            "`ip -d link show {}` and `bpftool net`: has the program that should be there been \
             removed?",
            device.name
        ),
        ..about(view, Kind::POLICY_BLACKHOLE, &device.name)
    });
}

fn mtu(view: &View<'_>, device: &Device, claims: &mut Vec<Claim>) {
    let end = device.peer.as_ref().and_then(|it| it.device.as_ref());
    let Some(end) = end.filter(|end| end.mtu != 0 && device.mtu != 0 && end.mtu != device.mtu)
    else {
        return;
    };
    let least = device.mtu.min(end.mtu);
    let is_reported = view.evidence.icmp.iter().any(|(_, it)| it.mtu == least);
    if is_reported {
        return;
    }
    claims.push(Claim {
        sentence: format!(
            "the ends of the pair have different MTUs: {} has {}, {} has {}; larger packets are \
             dropped silently",
            device.name, device.mtu, end.name, end.mtu
        ),
        evidence: vec![format!(
            "MTU {} of {} and {} of its peer {}",
            device.mtu, device.name, end.mtu, end.name
        )],
        advice: format!("`ip link set {} mtu {}`", device.name, least),
        ..about(view, Kind::MTU_MISMATCH, &device.name)
    });
}

fn storms(view: &View<'_>, claims: &mut Vec<Claim>) {
    for (slot, history) in view.evidence.floods.iter() {
        let last = &history[history.len().saturating_sub(INTERVALS)..];
        let rate = |packets: u64, length: Duration| packets as f64 / length.as_secs_f64().max(0.1);
        let is_storm = last.len() >= INTERVALS
            && last.iter().all(|(_, length, load)| {
                rate(load.broadcast, *length) > view.thresholds.broadcast_storm.into()
                    || rate(load.multicast, *length) > MULTICAST
                        && load.multicast > (load.all - load.multicast.min(load.all)) * RATIO
            });
        let (Some((since, ..)), Some((_, length, load))) = (last.first(), last.last()) else {
            continue;
        };
        if !is_storm {
            continue;
        }
        let name = view.device(slot);
        let packets = load.broadcast + load.multicast;
        let from = load.worst.map(|(from, _)| from);
        let device = view.devices.get(&slot).map(|it| it.name.clone());
        claims.push(Claim {
            about: from.into_iter().collect(),
            since: *since,
            count: packets,
            sentence: format!(
                "broadcast storm on {name}: {:.0} broadcast and multicast packets a second{}",
                rate(packets, *length),
                from.map_or_else(String::new, |from| format!(", most of them from {from}"))
            ),
            evidence: vec![format!(
                "{} broadcast (with ARP) and {} multicast of {} packets in {}",
                load.broadcast,
                load.multicast,
                load.all,
                span(*length)
            )],
            subjects: view
                .device_subject(slot)
                .into_iter()
                .chain(from.map(|address| Subject::Host { address }))
                .collect(),
            advice:
                "look for a loop between bridges or switches: `bridge -d link`, spanning tree, two \
                     cables to one switch"
                    .to_owned(),
            ..about(view, Kind::BROADCAST_STORM, &device.unwrap_or_default())
        });
    }
}

fn one_cpu(view: &View<'_>, claims: &mut Vec<Claim>) {
    let Some((period, cpus)) = view.evidence.kernel.cpus() else {
        return;
    };
    let all: u64 = cpus.iter().map(|it| it.processed).sum();
    let most = cpus.iter().max_by_key(|it| it.processed);
    let Some(cpu) = most.filter(|_| cpus.len() > 1) else {
        return;
    };
    let rate = all as f64 / period.as_secs_f64().max(0.1);
    if rate < BUSY || cpu.squeezed == 0 || (cpu.processed as f64) < all as f64 * SHARE {
        return;
    }
    claims.push(Claim {
        key: format!("cpu{}", cpu.cpu),
        count: cpu.processed,
        sentence: format!(
            "CPU {} processes {:.0} % of all packets ({rate:.0} a second), and ran out of its \
             budget {}",
            cpu.cpu,
            cpu.processed as f64 * 100.0 / all.max(1) as f64,
            plural(cpu.squeezed, "time")
        ),
        subjects: Vec::new(),
        evidence: vec![format!(
            "/proc/net/softnet_stat: {} of {all} packets on CPU {}, {} times out of budget",
            cpu.processed, cpu.cpu, cpu.squeezed
        )],
        advice: "spread interrupts or flows over the CPUs: RSS (`ethtool -l`), RPS (`rps_cpus`)"
            .to_owned(),
        ..about(view, Kind::ONE_CPU, "")
    });
}

fn observer(view: &View<'_>, claims: &mut Vec<Claim>) {
    let probe = &view.evidence.probe;
    let Some((since, last)) = probe.seen else {
        return;
    };
    let mut parts = Vec::new();
    if probe.untracked > 0 {
        parts.push(format!(
            "{} of flows that the flow table had no room for",
            plural(probe.untracked, "packet")
        ));
    }
    if probe.lost > 0 {
        parts.push(format!("{} lost", plural(probe.lost, "captured packet")));
    }
    claims.push(Claim {
        key: "nkview".to_owned(),
        since,
        last,
        count: probe.untracked + probe.lost,
        sentence: format!(
            "nkview missed a part of the traffic ({}): problems may be missing",
            list(&parts)
        ),
        subjects: Vec::new(),
        evidence: parts,
        advice: "view 6 shows its buffers; `--max-flows` makes the flow table larger".to_owned(),
        ..about(view, Kind::OBSERVER, "")
    });
}
