//! What the network stack of a namespace reports, by events that were caused
//! there.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::Command;

use nkview::model::Tuple;
use nkview::model::stack::{NeighbourState, Stack};
use nkview::probe::collect::{conntrack, sockets, stack};

use crate::lab::{End, Family, Kind, Lab, Layout};
use crate::namespace::Namespace;
use crate::{Test, wait};

pub fn tests() -> Vec<Test> {
    let test = |name: &str, run: fn()| Test::new(format!("stack::{name}"), [], run);
    vec![
        test("a_neighbour_that_does_not_answer", neighbour),
        test("a_queue_that_drops", queue),
        test("a_receive_buffer_that_is_full", receive_buffer),
        test("a_listener_that_is_full", listener),
        test("a_destination_without_a_route", no_route),
        test("a_carrier_that_is_gone", carrier),
        test("a_flow_is_looked_up_in_its_namespace", look_up),
    ]
}

fn lab() -> Lab {
    Lab::up(Layout::apart(Kind::Veth))
}

fn read(namespace: &Namespace) -> Stack {
    let stack = namespace.enter(stack::read);
    assert_eq!(stack.unknown, Vec::<String>::new());
    stack
}

fn udp(namespace: &Namespace) -> UdpSocket {
    namespace.enter(|| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap())
}

fn neighbour() {
    let lab = lab();
    let near = lab.namespace(End::Near);
    let nobody = IpAddr::V4(Ipv4Addr::new(10, 9, 0, 99));
    udp(near).send_to(b"hello", (nobody, 7)).unwrap();
    let index = lab.index(End::Near);
    let state = |wanted| {
        read(near)
            .neighbours
            .iter()
            .any(|it| it.address == nobody && it.device == index && it.state == wanted)
    };
    wait::until_true("it is given up", || state(NeighbourState::Failed));
    let far = IpAddr::V4(Ipv4Addr::new(10, 9, 0, 2));
    udp(near).send_to(b"hello", (far, 7)).unwrap();
    assert!(read(near).neighbours.iter().all(|it| it.address != far));
}

fn queue() {
    let lab = lab();
    let far = lab.namespace(End::Far);
    // No frame is so short.
    let tc = "qdisc add dev eth0 root bfifo limit 8";
    let status = far.enter(|| Command::new("tc").args(tc.split(' ')).status().unwrap());
    assert!(status.success());
    let of_fifo = |stack: &Stack| {
        let mut qdiscs = stack.qdiscs.iter();
        qdiscs.find(|it| it.kind == "bfifo").cloned().unwrap()
    };
    let earlier = read(far);
    let before = of_fifo(&earlier);
    assert_eq!(before.device, lab.index(End::Far));
    let socket = udp(far);
    for _ in 0..5 {
        // Where the neighbour is not known yet, it is asked for: dropped as well.
        let _ = socket.send_to(b"hello", (Ipv4Addr::new(10, 9, 0, 1), 7));
    }
    wait::until_true("it has dropped", || {
        let mut now = read(far);
        stack::subtract(&mut now, &earlier);
        of_fifo(&now).drops > 0
    });
}

fn receive_buffer() {
    const SENT: u64 = 400;
    let lab = lab();
    let far = lab.namespace(End::Far);
    far.ip("link set lo up\n");
    let receiver = far.enter(|| UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    let to = receiver.local_addr().unwrap();
    let sender = far.enter(|| UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    let before = read(far);
    for _ in 0..SENT {
        sender.send_to(&[0; 4096], to).unwrap();
    }
    // What was not dropped can be received.
    receiver.set_nonblocking(true).unwrap();
    let mut received = 0;
    let mut buffer = [0; 4096];
    while receiver.recv(&mut buffer).is_ok() {
        received += 1;
    }
    let mut now = read(far);
    stack::subtract(&mut now, &before);
    assert_eq!(now.counters.udp_receive_buffer_errors, SENT - received);
    assert!(received < SENT);
}

fn listener() {
    let lab = lab();
    let near = lab.namespace(End::Near);
    near.ip("link set lo up\n");
    // A queue of the shortest length, which nobody empties.
    let listener = near.enter(|| {
        let socket = rustix::net::socket(
            rustix::net::AddressFamily::INET,
            rustix::net::SocketType::STREAM,
            None,
        )
        .unwrap();
        rustix::net::bind(&socket, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
        rustix::net::listen(&socket, 1).unwrap();
        TcpListener::from(socket)
    });
    let to = listener.local_addr().unwrap();
    let before = read(near);
    let mut connections = Vec::new();
    let full = wait::until("connections are refused silently", || {
        let connect = || TcpStream::connect_timeout(&to, std::time::Duration::from_millis(100));
        match near.enter(connect) {
            Ok(connection) => {
                connections.push(connection);
                None
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
                Some(read(near))
            }
        }
    });
    let found = full.listeners.iter().find(|it| it.address == to).unwrap();
    assert_eq!((found.queued, found.limit), (2, 1));
    assert!(found.drops.is_none_or(|drops| drops > 0), "{found:?}");
    let counters = full.counters.since(&before.counters);
    assert!(counters.tcp_listen_overflows > 0, "{counters:?}");
    assert!(counters.tcp_listen_drops > 0, "{counters:?}");
}

fn no_route() {
    let lab = lab();
    let far = lab.namespace(End::Far);
    let socket = udp(far);
    let before = read(far);
    for _ in 0..3 {
        let error = socket.send_to(b"hello", "192.0.2.1:7").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NetworkUnreachable);
    }
    let counters = read(far).counters.since(&before.counters);
    assert_eq!(counters.ip_out_no_routes, 3);
}

fn carrier() {
    let lab = lab();
    let link = || {
        let stack = read(lab.namespace(End::Near));
        let mut links = stack.links.into_iter();
        links.find(|it| it.index == lab.index(End::Near)).unwrap()
    };
    let before = link();
    assert!(before.up && before.carrier, "{before:?}");
    lab.namespace(End::Far).ip("link set eth0 down\n");
    let after = wait::until("the carrier is gone", || {
        Some(link()).filter(|it| !it.carrier)
    });
    assert!(after.up);
    assert!(after.carrier_changes > before.carrier_changes);
}

fn look_up() {
    let lab = lab();
    let [near, far] = End::BOTH.map(|end| lab.namespace(end));
    let listener = far.enter(|| TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap());
    let to = (
        lab.ip(End::Far, Family::V4),
        listener.local_addr().unwrap().port(),
    );
    let client = near.enter(|| TcpStream::connect(to).unwrap());
    let tuple = Tuple::between(client.local_addr().unwrap(), to.into(), 6);
    let found = near.enter(|| sockets::find(&tuple)).unwrap();
    let other = far.enter(|| sockets::find(&tuple.reversed())).unwrap();
    assert_ne!(found.cookie, other.cookie);
    assert!(found.tcp.unwrap().path_mtu == 1500, "{found:?}");
    // It is in no other namespace.
    let error = far.enter(|| sockets::find(&tuple)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    // Nothing is tracked here; the answer comes, and is no hanging wait for more.
    let tracked = near.enter(|| conntrack::find(&tuple));
    assert!(tracked.is_err());
}
