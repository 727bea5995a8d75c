//! A node, a router and a server behind it, which do to packets what faults do: the
//! node's device is watched, the rest is the network.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Scope};
use std::time::Duration;

use crate::namespace::{Namespace, run};

/// The device that is watched.
pub const DEVICE: &str = "lab0";
/// The node.
pub const NODE: Ipv4Addr = Ipv4Addr::new(10, 9, 1, 1);
/// The router, as the node knows it.
pub const ROUTER: Ipv4Addr = Ipv4Addr::new(10, 9, 1, 254);
/// The server behind it.
pub const SERVER: Ipv4Addr = Ipv4Addr::new(10, 9, 2, 2);
/// The port that faults are about.
pub const PORT: u16 = 5432;
/// A port of the server that is always well.
const WELL: u16 = 8080;
/// A pause between two attempts.
const PAUSE: Duration = Duration::from_millis(100);
/// How long whoever waits for an answer does.
const PATIENCE: Duration = Duration::from_millis(1500);

/// The three of them.
pub struct Network {
    pub node: Namespace,
    pub router: Namespace,
    pub server: Namespace,
    is_over: AtomicBool,
}

impl Network {
    pub fn new() -> Self {
        let [node, router, server] = [(); 3].map(|()| Namespace::new());
        node.ip(&format!(
            "link add {DEVICE} type veth peer name r0\n\
             link set r0 netns {}\n",
            router.name()
        ));
        server.ip(&format!(
            "link add eth0 type veth peer name r1\n\
             link set r1 netns {}\n",
            router.name()
        ));
        router.ip("address add 10.9.1.254/24 dev r0\n\
                   address add 10.9.2.254/24 dev r1\n\
                   link set r0 up\n\
                   link set r1 up\n");
        node.ip(&format!(
            "address add {NODE}/24 dev {DEVICE}\n\
             link set lo up\n\
             link set {DEVICE} up\n\
             route add default via {ROUTER}\n"
        ));
        server.ip(&format!(
            "address add {SERVER}/24 dev eth0\n\
             link set eth0 up\n\
             route add default via 10.9.2.254\n"
        ));
        let network = Self {
            node,
            router,
            server,
            is_over: AtomicBool::new(false),
        };
        set(&network.router, "net/ipv4/ip_forward", "1");
        network
    }

    /// Lets whoever goes on as long as it takes end.
    pub fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    /// Waits for the end, as who does nothing.
    pub fn idle(&self) {
        while !self.is_over.load(Ordering::Relaxed) {
            thread::sleep(PAUSE);
        }
    }

    /// Does something again and again in a namespace, on a thread of its own.
    pub fn again<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        namespace: &'scope Namespace,
        mut work: impl FnMut() + Send + 'scope,
    ) {
        scope.spawn(move || {
            namespace.enter(|| {
                while !self.is_over.load(Ordering::Relaxed) {
                    work();
                    thread::sleep(PAUSE);
                }
            });
        });
    }

    /// A TCP service of the server, with what it does with each connection.
    pub fn serve<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        port: u16,
        work: impl Fn(TcpStream) + Send + Sync + Copy + 'scope,
    ) {
        let listener = self
            .server
            .enter(|| TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).unwrap());
        listener.set_nonblocking(true).unwrap();
        self.again(scope, &self.server, move || {
            while !self.is_over.load(Ordering::Relaxed)
                && let Ok((stream, _)) = listener.accept()
            {
                stream.set_nonblocking(false).unwrap();
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                stream.set_write_timeout(Some(PATIENCE)).unwrap();
                scope.spawn(move || work(stream));
            }
        });
    }

    /// A UDP service of the server: what it answers each datagram with.
    pub fn answer<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        port: u16,
        work: impl Fn(&[u8]) -> Option<Vec<u8>> + Send + 'scope,
    ) {
        let socket = self
            .server
            .enter(|| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)).unwrap());
        socket.set_read_timeout(Some(PAUSE)).unwrap();
        let mut buffer = vec![0; 2048];
        self.again(scope, &self.server, move || {
            while !self.is_over.load(Ordering::Relaxed)
                && let Ok((length, from)) = socket.recv_from(&mut buffer)
            {
                if let Some(answer) = work(&buffer[..length]) {
                    let _ = socket.send_to(&answer, from);
                }
            }
        });
    }

    /// Requests of the node to a service, each on a connection of its own.
    pub fn request<'scope>(&'scope self, scope: &'scope Scope<'scope, '_>, port: u16) {
        self.again(scope, &self.node, move || {
            let Ok(mut stream) = connect(port) else {
                return;
            };
            let _ = stream.write_all(b"GET / HTTP/1.1\r\nHost: server\r\n\r\n");
            let _ = stream.read(&mut [0; 4096]);
        });
    }

    /// Data of the node for a service, as much as it takes.
    pub fn upload<'scope>(&'scope self, scope: &'scope Scope<'scope, '_>, port: u16) {
        self.again(scope, &self.node, move || {
            if let Ok(mut stream) = connect(port) {
                for _ in 0..50 {
                    if stream.write_all(&[0; 20_000]).is_err() {
                        break;
                    }
                    thread::sleep(Duration::from_millis(20));
                }
            }
        });
    }

    /// Datagrams of the node, each with the time to be answered.
    pub fn ask<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        port: u16,
        mut datagram: impl FnMut() -> Vec<u8> + Send + 'scope,
    ) {
        let socket = self
            .node
            .enter(|| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap());
        socket.set_read_timeout(Some(PATIENCE / 4)).unwrap();
        self.again(scope, &self.node, move || {
            let _ = socket.send_to(&datagram(), (SERVER, port));
            let _ = socket.recv(&mut [0; 2048]);
        });
    }

    /// Traffic that is well, beside the fault.
    pub fn be_well<'scope>(&'scope self, scope: &'scope Scope<'scope, '_>) {
        self.serve(scope, WELL, respond);
        self.request(scope, WELL);
    }
}

/// Connects the node to a port of the server.
pub fn connect(port: u16) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&SocketAddr::from((SERVER, port)), PATIENCE * 2)?;
    stream.set_read_timeout(Some(PATIENCE * 2))?;
    stream.set_write_timeout(Some(PATIENCE * 2))?;
    Ok(stream)
}

/// Answers each request of a connection.
pub fn respond(mut stream: TcpStream) {
    while stream.read(&mut [0; 4096]).is_ok_and(|length| length > 0) {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    }
}

/// Reads until there is no more.
pub fn drain(mut stream: TcpStream) {
    let mut buffer = vec![0; 65_536];
    while stream.read(&mut buffer).is_ok_and(|length| length > 0) {}
}

/// Rules of a table of nftables, for packets that come by at a hook.
pub fn rules(namespace: &Namespace, hook: &str, rules: &str) {
    let text =
        format!("table inet t {{ chain c {{ type filter hook {hook} priority 0; {rules}; }}; }}");
    let nft = || run(Command::new("nft").args(["-f", "-"]), &text);
    namespace.enter(nft).unwrap();
}

/// A setting below `/proc/sys`.
pub fn set(namespace: &Namespace, name: &str, value: &str) {
    namespace.enter(|| fs::write(format!("/proc/sys/{name}"), value).unwrap());
}

/// A DNS query, or the answer to one with a result code.
pub fn dns(id: u16, name: &str) -> Vec<u8> {
    let mut message = Vec::new();
    for field in [id, 0x0100, 1, 0, 0, 0] {
        message.extend(field.to_be_bytes());
    }
    for label in name.split('.') {
        message.push(label.len() as u8);
        message.extend(label.bytes());
    }
    message.extend([0, 0, 1, 0, 1]);
    message
}

/// The answer to a query, with this result code and no records.
pub fn dns_answer(query: &[u8], rcode: u8) -> Vec<u8> {
    let mut answer = query.to_vec();
    answer[2] = 0x81;
    answer[3] = 0x80 | rcode;
    answer
}
