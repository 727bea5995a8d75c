//! A source's events as NDJSON: one JSON object a line, told apart by `type`.
//!
//! Members come in the order given here; those marked `?` are left out where
//! they do not apply. Times are RFC 3339 in UTC, with milliseconds. A reader
//! must bear types and members that it does not know.
//!
//! | `type` | when | members |
//! |---|---|---|
//! | `start` | first: from here on all is counted | `time`, `version`, `host`, `remark`?, `devices` |
//! | `device` | a device came, went or failed later | `time`, `name`, `index`, `hooks`?, `gone`?, `error`? |
//! | `flow` | each interval, for each flow that had a packet in it | see below |
//! | `fate` | each interval, for each device of which packets were not delivered, or came past a hook | `time`, `seconds`, `device`, `dropped_or_redirected`?, `past_the_hook`? |
//! | `packet` | with packets asked for, for each that got an event | see below |
//! | `notice` | something that the user must know | `time`, `level` (`info`, `warning`), `text` |
//! | `ended` | the source has nothing more to say | `time`, `text` |
//! | `totals` | last, for each device that was watched | `device`, `in`, `out`, `flows`, `untracked`, `ring`, `dropped_or_redirected`?, `past_the_hook`? |
//!
//! `devices` has the members of `device` lines from `name` on. `hooks` is
//! `netkit`, `tcx` or `clsact` where the device is watched, `error` says why it is
//! not.
//!
//! A `flow` line has
//! - `time`, the end of the interval, and `seconds`, its length;
//! - `device`, and `protocol` by name (`tcp`, `icmp6`, `arp`, `lldp`);
//! - `ether_type` and, for IP, `ip_protocol`: the same as numbers;
//! - `local` and `remote` with `address`? and `port`?; local is the end that the
//!   device leads to;
//! - `icmp`? with `type`, `name` and, for echoes, `id`; an echo's reply belongs
//!   to the flow of its request;
//! - `fragments`?: `true` for fragments without ports, `malformed`?: `true` where
//!   the headers end early or contradict themselves;
//! - `in` (towards local) and `out`, what the interval counted: `packets` as the
//!   stack passes them on, `segments` as a wire would carry them, and `bytes`;
//! - `state`? of a TCP connection: `opening`, `open`, `closing`, `closed`,
//!   `reset`; and `age`?, `total_in`?, `total_out`?: seconds since the first
//!   packet and what was counted since, unless the flow was idle for a minute in
//!   between. These are left out for flows beyond 200,000 at a time.
//!
//! A `packet` line has `time`, `device`, `direction` (`in`, `out`), `protocol`,
//! `local` and `remote` as a flow has them, `bytes`, `segments`, `because`, which
//! is why it got an event (`first` of its flow, TCP `flags`, `control`, `dns`, or
//! a `sample`), and `summary`, the packet in words.
//!
//! A `totals` line has what the hooks saw, counted apart from the flows:
//! in each direction the sum of the device's flow lines and of its untracked
//! packets. `flows` is how many different flows there were, `untracked` the
//! `packets` and `bytes` of both directions that the kernel's flow map had no
//! room for, `ring` the packet `events` that were written and those `lost`. Of
//! netkit pairs, by the counters of the end that receives them and for each
//! direction in which that can be read: `dropped_or_redirected` are packets that
//! the hook saw and that end did not receive, `past_the_hook` those that it
//! received and the hook did not see. Both are what is certain: packets of one
//! kind can hide as many of the other.

mod line;

use std::{
    collections::{BTreeMap, HashSet},
    hash::{BuildHasher, RandomState},
    io::{self, BufWriter, Write},
};

use serde::Serialize;

use crate::{
    flow::{FlowTable, Limits},
    model::{
        Device, Envelope, Event, Fate, FlowCounts, Interval, Moment, Packet, Session, Totals,
        WallClock, Watch,
    },
};
use line::Line;

/// Writes a source's events as lines. Lines are buffered up to the end of an
/// event.
pub struct Stream<W: Write> {
    session: Session,
    clock: WallClock,
    writer: BufWriter<W>,
    /// Whether packets have lines.
    with_packets: bool,
    has_started: bool,
    devices: Vec<Device>,
    /// One for each name, because a slot may come to stand for another device.
    kept: Vec<Kept>,
    /// The place in `kept` of the device that a slot stands for.
    slots: BTreeMap<u32, usize>,
    table: FlowTable,
    hasher: RandomState,
}

/// What is kept of a device until the end.
struct Kept {
    name: String,
    directions: [Totals; 2],
    /// Fingerprints of all flows there ever were: of n flows, two share one
    /// with a probability of n²/2⁶⁵. A key is five times as long.
    flows: HashSet<u64>,
}

impl<W: Write> Stream<W> {
    /// Nothing is written before the first event. Packets have lines only
    /// `with_packets`.
    pub fn new(session: Session, writer: W, with_packets: bool) -> Self {
        Self {
            clock: session.wall_clock(),
            session,
            writer: BufWriter::with_capacity(1 << 16, writer),
            with_packets,
            has_started: false,
            devices: Vec::new(),
            kept: Vec::new(),
            slots: BTreeMap::new(),
            table: FlowTable::new(Limits::default()),
            hasher: RandomState::new(),
        }
    }

    /// Writes the lines of an event.
    ///
    /// # Errors
    /// The writer's; [`io::ErrorKind::BrokenPipe`] when the reader has gone,
    /// which is a good end.
    pub fn event(&mut self, envelope: &Envelope) -> io::Result<()> {
        match &envelope.event {
            Event::Devices(devices) => self.devices(devices)?,
            Event::Interval(interval) => self.interval(interval)?,
            Event::Packets(packets) => {
                if self.with_packets {
                    self.packets(packets)?;
                }
            }
            Event::Notice(notice) => {
                self.start(&[])?;
                let time = self.time(notice.at);
                write_line(
                    &mut self.writer,
                    &Line::Notice(line::Notice::new(time, notice)),
                )?;
            }
            Event::Reply(_) | Event::Signals(_) => {}
            Event::Ended(text) => {
                self.start(&[])?;
                let time = self.time(self.table.now());
                write_line(&mut self.writer, &Line::Ended { time, text })?;
            }
        }
        self.writer.flush()
    }

    /// Writes the totals of each device.
    ///
    /// # Errors
    /// Those of [`event`](Self::event).
    pub fn finish(mut self) -> io::Result<()> {
        self.start(&[])?;
        for kept in &self.kept {
            let totals = line::DeviceTotals::new(&kept.name, &kept.directions, kept.flows.len());
            write_line(&mut self.writer, &Line::Totals(totals))?;
        }
        self.writer.flush()
    }

    /// Writes the first line, if it is not written yet.
    fn start(&mut self, devices: &[Device]) -> io::Result<()> {
        if self.has_started {
            return Ok(());
        }
        self.has_started = true;
        let devices = devices.iter().filter_map(line::Device::new).collect();
        let line = Line::Start {
            time: line::Time(self.session.started),
            version: env!("CARGO_PKG_VERSION"),
            host: &self.session.host,
            remark: self.session.remark.as_deref(),
            devices,
        };
        write_line(&mut self.writer, &line)
    }

    fn devices(&mut self, devices: &[Device]) -> io::Result<()> {
        for device in devices {
            if let Watch::Yes { slot, .. } = device.watch {
                let place = place(&mut self.kept, &device.name);
                self.slots.insert(slot, place);
            }
        }
        let is_starting = |device: &Device| device.watch == Watch::Starting;
        if self.has_started {
            let time = self.time(self.table.now());
            for device in devices {
                if self.is_known(device) {
                    continue;
                }
                if let Some(device) = line::Device::new(device) {
                    write_line(&mut self.writer, &Line::Device { time, device })?;
                }
            }
        } else if !devices.iter().any(is_starting) {
            self.start(devices)?;
        }
        self.devices = devices.to_vec();
        Ok(())
    }

    /// Whether the last list said the same of the device.
    fn is_known(&self, device: &Device) -> bool {
        self.devices.iter().any(|known| {
            known.index == device.index && known.watch == device.watch && known.name == device.name
        })
    }

    fn interval(&mut self, interval: &Interval) -> io::Result<()> {
        self.clock.follow(interval.anchor());
        self.start(&[])?;
        for device in &interval.devices {
            let kept = self.kept(device.slot);
            for (sum, totals) in kept.directions.iter_mut().zip(device.directions) {
                *sum += totals;
            }
        }
        for FlowCounts { key, .. } in &interval.flows {
            let fingerprint = self.hasher.hash_one(key);
            self.kept(key.device).flows.insert(fingerprint);
        }
        self.table.ingest(interval);
        let time = self.time(interval.at);
        let seconds = interval.length.as_secs_f64();
        for device in &interval.devices {
            let mut fates = device.directions.iter().filter_map(|totals| totals.fate);
            if fates.any(|fate| fate != Fate::default()) {
                let line = Line::Fate {
                    time,
                    seconds,
                    device: &self.kept[self.slots[&device.slot]].name,
                    fate: (&device.directions).into(),
                };
                write_line(&mut self.writer, &line)?;
            }
        }
        for counts in &interval.flows {
            let name = &self.kept[self.slots[&counts.key.device]].name;
            let flow = self.table.get(&counts.key);
            let line = line::Flow::new(time, seconds, name, counts, flow, interval.at);
            write_line(&mut self.writer, &Line::Flow(line))?;
        }
        Ok(())
    }

    fn packets(&mut self, packets: &[Packet]) -> io::Result<()> {
        self.start(&[])?;
        for packet in packets {
            let slot = packet.key.device;
            let time = self.time(packet.at);
            let place = self.place_of(slot);
            let name = &self.kept[place].name;
            let line = line::Packet::new(time, name, packet);
            write_line(&mut self.writer, &Line::Packet(line))?;
        }
        Ok(())
    }

    /// What is kept of a slot's device; a recording may not have named it.
    fn kept(&mut self, slot: u32) -> &mut Kept {
        let place = self.place_of(slot);
        &mut self.kept[place]
    }

    fn place_of(&mut self, slot: u32) -> usize {
        let kept = &mut self.kept;
        *self
            .slots
            .entry(slot)
            .or_insert_with(|| place(kept, &format!("#{slot}")))
    }

    fn time(&self, at: Moment) -> line::Time {
        line::Time(self.clock.at(at))
    }
}

fn write_line(mut writer: impl Write, line: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut writer, line)?;
    writer.write_all(b"\n")
}

/// The place of a device, which is made for it if it has none.
fn place(kept: &mut Vec<Kept>, name: &str) -> usize {
    let known = kept.iter().position(|kept| kept.name == name);
    known.unwrap_or_else(|| {
        kept.push(Kept {
            name: name.to_owned(),
            directions: Default::default(),
            flows: HashSet::new(),
        });
        kept.len() - 1
    })
}

#[cfg(test)]
mod tests;
