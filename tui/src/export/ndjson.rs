//! NDJSON: one JSON object per line; `type` is its kind.
//!
//! Members come in the order given here; those marked `?` are left out where
//! they do not apply. Times are RFC 3339 in UTC, with milliseconds. Readers must
//! ignore types and members that they do not know: within a version of the schema
//! only such are added. `assets/stream.schema.json` is the same as a JSON schema.
//!
//! | `type` | when | members |
//! |---|---|---|
//! | `start` | first: from here on all is counted | `time`, `schema`, `version`, `host`, `remark`?, `devices` |
//! | `device` | a device came, went or failed later | `time`, `name`, `index`, `hooks`?, `gone`?, `error`? |
//! | `flow` | each interval, for each flow that had a packet in it | see below |
//! | `fate` | each interval, for each device of which packets were not delivered, came past a hook, or were blocked | `time`, `seconds`, `device`, `dropped_or_redirected`?, `past_the_hook`?, `blocked`? |
//! | `packet` | with `--packets`, for each captured packet | see below |
//! | `lookup` | when a flow was looked up: each that gets no answer, within bounds | see below |
//! | `problem` | when something goes wrong and when it is over, in all traffic whatever the filter | as `nkview diagnose --json` has it |
//! | `lost` | the reader was too slow: packet lines are missing here | `time`, `packets` |
//! | `notice` | something that the user should know | `time`, `level` (`info`, `warning`), `text` |
//! | `ended` | counting has ended by itself | `time`, `text` |
//! | `totals` | last, for each device that was watched | `device`, `in`, `out`, `flows`, `flows_capped`?, `untracked`, `ring`, `dropped_or_redirected`?, `past_the_hook`?, `blocked`? |
//! | `sum` | behind these, where several devices were watched | `devices`, `in`, `out`, `repeated` |
//!
//! `schema` is the version of the schema, a number that changes when a member or
//! type is removed or changes its meaning.
//!
//! `devices` has the members of `device` lines from `name` on. `hooks` is
//! `netkit`, `tcx` or `clsact` where the device is watched, `error` says why it is
//! not.
//!
//! A `flow` line has
//! - `time`, the end of the interval, and `seconds`, its length;
//! - `device`, and `protocol` by name (`tcp`, `icmp6`, `arp`, `lldp`);
//! - `container`?, `pod`? (`namespace/name`) and `netns`?: what the device leads to;
//! - `ether_type` and, for IP, `ip_protocol`: the same as numbers;
//! - `vlan`? and `inner_vlan`?: the VLAN IDs of the outermost tag and of the one
//!   behind it;
//! - `local` and `remote` with `address`? and `port`?; local is the
//!   container's end where the device leads to another network namespace (netkit, and
//!   veth unless `--local host`), else this host's;
//! - `icmp`? with `type`, `name` and, for echoes, `id`; an echo's reply belongs
//!   to the flow of its request;
//! - `fragments`?: `true` for fragments without ports, `malformed`?: `true` where
//!   the headers end early or contradict themselves;
//! - `in` (towards local) and `out`, what the interval counted: `packets` as the
//!   stack passes them on, `segments` as a wire would carry them, and `bytes`;
//! - `state`? of a TCP connection: `opening`, `open`, `closing`, `closed`,
//!   `refused`, `reset`; and `age`?, `total_in`?, `total_out`?: seconds since the first
//!   packet and what was counted since, unless the flow was idle for a minute in
//!   between. These are left out for flows beyond 200,000 at a time.
//!
//! A `packet` line has `time`, `device`, `container`?, `pod`?, `netns`?, `direction`
//! (`in`, `out`), `protocol`, `local` and `remote` as a flow has them, `bytes`, `segments`, `reason`, which
//! is why it was captured (`first` of its flow, its `first-data`, TCP `flags`, a
//! `zero-window`, the end of a `handshake`, `control`, `dns`, or a `sample`), and `summary`, the packet as text.
//!
//! A `lookup` line has `time`, `device`, `container`?, `pod`?, `netns`? and what a `flow`
//! line has from `protocol` to `malformed`, and what the kernel knew of the flow, in the
//! namespace of nkview and in the one that the device leads to (`netns_inode` says in
//! which, as lsns(8) does):
//! - `sockets`, of the `end` (`local`, `remote`): with `state`? as ss(8) has it, of TCP;
//!   the bytes that are `unread` by the application and `unacked` by the other end, left
//!   out of a listener; and `drops`?, packets that the socket dropped;
//! - `connections`, as conntrack(8) has them: `original` and `reply`, each with `source`
//!   and `destination`, and `nat`, which of these are translated. The backend behind a
//!   service address is `reply.source`;
//! - `routes` of what the local end sends, `forwarded` or sent from there: `gateway`?,
//!   `device`, its `mtu` and the `path_mtu`? of the route, or the `error` why it goes
//!   nowhere;
//! - `unknown`?: what could not be looked up, and why.
//!
//! A `sum` line has what the `totals` lines come to with packets that passed several
//! of the devices counted once; `repeated` is what these come to further times.
//!
//! A `totals` line has what the hooks saw, counted apart from the flows and
//! whatever the filter: in each direction the sum of the device's flow lines and of
//! its untracked packets. `flows` is how many different flows there were; with
//! `flows_capped`, which is then `true`, at least that many (flows beyond a million
//! are not distinguished). `untracked` are the
//! `packets` and `bytes` of both directions that the kernel's flow map had no
//! room for, `ring` the packet `events` that were written and those `lost`. Of
//! netkit pairs, by the counters of the end that receives them and for each
//! direction in which that can be read: `dropped_or_redirected` are packets that
//! the hook saw and that end did not receive, `past_the_hook` those that it
//! received and the hook did not see. Both are what is certain: packets of one
//! kind can hide as many of the other.

mod line;
mod lookup;

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};

use hashbrown::{HashMap, HashSet};

use super::distinct::{Distinct, FlowsSeen};
use super::selection::Selector;
use super::slots::Slots;
use super::{Selection, Sink};
use crate::diagnosis::Diagnosis;
use crate::model::{
    Device, Envelope, Event, FlowCounts, HostId, Interval, Moment, Packet, Session, Signals,
    Totals, WallClock, Watch,
};
use line::Line;
use lookup::Lookup;

/// The version of the schema.
const SCHEMA: u32 = 1;

/// Writes NDJSON. Lines are buffered up to the end of an event.
pub struct Ndjson<W: Write> {
    session: Session,
    clock: WallClock,
    writer: BufWriter<W>,
    selector: Selector,
    has_started: bool,
    /// The last list of each host.
    devices: BTreeMap<HostId, Vec<Device>>,
    slots: Slots,
    /// The sums of each device in `slots`.
    sums: Vec<Sums>,
    /// The end of the last interval.
    now: Moment,
    distinct: Distinct,
    /// The problems that have a line, and whether they were reported as over.
    written: HashMap<(HostId, String), bool>,
}

/// What is summed up of a device until the end.
#[derive(Clone, Copy, Default)]
struct Sums {
    directions: [Totals; 2],
    flows: FlowsSeen,
}

impl<W: Write + Send> Sink for Ndjson<W> {
    fn event(&mut self, envelope: &Envelope) -> io::Result<()> {
        self.selector.apply(envelope);
        match &envelope.event {
            Event::Devices(devices) => self.devices(envelope.host, devices)?,
            Event::Interval(interval) => {
                self.interval(envelope.host, interval)?;
                self.problems(envelope.host)?;
            }
            Event::Packets(packets) => self.packets(envelope.host, packets)?,
            Event::Notice(notice) => {
                self.start(HostId::default(), &[])?;
                let time = self.time(notice.at);
                self.write(&Line::Notice(line::Notice::new(time, notice)))?;
            }
            Event::Signals(signals) => self.lookups(envelope.host, signals)?,
            Event::Reply(_)
            | Event::Blocks(_)
            | Event::Playback(_)
            | Event::Reach(_)
            | Event::Marks { .. } => {}
            Event::Ended(reason) => {
                self.start(HostId::default(), &[])?;
                let time = self.time(self.now);
                let text = &reason.to_string();
                self.write(&Line::Ended { time, text })?;
            }
        }
        self.writer.flush()
    }

    fn lost(&mut self, packets: u64) -> io::Result<()> {
        self.packets_lost(packets)
    }

    fn is_complete(&self) -> bool {
        self.selector.is_complete()
    }

    /// Writes the totals of each device.
    fn finish(&mut self) -> io::Result<()> {
        self.start(HostId::default(), &[])?;
        self.sums
            .resize_with(self.slots.devices().len(), Sums::default);
        for (device, sums) in self.slots.devices().iter().zip(&self.sums) {
            let totals = line::DeviceTotals::new(&device.name, &sums.directions, sums.flows);
            write_line(&mut self.writer, &Line::Totals(totals))?;
        }
        let devices = self.slots.devices().len();
        if devices > 1 {
            let sum = line::Sum::new(devices, self.selector.all_flows());
            write_line(&mut self.writer, &Line::Sum(sum))?;
        }
        self.writer.flush()
    }
}

impl<W: Write> Ndjson<W> {
    /// Nothing is written before the first event.
    pub fn new(session: Session, writer: W, selection: Selection) -> Self {
        Self {
            clock: session.wall_clock(),
            writer: BufWriter::with_capacity(1 << 16, writer),
            selector: Selector::new(selection, &session.hosts).diagnosing(),
            has_started: false,
            devices: BTreeMap::new(),
            slots: Slots::of(&session.hosts),
            session,
            sums: Vec::new(),
            now: Moment::ZERO,
            distinct: Distinct::default(),
            written: HashMap::new(),
        }
    }

    /// Writes what has become a problem, or has ceased to be one, since the last
    /// interval.
    fn problems(&mut self, host: HostId) -> io::Result<()> {
        if self.selector.is_complete() {
            return Ok(());
        }
        let findings = self.selector.diagnosis(host).map(Diagnosis::findings);
        let mut findings = findings.unwrap_or_default();
        if let Some(node) = self.session.hosts.get(usize::from(host.0)) {
            let named = findings.into_iter().map(|finding| finding.on_node(node));
            findings = named.collect();
        }
        for finding in &findings {
            let id = (host, finding.id.clone());
            if self.written.insert(id, finding.past) != Some(finding.past) {
                crate::report::write_problem(&mut self.writer, finding, self.session.started)?;
            }
        }
        if self.written.len() > findings.len() {
            let ids: HashSet<&str> = findings.iter().map(|it| it.id.as_str()).collect();
            self.written
                .retain(|(of, id), _| *of != host || ids.contains(id.as_str()));
        }
        Ok(())
    }

    fn write(&mut self, line: &Line<'_>) -> io::Result<()> {
        write_line(&mut self.writer, line)
    }

    fn packets_lost(&mut self, packets: u64) -> io::Result<()> {
        if !self.selector.has_packets() {
            return Ok(());
        }
        self.start(HostId::default(), &[])?;
        let time = self.time(self.now);
        self.write(&Line::Lost { time, packets })
    }

    /// Writes the first line, if it is not written yet.
    fn start(&mut self, host: HostId, devices: &[Device]) -> io::Result<()> {
        if self.has_started {
            return Ok(());
        }
        self.has_started = true;
        let slots = &self.slots;
        let devices = devices
            .iter()
            .filter_map(|it| line::Device::new(it, slots.qualified(host, &it.name)));
        let line = Line::Start {
            time: line::Time(self.session.started),
            schema: SCHEMA,
            version: env!("CARGO_PKG_VERSION"),
            host: &self.session.host,
            remark: self.session.remark.as_deref(),
            devices: devices.collect(),
        };
        write_line(&mut self.writer, &line)
    }

    fn devices(&mut self, host: HostId, devices: &[Device]) -> io::Result<()> {
        self.slots.update(host, devices);
        let is_starting = |device: &Device| device.watch == Watch::Starting;
        if self.has_started {
            let time = self.time(self.now);
            for device in devices {
                if self.is_known(host, device) {
                    continue;
                }
                let name = self.slots.qualified(host, &device.name);
                if let Some(device) = line::Device::new(device, name) {
                    write_line(&mut self.writer, &Line::Device { time, device })?;
                }
            }
        } else if !devices.iter().any(is_starting) {
            self.start(host, devices)?;
        }
        self.devices.insert(host, devices.to_vec());
        Ok(())
    }

    /// Whether the host's last list had the same device in the same state.
    fn is_known(&self, host: HostId, device: &Device) -> bool {
        let mut last = self.devices.get(&host).into_iter().flatten();
        last.any(|known| {
            known.index == device.index && known.watch == device.watch && known.name == device.name
        })
    }

    fn interval(&mut self, host: HostId, interval: &Interval) -> io::Result<()> {
        self.clock.follow(interval.anchor());
        self.start(HostId::default(), &[])?;
        let time = self.time(interval.at);
        let seconds = interval.length.as_secs_f64();
        for device in &interval.devices {
            let place = self.slots.place(host, device.slot);
            let sums = self.sums(place);
            for (sum, totals) in sums.directions.iter_mut().zip(device.directions) {
                *sum += totals;
            }
            let mut directions = device.directions.iter();
            if directions.any(|totals| {
                let fate = totals.fate.unwrap_or_default();
                fate.diverted.unwrap_or(0) + fate.bypassed + totals.blocked_packets > 0
            }) {
                let fate = line::Fates::from(&device.directions);
                let line = Line::Fate {
                    time,
                    seconds,
                    device: &self.slots.devices()[place].name,
                    text: fate.to_string(),
                    fate,
                };
                write_line(&mut self.writer, &line)?;
            }
        }
        self.now = interval.at;
        if interval.probe.late > 0 {
            // The source has dropped these itself, while the queue was full.
            self.packets_lost(interval.probe.late)?;
        }
        for counts in &interval.flows {
            self.flow(host, time, seconds, counts)?;
        }
        Ok(())
    }

    fn flow(
        &mut self,
        host: HostId,
        time: line::Time,
        seconds: f64,
        counts: &FlowCounts,
    ) -> io::Result<()> {
        let FlowCounts { key, value, .. } = counts;
        let place = self.slots.place(host, key.device);
        let mut flows = self.sums(place).flows;
        self.distinct.see(place, key, &mut flows);
        self.sums(place).flows = flows;
        let device = &self.slots.devices()[place];
        let had_packets = value.directions.each_ref().map(|it| it.packets > 0);
        if !self
            .selector
            .takes_flow(host, key, device.as_name(), had_packets)
        {
            return Ok(());
        }
        let known = self.selector.flow(host, key);
        let line = line::Flow::new(time, seconds, device, counts, known, self.now);
        write_line(&mut self.writer, &Line::Flow(line))
    }

    fn lookups(&mut self, host: HostId, signals: &Signals) -> io::Result<()> {
        for found in &signals.flows {
            let taken = self.selector.takes_lookup(host, found, &mut self.slots);
            let Some((key, place)) = taken else {
                continue;
            };
            self.start(HostId::default(), &[])?;
            let time = self.time(signals.at);
            let line = Lookup::new(time, &self.slots.devices()[place], &key, found);
            write_line(&mut self.writer, &Line::Lookup(line))?;
        }
        Ok(())
    }

    fn packets(&mut self, host: HostId, packets: &[Packet]) -> io::Result<()> {
        if !self.selector.has_packets() {
            return Ok(());
        }
        self.start(HostId::default(), &[])?;
        for packet in packets {
            let place = self.slots.place(host, packet.key.device);
            let device = &self.slots.devices()[place];
            if self.selector.takes_packet(host, packet, device.as_name()) {
                let line = line::Packet::new(self.time(packet.at), device, packet);
                write_line(&mut self.writer, &Line::Packet(line))?;
            }
        }
        Ok(())
    }

    fn sums(&mut self, place: usize) -> &mut Sums {
        if self.sums.len() <= place {
            self.sums.resize_with(place + 1, Sums::default);
        }
        &mut self.sums[place]
    }

    fn time(&self, at: Moment) -> line::Time {
        line::Time(self.clock.at(at))
    }
}

fn write_line(mut writer: impl Write, line: &Line<'_>) -> io::Result<()> {
    serde_json::to_writer(&mut writer, line)?;
    writer.write_all(b"\n")
}

#[cfg(test)]
mod tests;
