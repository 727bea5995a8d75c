//! Real traffic between the ends of a lab.

use std::io::{self, Read, Write};
use std::net::{Ipv6Addr, Shutdown, SocketAddr, SocketAddrV6, TcpListener, TcpStream, UdpSocket};
use std::process::{Command, Stdio};
use std::thread;

use rustix::net::{
    AddressFamily, SendFlags, SocketFlags, SocketType, ipproto, sendto, socket_with,
};

use crate::lab::{End, Family, Lab};
use crate::wait::PATIENCE;

/// Sends echo requests from one end to the other, and waits for the replies.
pub fn ping(lab: &Lab, from: End, family: Family, count: u64) {
    let to = lab.address(from.other(), from, family, 0);
    let device = from.device();
    let target = match to {
        SocketAddr::V6(to) if to.scope_id() != 0 => format!("{}%{device}", to.ip()),
        to => to.ip().to_string(),
    };
    ping_to(lab, from, &target, count);
}

/// As [`ping`], to an address that is not the lab's.
pub fn ping_to(lab: &Lab, from: End, target: &str, count: u64) {
    let mut command = Command::new("ping");
    let count = count.to_string();
    let patience = PATIENCE.as_secs().to_string();
    command.args(["-q", "-i", "0.01", "-W", &patience, "-c", &count, target]);
    let command = command.stdout(Stdio::null()).stderr(Stdio::piped());
    let output = lab
        .namespace(from)
        .enter(|| command.spawn().unwrap().wait_with_output().unwrap());
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ping {target}: {error}");
}

/// A socket at an end, bound to its address.
pub fn udp(lab: &Lab, end: End, family: Family) -> UdpSocket {
    let address = lab.address(end, end, family, 0);
    let socket = lab
        .namespace(end)
        .enter(|| UdpSocket::bind(address).unwrap());
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// Repeats a call that a signal interrupts: with a time limit the kernel does not
/// (signal(7)).
pub fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Where a datagram from the other end has to go to get to a socket of `end`.
pub fn towards(lab: &Lab, end: End, socket: &UdpSocket) -> SocketAddr {
    let address = socket.local_addr().unwrap();
    let family = if address.is_ipv4() {
        Family::V4
    } else {
        Family::V6
    };
    lab.address(end, end.other(), family, address.port())
}

/// A TCP server at an end.
pub fn listen(lab: &Lab, end: End, family: Family) -> TcpListener {
    let address = lab.address(end, end, family, 0);
    lab.namespace(end)
        .enter(|| TcpListener::bind(address).unwrap())
}

/// A connection from the other end to the server.
pub fn connect(lab: &Lab, server: End, family: Family, port: u16) -> TcpStream {
    let from = server.other();
    let address = lab.address(server, from, family, port);
    let stream = lab
        .namespace(from)
        .enter(|| TcpStream::connect(address).unwrap());
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// So many connections, one after the other; in each the client at `from` sends
/// `there` bytes and gets `back` bytes. Returns the server's port.
pub fn converse(
    lab: &Lab,
    from: End,
    family: Family,
    connections: usize,
    there: usize,
    back: usize,
) -> u16 {
    let listener = listen(lab, from.other(), family);
    let port = listener.local_addr().unwrap().port();
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..connections {
                let (mut stream, _) = listener.accept().unwrap();
                let mut received = Vec::new();
                stream.read_to_end(&mut received).unwrap();
                assert_eq!(received.len(), there);
                stream.write_all(&vec![0; back]).unwrap();
            }
        });
        for _ in 0..connections {
            let mut stream = connect(lab, from.other(), family, port);
            stream.write_all(&vec![0; there]).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            let mut received = Vec::new();
            stream.read_to_end(&mut received).unwrap();
            assert_eq!(received.len(), back);
        }
    });
    port
}

/// Sends a whole IPv6 packet, header included, from the near end.
pub fn send_raw_ipv6(lab: &Lab, packet: &[u8], to: Ipv6Addr) {
    let sent = lab.namespace(End::Near).enter(|| {
        let raw = socket_with(
            AddressFamily::INET6,
            SocketType::RAW,
            SocketFlags::CLOEXEC,
            Some(ipproto::RAW),
        )
        .unwrap();
        let to = SocketAddrV6::new(to, 0, 0, 0);
        sendto(&raw, packet, SendFlags::empty(), &to).unwrap()
    });
    assert_eq!(sent, packet.len());
}

/// Sends a datagram of no flow in particular, and tells whether it has left the
/// device: programs on its hooks can drop it.
pub fn passes(lab: &Lab, from: End) -> bool {
    let socket = udp(lab, from, Family::V4);
    let to = lab.address(from.other(), from, Family::V4, 9);
    let sent = || lab.counters(from).sent.packets;
    let before = sent();
    // A drop is an error for some kernels and some protocols.
    let _ = socket.send_to(b"?", to);
    sent() > before
}
