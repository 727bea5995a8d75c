//! Hosts that are far slower to reach than others on the same network.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use super::span;
use crate::diagnosis::claims::Claim;
use crate::diagnosis::finding::Subject;
use crate::diagnosis::kind::Kind;
use crate::diagnosis::view::View;
use crate::text::plural;

/// Handshakes that make a median.
const HANDSHAKES: usize = 3;
/// How many times faster another host on the same device is.
const TIMES: u32 = 4;

pub fn rule(view: &View<'_>, claims: &mut Vec<Claim>) {
    let mut times: BTreeMap<u32, BTreeMap<IpAddr, Vec<Duration>>> = BTreeMap::new();
    for connection in view.evidence.connections.iter() {
        if let Some(time) = connection.round_trip() {
            let hosts = times.entry(connection.key.device).or_default();
            hosts
                .entry(connection.server.address)
                .or_default()
                .push(time);
        }
    }
    let mut found: BTreeMap<IpAddr, Claim> = BTreeMap::new();
    for (device, hosts) in &mut times {
        let medians: BTreeMap<IpAddr, (Duration, usize)> = hosts
            .iter_mut()
            .filter(|(_, times)| times.len() >= HANDSHAKES)
            .map(|(host, times)| {
                times.sort();
                (*host, (times[times.len() / 2], times.len()))
            })
            .collect();
        for (host, (median, handshakes)) in &medians {
            if *median < view.thresholds.slow_path()
                || !is_private(*host)
                || found.contains_key(host)
            {
                continue;
            }
            let faster = medians
                .iter()
                .filter(|(other, _)| *other != host)
                .min_by_key(|(_, (time, _))| *time)
                .filter(|(_, (time, _))| *time * TIMES < *median);
            let Some((other, (fast, _))) = faster else {
                continue;
            };
            let name = view.device(*device);
            let claim = Claim {
                kind: Kind::HIGH_LATENCY,
                key: host.to_string(),
                about: vec![*host],
                sentence: format!(
                    "the path to {host} is slow: a round trip takes {}, while one to {other} \
                     takes {}, both over {name}",
                    span(*median),
                    span(*fast)
                ),
                since: view.now,
                last: view.now,
                count: *handshakes as u64,
                subjects: [
                    Some(Subject::Host { address: *host }),
                    Some(Subject::Host { address: *other }),
                    view.device_subject(*device),
                ]
                .into_iter()
                .flatten()
                .collect(),
                evidence: vec![format!(
                    "{} from SYN to SYN-ACK, half of them over {}",
                    plural(*handshakes as u64, "handshake"),
                    span(*median)
                )],
                not_looked_at: Vec::new(),
                advice: format!(
                    "`mtr -n {host}` shows where the time is lost; `tc qdisc` on the way"
                ),
            };
            found.insert(*host, claim);
        }
    }
    claims.extend(found.into_values());
}

/// Whether an address is of a private network (RFC 1918, RFC 4193) or a link.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_private() || address.is_link_local(),
        IpAddr::V6(address) => address.is_unique_local() || address.is_unicast_link_local(),
    }
}
