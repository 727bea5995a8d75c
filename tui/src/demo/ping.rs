//! Echo requests. The kernel of the other side answers them.

use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr};

use anyhow::Context;
use etherparse::{IcmpEchoHeader, Icmpv4Header, Icmpv4Type, Icmpv6Header, Icmpv6Type};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

/// Who pings whom.
pub struct Pinger {
    socket: Socket,
    to: IpAddr,
    echo: IcmpEchoHeader,
    payload: Vec<u8>,
}

impl Pinger {
    /// Opens the raw socket for requests with data of this size in bytes.
    ///
    /// # Errors
    /// The kernel's.
    pub fn open(from: IpAddr, to: IpAddr, payload: usize) -> anyhow::Result<Self> {
        Self::try_open(from, to, payload).with_context(|| {
            format!("cannot open a raw socket to ping {to} in the demo; run it with CAP_NET_RAW")
        })
    }

    fn try_open(from: IpAddr, to: IpAddr, payload: usize) -> io::Result<Self> {
        let (domain, protocol) = match to {
            IpAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4),
            IpAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6),
        };
        let socket = Socket::new(domain, Type::RAW, Some(protocol))?;
        socket.set_nonblocking(true)?;
        socket.bind(&SockAddr::from(SocketAddr::from((from, 0))))?;
        Ok(Self {
            socket,
            to,
            echo: IcmpEchoHeader {
                id: fastrand::u16(1..),
                seq: 0,
            },
            payload: vec![0; payload],
        })
    }

    /// Sends the next request.
    ///
    /// # Errors
    /// The kernel's.
    pub fn ping(&mut self) -> io::Result<()> {
        // Answers would otherwise fill the socket's buffer.
        while self.socket.read(&mut [0; 64]).is_ok() {}
        self.echo.seq = self.echo.seq.wrapping_add(1);
        let request = request(self.to, self.echo, &self.payload);
        let to = SockAddr::from(SocketAddr::from((self.to, 0)));
        self.socket.send_to(&request, &to).map(drop)
    }
}

/// An echo request. For ICMPv6 the kernel computes the checksum (RFC 3542, 3.1).
fn request(to: IpAddr, echo: IcmpEchoHeader, payload: &[u8]) -> Vec<u8> {
    let mut request = Vec::new();
    match to {
        IpAddr::V4(_) => request
            .extend(Icmpv4Header::with_checksum(Icmpv4Type::EchoRequest(echo), payload).to_bytes()),
        IpAddr::V6(_) => {
            request.extend(Icmpv6Header::new(Icmpv6Type::EchoRequest(echo)).to_bytes());
        }
    }
    request.extend(payload);
    request
}

#[cfg(test)]
mod tests;
