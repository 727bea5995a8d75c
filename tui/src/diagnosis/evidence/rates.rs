//! How many connections are begun, completed and over, from the exact counters:
//! floods must not be judged by the packets that the budget lets through.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use hashbrown::{HashMap, HashSet};
use probe_common::parse::number::{ip, tcp};

use super::connections;
use super::datagrams::ends;
use crate::diagnosis::decode::Endpoint;
use crate::model::{Interval, Moment};

/// Services in an interval.
const SERVICES: usize = 4096;
/// Different clients that are kept for a service.
const CLIENTS: usize = 1024;
/// How far back sums reach.
const WINDOW: Duration = Duration::from_secs(10);

/// What was begun at a service in an interval, at one device.
#[derive(Clone, Debug, Default)]
pub struct Begun {
    /// Flows with a SYN of the client and nothing else of it.
    pub syn_only: u32,
    /// Of these, those that had a SYN-ACK.
    pub answered: u32,
    /// Flows with a SYN of the client and its ACK.
    pub completed: u32,
    /// Of these, those that were over in the same interval.
    pub short: u32,
    /// Clients, up to a bound.
    pub clients: HashSet<IpAddr>,
}

/// What was begun in an interval, by device and service.
pub type Services = HashMap<(u32, Endpoint), Begun>;

/// The connections begun lately.
#[derive(Clone, Debug, Default)]
pub struct Rates {
    /// When a connection to a service was last completed.
    completed: HashMap<Endpoint, Moment>,
    intervals: VecDeque<(Moment, Duration, Services)>,
}

impl Rates {
    /// Takes over the counters of an interval.
    pub fn interval(&mut self, interval: &Interval) {
        let mut services = Services::new();
        for counts in &interval.flows {
            let key = &counts.key;
            if key.protocol != ip::TCP {
                continue;
            }
            let flags = counts.value.directions.map(|it| it.tcp_flags);
            // The client is who sends a SYN without the other's having been
            // first: the other's SYN comes with ACK.
            let client = match flags.map(|it| it & tcp::SYN != 0) {
                [false, false] => continue,
                [true, false] => 0,
                [false, true] => 1,
                // Both: the server is who is on the lower port.
                [true, true] => usize::from(key.local_port > key.remote_port),
            };
            let [local, remote] = ends(key);
            // In is sent by the remote end, out by the local one.
            let (from, to) = if client == 0 {
                (remote, local)
            } else {
                (local, remote)
            };
            if services.len() >= SERVICES && !services.contains_key(&(key.device, to)) {
                continue;
            }
            let begun = services.entry((key.device, to)).or_default();
            let [mine, theirs] = [flags[client], flags[1 - client]];
            // A reset without a SYN-ACK is a refusal: its client is no attacker.
            let is_refused = theirs & tcp::RST != 0 && theirs & tcp::SYN == 0;
            if is_refused {
                continue;
            }
            if mine & tcp::ACK == 0 {
                begun.syn_only += 1;
                begun.answered += u32::from(theirs & tcp::SYN != 0);
            } else {
                begun.completed += 1;
                if self.completed.len() < SERVICES || self.completed.contains_key(&to) {
                    self.completed.insert(to, interval.at);
                }
                begun.short += u32::from((mine | theirs) & (tcp::FIN | tcp::RST) != 0);
            }
            if begun.clients.len() < CLIENTS {
                begun.clients.insert(from.address);
            }
        }
        self.completed
            .retain(|_, at| interval.at.saturating_sub(*at) < connections::WINDOW);
        self.intervals
            .push_back((interval.at, interval.length, services));
        while let Some((at, ..)) = self.intervals.front()
            && interval.at.saturating_sub(*at) > WINDOW
        {
            self.intervals.pop_front();
        }
    }

    /// When a connection to a service was last completed, whether it was captured or not.
    #[must_use]
    pub fn completed(&self, server: Endpoint) -> Option<Moment> {
        self.completed.get(&server).copied()
    }

    /// The last intervals, oldest first: end, length, and what was begun by
    /// device and service.
    pub fn intervals(&self) -> impl DoubleEndedIterator<Item = (Moment, Duration, &Services)> {
        self.intervals
            .iter()
            .map(|(at, length, it)| (*at, *length, it))
    }
}
