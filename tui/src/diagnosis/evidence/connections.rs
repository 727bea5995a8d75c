//! How TCP connections begin and how they are torn down, from captured SYNs,
//! SYN-ACKs, FINs and RSTs. The kernel side captures each of these within its
//! budget.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use hashbrown::HashMap;
use probe_common::parse::number::tcp;
use probe_common::{Direction, FlowKey};

use crate::diagnosis::decode::{Endpoint, IcmpError, Ip, Tcp};
use crate::flow::{Flow, FlowTable};
use crate::model::Moment;

/// Connections that are remembered, on all devices together. Under a flood the
/// oldest go.
const REMEMBERED: usize = 16_384;
/// How long an attempt is evidence: longer than the pause between two attempts of
/// a client that backs off.
pub const WINDOW: Duration = Duration::from_secs(60);

/// A packet that was seen, the first of its kind, and how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The first.
    pub first: Moment,
    /// The last.
    pub last: Moment,
    /// How many were captured; none where only the counters know of it, and then
    /// the times are those of the interval.
    pub count: u32,
    /// TTL or hop limit of the first.
    pub ttl: u8,
}

impl Seen {
    const fn new(at: Moment, ttl: u8) -> Self {
        Self {
            first: at,
            last: at,
            count: 1,
            ttl,
        }
    }

    fn again(&mut self, at: Moment) {
        self.last = at;
        self.count += 1;
    }
}

/// A reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reset {
    /// When.
    pub at: Moment,
    /// Whether it came in the name of the server.
    pub by_server: bool,
    /// Its TTL or hop limit.
    pub ttl: u8,
    /// How many.
    pub count: u32,
}

/// How long a handshake took, as seen at the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handshake {
    /// From the SYN to the SYN-ACK.
    pub to_server: Duration,
    /// From the SYN-ACK to what the client answered.
    pub to_client: Option<Duration>,
}

/// A connection at one device, from its SYN on.
#[derive(Clone, Debug)]
pub struct Connection {
    /// The flow.
    pub key: FlowKey,
    /// Who began it.
    pub client: Endpoint,
    /// The other end.
    pub server: Endpoint,
    /// The direction of its SYN at the device.
    pub direction: Direction,
    /// Its initial sequence number: the same on all devices.
    pub isn: u32,
    /// SYNs of this sequence number.
    pub syn: Seen,
    /// SYN-ACKs.
    pub syn_ack: Option<Seen>,
    /// When the client was first seen to answer the SYN-ACK, or to send data.
    pub established: Option<Moment>,
    /// The first reset.
    pub reset: Option<Reset>,
    /// FINs of the client and of the server.
    pub fins: [bool; 2],
    /// An ICMP error about it.
    pub icmp: Option<(IpAddr, IcmpError)>,
    /// When it was last captured.
    pub last: Moment,
}

impl Connection {
    /// From the SYN to the SYN-ACK, where that is unambiguous: an answer to a SYN that
    /// was sent again may be one to the first (Karn's algorithm).
    #[must_use]
    pub fn round_trip(&self) -> Option<Duration> {
        let answer = self.syn_ack.filter(|seen| seen.count > 0)?;
        (self.syn.count == 1).then(|| answer.first.saturating_sub(self.syn.first))
    }

    /// The times of its handshake, where they are known.
    #[must_use]
    pub fn handshake(&self) -> Option<Handshake> {
        let to_server = self.round_trip()?;
        let answered = self.syn_ack?.last;
        Some(Handshake {
            to_server,
            to_client: self.established.map(|at| at.saturating_sub(answered)),
        })
    }

    /// Whether nothing has answered.
    #[must_use]
    pub const fn is_unanswered(&self) -> bool {
        self.syn_ack.is_none()
            && self.established.is_none()
            && self.reset.is_none()
            && self.icmp.is_none()
    }

    /// Whether the server's side refused it before it was established.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.syn_ack.is_none()
            && self.established.is_none()
            && self.reset.is_some_and(|reset| reset.by_server)
    }

    /// Takes over the flow's counters: they include every packet, also
    /// those that were not captured.
    fn follow(&mut self, flow: &Flow, now: Moment) {
        let mine = flow.tcp_flags[self.direction as usize];
        let theirs = flow.tcp_flags[1 - self.direction as usize];
        if self.syn_ack.is_none() && theirs & tcp::SYN != 0 {
            let ttl = flow.hop_limit[1 - self.direction as usize];
            self.syn_ack = Some(Seen {
                count: 0,
                ..Seen::new(now, ttl)
            });
        }
        if self.established.is_none()
            && self.syn_ack.is_some()
            && mine & tcp::ACK != 0
            && mine & tcp::RST == 0
        {
            self.established = Some(now);
        }
    }
}

/// The connections of all devices of a host.
#[derive(Clone, Debug, Default)]
pub struct Connections {
    table: HashMap<FlowKey, Connection>,
    /// The flows between two ends, one a device, by which ICMP errors find them.
    by_ends: HashMap<(Endpoint, Endpoint), Vec<FlowKey>>,
    /// Handshakes of connections that are older than evidence may be, as long as
    /// their flows live.
    handshakes: HashMap<FlowKey, Handshake>,
    order: VecDeque<(FlowKey, u32)>,
    /// Connections that were forgotten before their time.
    pub forgotten: u64,
}

impl Connections {
    /// Takes over a captured segment.
    pub fn segment(
        &mut self,
        at: Moment,
        key: FlowKey,
        direction: Direction,
        ip: &Ip<'_>,
        tcp: &Tcp<'_>,
    ) {
        let source = Endpoint {
            address: ip.source,
            port: tcp.source,
        };
        let destination = Endpoint {
            address: ip.destination,
            port: tcp.destination,
        };
        if tcp.syn && tcp.ack.is_none() && !tcp.rst {
            self.syn(at, key, direction, (source, destination), ip, tcp);
            return;
        }
        let Some(connection) = self.table.get_mut(&key) else {
            return;
        };
        connection.last = at;
        let by_server = source == connection.server;
        if tcp.rst {
            match &mut connection.reset {
                Some(reset) => reset.count += 1,
                None => {
                    connection.reset = Some(Reset {
                        at,
                        by_server,
                        ttl: ip.ttl,
                        count: 1,
                    });
                }
            }
        } else if tcp.syn && by_server {
            match &mut connection.syn_ack {
                Some(seen) => seen.again(at),
                None => connection.syn_ack = Some(Seen::new(at, ip.ttl)),
            }
        } else if !by_server && connection.syn_ack.is_some() {
            connection.established.get_or_insert(at);
        }
        if tcp.fin {
            connection.fins[usize::from(by_server)] = true;
        }
    }

    fn syn(
        &mut self,
        at: Moment,
        key: FlowKey,
        direction: Direction,
        (client, server): (Endpoint, Endpoint),
        ip: &Ip<'_>,
        tcp: &Tcp<'_>,
    ) {
        if let Some(connection) = self.table.get_mut(&key)
            && connection.isn == tcp.seq
        {
            connection.syn.again(at);
            connection.last = at;
            return;
        }
        let connection = Connection {
            key,
            client,
            server,
            direction,
            isn: tcp.seq,
            syn: Seen::new(at, ip.ttl),
            syn_ack: None,
            established: None,
            reset: None,
            fins: [false; 2],
            icmp: None,
            last: at,
        };
        self.handshakes.remove(&key);
        if self.table.insert(key, connection).is_none() {
            let flows = self.by_ends.entry((client, server)).or_default();
            if !flows.contains(&key) {
                flows.push(key);
            }
        }
        self.order.push_back((key, tcp.seq));
        while self.table.len() > REMEMBERED {
            self.forget_oldest();
            self.forgotten += 1;
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((key, isn)) = self.order.pop_front()
            && self.table.get(&key).is_some_and(|it| it.isn == isn)
            && let Some(connection) = self.table.remove(&key)
        {
            let ends = (connection.client, connection.server);
            if let Some(flows) = self.by_ends.get_mut(&ends) {
                flows.retain(|it| *it != key);
                if flows.is_empty() {
                    self.by_ends.remove(&ends);
                }
            }
            if self.handshakes.len() < REMEMBERED
                && let Some(handshake) = connection.handshake()
            {
                self.handshakes.insert(key, handshake);
            }
        }
    }

    /// Takes over an ICMP error about a connection, whichever device saw it.
    pub fn icmp(&mut self, from: IpAddr, error: &IcmpError) {
        let Some(quoted) = &error.quoted else { return };
        let ends = (quoted.source, quoted.destination);
        for key in self.by_ends.get(&ends).into_iter().flatten() {
            if let Some(connection) = self.table.get_mut(key) {
                connection.icmp.get_or_insert_with(|| (from, error.clone()));
            }
        }
    }

    /// Looks at the counters of the flows that are not established yet, and
    /// forgets what is too old to be evidence.
    pub fn interval(&mut self, flows: &FlowTable, now: Moment) {
        for connection in self.table.values_mut() {
            if connection.established.is_none()
                && connection.reset.is_none()
                && let Some(flow) = flows.get(&connection.key)
            {
                connection.follow(flow, now);
            }
        }
        while let Some((key, isn)) = self.order.front() {
            let is_old = match self.table.get(key) {
                Some(it) if it.isn == *isn => now.saturating_sub(it.syn.first) > WINDOW,
                _ => true,
            };
            if !is_old {
                break;
            }
            self.forget_oldest();
        }
        self.handshakes.retain(|key, _| flows.get(key).is_some());
    }

    /// How long the handshake of a connection took, also of one that is no longer
    /// evidence, as long as its flow is known.
    #[must_use]
    pub fn handshake(&self, key: &FlowKey) -> Option<Handshake> {
        let connection = self.table.get(key).and_then(Connection::handshake);
        connection.or_else(|| self.handshakes.get(key).copied())
    }

    /// All that are remembered, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Connection> {
        self.table.values()
    }

    /// The connection of a flow.
    #[must_use]
    pub fn get(&self, key: &FlowKey) -> Option<&Connection> {
        self.table.get(key)
    }
}
