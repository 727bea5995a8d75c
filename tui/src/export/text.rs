//! Lines for people, as tcpdump prints them.
//!
//! ```text
//! 04:05:06.789012 lxc1 In  IP 10.0.9.2.51820 > 10.0.1.7.443: TCP [S], seq 1, win 64240, length 0
//! ```
//!
//! `In` is towards the end that the device leads to. Lines that begin with `--`
//! are remarks.

use std::fmt;
use std::io::{self, BufWriter, Write};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use probe_common::parse::number::ether;
use probe_common::{Direction, FlowKey};

use super::selection::Selector;
use super::slots::Slots;
use super::{Selection, Sink};
use crate::dissect::{ether_type_name, protocol_name, summary};
use crate::model::{
    Envelope, Event, HostId, Interval, KeyFields, Level, Moment, Packet, Session, Side, Totals,
    WallClock, Watch,
};
use crate::text::{clean, plural};

#[cfg(test)]
mod tests;

/// Writes text. Lines are buffered up to the end of an event.
pub struct Text<W: Write> {
    writer: BufWriter<W>,
    clock: WallClock,
    zone: TimeZone,
    selector: Selector,
    slots: Slots,
    /// The sums of each device in `slots`.
    sums: Vec<Totals>,
}

impl<W: Write> Text<W> {
    /// Times are those of `zone`.
    pub fn new(session: &Session, writer: W, selection: Selection, zone: TimeZone) -> Self {
        Self {
            writer: BufWriter::with_capacity(1 << 16, writer),
            clock: session.wall_clock(),
            zone,
            selector: Selector::new(selection, &session.hosts),
            slots: Slots::of(&session.hosts),
            sums: Vec::new(),
        }
    }

    fn time(&self, at: Moment) -> Time<'_> {
        Time(self.clock.at(at), &self.zone)
    }

    fn packet(&mut self, host: HostId, packet: &Packet) -> io::Result<()> {
        let place = self.slots.place(host, packet.key.device);
        let device = &self.slots.devices()[place];
        let direction = packet.direction;
        if !self.selector.takes_packet(host, packet, device.as_name()) {
            return Ok(());
        }
        let time = Time(self.clock.at(packet.at), &self.zone);
        let [local, remote] = ends(&packet.key);
        let (way, [from, to]) = match direction {
            Direction::In => ("In ", [remote, local]),
            Direction::Out => ("Out", [local, remote]),
        };
        let name = clean(&device.name);
        let family = family(&packet.key);
        write!(self.writer, "{time} {name} {way} {family}")?;
        if let (Some(from), Some(to)) = (from, to) {
            write!(self.writer, " {from} > {to}")?;
        }
        write!(self.writer, ": {}", clean(&summary(packet)))?;
        if packet.segments > 1 {
            write!(self.writer, " ({} segments)", packet.segments)?;
        }
        self.writer.write_all(b"\n")
    }

    fn interval(&mut self, host: HostId, interval: &Interval) -> io::Result<()> {
        self.clock.follow(interval.anchor());
        for totals in &interval.devices {
            let place = self.slots.place(host, totals.slot);
            self.sums
                .resize_with(self.slots.devices().len(), Totals::default);
            for direction in totals.directions {
                self.sums[place] += direction;
            }
        }
        for counts in &interval.flows {
            let place = self.slots.place(host, counts.key.device);
            let device = &self.slots.devices()[place];
            let [r#in, out] = &counts.value.directions;
            let had_packets = [r#in.packets > 0, out.packets > 0];
            if !self
                .selector
                .takes_flow(host, &counts.key, device.as_name(), had_packets)
            {
                continue;
            }
            let time = Time(self.clock.at(interval.at), &self.zone);
            let protocol = protocol_name(counts.key.ether_type, counts.key.protocol);
            write!(
                self.writer,
                "{time} {} flow {protocol}",
                clean(&device.name)
            )?;
            if let [Some(local), Some(remote)] = ends(&counts.key) {
                write!(self.writer, " {local} - {remote}")?;
            }
            writeln!(
                self.writer,
                ": in {}, {}; out {}, {}",
                plural(r#in.packets, "packet"),
                plural(r#in.bytes, "byte"),
                plural(out.packets, "packet"),
                plural(out.bytes, "byte"),
            )?;
        }
        Ok(())
    }
}

impl<W: Write + Send> Sink for Text<W> {
    fn event(&mut self, envelope: &Envelope) -> io::Result<()> {
        self.selector.apply(envelope);
        let host = envelope.host;
        match &envelope.event {
            Event::Devices(devices) => {
                self.slots.update(host, devices);
                for device in devices {
                    if let Watch::Failed(reason) = &device.watch {
                        let name = clean(&self.slots.qualified(host, &device.name));
                        let reason = clean(&reason.to_string());
                        writeln!(self.writer, "-- cannot watch {name}: {reason}")?;
                    }
                }
            }
            Event::Interval(interval) => self.interval(host, interval)?,
            Event::Packets(packets) => {
                for packet in packets {
                    self.packet(host, packet)?;
                }
            }
            Event::Notice(notice) => {
                let time = self.time(notice.at).to_string();
                let level = match notice.level {
                    Level::Info => "note",
                    Level::Warning => "warning",
                };
                writeln!(self.writer, "-- {time} {level}: {}", clean(&notice.text))?;
            }
            Event::Ended(reason) => {
                writeln!(self.writer, "-- {}", clean(&reason.to_string()))?;
            }
            Event::Signals(_)
            | Event::Blocks(_)
            | Event::Reply(_)
            | Event::Playback(_)
            | Event::Reach(_)
            | Event::Marks { .. } => {}
        }
        self.writer.flush()
    }

    fn lost(&mut self, packets: u64) -> io::Result<()> {
        writeln!(
            self.writer,
            "-- missing here: {}, as the output was too slow",
            plural(packets, "packet")
        )
    }

    fn is_complete(&self) -> bool {
        self.selector.is_complete()
    }

    /// Writes what each device's hooks saw.
    fn finish(&mut self) -> io::Result<()> {
        for (device, sum) in self.slots.devices().iter().zip(&self.sums) {
            writeln!(
                self.writer,
                "-- {}: {} seen, {} captured, {} lost in the ring buffer",
                clean(&device.name),
                plural(sum.packets, "packet"),
                sum.events,
                sum.lost
            )?;
        }
        self.writer.flush()
    }
}

/// The time of day, as tcpdump has it.
struct Time<'a>(Timestamp, &'a TimeZone);

impl fmt::Display for Time<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = self.1.to_datetime(self.0).time();
        let (hour, minute, second) = (time.hour(), time.minute(), time.second());
        let micros = time.subsec_nanosecond() / 1000;
        write!(f, "{hour:02}:{minute:02}:{second:02}.{micros:06}")
    }
}

/// What tcpdump calls a packet's network layer.
fn family(key: &FlowKey) -> String {
    match key.ether_type {
        ether::IPV4 => "IP".to_owned(),
        ether::IPV6 => "IP6".to_owned(),
        ether::ARP => "ARP".to_owned(),
        other => ether_type_name(other).into_owned(),
    }
}

/// Local and remote end as tcpdump writes them: `10.0.0.1.443`.
fn ends(key: &FlowKey) -> [Option<String>; 2] {
    [Side::Local, Side::Remote].map(|side| {
        let address = key.address(side)?;
        Some(match key.port(side) {
            Some(port) => format!("{address}.{port}"),
            None => address.to_string(),
        })
    })
}
