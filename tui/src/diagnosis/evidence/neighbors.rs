//! Who is asked for by ARP and neighbor discovery, and who answers.

use std::net::IpAddr;
use std::time::Duration;

use hashbrown::HashMap;

use crate::diagnosis::decode::{Arp, Neighbor};
use crate::model::Moment;

/// Addresses that are remembered. What comes beyond is not.
const REMEMBERED: usize = 4096;
/// How long a question is evidence.
const WINDOW: Duration = Duration::from_secs(60);
/// Hardware addresses that are kept for one address.
const MACS: usize = 8;
/// Answers of two machines to one question come within this time.
const SAME_QUESTION: Duration = Duration::from_secs(2);

/// What is known of an address on a device.
#[derive(Clone, Debug)]
pub struct Asked {
    /// When it was first asked for since the last answer.
    pub since: Moment,
    /// When it was asked for last.
    pub last: Moment,
    /// How often it was asked for since it last answered.
    pub unanswered: u32,
    /// Who asked last.
    pub by: IpAddr,
    /// When it last answered.
    pub answered: Option<Moment>,
}

/// The neighbors of all devices of a host, by the device's slot and the address.
#[derive(Clone, Debug, Default)]
pub struct Neighbors {
    table: HashMap<(u32, IpAddr), Asked>,
    /// The hardware addresses that answered one host for one address, on whatever
    /// device: behind a bridge the two answers come by different ports.
    replies: HashMap<(IpAddr, IpAddr), Replies>,
    /// The hardware address from which each address speaks, by device.
    senders: HashMap<(u32, IpAddr), Sender>,
}

/// Which hardware addresses speak for an address on one device.
#[derive(Clone, Debug)]
pub struct Sender {
    /// Those that did, the latest last.
    pub macs: Vec<[u8; 6]>,
    /// How often it went from one to another.
    pub changes: u32,
    /// When it did so first, and last.
    pub changed: Option<(Moment, Moment)>,
    last: Moment,
}

/// Answers to one host about one address.
#[derive(Clone, Debug, Default)]
pub struct Replies {
    /// The hardware addresses, and when each answered last.
    pub macs: Vec<([u8; 6], Moment)>,
    /// When two of them answered one question last, and how often.
    pub conflict: Option<(Moment, u32)>,
}

impl Neighbors {
    /// Takes over an ARP packet.
    pub fn arp(&mut self, at: Moment, device: u32, arp: &Arp) {
        // Probes and announcements are no questions (RFC 5227).
        let is_probe = arp.sender.is_unspecified() || arp.sender == arp.target;
        if !arp.sender.is_unspecified() {
            self.answer(at, device, arp.sender, !arp.request || is_probe);
            if !arp.request {
                self.reply(at, arp.sender, arp.target, arp.mac);
            }
            self.speaks(at, device, arp.sender, arp.mac);
        }
        if arp.request && !is_probe {
            self.question(at, device, arp.target, arp.sender);
        }
    }

    /// Takes over a neighbor solicitation or advertisement.
    pub fn discovery(&mut self, at: Moment, device: u32, source: IpAddr, neighbor: &Neighbor) {
        if neighbor.solicitation {
            // From the unspecified address it is duplicate address detection.
            if !source.is_unspecified() {
                self.answer(at, device, source, false);
                self.question(at, device, neighbor.target, source);
            }
        } else {
            self.answer(at, device, neighbor.target, true);
        }
    }

    fn question(&mut self, at: Moment, device: u32, target: IpAddr, by: IpAddr) {
        if self.table.len() >= REMEMBERED && !self.table.contains_key(&(device, target)) {
            return;
        }
        let asked = self.table.entry((device, target)).or_insert(Asked {
            since: at,
            last: at,
            unanswered: 0,
            by,
            answered: None,
        });
        if asked.unanswered == 0 {
            asked.since = at;
        }
        asked.unanswered += 1;
        asked.last = at;
        asked.by = by;
    }

    /// `address` lives.
    fn answer(&mut self, at: Moment, device: u32, address: IpAddr, is_answer: bool) {
        let entry = self.table.get_mut(&(device, address));
        let Some(asked) = entry else {
            if is_answer && self.table.len() < REMEMBERED {
                let asked = Asked {
                    since: at,
                    last: at,
                    unanswered: 0,
                    by: address,
                    answered: Some(at),
                };
                self.table.insert((device, address), asked);
            }
            return;
        };
        asked.unanswered = 0;
        asked.answered = Some(at);
    }

    fn reply(&mut self, at: Moment, address: IpAddr, to: IpAddr, mac: [u8; 6]) {
        let id = (address, to);
        if self.replies.len() >= REMEMBERED && !self.replies.contains_key(&id) {
            return;
        }
        let replies = self.replies.entry(id).or_default();
        let other = |(known, when): &([u8; 6], Moment)| {
            *known != mac && at.saturating_sub(*when) < SAME_QUESTION
        };
        if replies.macs.iter().any(other) {
            let conflict = replies.conflict.get_or_insert((at, 0));
            conflict.0 = at;
            conflict.1 += 1;
        }
        let is_full = replies.macs.len() >= MACS;
        match replies.macs.iter_mut().find(|(known, _)| *known == mac) {
            Some((_, when)) => *when = at,
            None if !is_full => replies.macs.push((mac, at)),
            None => {}
        }
    }

    fn speaks(&mut self, at: Moment, device: u32, address: IpAddr, mac: [u8; 6]) {
        let id = (device, address);
        if self.senders.len() >= REMEMBERED && !self.senders.contains_key(&id) {
            return;
        }
        let sender = self.senders.entry(id).or_insert_with(|| Sender {
            macs: vec![mac],
            changes: 0,
            changed: None,
            last: at,
        });
        sender.last = at;
        if sender.macs.last() == Some(&mac) {
            return;
        }
        sender.macs.retain(|it| *it != mac);
        if sender.macs.len() >= MACS {
            sender.macs.remove(0);
        }
        sender.macs.push(mac);
        sender.changes += 1;
        let (first, _) = sender.changed.unwrap_or((at, at));
        sender.changed = Some((first, at));
    }

    /// Addresses that went from one hardware address to another, by device.
    pub fn moves(&self) -> impl Iterator<Item = (u32, IpAddr, &Sender)> {
        self.senders
            .iter()
            .filter(|(_, sender)| sender.changes > 0)
            .map(|((device, address), sender)| (*device, *address, sender))
    }

    /// Addresses for which two hosts have answered one question, and who asked.
    pub fn conflicts(&self) -> impl Iterator<Item = (IpAddr, IpAddr, &Replies)> {
        self.replies
            .iter()
            .filter(|(_, replies)| replies.conflict.is_some())
            .map(|((address, by), replies)| (*address, *by, replies))
    }

    /// Forgets what is too old to be evidence.
    pub fn interval(&mut self, now: Moment) {
        self.table.retain(|_, asked| {
            let lately = asked.answered.map_or(asked.last, |it| it.max(asked.last));
            now.saturating_sub(lately) < WINDOW
        });
        self.senders
            .retain(|_, sender| now.saturating_sub(sender.last) < WINDOW);
        self.replies.retain(|_, replies| {
            let last = replies.macs.iter().map(|it| it.1).max();
            last.is_some_and(|last| now.saturating_sub(last) < WINDOW)
        });
    }

    /// All that are remembered: slot, address, and what is known.
    pub fn iter(&self) -> impl Iterator<Item = (u32, IpAddr, &Asked)> {
        self.table
            .iter()
            .map(|((device, address), asked)| (*device, *address, asked))
    }
}
