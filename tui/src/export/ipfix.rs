//! IPFIX (RFC 7011): flow records for a collector.
//!
//! A record is a flow and an interval, both directions in one (biflow, RFC 5103).
//! The end with the lower port is taken for the server, so that a flow is the same
//! way around in each interval. Counts are those of the interval; octets are those of the
//! IP packets (`octetDeltaCount`, RFC 7012), without the link header that a device
//! counts. What is not IP has no record.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use probe_common::parse::number::ether;
use probe_common::{Counters, Direction};
use rustix::io::Errno;
use rustix::net::RecvFlags;

use super::Sink;
use crate::model::{Device, Envelope, Event, FlowCounts, HostId, Interval};

#[cfg(test)]
mod tests;

/// Version of the protocol.
const VERSION: u16 = 10;
/// The set that holds templates.
const TEMPLATES: u16 = 2;
/// The templates of IPv4 and of IPv6.
const IPV4: u16 = 256;
const IPV6: u16 = 257;
/// The enterprise that marks the elements of the reverse direction (RFC 5103).
const REVERSE: u32 = 29_305;
/// The bit of an element that has an enterprise.
const ENTERPRISE: u16 = 0x8000;
/// The direction of a biflow is that of neither end for sure (`biflowDirection`).
const ARBITRARY: u8 = 0;
/// Bytes of a message's header, and of a set's.
const HEADER: usize = 16;
const SET: usize = 4;
/// Bytes of a message, so that it fits a packet.
const MESSAGE: usize = 1_400;
/// How often templates are sent again over UDP, where one may get lost.
const AGAIN: Duration = Duration::from_secs(60);
/// How long a TCP connection may take to be made, or to take a message.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long after a failure a connection is tried again: doubled with each further
/// one, up to the most.
const RETRY: Duration = Duration::from_secs(1);
const RETRY_MOST: Duration = Duration::from_secs(60);

/// Bytes of the header of Ethernet, which a device counts. VLAN tags are not counted: the
/// kernel has taken them off.
const ETHERNET: u64 = 14;

/// Numbers of information elements, as IANA has registered them.
mod element {
    pub const OCTETS: u16 = 1;
    pub const PACKETS: u16 = 2;
    pub const PROTOCOL: u16 = 4;
    pub const TCP_FLAGS: u16 = 6;
    pub const SOURCE_PORT: u16 = 7;
    pub const SOURCE_IPV4: u16 = 8;
    pub const INTERFACE: u16 = 10;
    pub const DESTINATION_PORT: u16 = 11;
    pub const DESTINATION_IPV4: u16 = 12;
    pub const SOURCE_IPV6: u16 = 27;
    pub const DESTINATION_IPV6: u16 = 28;
    pub const VLAN: u16 = 58;
    pub const START: u16 = 152;
    pub const END: u16 = 153;
    pub const BIFLOW_DIRECTION: u16 = 239;
}

/// Elements, their bytes, and whether they are of the reverse direction: those
/// behind the addresses.
const ELEMENTS: [(u16, u16, bool); 14] = [
    (element::SOURCE_PORT, 2, false),
    (element::DESTINATION_PORT, 2, false),
    (element::PROTOCOL, 1, false),
    (element::VLAN, 2, false),
    (element::INTERFACE, 4, false),
    (element::START, 8, false),
    (element::END, 8, false),
    (element::PACKETS, 8, false),
    (element::OCTETS, 8, false),
    (element::TCP_FLAGS, 1, false),
    (element::PACKETS, 8, true),
    (element::OCTETS, 8, true),
    (element::TCP_FLAGS, 1, true),
    (element::BIFLOW_DIRECTION, 1, false),
];

/// Where messages go.
pub trait Collector: Send {
    /// Makes sure that there is a connection; returns whether it is a new one, which
    /// knows no templates.
    ///
    /// # Errors
    /// When there is none.
    fn connect(&mut self) -> io::Result<bool>;

    /// Whether messages may get lost on the way.
    fn may_lose(&self) -> bool;

    /// Sends a message.
    ///
    /// # Errors
    /// When it cannot be sent.
    fn send(&mut self, message: &[u8]) -> io::Result<()>;
}

/// Sends flow records.
pub struct Ipfix<C> {
    collector: C,
    /// An observation domain for each host, in which interfaces have their numbers.
    domains: BTreeMap<HostId, Domain>,
    /// Bytes of the link header that is counted of each packet, by device.
    link_headers: BTreeMap<(HostId, u32), u64>,
    /// Records that there was no collector for since it was there last.
    lost: u64,
}

/// What a collector knows of a host.
#[derive(Default)]
struct Domain {
    /// Records sent so far, in the arithmetic of the protocol.
    sequence: u32,
    /// When templates were sent last over this connection.
    templates: Option<Instant>,
}

impl<C: Collector> Ipfix<C> {
    /// Connects with the first interval.
    pub const fn new(collector: C) -> Self {
        Self {
            collector,
            domains: BTreeMap::new(),
            link_headers: BTreeMap::new(),
            lost: 0,
        }
    }

    fn interval(&mut self, host: HostId, interval: &Interval) {
        let records = interval
            .flows
            .iter()
            .filter(|flow| template(flow).is_some())
            .count() as u64;
        let mut sent = 0;
        match self.try_interval(host, interval, &mut sent) {
            Ok(()) if self.lost > 0 => {
                tracing::info!(lost = self.lost, "the collector is back");
                eprintln!(
                    "nkview: the collector is back; {} flow records are missing there",
                    self.lost
                );
                self.lost = 0;
            }
            Ok(()) => {}
            Err(error) => {
                if self.lost == 0 {
                    tracing::warn!(%error, "the collector cannot be reached");
                    eprintln!("nkview: cannot send to the collector: {error}; trying again");
                }
                self.lost += records - sent;
            }
        }
    }

    /// Sends the records of an interval, and adds up those that were sent.
    fn try_interval(
        &mut self,
        host: HostId,
        interval: &Interval,
        sent: &mut u64,
    ) -> io::Result<()> {
        if self.collector.connect()? {
            self.domains.values_mut().for_each(|it| it.templates = None);
        }
        let may_lose = self.collector.may_lose();
        let domain = self.domains.entry(host).or_default();
        let known = domain.templates;
        if known.is_none_or(|sent| may_lose && sent.elapsed() >= AGAIN) {
            let message = message(host, domain.sequence, interval, TEMPLATES, &templates());
            self.collector.send(&message)?;
            domain.templates = Some(Instant::now());
        }
        for wanted in [IPV4, IPV6] {
            let mut set = Vec::new();
            let mut records = 0;
            for flow in &interval.flows {
                if template(flow) != Some(wanted) {
                    continue;
                }
                let before = set.len();
                let header = self.link_headers.get(&(host, flow.key.device));
                record(&mut set, flow, header.copied().unwrap_or(0), interval);
                records += 1;
                let length = set.len() - before;
                if HEADER + SET + set.len() + length > MESSAGE {
                    *sent += self.data(host, interval, wanted, &mut set, &mut records)?;
                }
            }
            if records > 0 {
                *sent += self.data(host, interval, wanted, &mut set, &mut records)?;
            }
        }
        Ok(())
    }

    /// Sends records. Returns how many.
    fn data(
        &mut self,
        host: HostId,
        interval: &Interval,
        template: u16,
        set: &mut Vec<u8>,
        records: &mut u32,
    ) -> io::Result<u64> {
        let domain = self.domains.entry(host).or_default();
        let message = message(host, domain.sequence, interval, template, set);
        set.clear();
        let number = std::mem::take(records);
        // What is not sent is missing in the collector's eyes, too.
        domain.sequence = domain.sequence.wrapping_add(number);
        self.collector.send(&message)?;
        Ok(number.into())
    }
}

/// A message of one set.
fn message(
    HostId(host): HostId,
    sequence: u32,
    interval: &Interval,
    set: u16,
    contents: &[u8],
) -> Vec<u8> {
    let length = HEADER + SET + contents.len();
    let mut message = Vec::with_capacity(length);
    message.extend(VERSION.to_be_bytes());
    // Messages are shorter than a packet.
    message.extend((length as u16).to_be_bytes());
    message.extend((interval.wall.as_second() as u32).to_be_bytes());
    message.extend(sequence.to_be_bytes());
    // The observation domain, of which 0 would be none.
    message.extend((u32::from(host) + 1).to_be_bytes());
    message.extend(set.to_be_bytes());
    message.extend(((SET + contents.len()) as u16).to_be_bytes());
    message.extend(contents);
    message
}

/// The template of a flow; nothing for what is not IP, or had no packet.
fn template(flow: &FlowCounts) -> Option<u16> {
    let has_packets = flow.value.directions.iter().any(|side| side.packets > 0);
    has_packets.then_some(())?;
    match flow.key.ether_type {
        ether::IPV4 => Some(IPV4),
        ether::IPV6 => Some(IPV6),
        _ => None,
    }
}

/// The records of the templates.
fn templates() -> Vec<u8> {
    let addresses = [
        (IPV4, [element::SOURCE_IPV4, element::DESTINATION_IPV4], 4),
        (IPV6, [element::SOURCE_IPV6, element::DESTINATION_IPV6], 16),
    ];
    let mut set = Vec::new();
    for (template, addresses, length) in addresses {
        set.extend(template.to_be_bytes());
        let count = (addresses.len() + ELEMENTS.len()) as u16;
        set.extend(count.to_be_bytes());
        let addresses = addresses.map(|element| (element, length, false));
        for (element, length, is_reverse) in addresses.into_iter().chain(ELEMENTS) {
            let enterprise = if is_reverse { ENTERPRISE } else { 0 };
            set.extend((element | enterprise).to_be_bytes());
            set.extend(length.to_be_bytes());
            if is_reverse {
                set.extend(REVERSE.to_be_bytes());
            }
        }
    }
    set
}

/// The bytes of the link header that are counted of each packet of a device. On the
/// loopback device bytes are counted from the network header on.
fn link_header(device: &Device) -> u64 {
    let is_ethernet = device.mac.len() == 6 && device.kind.name() != "loopback";
    if is_ethernet { ETHERNET } else { 0 }
}

fn record(set: &mut Vec<u8>, flow: &FlowCounts, link_header: u64, interval: &Interval) {
    let key = &flow.key;
    let of = |direction: Direction| &flow.value.directions[direction as usize];
    let (inward, outward) = (of(Direction::In), of(Direction::Out));
    // Towards the server, but no record is of the reverse direction alone.
    let is_inward = if inward.packets == 0 || outward.packets == 0 {
        inward.packets > 0
    } else {
        key.local_port <= key.remote_port
    };
    let (source, destination, forward, reverse) = if is_inward {
        (
            (&key.remote, key.remote_port),
            (&key.local, key.local_port),
            inward,
            outward,
        )
    } else {
        (
            (&key.local, key.local_port),
            (&key.remote, key.remote_port),
            outward,
            inward,
        )
    };
    // IPv4 addresses are mapped to IPv6 in keys.
    let skipped = if key.ether_type == ether::IPV4 { 12 } else { 0 };
    set.extend(&source.0[skipped..]);
    set.extend(&destination.0[skipped..]);
    set.extend(source.1.to_be_bytes());
    set.extend(destination.1.to_be_bytes());
    set.push(key.protocol);
    set.extend(key.vlan.to_be_bytes());
    set.extend(key.device.to_be_bytes());
    let end = interval.wall.as_millisecond();
    let length = i64::try_from(interval.length.as_millis()).unwrap_or(i64::MAX);
    set.extend(end.saturating_sub(length).to_be_bytes());
    set.extend(end.to_be_bytes());
    let counts = |set: &mut Vec<u8>, counters: &Counters| {
        set.extend(counters.packets.to_be_bytes());
        let octets = counters
            .bytes
            .saturating_sub(link_header * counters.packets);
        set.extend(octets.to_be_bytes());
        set.push(counters.tcp_flags);
    };
    counts(set, forward);
    counts(set, reverse);
    set.push(ARBITRARY);
}

impl<C: Collector> Sink for Ipfix<C> {
    fn event(&mut self, envelope: &Envelope) -> io::Result<()> {
        let host = envelope.host;
        match &envelope.event {
            Event::Devices(devices) => {
                let watched = devices
                    .iter()
                    .filter_map(|device| Some(((host, device.watch.slot()?), link_header(device))));
                self.link_headers.extend(watched);
            }
            Event::Interval(interval) => self.interval(host, interval),
            _ => {}
        }
        Ok(())
    }

    /// Packets have no records.
    fn lost(&mut self, _: u64) -> io::Result<()> {
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A collector over UDP.
#[derive(Debug)]
pub struct Udp {
    to: SocketAddr,
    socket: Option<UdpSocket>,
}

impl Udp {
    /// Sends to this address.
    #[must_use]
    pub const fn new(to: SocketAddr) -> Self {
        Self { to, socket: None }
    }
}

impl Collector for Udp {
    fn connect(&mut self) -> io::Result<bool> {
        if self.socket.is_some() {
            return Ok(false);
        }
        let any = if self.to.is_ipv4() {
            "0.0.0.0:0"
        } else {
            "[::]:0"
        };
        let socket = UdpSocket::bind(any)?;
        socket.connect(self.to)?;
        self.socket = Some(socket);
        Ok(true)
    }

    fn may_lose(&self) -> bool {
        true
    }

    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let Some(socket) = &self.socket else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        let sent = socket.send(message);
        if sent.is_err() {
            // Whoever comes back knows no templates.
            self.socket = None;
        }
        sent.map(drop)
    }
}

/// A collector over TCP.
#[derive(Debug)]
pub struct Tcp {
    to: SocketAddr,
    stream: Option<TcpStream>,
    /// When the last try failed, and how long to wait from then on.
    failed: Option<(Instant, Duration)>,
}

impl Tcp {
    /// Sends to this address.
    #[must_use]
    pub const fn new(to: SocketAddr) -> Self {
        Self {
            to,
            stream: None,
            failed: None,
        }
    }

    fn open(&self) -> io::Result<TcpStream> {
        let stream = TcpStream::connect_timeout(&self.to, PATIENCE)?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(stream)
    }

    /// Remembers a failure, so that not each interval waits for a collector that is
    /// not there.
    fn fail(&mut self) {
        let delay = self.failed.map_or(RETRY, |(_, delay)| delay * 2);
        self.failed = Some((Instant::now(), delay.min(RETRY_MOST)));
        self.stream = None;
    }
}

impl Collector for Tcp {
    fn connect(&mut self) -> io::Result<bool> {
        // What is written to one that has closed would be lost without an error.
        if self.stream.as_ref().is_some_and(has_closed) {
            self.stream = None;
        }
        if self.stream.is_some() {
            return Ok(false);
        }
        let waits = |(failed, delay): (Instant, Duration)| failed.elapsed() < delay;
        if self.failed.is_some_and(waits) {
            return Err(io::ErrorKind::NotConnected.into());
        }
        match self.open() {
            Ok(stream) => self.stream = Some(stream),
            Err(error) => {
                self.fail();
                return Err(error);
            }
        }
        Ok(true)
    }

    fn may_lose(&self) -> bool {
        false
    }

    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let Some(stream) = &mut self.stream else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        let sent = stream.write_all(message);
        match sent {
            Ok(()) => self.failed = None,
            // A part of a message may be there, behind which none can begin.
            Err(_) => self.fail(),
        }
        sent
    }
}

/// Whether a collector has closed the connection. It sends nothing otherwise (RFC 7011,
/// 10.4).
fn has_closed(stream: &TcpStream) -> bool {
    let read = rustix::net::recv(stream, &mut [0; 512], RecvFlags::DONTWAIT);
    !matches!(read, Ok((1.., _)) | Err(Errno::AGAIN | Errno::INTR))
}
