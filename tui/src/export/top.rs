//! The busiest flows of each interval, as a table for `watch` and logs.

use std::io::{self, BufWriter, Write};
use std::net::SocketAddr;

use jiff::tz::TimeZone;
use probe_common::{Counters, FlowKey};

use super::selection::Selector;
use super::slots::Slots;
use super::{Selection, Sink};
use crate::dissect::protocol_name;
use crate::model::{
    Envelope, Event, FlowCounts, HostId, Interval, KeyFields, Session, Side, WallClock,
};
use crate::text::{clean, grouped, plural};

#[cfg(test)]
mod tests;

/// Writes tables.
pub struct Top<W: Write> {
    writer: BufWriter<W>,
    host: String,
    clock: WallClock,
    zone: TimeZone,
    selector: Selector,
    rows: usize,
    slots: Slots,
    /// Tables that are still to be written, if there is an end.
    remaining: Option<u64>,
}

impl<W: Write> Top<W> {
    /// Tables of at most this many rows. The selection counts tables.
    pub fn new(
        session: &Session,
        writer: W,
        mut selection: Selection,
        zone: TimeZone,
        rows: usize,
    ) -> Self {
        Self {
            writer: BufWriter::with_capacity(1 << 16, writer),
            host: clean(&session.host),
            clock: session.wall_clock(),
            zone,
            remaining: selection.remaining.take(),
            selector: Selector::new(selection, &session.hosts),
            rows,
            slots: Slots::of(&session.hosts),
        }
    }

    fn table(&mut self, host: HostId, interval: &Interval) -> io::Result<()> {
        self.clock.follow(interval.anchor());
        if self.is_over() {
            return Ok(());
        }
        if let Some(remaining) = &mut self.remaining {
            *remaining -= 1;
        }
        let mut flows = Vec::new();
        for counts in &interval.flows {
            let place = self.slots.place(host, counts.key.device);
            let device = self.slots.devices()[place].as_name();
            let had_packets = counts.value.directions.each_ref().map(|it| it.packets > 0);
            if self
                .selector
                .takes_flow(host, &counts.key, device, had_packets)
            {
                flows.push((place, counts));
            }
        }
        let number = flows.len();
        flows.sort_unstable_by_key(|(place, counts)| busyness(*place, counts));
        flows.truncate(self.rows);

        let seconds = interval.length.as_secs_f64();
        let time = self.zone.to_datetime(self.clock.at(interval.at));
        let rows: Vec<_> = flows
            .iter()
            .map(|(place, counts)| {
                let key = &counts.key;
                let [r#in, out] = &counts.value.directions;
                [
                    clean(&self.slots.devices()[*place].name),
                    protocol_name(key.ether_type, key.protocol).into_owned(),
                    end(key, Side::Local),
                    end(key, Side::Remote),
                    rate(r#in, seconds),
                    rate(out, seconds),
                ]
            })
            .collect();
        writeln!(
            self.writer,
            "{time:.0} {}: {} in {seconds:.1} s",
            self.host,
            plural(number as u64, "flow")
        )?;
        write_table(&mut self.writer, &rows)?;
        writeln!(self.writer)
    }

    fn is_over(&self) -> bool {
        self.remaining == Some(0)
    }
}

impl<W: Write + Send> Sink for Top<W> {
    fn event(&mut self, envelope: &Envelope) -> io::Result<()> {
        self.selector.apply(envelope);
        match &envelope.event {
            Event::Devices(devices) => self.slots.update(envelope.host, devices),
            Event::Interval(interval) => self.table(envelope.host, interval)?,
            Event::Notice(notice) => writeln!(self.writer, "-- {}", clean(&notice.text))?,
            Event::Ended(reason) => {
                writeln!(self.writer, "-- {}", clean(&reason.to_string()))?;
            }
            _ => {}
        }
        self.writer.flush()
    }

    fn lost(&mut self, _: u64) -> io::Result<()> {
        Ok(())
    }

    fn is_complete(&self) -> bool {
        self.is_over()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

const HEADINGS: [&str; 6] = ["DEVICE", "PROTO", "LOCAL", "REMOTE", "IN B/S", "OUT B/S"];
/// From this column on numbers are aligned to the right.
const NUMBERS: usize = 4;

fn write_table(mut writer: impl Write, rows: &[[String; 6]]) -> io::Result<()> {
    let headings = HEADINGS.map(str::to_owned);
    let lines = || std::iter::once(&headings).chain(rows);
    let width = |column: usize| lines().map(|row| row[column].chars().count()).max();
    let widths: Vec<_> = (0..HEADINGS.len())
        .map(|column| width(column).unwrap_or_default())
        .collect();
    for row in lines() {
        let mut line = String::new();
        for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
            line += &if column < NUMBERS {
                format!("{cell:<width$}  ")
            } else {
                format!("{cell:>width$}  ")
            };
        }
        writeln!(writer, "{}", line.trim_end())?;
    }
    Ok(())
}

/// Sorts the flow with the most bytes first; equals by place and ends.
pub(super) fn busyness(place: usize, counts: &FlowCounts) -> impl Ord + use<> {
    let bytes: u64 = counts.value.directions.iter().map(|it| it.bytes).sum();
    let key = &counts.key;
    let ends = (key.local, key.remote, key.local_port, key.remote_port);
    (std::cmp::Reverse(bytes), place, ends)
}

fn rate(counters: &Counters, seconds: f64) -> String {
    grouped((counters.bytes as f64 / seconds.max(f64::EPSILON)).round() as u64)
}

/// The address and port of an end, as far as it has them.
pub(super) fn end(key: &FlowKey, side: Side) -> String {
    match (key.address(side), key.port(side)) {
        (None, _) => "-".to_owned(),
        (Some(address), None) => address.to_string(),
        (Some(address), Some(port)) => SocketAddr::new(address, port).to_string(),
    }
}
