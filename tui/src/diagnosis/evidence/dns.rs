//! DNS queries and their outcome, from captured messages (RFC 1035).

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use probe_common::FlowKey;
use probe_common::parse::number::port;

use crate::diagnosis::decode::Endpoint;
use crate::model::{KeyFields, Moment, Side};

/// Queries that are remembered.
const REMEMBERED: usize = 16_384;
/// How long an exchange is evidence.
const WINDOW: Duration = Duration::from_secs(60);

/// The start of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The number that ties an answer to its query.
    pub id: u16,
    /// Whether it is an answer.
    pub response: bool,
    /// Whether the answer was cut to fit the datagram.
    pub truncated: bool,
    /// The result code.
    pub rcode: u8,
    /// How many answer records there are.
    pub answers: u16,
    /// The name that is asked for, in lower case, without the last dot.
    pub name: String,
    /// The type that is asked for: 1 is A, 28 AAAA.
    pub kind: u16,
}

/// Reads the header and the first question; nothing when they are not there.
#[must_use]
pub fn message(payload: &[u8]) -> Option<Message> {
    let field = |at: usize| -> Option<u16> {
        Some(u16::from_be_bytes(*payload.get(at..at + 2)?.first_chunk()?))
    };
    let flags = field(2)?;
    if field(4)? == 0 {
        return None;
    }
    let mut name = String::new();
    let mut at = 12;
    loop {
        let len = usize::from(*payload.get(at)?);
        at += 1;
        match len {
            0 => break,
            1..=63 => {
                let label = payload.get(at..at + len)?;
                if !name.is_empty() {
                    name.push('.');
                }
                name.extend(label.iter().map(|byte| match byte {
                    b'!'..=b'~' => char::from(byte.to_ascii_lowercase()),
                    _ => '?',
                }));
                at += len;
            }
            // A question is the first name of its message: there is nothing to
            // point to.
            _ => return None,
        }
    }
    Some(Message {
        id: field(0)?,
        response: flags & 0x8000 != 0,
        truncated: flags & 0x0200 != 0,
        rcode: (flags & 15) as u8,
        answers: field(6)?,
        name,
        kind: field(at)?,
    })
}

/// A query and its answer.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// The slot of the device that saw it.
    pub device: u32,
    /// Who asked, with the port.
    pub client: Endpoint,
    /// Who was asked.
    pub server: Endpoint,
    /// What was asked.
    pub name: Box<str>,
    /// The type that was asked for.
    pub kind: u16,
    /// When it was asked first.
    pub asked: Moment,
    /// How often the same message was sent; 0 once another one has its place.
    pub times: u32,
    /// When the first answer came, with its result.
    pub answer: Option<Answer>,
    id: u16,
}

/// An answer.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    /// When.
    pub at: Moment,
    /// The result code.
    pub rcode: u8,
    /// Whether there was any record.
    pub has_records: bool,
    /// Whether it was cut.
    pub truncated: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Id {
    ends: Ends,
    id: u16,
}

/// Who asks whom. Servers are known by their port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Ends {
    device: u32,
    client: Endpoint,
    server: IpAddr,
}

/// The exchanges of all devices of a host.
#[derive(Clone, Debug, Default)]
pub struct Dns {
    /// In the order in which they were asked: there are many, so they are dense, and
    /// nobody has to sort them.
    exchanges: VecDeque<Exchange>,
    /// How many have been forgotten: the number of the first that is remembered.
    first: u64,
    /// The number of the last exchange of each message.
    numbers: BTreeMap<Id, u64>,
}

impl Dns {
    /// Takes over a message.
    pub fn message(
        &mut self,
        at: Moment,
        device: u32,
        (source, destination): (Endpoint, Endpoint),
        message: Message,
    ) {
        let (client, server) = match message.response {
            true => (destination, source),
            false => (source, destination),
        };
        let id = Id {
            ends: Ends {
                device,
                client,
                server: server.address,
            },
            id: message.id,
        };
        let known = self.number(&id);
        let known = known.and_then(|place| self.exchanges.get_mut(place));
        if message.response {
            if let Some(exchange) = known
                && *exchange.name == *message.name
            {
                exchange.answer.get_or_insert(Answer {
                    at,
                    rcode: message.rcode,
                    has_records: message.answers > 0,
                    truncated: message.truncated,
                });
            }
            return;
        }
        if let Some(exchange) = known {
            if *exchange.name == *message.name
                && exchange.kind == message.kind
                && exchange.answer.is_none()
            {
                exchange.times += 1;
                return;
            }
            exchange.times = 0;
        }
        while self.exchanges.len() >= REMEMBERED {
            self.forget_oldest();
        }
        let number = self.first + self.exchanges.len() as u64;
        self.numbers.insert(id, number);
        self.exchanges.push_back(Exchange {
            device,
            client,
            server,
            name: message.name.into_boxed_str(),
            kind: message.kind,
            asked: at,
            times: 1,
            answer: None,
            id: message.id,
        });
    }

    /// The place of the last exchange of a message.
    fn number(&self, id: &Id) -> Option<usize> {
        let number = self.numbers.get(id)?.checked_sub(self.first)?;
        usize::try_from(number).ok()
    }

    fn forget_oldest(&mut self) {
        let Some(exchange) = self.exchanges.pop_front() else {
            return;
        };
        let id = Id {
            ends: Ends {
                device: exchange.device,
                client: exchange.client,
                server: exchange.server.address,
            },
            id: exchange.id,
        };
        if self.numbers.get(&id) == Some(&self.first) {
            self.numbers.remove(&id);
        }
        self.first += 1;
    }

    /// Those of a flow.
    pub fn of_flow(&self, key: &FlowKey) -> impl Iterator<Item = &Exchange> {
        let ends = Side::BOTH.into_iter().filter_map(|client| {
            let server = client.other();
            Some(Ends {
                device: key.device,
                client: Endpoint {
                    address: key.address(client)?,
                    port: key.port(client)?,
                },
                server: (key.port(server)? == port::DNS).then(|| key.address(server))??,
            })
        });
        let message = |ends, id| Id { ends, id };
        ends.flat_map(move |ends| {
            let all = message(ends, 0)..=message(ends, u16::MAX);
            self.numbers.range(all)
        })
        .filter_map(|(id, _)| self.exchanges.get(self.number(id)?))
    }

    /// Forgets what is too old to be evidence.
    pub fn interval(&mut self, now: Moment) {
        while let Some(exchange) = self.exchanges.front()
            && now.saturating_sub(exchange.asked) > WINDOW
        {
            self.forget_oldest();
        }
    }

    /// All that are remembered, in the order in which they were asked.
    pub fn iter(&self) -> impl Iterator<Item = &Exchange> {
        self.exchanges.iter().filter(|it| it.times > 0)
    }
}
