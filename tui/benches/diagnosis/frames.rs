//! Frames as a veth pair carries them.

use std::net::{IpAddr, SocketAddr};

use etherparse::{IpHeaders, PacketBuilder, PacketBuilderStep};

/// A TCP segment.
pub struct Segment {
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub seq: u32,
    pub syn: bool,
    /// The acknowledgment number, if there is one.
    pub ack: Option<u32>,
    pub rst: bool,
}

impl Segment {
    /// A SYN.
    pub const fn syn(from: SocketAddr, to: SocketAddr, seq: u32) -> Self {
        Self {
            from,
            to,
            seq,
            syn: true,
            ack: None,
            rst: false,
        }
    }

    /// What a server answers a SYN with: a SYN-ACK or a reset.
    pub const fn answer(&self, is_refused: bool) -> Self {
        Self {
            from: self.to,
            to: self.from,
            seq: if is_refused { 0 } else { !self.seq },
            syn: !is_refused,
            ack: Some(self.seq.wrapping_add(1)),
            rst: is_refused,
        }
    }

    pub fn written(&self) -> Vec<u8> {
        let mut step =
            ip(self.from.ip(), self.to.ip()).tcp(self.from.port(), self.to.port(), self.seq, 64240);
        if self.syn {
            step = step.syn();
        }
        if let Some(ack) = self.ack {
            step = step.ack(ack);
        }
        if self.rst {
            step = step.rst();
        }
        let mut frame = Vec::new();
        step.write(&mut frame, &[]).unwrap();
        frame
    }
}

/// A DNS query for an address, or the answer that there is none.
pub fn dns(from: SocketAddr, to: SocketAddr, id: u16, is_answer: bool) -> Vec<u8> {
    let flags: u16 = if is_answer { 0x8180 } else { 0x0100 };
    let mut message = Vec::new();
    for field in [id, flags, 1, 0, 0, 0] {
        message.extend(field.to_be_bytes());
    }
    for label in [&format!("n{}", id % 97), "example", "com"] {
        message.push(label.len() as u8);
        message.extend(label.bytes());
    }
    message.extend([0, 0, 1, 0, 1]);
    let mut frame = Vec::new();
    ip(from.ip(), to.ip())
        .udp(from.port(), to.port())
        .write(&mut frame, &message)
        .unwrap();
    frame
}

fn ip(from: IpAddr, to: IpAddr) -> PacketBuilderStep<IpHeaders> {
    let link = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
    match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => link.ipv4(from.octets(), to.octets(), 64),
        ends => panic!("not two addresses of IPv4: {ends:?}"),
    }
}
