//! What is remembered of the traffic of a host, in bounded stores. Rules read
//! it and remember nothing themselves.

pub mod application;
pub mod baseline;
pub mod blocks;
pub mod connections;
pub mod copies;
pub mod datagrams;
pub mod dns;
pub mod floods;
pub mod frames;
pub mod health;
pub mod hops;
pub mod icmp;
pub mod kernel;
pub mod lateness;
pub mod links;
pub mod neighbors;
pub mod probe;
pub mod rates;
mod recent;
pub mod resets;
pub mod sightings;
pub mod translations;

use probe_common::parse::number::port;

use super::decode::{Decoded, Endpoint, Ip, Net, Tcp, Transport};
use crate::flow::FlowTable;
use crate::model::{Interval, Packet, Signals};

/// All stores of a host.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// TCP connections.
    pub connections: connections::Connections,
    /// ARP and neighbor discovery.
    pub neighbors: neighbors::Neighbors,
    /// DNS exchanges.
    pub dns: dns::Dns,
    /// Hardware addresses that packets are sent to.
    pub frames: frames::Frames,
    /// ICMP errors.
    pub icmp: icmp::IcmpErrors,
    /// Packets that go around.
    pub hops: hops::Hops,
    /// Answers of servers.
    pub application: application::Application,
    /// Resets of established connections.
    pub resets: resets::MidResets,
    /// UDP flows.
    pub datagrams: datagrams::Datagrams,
    /// How established connections fare.
    pub health: health::TcpHealth,
    /// What the kernel reports.
    pub kernel: kernel::Kernel,
    /// Connections begun.
    pub rates: rates::Rates,
    /// Packets that came twice.
    pub copies: copies::Copies,
    /// Packets to everybody.
    pub floods: floods::Floods,
    /// What the probe missed.
    pub probe: probe::Probe,
    /// How late the machine lets processes run.
    pub lateness: lateness::Lateness,
    /// Flows that somebody watches for, and peers that are new.
    pub sightings: sightings::Sightings,
    /// The rules by which nkview itself drops packets.
    pub blocks: blocks::Blocks,
    /// Where services' addresses lead.
    pub translations: translations::Translations,
    /// The links of the watched devices.
    pub links: links::Links,
    /// Packets that no far end received, by the slot of the device.
    pub diverted: std::collections::BTreeMap<u32, u64>,
}

impl Evidence {
    /// Takes over a captured packet. `flows` are as of the last interval. Of a device
    /// that is not watched in both directions yet only what needs no answer counts.
    pub fn packet(&mut self, packet: &Packet, flows: &FlowTable, is_ready: bool) {
        let decoded = super::decode::decode(packet);
        let device = decoded.key.device;
        if !is_ready {
            if let Net::Ip(ip) = &decoded.net
                && let Transport::IcmpError(error) = &ip.transport
            {
                self.icmp.error(decoded.at, device, ip.source, error);
            }
            return;
        }
        match &decoded.net {
            Net::Arp(arp) => self.neighbors.arp(decoded.at, device, arp),
            Net::Ip(ip) => self.ip(&decoded, ip, flows),
            Net::Other => {}
        }
    }

    fn ip(&mut self, decoded: &Decoded<'_>, ip: &Ip<'_>, flows: &FlowTable) {
        let Decoded {
            at, key, direction, ..
        } = *decoded;
        if let Some(ethernet) = decoded.ethernet {
            let pair = (ip.source, ip.destination);
            self.frames
                .packet(at, (key.device, direction), ethernet, pair);
        }
        if !ip.fragment {
            self.hops.packet(at, key.device, direction, ip);
            self.copies.packet(at, key.device, direction, ip);
        }
        match &ip.transport {
            Transport::Tcp(tcp) => self.tcp(decoded, ip, tcp, flows),
            Transport::Udp {
                source,
                destination,
                payload,
                ..
            } => {
                if (*source == port::DNS) != (*destination == port::DNS)
                    && let Some(message) = dns::message(payload)
                {
                    let ends = (
                        Endpoint {
                            address: ip.source,
                            port: *source,
                        },
                        Endpoint {
                            address: ip.destination,
                            port: *destination,
                        },
                    );
                    self.dns.message(at, key.device, ends, message);
                }
            }
            Transport::IcmpError(error) => {
                self.connections.icmp(ip.source, error);
                self.icmp.error(at, key.device, ip.source, error);
            }
            Transport::Neighbor(neighbor) => {
                self.neighbors
                    .discovery(at, key.device, ip.source, neighbor);
            }
            Transport::Other => {}
        }
    }

    fn tcp(&mut self, decoded: &Decoded<'_>, ip: &Ip<'_>, tcp: &Tcp<'_>, flows: &FlowTable) {
        let Decoded {
            at, key, direction, ..
        } = *decoded;
        let source = Endpoint {
            address: ip.source,
            port: tcp.source,
        };
        let destination = Endpoint {
            address: ip.destination,
            port: tcp.destination,
        };
        let known = self.connections.get(&key);
        if tcp.rst && known.is_none_or(|it| it.established.is_some() && it.reset.is_none()) {
            let flow = flows.get(&key);
            let syn_ack = known
                .filter(|it| it.server == source)
                .and_then(|it| it.syn_ack);
            let syn = known.filter(|it| it.client == source).map(|it| it.syn.ttl);
            let last = flow
                .map(|it| it.hop_limit[direction as usize])
                .filter(|it| *it != 0);
            // A flow that is not known was none: the answer to a stray packet.
            if known.is_some() || flow.is_some() {
                self.resets.reset(resets::MidReset {
                    at,
                    key,
                    from: source,
                    to: destination,
                    ttl: ip.ttl,
                    usual_ttl: syn_ack.map(|it| it.ttl).or(syn).or(last),
                    idle: flow.map_or_else(Default::default, |it| it.idle(at)),
                });
            }
        }
        if tcp.payload_len > 0 && !tcp.syn && !tcp.rst {
            // Without its SYN the server is taken to be at the lower port.
            let server = known.map_or_else(
                || {
                    if tcp.source < tcp.destination {
                        source
                    } else {
                        destination
                    }
                },
                |it| it.server,
            );
            let by_server = source == server;
            let client = if by_server { destination } else { source };
            self.application
                .data(at, key, (client, server), by_server, tcp);
        }
        self.connections.segment(at, key, direction, ip, tcp);
    }

    /// Takes over what the kernel reports.
    pub fn signals(&mut self, signals: &Signals) {
        self.kernel.signals(signals);
        self.translations.looked_up(signals.at, &signals.flows);
        self.translations.resets(&signals.resets);
    }

    /// Takes over the counters of an interval, which `flows` have already.
    pub fn interval(&mut self, interval: &Interval, flows: &FlowTable) {
        let now = interval.at;
        self.connections.interval(flows, now);
        self.neighbors.interval(now);
        self.dns.interval(now);
        self.frames.interval(now);
        self.icmp.interval(now);
        self.hops.interval(now);
        self.application.interval(now);
        self.resets.interval(now);
        self.datagrams.interval(interval);
        self.health.interval(interval, flows);
        self.kernel.interval(now);
        self.rates.interval(interval);
        self.copies.interval(now);
        self.floods.interval(interval);
        self.probe.interval(interval);
        self.translations.interval(now);
        self.lateness.interval(interval.length);
        for totals in &interval.devices {
            let fates = totals.directions.iter().filter_map(|it| it.fate);
            *self.diverted.entry(totals.slot).or_default() +=
                fates.filter_map(|it| it.diverted).sum::<u64>();
        }
    }
}
