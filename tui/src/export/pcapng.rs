//! pcapng, for Wireshark and its like
//! (draft-ietf-opsawg-pcapng).
//!
//! A device has an interface for each kind of packets that it brings: those with
//! an Ethernet header, and those without. Packets are the stack's: one with
//! several segments (GSO) is one packet, longer than the MTU, of which the first
//! bytes are kept. Directions are the interface's, so that what a netkit primary
//! hands to its container is outbound.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};

use jiff::Timestamp;
use probe_common::{LinkLayer, Reason, SNAPSHOT};

use super::selection::Selector;
use super::slots::Slots;
use super::{Selection, Sink};
use crate::diagnosis::Concerns;
use crate::model::signal::Owner;
use crate::model::{
    Container, Envelope, Event, HostId, Interval, LocalEnd, Packet, Session, Totals, WallClock,
    Watch,
};

#[cfg(test)]
mod tests;

/// Types of blocks.
mod block {
    pub const SECTION_HEADER: u32 = 0x0a0d_0d0a;
    pub const INTERFACE_DESCRIPTION: u32 = 1;
    pub const INTERFACE_STATISTICS: u32 = 5;
    pub const ENHANCED_PACKET: u32 = 6;
}

/// Codes of options. Those above 1 depend on the block.
mod option {
    pub const END: u16 = 0;
    pub const COMMENT: u16 = 1;
    pub const SHB_OS: u16 = 3;
    pub const SHB_USER_APPLICATION: u16 = 4;
    pub const IF_NAME: u16 = 2;
    pub const IF_DESCRIPTION: u16 = 3;
    pub const IF_TSRESOL: u16 = 9;
    pub const EPB_FLAGS: u16 = 2;
    pub const EPB_DROP_COUNT: u16 = 4;
    pub const ISB_START_TIME: u16 = 2;
    pub const ISB_END_TIME: u16 = 3;
    pub const ISB_RECEIVED: u16 = 4;
    pub const ISB_DROPPED: u16 = 5;
    pub const ISB_DELIVERED: u16 = 8;
}

const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;
/// Timestamps count 10⁻⁹ s.
const NANOSECONDS: u8 = 9;
/// LINKTYPE_ETHERNET and LINKTYPE_RAW (IPv4 or IPv6), as registered at tcpdump.org.
const ETHERNET: u16 = 1;
const RAW_IP: u16 = 101;
/// Bytes of an Ethernet header's addresses, behind which a VLAN tag stands.
const ADDRESSES: usize = 12;
/// A VLAN tag: type and control information (IEEE 802.1Q).
const VLAN_TAG: usize = 4;
const VLAN_TYPE: u16 = 0x8100;

/// Writes pcapng.
pub struct Pcapng<W: Write> {
    writer: BufWriter<W>,
    started: Timestamp,
    clock: WallClock,
    selector: Selector,
    slots: Slots,
    /// By the place of a device in `slots`.
    devices: Vec<Device>,
    /// The numbers of interfaces, by the place of the device and the link type.
    interfaces: BTreeMap<(usize, u16), u32>,
    /// By number: the place of the device, and packets that were written.
    written: Vec<(usize, u64)>,
    /// Packets that the output was too slow for, since the last packet, of whatever
    /// device.
    lost: u64,
    /// What is wrong on each host as of its last interval.
    problems: BTreeMap<HostId, Problems>,
}

/// Problems, in sentences, and which flows they are about.
#[derive(Default)]
struct Problems {
    sentences: Vec<String>,
    concerns: Concerns,
}

#[derive(Clone, Copy, Default)]
struct Device {
    /// Which end is local: where that is the peer, `in` is outbound here.
    local: LocalEnd,
    totals: Totals,
    /// Packet events that were lost in the ring buffer since the last packet.
    lost: u64,
}

impl<W: Write> Pcapng<W> {
    /// Writes the head of the file at once, so that a reader knows what it is.
    ///
    /// # Errors
    /// The writer's.
    pub fn new(session: &Session, writer: W, selection: Selection) -> io::Result<Self> {
        let mut sink = Self {
            writer: BufWriter::with_capacity(1 << 16, writer),
            started: session.started,
            clock: session.wall_clock(),
            // Comments are about problems.
            selector: Selector::new(selection, &session.hosts).diagnosing(),
            slots: Slots::of(&session.hosts),
            devices: Vec::new(),
            interfaces: BTreeMap::new(),
            written: Vec::new(),
            lost: 0,
            problems: BTreeMap::new(),
        };
        let mut body = Vec::new();
        body.extend(BYTE_ORDER_MAGIC.to_ne_bytes());
        body.extend(1_u16.to_ne_bytes());
        body.extend(0_u16.to_ne_bytes());
        // The section's length is not known.
        body.extend((-1_i64).to_ne_bytes());
        let mut options = Options::default();
        options.text(option::COMMENT, &format!("captured on {}", session.host));
        options.text(option::SHB_OS, "Linux");
        let application = format!("nkview {}", env!("CARGO_PKG_VERSION"));
        options.text(option::SHB_USER_APPLICATION, &application);
        options.end(&mut body);
        sink.block(block::SECTION_HEADER, &body)?;
        sink.writer.flush()?;
        Ok(sink)
    }

    fn block(&mut self, kind: u32, body: &[u8]) -> io::Result<()> {
        // Bodies are padded to 32 bits by those who make them.
        let length = 12 + body.len() as u32;
        self.writer.write_all(&kind.to_ne_bytes())?;
        self.writer.write_all(&length.to_ne_bytes())?;
        self.writer.write_all(body)?;
        self.writer.write_all(&length.to_ne_bytes())
    }

    fn device(&mut self, place: usize) -> &mut Device {
        if self.devices.len() <= place {
            self.devices.resize_with(place + 1, Device::default);
        }
        &mut self.devices[place]
    }

    /// The number of an interface, which is described when it is new.
    fn interface(&mut self, place: usize, link_type: u16) -> io::Result<u32> {
        if let Some(number) = self.interfaces.get(&(place, link_type)) {
            return Ok(*number);
        }
        let device = &self.slots.devices()[place];
        let mut description = String::from(if link_type == ETHERNET {
            "as the stack passes packets on"
        } else {
            "as the stack passes packets on, without a link layer"
        });
        if let Some(container) = &device.container {
            description += &format!("; leads to {container}");
        }
        description += "; frames longer than the MTU are of several segments (GSO)";
        let mut options = Options::default();
        options.text(option::IF_NAME, &device.name);
        options.text(option::IF_DESCRIPTION, &description);
        options.bytes(option::IF_TSRESOL, &[NANOSECONDS]);
        let mut body = Vec::new();
        body.extend(link_type.to_ne_bytes());
        body.extend(0_u16.to_ne_bytes());
        body.extend(((SNAPSHOT + VLAN_TAG) as u32).to_ne_bytes());
        options.end(&mut body);
        self.block(block::INTERFACE_DESCRIPTION, &body)?;
        let number = self.written.len() as u32;
        self.interfaces.insert((place, link_type), number);
        self.written.push((place, 0));
        Ok(number)
    }

    fn packet(&mut self, host: HostId, packet: &Packet) -> io::Result<()> {
        let place = self.slots.place(host, packet.key.device);
        let name = self.slots.devices()[place].as_name();
        if !self.selector.takes_packet(host, packet, name) {
            return Ok(());
        }
        let link_type = match packet.link_layer {
            LinkLayer::Ethernet => ETHERNET,
            LinkLayer::None => RAW_IP,
        };
        let interface = self.interface(place, link_type)?;
        self.written[interface as usize].1 += 1;
        let comment = self.comment(host, packet, place);
        let mut data = packet.data.to_vec();
        let mut length = packet.len as usize;
        let has_tag = packet.vlan_tci != 0;
        if has_tag && link_type == ETHERNET && data.len() >= ADDRESSES {
            // The device carries the tag outside of the data.
            let [a, b] = VLAN_TYPE.to_be_bytes();
            let [c, d] = packet.vlan_tci.to_be_bytes();
            data.splice(ADDRESSES..ADDRESSES, [a, b, c, d]);
            length += VLAN_TAG;
        }
        let time = nanoseconds(self.clock.at(packet.at));
        let mut body = Vec::with_capacity(data.len() + 128);
        body.extend(interface.to_ne_bytes());
        put_time(&mut body, time);
        body.extend((data.len() as u32).to_ne_bytes());
        body.extend((length as u32).to_ne_bytes());
        body.extend(&data);
        pad(&mut body);

        let lost = std::mem::take(&mut self.lost);
        let device = self.device(place);
        let dropped = std::mem::take(&mut device.lost) + lost;
        let is_outbound = packet.direction == device.local.sent();
        let mut options = Options::default();
        options.text(option::COMMENT, &comment);
        let flags = if is_outbound { 2_u32 } else { 1 };
        options.bytes(option::EPB_FLAGS, &flags.to_ne_bytes());
        if dropped > 0 {
            options.bytes(option::EPB_DROP_COUNT, &dropped.to_ne_bytes());
        }
        options.end(&mut body);
        self.block(block::ENHANCED_PACKET, &body)
    }

    /// Why a packet was captured, and whose it is, as far as that is known by now.
    fn comment(&self, host: HostId, packet: &Packet, place: usize) -> String {
        let mut comment = reason(packet.reason).to_owned();
        if packet.segments > 1 {
            comment += &format!("; {} segments", packet.segments);
        }
        let (owner, container) = self.selector.sender(host, packet);
        let behind = self.slots.devices()[place].container.as_deref();
        if let Some(container) = behind.or(container.map(Container::label)) {
            comment += &format!("; container {container}");
        }
        if let Some(Owner { command, pid, .. }) = owner {
            comment += &format!("; sent by {command} (PID {pid})");
        }
        if let Some(problems) = self.problems.get(&host) {
            let sentences = problems.concerns.findings(&packet.key).into_iter();
            for sentence in sentences.filter_map(|it| problems.sentences.get(it)) {
                comment += &format!("; problem: {sentence}");
            }
        }
        comment
    }

    /// Learns what is wrong by the end of an interval.
    fn judge(&mut self, host: HostId) {
        let Some(diagnosis) = self.selector.diagnosis(host) else {
            return;
        };
        let findings = diagnosis.findings();
        let problems = Problems {
            concerns: Concerns::of(&findings),
            sentences: findings.into_iter().map(|it| it.sentence).collect(),
        };
        self.problems.insert(host, problems);
    }

    fn interval(&mut self, host: HostId, interval: &Interval) {
        self.clock.follow(interval.anchor());
        self.lost += interval.probe.late;
        for totals in &interval.devices {
            let place = self.slots.place(host, totals.slot);
            let device = self.device(place);
            for direction in totals.directions {
                device.totals += direction;
                device.lost += direction.lost;
            }
        }
    }
}

impl<W: Write + Send> Sink for Pcapng<W> {
    fn event(&mut self, envelope: &Envelope) -> io::Result<()> {
        self.selector.apply(envelope);
        let host = envelope.host;
        match &envelope.event {
            Event::Devices(devices) => {
                self.slots.update(host, devices);
                for device in devices {
                    if let Watch::Yes { slot, local, .. } = device.watch {
                        let place = self.slots.place(host, slot);
                        self.device(place).local = local;
                    }
                }
            }
            Event::Interval(interval) => {
                self.interval(host, interval);
                self.judge(host);
            }
            Event::Packets(packets) => {
                for packet in packets {
                    self.packet(envelope.host, packet)?;
                }
            }
            _ => {}
        }
        self.writer.flush()
    }

    fn lost(&mut self, packets: u64) -> io::Result<()> {
        self.lost += packets;
        Ok(())
    }

    fn is_complete(&self) -> bool {
        self.selector.is_complete()
    }

    /// Writes the statistics of each interface. Those of the hooks are of the whole
    /// device and belong to its first interface.
    fn finish(&mut self) -> io::Result<()> {
        let now = nanoseconds(Timestamp::now());
        let mut has_statistics = vec![false; self.devices.len()];
        for number in 0..self.written.len() {
            let (place, written) = self.written[number];
            let mut options = Options::default();
            options.time(option::ISB_START_TIME, nanoseconds(self.started));
            options.time(option::ISB_END_TIME, now);
            if !std::mem::replace(&mut has_statistics[place], true) {
                let totals = self.devices[place].totals;
                options.bytes(option::ISB_RECEIVED, &totals.packets.to_ne_bytes());
                options.bytes(option::ISB_DROPPED, &totals.lost.to_ne_bytes());
            }
            options.bytes(option::ISB_DELIVERED, &written.to_ne_bytes());
            let mut body = Vec::new();
            body.extend((number as u32).to_ne_bytes());
            put_time(&mut body, now);
            options.end(&mut body);
            self.block(block::INTERFACE_STATISTICS, &body)?;
        }
        self.writer.flush()
    }
}

/// The options of a block.
#[derive(Default)]
struct Options(Vec<u8>);

impl Options {
    fn bytes(&mut self, code: u16, value: &[u8]) {
        let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
        self.0.extend(code.to_ne_bytes());
        self.0.extend(length.to_ne_bytes());
        self.0.extend(&value[..length.into()]);
        pad(&mut self.0);
    }

    fn text(&mut self, code: u16, value: &str) {
        self.bytes(code, value.as_bytes());
    }

    fn time(&mut self, code: u16, nanoseconds: u64) {
        let mut value = Vec::new();
        put_time(&mut value, nanoseconds);
        self.bytes(code, &value);
    }

    fn end(mut self, body: &mut Vec<u8>) {
        self.bytes(option::END, &[]);
        body.extend(self.0);
    }
}

/// The upper half comes first, whatever the byte order.
fn put_time(body: &mut Vec<u8>, nanoseconds: u64) {
    body.extend(((nanoseconds >> 32) as u32).to_ne_bytes());
    body.extend((nanoseconds as u32).to_ne_bytes());
}

fn pad(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

/// Nanoseconds since 1970; none before.
fn nanoseconds(time: Timestamp) -> u64 {
    u64::try_from(time.as_nanosecond()).unwrap_or_default()
}

/// Why a packet was captured.
const fn reason(reason: Reason) -> &'static str {
    match reason {
        Reason::First => "first packet of its flow",
        Reason::TcpFlags => "TCP flags",
        Reason::Control => "control protocol",
        Reason::Dns => "DNS",
        Reason::Sample => "sample",
        Reason::FirstData => "first data",
        Reason::ZeroWindow => "zero window",
        Reason::HandshakeAck => "end of the handshake",
    }
}
