//! A DNS server with a small zone, who asks it, and multicast DNS.

use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::time::Duration;

use anyhow::Context;
use simple_dns::rdata::{A, AAAA, RData};
use simple_dns::{
    CLASS, Name, Packet, PacketFlag, QCLASS, QTYPE, Question, RCODE, ResourceRecord,
    SimpleDnsError, TYPE,
};
use socket2::SockRef;
use tokio::net::UdpSocket;
use tokio::time::{sleep, timeout};

use super::cast;

const PORT: u16 = 53;
const MULTICAST_PORT: u16 = 5353;
/// The longest message without EDNS (RFC 1035, 2.3.4).
const MESSAGE_MAX: usize = 512;
const TTL_SECONDS: u32 = 60;

/// The names of the zone, which is one for tests (RFC 6761, 6.2).
const ZONE: [(&str, [IpAddr; 2]); 4] = [
    ("www.demo.test", cast::WEB),
    ("files.demo.test", cast::FILES),
    ("db.demo.test", cast::DATABASE),
    ("backup.demo.test", cast::BACKUP),
];
/// What is asked for besides, in vain.
const UNKNOWN: &str = "nowhere.demo.test";
/// A name that the server fails to look up.
pub const BROKEN: &str = "broken.demo.test";

/// A query for an address of a name.
fn query(id: u16, name: &str, kind: TYPE) -> Result<Vec<u8>, SimpleDnsError> {
    let mut query = Packet::new_query(id);
    query.set_flags(PacketFlag::RECURSION_DESIRED);
    query.questions.push(Question::new(
        Name::new(name)?,
        QTYPE::TYPE(kind),
        QCLASS::CLASS(CLASS::IN),
        false,
    ));
    query.build_bytes_vec()
}

/// The server's answer to a query.
fn reply(query: &[u8]) -> Result<Vec<u8>, SimpleDnsError> {
    let mut reply = Packet::parse(query)?.into_reply();
    reply.set_flags(PacketFlag::AUTHORITATIVE_ANSWER);
    let mut is_known = false;
    let mut is_broken = false;
    for question in &reply.questions {
        let name = question.qname.to_string();
        is_broken |= name == BROKEN;
        let Some((_, addresses)) = ZONE.iter().find(|(known, _)| *known == name) else {
            continue;
        };
        is_known = true;
        for address in addresses {
            let data = match address {
                IpAddr::V4(address) => RData::A(A::from(*address)),
                IpAddr::V6(address) => RData::AAAA(AAAA::from(*address)),
            };
            let record = ResourceRecord::new(question.qname.clone(), CLASS::IN, TTL_SECONDS, data);
            if record.match_qtype(question.qtype) {
                reply.answers.push(record);
            }
        }
    }
    if is_broken {
        *reply.rcode_mut() = RCODE::ServerFailure;
    } else if !is_known {
        *reply.rcode_mut() = RCODE::NameError;
    }
    reply.build_bytes_vec_compressed()
}

/// Opens the server's socket, and returns what answers for ever.
///
/// # Errors
/// The address cannot be bound.
pub async fn serve(local: IpAddr) -> anyhow::Result<impl Future<Output = ()>> {
    let socket = UdpSocket::bind((local, PORT))
        .await
        .with_context(|| format!("cannot open UDP port {PORT} of {local} in the demo"))?;
    Ok(async move {
        let mut buffer = [0; MESSAGE_MAX];
        loop {
            match answer(&socket, &mut buffer).await {
                Ok(()) => {}
                // The other side may have gone before the answer came: that is harmless.
                Err(_) => sleep(Duration::from_millis(10)).await,
            }
        }
    })
}

async fn answer(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<()> {
    let (length, from) = socket.recv_from(buffer).await?;
    let reply = reply(&buffer[..length]).map_err(io::Error::other)?;
    socket.send_to(&reply, from).await.map(drop)
}

/// A name of the zone, and now and then one that does not exist.
pub fn any_name() -> &'static str {
    let names = ZONE.map(|(name, _)| name);
    fastrand::choice(names)
        .filter(|_| fastrand::u8(..) > 30)
        .unwrap_or(UNKNOWN)
}

/// Asks for both addresses of a name at once, as a resolver library does, each
/// from a port of its own.
///
/// # Errors
/// The socket's, or there is no answer.
pub async fn look_up(from: IpAddr, server: IpAddr, name: &str) -> io::Result<()> {
    let ask = async |kind| {
        let socket = UdpSocket::bind((from, 0)).await?;
        socket.connect((server, PORT)).await?;
        let query = query(fastrand::u16(..), name, kind).map_err(io::Error::other)?;
        socket.send(&query).await?;
        let mut buffer = [0; MESSAGE_MAX];
        timeout(Duration::from_secs(2), socket.recv(&mut buffer)).await?
    };
    tokio::try_join!(ask(TYPE::A), ask(TYPE::AAAA)).map(drop)
}

/// Who asks the link for services (RFC 6762).
pub struct Browser {
    socket: UdpSocket,
    group: SocketAddr,
}

impl Browser {
    /// Opens the socket on a device of this index.
    ///
    /// # Errors
    /// The kernel's.
    pub async fn open(from: IpAddr, device: u32) -> anyhow::Result<Self> {
        Self::try_open(from, device).await.with_context(|| {
            format!("cannot open UDP port {MULTICAST_PORT} of {from} for multicast in the demo")
        })
    }

    async fn try_open(from: IpAddr, device: u32) -> io::Result<Self> {
        let socket = UdpSocket::bind((from, MULTICAST_PORT)).await?;
        // RFC 6762, 11.
        let group = match from {
            IpAddr::V4(_) => {
                socket.set_multicast_ttl_v4(255)?;
                SocketAddr::from(([224, 0, 0, 251], MULTICAST_PORT))
            }
            IpAddr::V6(_) => {
                SockRef::from(&socket).set_multicast_hops_v6(255)?;
                let group = [0xff02, 0, 0, 0, 0, 0, 0, 0xfb].into();
                SocketAddrV6::new(group, MULTICAST_PORT, 0, device).into()
            }
        };
        Ok(Self { socket, group })
    }

    /// Asks for web servers.
    ///
    /// # Errors
    /// The socket's.
    pub async fn browse(&self) -> io::Result<()> {
        let query = query(0, "_http._tcp.local", TYPE::PTR).map_err(io::Error::other)?;
        self.socket.send_to(&query, self.group).await.map(drop)
    }
}

#[cfg(test)]
mod tests;
