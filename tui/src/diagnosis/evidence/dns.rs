//! DNS queries and their outcome, from captured messages (RFC 1035).

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
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
    pub name: String,
    /// The type that was asked for.
    pub kind: u16,
    /// When it was asked first.
    pub asked: Moment,
    /// How often the same message was sent.
    pub times: u32,
    /// When the first answer came, with its result.
    pub answer: Option<Answer>,
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Id {
    ends: Ends,
    id: u16,
}

/// Who asks whom. Servers are known by their port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Ends {
    device: u32,
    client: Endpoint,
    server: IpAddr,
}

/// The exchanges of all devices of a host.
#[derive(Clone, Debug, Default)]
pub struct Dns {
    exchanges: HashMap<Id, Exchange>,
    /// The messages of each flow, the oldest first.
    flows: HashMap<Ends, VecDeque<u16>>,
    order: VecDeque<(Moment, Id)>,
    /// Queries by a client, to tell two devices apart that see the same.
    pub forgotten: u64,
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
        if message.response {
            let ends = Ends {
                device,
                client: destination,
                server: source.address,
            };
            let id = Id {
                ends,
                id: message.id,
            };
            if let Some(exchange) = self.exchanges.get_mut(&id)
                && exchange.name == message.name
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
        let ends = Ends {
            device,
            client: source,
            server: destination.address,
        };
        let id = Id {
            ends,
            id: message.id,
        };
        if let Some(exchange) = self.exchanges.get_mut(&id)
            && exchange.name == message.name
            && exchange.kind == message.kind
            && exchange.answer.is_none()
        {
            exchange.times += 1;
            return;
        }
        let exchange = Exchange {
            device,
            client: source,
            server: destination,
            name: message.name,
            kind: message.kind,
            asked: at,
            times: 1,
            answer: None,
        };
        if self.exchanges.insert(id, exchange).is_none() {
            self.flows.entry(ends).or_default().push_back(id.id);
        }
        self.order.push_back((at, id));
        while self.exchanges.len() > REMEMBERED {
            self.forget_oldest();
            self.forgotten += 1;
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((asked, id)) = self.order.pop_front()
            && self.exchanges.get(&id).is_some_and(|it| it.asked == asked)
        {
            self.exchanges.remove(&id);
            let Entry::Occupied(mut entry) = self.flows.entry(id.ends) else {
                return;
            };
            let messages = entry.get_mut();
            if let Some(place) = messages.iter().position(|it| *it == id.id) {
                messages.remove(place);
            }
            if messages.is_empty() {
                entry.remove();
            }
        }
    }

    /// Those of a flow.
    pub fn of_flow(&self, key: &FlowKey) -> impl Iterator<Item = &Exchange> {
        let exchanges = Side::BOTH.into_iter().filter_map(|client| {
            let server = client.other();
            let ends = Ends {
                device: key.device,
                client: Endpoint {
                    address: key.address(client)?,
                    port: key.port(client)?,
                },
                server: (key.port(server)? == port::DNS).then(|| key.address(server))??,
            };
            Some((ends, self.flows.get(&ends)?))
        });
        exchanges
            .flat_map(|(ends, messages)| messages.iter().map(move |id| Id { ends, id: *id }))
            .filter_map(|id| self.exchanges.get(&id))
    }

    /// Forgets what is too old to be evidence.
    pub fn interval(&mut self, now: Moment) {
        while let Some((asked, _)) = self.order.front()
            && now.saturating_sub(*asked) > WINDOW
        {
            self.forget_oldest();
        }
    }

    /// All that are remembered, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Exchange> {
        self.exchanges.values()
    }
}
