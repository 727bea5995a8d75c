//! ICMP errors, by what they report, who sends them and what they speak of.

use std::net::IpAddr;
use std::time::Duration;

use hashbrown::HashMap;

use crate::diagnosis::decode::{Endpoint, IcmpError, IcmpKind};
use crate::model::Moment;

/// Different errors that are remembered. What comes beyond is not.
const REMEMBERED: usize = 8192;
/// How long an error is evidence.
const WINDOW: Duration = Duration::from_secs(60);

/// What errors have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Subject {
    /// What they report.
    pub kind: IcmpKind,
    /// Who sends them.
    pub from: IpAddr,
    /// IP protocol number of the packets that they speak of.
    pub protocol: u8,
    /// Who sent those, without the port, which differs with each attempt.
    pub source: IpAddr,
    /// Where those were going.
    pub destination: Endpoint,
}

/// How often.
#[derive(Clone, Copy, Debug)]
pub struct Reported {
    /// The first.
    pub first: Moment,
    /// The last.
    pub last: Moment,
    /// How many; errors are rate-limited by who sends them.
    pub count: u32,
    /// The source port of the last quoted packet.
    pub source_port: u16,
    /// The next hop's MTU, where that is what they report.
    pub mtu: u32,
    /// The device that saw the first, so that one error is counted once.
    pub device: u32,
}

/// The errors on all devices of a host.
#[derive(Clone, Debug, Default)]
pub struct IcmpErrors {
    table: HashMap<Subject, Reported>,
}

impl IcmpErrors {
    /// Takes over an error.
    pub fn error(&mut self, at: Moment, device: u32, from: IpAddr, error: &IcmpError) {
        let Some(quoted) = error.quoted else { return };
        let subject = Subject {
            kind: error.kind,
            from,
            protocol: quoted.protocol,
            source: quoted.source.address,
            destination: quoted.destination,
        };
        if self.table.len() >= REMEMBERED && !self.table.contains_key(&subject) {
            return;
        }
        let reported = self.table.entry(subject).or_insert(Reported {
            first: at,
            last: at,
            count: 0,
            source_port: quoted.source.port,
            mtu: error.mtu,
            device,
        });
        if reported.device == device {
            reported.count += 1;
        }
        reported.last = at;
        reported.source_port = quoted.source.port;
        reported.mtu = error.mtu;
    }

    /// Forgets what is too old to be evidence.
    pub fn interval(&mut self, now: Moment) {
        self.table
            .retain(|_, reported| now.saturating_sub(reported.last) < WINDOW);
    }

    /// All that are remembered, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&Subject, &Reported)> {
        self.table.iter()
    }
}
