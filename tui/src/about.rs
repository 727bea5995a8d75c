//! All that is known of a flow, as filters and columns ask for it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use probe_common::{Direction, FlowKey};

use crate::diagnosis::{Concerns, Diagnosis};
use crate::filter::{Context, Name, Quantity, State};
use crate::flow::{Flow, TcpState};
use crate::model::signal::Owner;
use crate::model::{Container, Device, HostId, Namespace};
use crate::traffic::{Crossing, Host, Kernel, Traffic};

#[cfg(test)]
mod tests;

/// The time that filters compute rates over.
const WINDOW: Duration = Duration::from_secs(10);

/// A host's traffic, and what is known about it.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// The traffic.
    pub host: &'a Host,
    /// From its packets.
    pub diagnosis: Option<&'a Diagnosis>,
    /// Which flows problems are about.
    pub concerns: Option<&'a Concerns>,
    /// The hosts that it is the sum of, where it is one.
    pub nodes: Option<Nodes<'a>>,
}

/// What is known of each of several hosts.
#[derive(Clone, Copy, Debug)]
pub struct Nodes<'a> {
    /// Their traffic, and the sum of it.
    pub traffic: &'a Traffic,
    /// From their packets.
    pub diagnoses: &'a BTreeMap<HostId, Diagnosis>,
}

/// What the host that sees a flow knows of it, and how it calls the flow.
#[derive(Clone, Copy, Debug)]
struct Origin<'a> {
    kernel: &'a Kernel,
    diagnosis: Option<&'a Diagnosis>,
    key: FlowKey,
}

impl<'a> Known<'a> {
    /// What is known of a flow.
    #[must_use]
    pub const fn about(self, flow: &'a Flow) -> About<'a> {
        About { known: self, flow }
    }

    fn origin(self, key: &FlowKey) -> Origin<'a> {
        let there = self.nodes.and_then(|nodes| {
            let (host, device) = nodes.traffic.origin(key.device)?;
            Some(Origin {
                kernel: &nodes.traffic.host(host).kernel,
                diagnosis: nodes.diagnoses.get(&host),
                key: FlowKey { device, ..*key },
            })
        });
        there.unwrap_or(Origin {
            kernel: &self.host.kernel,
            diagnosis: self.diagnosis,
            key: *key,
        })
    }

    /// How long a connection's handshake took towards its server and its client.
    #[must_use]
    pub fn handshake(self, key: &FlowKey) -> Option<(Duration, Option<Duration>)> {
        let Origin { diagnosis, key, .. } = self.origin(key);
        diagnosis?.handshake(&key)
    }

    /// The host that sees a flow, where there are several.
    #[must_use]
    pub fn node(self, key: &FlowKey) -> Option<&'a str> {
        let node = self.host.devices.names().node(key.device);
        node.or(self.host.name.as_deref())
    }

    /// What was sent from one host to another in each direction of a flow, where two of
    /// those that are watched together see it.
    #[must_use]
    pub fn crossings(self, key: &FlowKey) -> [Option<Crossing>; 2] {
        let traffic = self.nodes.map(|nodes| nodes.traffic);
        traffic.map_or([None; 2], |traffic| traffic.crossings(key))
    }

    /// The hosts at the local and at the remote end of a flow that two of them see.
    #[must_use]
    pub fn path(self, key: &FlowKey) -> Option<[&'a str; 2]> {
        let traffic = self.nodes?.traffic;
        let crossing = self.crossings(key)[Direction::Out as usize]?;
        let name = |host| traffic.host(host).name.as_deref();
        Some([name(crossing.from)?, name(crossing.to)?])
    }

    /// What a flow's device leads to, in another network namespace.
    #[must_use]
    pub fn namespace(self, key: &FlowKey) -> Option<&'a Namespace> {
        self.host.devices.names().namespace(key.device)
    }
}

impl Known<'_> {
    /// What flows can be called, each name once.
    #[must_use]
    pub fn names(self) -> BTreeSet<(Name, String)> {
        let mut names = BTreeSet::new();
        for flow in self.host.flows.iter() {
            let about = self.about(flow);
            let processes = about.owners().map(|owner| owner.command.clone());
            names.extend(processes.map(|process| (Name::Process, process)));
        }
        for device in self.host.devices.watched() {
            let node = device.name.split_once('/').map(|(node, _)| node.to_owned());
            names.extend(node.map(|node| (Name::Node, node)));
            let Some(namespace) = device.namespace() else {
                continue;
            };
            let container = namespace.container.as_ref();
            let pod = container.and_then(|it| it.pod.as_ref()?.name.clone());
            names.extend(pod.map(|pod| (Name::Pod, pod)));
            names.extend(container.map(|it| (Name::Container, it.label().to_owned())));
            let name = namespace.name.clone();
            names.extend(name.map(|name| (Name::Namespace, name)));
        }
        names
    }
}

/// A flow, and what is known about it.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    known: Known<'a>,
    flow: &'a Flow,
}

/// A round-trip time, and what it was taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RoundTrip {
    /// Smoothed, from a socket of this host.
    Smoothed(Duration),
    /// Of the handshake, which the hook saw.
    Handshake(Duration),
}

impl RoundTrip {
    /// How long it is.
    #[must_use]
    pub const fn time(self) -> Duration {
        match self {
            Self::Smoothed(time) | Self::Handshake(time) => time,
        }
    }
}

impl<'a> About<'a> {
    /// The process that sends the packets of a direction.
    #[must_use]
    pub fn owner(self, direction: Direction) -> Option<&'a Owner> {
        let socket = self.flow.facts.as_deref()?.sockets[direction as usize]?;
        self.known
            .origin(&self.flow.key)
            .kernel
            .owner(socket.cookie)
    }

    /// The processes at both ends that are known, the local end's first.
    pub fn owners(self) -> impl Iterator<Item = &'a Owner> {
        [Direction::Out, Direction::In]
            .into_iter()
            .filter_map(move |direction| self.owner(direction))
    }

    /// The command of the process at the local end, or else at the remote one.
    #[must_use]
    pub fn process(self) -> Option<&'a str> {
        self.owners().next().map(|owner| owner.command.as_str())
    }

    /// The container that the flow's device leads to, or else the one of a socket at
    /// one of its ends, the local end's first: those that share the host's network
    /// have no device of their own.
    #[must_use]
    pub fn container(self) -> Option<&'a Container> {
        let namespace = self.known.namespace(&self.flow.key);
        let behind = namespace.and_then(|namespace| namespace.container.as_ref());
        behind.or_else(|| {
            let sockets = self.flow.facts.as_deref()?.sockets;
            [Direction::Out, Direction::In]
                .iter()
                .find_map(|&direction| {
                    let socket = sockets[direction as usize]?;
                    self.known.origin(&self.flow.key).kernel.container(&socket)
                })
        })
    }

    /// Namespace and name of that container's pod.
    #[must_use]
    pub fn pod(self) -> Option<&'a str> {
        self.container()?.pod.as_ref()?.name.as_deref()
    }

    /// How long a packet and its answer take: between the ends where one of them is
    /// a socket of this host, or else in the handshake, if that was seen.
    #[must_use]
    pub fn round_trip(self) -> Option<RoundTrip> {
        let sockets = self.flow.facts.as_deref().map(|facts| facts.sockets);
        let of_sockets = sockets.into_iter().flatten().flatten();
        let smoothed = of_sockets.filter_map(|socket| socket.tcp.map(|tcp| tcp.srtt));
        if let Some(micros) = smoothed.max() {
            let time = Duration::from_micros(micros.into());
            return Some(RoundTrip::Smoothed(time));
        }
        let (server, client) = self.known.handshake(&self.flow.key)?;
        Some(RoundTrip::Handshake(server + client.unwrap_or_default()))
    }

    /// Segments that were sent again, in both directions; nothing but for TCP.
    #[must_use]
    pub fn retransmits(self) -> Option<u64> {
        self.flow.tcp?;
        let facts = self.flow.facts.as_deref();
        let counts = facts.map(|facts| facts.tcp).unwrap_or_default();
        Some(counts.iter().map(|it| u64::from(it.retransmitted)).sum())
    }
}

impl Context for About<'_> {
    fn is_in(&self, state: State) -> bool {
        let tcp = match state {
            State::Unanswered => return self.flow.is_one_way(),
            State::Opening => TcpState::Opening,
            State::Open => TcpState::Open,
            State::Closing => TcpState::Closing,
            State::Closed => TcpState::Closed,
            State::Refused => TcpState::Refused,
            State::Reset => TcpState::Reset,
        };
        self.flow.tcp == Some(tcp)
    }

    fn tcp_flags(&self, direction: Direction) -> u8 {
        self.flow.tcp_flags[direction as usize]
    }

    fn number(&self, quantity: Quantity) -> Option<f64> {
        let clock = self.known.host.flows.clock();
        let counts = self.flow.counts;
        Some(match quantity {
            Quantity::Rate => {
                let rate = |direction| self.flow.rate(direction, WINDOW, clock);
                Direction::BOTH.map(rate).iter().sum()
            }
            Quantity::Bytes => counts.iter().map(|count| count.bytes as f64).sum(),
            Quantity::Packets => counts.iter().map(|count| count.packets as f64).sum(),
            Quantity::Age => self.flow.age(clock.now()).as_secs_f64(),
            Quantity::Rtt => self.round_trip()?.time().as_micros() as f64,
            Quantity::Retrans => self.retransmits()? as f64,
        })
    }

    fn has_name(&self, kind: Name, test: &mut dyn FnMut(&str) -> bool) -> bool {
        match kind {
            Name::Process => self.owners().any(|owner| {
                let executable = owner.executable.as_deref().unwrap_or_default();
                let file = executable.rsplit('/').next().unwrap_or_default();
                test(&owner.command) || (!file.is_empty() && (test(file) || test(executable)))
            }),
            Name::Pod | Name::Container => self
                .container()
                .is_some_and(|container| container_has_name(container, kind, test)),
            Name::Namespace => self
                .known
                .namespace(&self.flow.key)
                .and_then(|namespace| namespace.name.as_deref())
                .is_some_and(test),
            Name::Node => self.known.node(&self.flow.key).is_some_and(test),
            Name::DnsName => {
                let Origin { diagnosis, key, .. } = self.known.origin(&self.flow.key);
                diagnosis.is_some_and(|diagnosis| {
                    diagnosis.has_exchange(&key, &mut |name, _| test(name))
                })
            }
        }
    }

    fn has_rcode(&self, rcode: u8) -> bool {
        let Origin { diagnosis, key, .. } = self.known.origin(&self.flow.key);
        diagnosis.is_some_and(|diagnosis| {
            diagnosis.has_exchange(&key, &mut |_, answer| answer == Some(rcode))
        })
    }

    fn has_problem(&self) -> bool {
        let concerns = self.known.concerns;
        concerns.is_some_and(|concerns| concerns.flow(&self.flow.key).is_some())
    }
}

fn container_has_name(
    container: &Container,
    kind: Name,
    test: &mut dyn FnMut(&str) -> bool,
) -> bool {
    if kind == Name::Pod {
        let pod = container.pod.as_ref().and_then(|pod| pod.name.as_deref());
        return pod.is_some_and(|pod| {
            let name = pod.rsplit('/').next().unwrap_or(pod);
            test(pod) || test(name)
        });
    }
    let names = [&container.name, &container.host_name];
    let mut names = names.into_iter().flatten();
    names.any(|name| test(name)) || test(&container.id) || test(container.short_id())
}

/// What a device leads to, for filters that are about devices: of flows it knows
/// nothing.
#[derive(Clone, Copy, Debug)]
pub struct Behind<'a>(pub &'a Device);

impl Context for Behind<'_> {
    fn is_in(&self, _: State) -> bool {
        false
    }

    fn tcp_flags(&self, _: Direction) -> u8 {
        0
    }

    fn number(&self, _: Quantity) -> Option<f64> {
        None
    }

    fn has_name(&self, kind: Name, test: &mut dyn FnMut(&str) -> bool) -> bool {
        match kind {
            Name::Pod | Name::Container => self
                .0
                .container()
                .is_some_and(|container| container_has_name(container, kind, test)),
            Name::Namespace => self
                .0
                .namespace()
                .and_then(|namespace| namespace.name.as_deref())
                .is_some_and(test),
            _ => false,
        }
    }

    fn has_rcode(&self, _: u8) -> bool {
        false
    }

    fn has_problem(&self) -> bool {
        false
    }
}
