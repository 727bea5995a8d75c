//! Netlink requests that are answered at once, on a socket of the calling
//! thread's network namespace. They block; nothing is kept open between them.
//!
//! Messages are read attribute by attribute, so that one that cannot be read,
//! such as a name that is not UTF-8, hides no other.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use netlink_packet_core::{
    NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NetlinkBuffer, NlasIterator,
};
use rtnetlink::sys::{Socket, SocketAddr};
use rustix::net::sockopt::{Timeout, set_socket_timeout};

#[cfg(test)]
mod tests;

/// How long an answer may take: the kernel answers while it is asked, but may
/// have to wait for its locks.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often a list that changed while it was read is read again.
const TRIES: usize = 3;
/// The receive buffer's size in bytes; the kernel fills it message by message.
const BUFFER: usize = 64 * 1024;
/// The types that end an answer, `NLMSG_ERROR` and `NLMSG_DONE`.
const ERROR: u16 = 2;
const DONE: u16 = 3;
/// Marks an attribute that holds others, `NLA_F_NESTED`.
pub const NESTED: u16 = 0x8000;
/// The length of a message's header, `struct nlmsghdr`.
const HEADER: usize = 16;

/// A netlink socket.
pub struct Netlink {
    socket: Socket,
    sequence: u32,
    buffer: Vec<u8>,
}

/// A message of an answer: its type and what follows its header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The message type, such as `RTM_NEWLINK`.
    pub kind: u16,
    /// The body: a fixed header and attributes.
    pub body: Vec<u8>,
}

impl Message {
    /// The attributes after a fixed header of this length.
    pub fn attributes(&self, header: usize) -> impl Iterator<Item = (u16, &[u8])> {
        attributes(self.body.get(header..).unwrap_or_default())
    }
}

impl Netlink {
    /// Opens a socket for a protocol such as `NETLINK_ROUTE`.
    ///
    /// # Errors
    /// The kernel's.
    pub fn open(protocol: isize) -> io::Result<Self> {
        let mut socket = Socket::new(protocol)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        // Without it the kernel ignores what a list is to be filtered by; only
        // kernels before 4.20 lack it.
        let _ = socket.set_netlink_get_strict_chk(true);
        set_socket_timeout(&socket, Timeout::Recv, Some(PATIENCE))?;
        Ok(Self {
            socket,
            sequence: 0,
            buffer: Vec::with_capacity(BUFFER),
        })
    }

    /// Asks for a list. One that changed while it was read is read again.
    ///
    /// # Errors
    /// The kernel's, and `WouldBlock` when it does not answer.
    pub fn dump(&mut self, kind: u16, body: &[u8]) -> io::Result<Vec<Message>> {
        for _ in 1..TRIES {
            let (messages, is_whole) = self.ask(kind, NLM_F_DUMP, body)?;
            if is_whole {
                return Ok(messages);
            }
        }
        Ok(self.ask(kind, NLM_F_DUMP, body)?.0)
    }

    /// Asks for one thing. It does not wait for the end of an answer in several
    /// parts: conntrack announces one that never comes.
    ///
    /// # Errors
    /// The kernel's; `NotFound` where there is no such thing.
    pub fn get(&mut self, kind: u16, body: &[u8]) -> io::Result<Message> {
        let (mut messages, _) = self.ask(kind, 0, body)?;
        messages.pop().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Sends a request and reads its answer, and whether that is one coherent
    /// picture.
    fn ask(&mut self, kind: u16, flags: u16, body: &[u8]) -> io::Result<(Vec<Message>, bool)> {
        self.sequence += 1;
        let request = request(kind, NLM_F_REQUEST | flags, self.sequence, body);
        self.socket.send(&request, 0)?;
        let is_list = flags & NLM_F_DUMP == NLM_F_DUMP;
        let mut messages = Vec::new();
        let mut is_whole = true;
        loop {
            self.buffer.clear();
            self.socket.recv(&mut self.buffer, 0)?;
            let mut rest = &*self.buffer;
            while !rest.is_empty() {
                let message = NetlinkBuffer::new_checked(rest).map_err(io::Error::other)?;
                let length = message.length() as usize;
                let payload = message.payload();
                rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
                // What is left of a request that was given up.
                if message.sequence_number() != self.sequence {
                    continue;
                }
                is_whole &= message.flags() & NLM_F_DUMP_INTR == 0;
                match message.message_type() {
                    DONE | ERROR => {
                        error_in(payload)?;
                        return Ok((messages, is_whole));
                    }
                    kind => messages.push(Message {
                        kind,
                        body: payload.to_vec(),
                    }),
                }
            }
            if !is_list && !messages.is_empty() {
                return Ok((messages, is_whole));
            }
        }
    }
}

/// The error at the start of `NLMSG_ERROR` and `NLMSG_DONE`, which is negative.
fn error_in(payload: &[u8]) -> io::Result<()> {
    match int(payload) {
        Some(code) if code < 0 => Err(io::Error::from_raw_os_error(code.saturating_neg())),
        _ => Ok(()),
    }
}

/// The attributes of a message or of a nested attribute. What follows one that
/// is damaged is left out.
pub fn attributes(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let whole = NlasIterator::new(bytes).map_while(Result::ok);
    whole.map(|attribute| {
        let (kind, end) = (attribute.kind(), usize::from(attribute.length()));
        (kind, attribute.into_inner().get(4..end).unwrap_or_default())
    })
}

fn request(kind: u16, flags: u16, sequence: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(HEADER + body.len()).unwrap_or(u32::MAX);
    let mut message = Vec::with_capacity(HEADER + body.len());
    message.extend(length.to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend(flags.to_ne_bytes());
    message.extend(sequence.to_ne_bytes());
    message.extend(0_u32.to_ne_bytes());
    message.extend(body);
    message
}

/// An attribute for a request.
pub fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + value.len()).unwrap_or(u16::MAX);
    let mut bytes = Vec::with_capacity(usize::from(length) + 3);
    bytes.extend(length.to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// The signed number at the start of a value.
#[must_use]
pub fn int(value: &[u8]) -> Option<i32> {
    value.first_chunk().copied().map(i32::from_ne_bytes)
}

/// The number at the start of a value.
#[must_use]
pub fn uint(value: &[u8]) -> Option<u32> {
    value.first_chunk().copied().map(u32::from_ne_bytes)
}

/// The long number at an offset of a value.
#[must_use]
pub fn ulong(value: &[u8], offset: usize) -> Option<u64> {
    let bytes = value.get(offset..)?.first_chunk()?;
    Some(u64::from_ne_bytes(*bytes))
}

/// The text of a value, up to its closing zero. What is not UTF-8 is replaced.
#[must_use]
pub fn text(value: &[u8]) -> String {
    let end = value.iter().position(|byte| *byte == 0);
    let bytes = end.and_then(|end| value.get(..end)).unwrap_or(value);
    String::from_utf8_lossy(bytes).into_owned()
}

/// An address as the kernel writes it: 4 or 16 bytes.
#[must_use]
pub fn ip(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(bytes) = <[u8; 4]>::try_from(bytes) {
        return Some(bytes.into());
    }
    <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from)
}

/// The bytes of a text of hexadecimal digits, for tests on what a kernel answered.
#[cfg(test)]
pub fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok();
    digits.chunks(2).filter_map(byte).collect()
}
