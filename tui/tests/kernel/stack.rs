//! What the network stack of a namespace reports, by events that were caused
//! there.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::Command;

use nkview::model::Tuple;
use nkview::model::stack::{NeighborState, Route, Stack};
use nkview::probe::collect::route::{self, Origin};
use nkview::probe::collect::{conntrack, sockets, stack};

use crate::lab::{End, Family, Kind, Lab, Layout};
use crate::namespace::{self, Namespace};
use crate::need::Need;
use crate::{Test, wait};

pub fn tests() -> Vec<Test> {
    let test = |name: &str, run: fn()| Test::new(format!("stack::{name}"), [], run);
    vec![
        test("a_neighbor_that_does_not_answer", neighbor),
        test("a_queue_that_drops", queue),
        test("a_receive_buffer_that_is_full", receive_buffer),
        test("a_listener_that_is_full", listener),
        test("a_destination_without_a_route", no_route),
        test("a_carrier_that_is_gone", carrier),
        test("a_flow_is_looked_up_in_its_namespace", look_up),
        Test::new(
            "stack::a_translated_flow_has_both_tuples_on_each_side",
            [Need::Nftables],
            translated,
        ),
        test("a_route_has_its_router_and_mtu", routes),
        test("a_router_says_why_it_forwards_nothing", forwarding),
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

fn neighbor() {
    let lab = lab();
    let near = lab.namespace(End::Near);
    let nobody = IpAddr::V4(Ipv4Addr::new(10, 9, 0, 99));
    udp(near).send_to(b"hello", (nobody, 7)).unwrap();
    let index = lab.index(End::Near);
    let state = |wanted| {
        read(near)
            .neighbors
            .iter()
            .any(|it| it.address == nobody && it.device == index && it.state == wanted)
    };
    wait::until_true("it is given up", || state(NeighborState::Failed));
    let far = IpAddr::V4(Ipv4Addr::new(10, 9, 0, 2));
    udp(near).send_to(b"hello", (far, 7)).unwrap();
    assert!(read(near).neighbors.iter().all(|it| it.address != far));
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
        // Where the neighbor is not known yet, it is asked for: dropped as well.
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

/// A router between a client, which is the far end, and a server. It translates a
/// service's address to the server's, and the client's to its own.
struct Routed {
    lab: Lab,
    server: Namespace,
}

const ROUTER: &str = "10.8.0.1";
const SERVER: &str = "10.8.0.2";

impl Routed {
    fn new() -> Self {
        let lab = lab();
        let server = Namespace::new();
        let router = lab.namespace(End::Near);
        router.ip(&format!(
            "link add lan0 type veth peer name eth0 netns {}\n\
             link set lan0 up mtu 1450\n\
             address add {ROUTER}/24 dev lan0\n",
            server.name()
        ));
        server.ip(&format!(
            "link set eth0 up\naddress add {SERVER}/24 dev eth0\n"
        ));
        lab.namespace(End::Far)
            .ip("route add default via 10.9.0.1 mtu 1400\n");
        let routed = Self { lab, server };
        routed.set("ipv4/ip_forward", "1");
        routed
    }

    fn set(&self, name: &str, value: &str) {
        let path = format!("/proc/sys/net/{name}");
        self.router().enter(|| std::fs::write(path, value).unwrap());
    }

    fn router(&self) -> &Namespace {
        self.lab.namespace(End::Near)
    }

    fn client(&self) -> &Namespace {
        self.lab.namespace(End::Far)
    }

    /// From the client to this address.
    fn tuple(&self, to: &str) -> Tuple {
        let from = SocketAddr::new(self.lab.ip(End::Far, Family::V4), 40000);
        Tuple::between(from, to.parse().unwrap(), 6)
    }

    /// How the router forwards what the client sends to this address.
    fn forwarded(&self, to: &str) -> Result<Route, String> {
        let tuple = self.tuple(to);
        let input = Origin::Device(self.lab.index(End::Near));
        let find = || route::find(&tuple, tuple.destination(), input).unwrap();
        self.router().enter(find).unwrap()
    }
}

fn translated() {
    let routed = Routed::new();
    let rules = "add table ip nat\n\
                 add chain ip nat pre { type nat hook prerouting priority -100; }\n\
                 add rule ip nat pre ip daddr 10.96.0.1 tcp dport 443 dnat to 10.8.0.2:8443\n\
                 add chain ip nat post { type nat hook postrouting priority 100; }\n\
                 add rule ip nat post oifname lan0 masquerade\n";
    let mut nft = Command::new("nft");
    let load = || namespace::run(nft.args(["-f", "-"]), rules);
    routed.router().enter(load).unwrap();
    let listener = routed
        .server
        .enter(|| TcpListener::bind((Ipv4Addr::UNSPECIFIED, 8443)).unwrap());
    let service: SocketAddr = "10.96.0.1:443".parse().unwrap();
    let client = routed
        .client()
        .enter(|| TcpStream::connect(service).unwrap());
    let (server, behind) = listener.accept().unwrap();
    let [near, far] = [client.local_addr().unwrap(), server.local_addr().unwrap()];
    assert_eq!(behind.ip().to_string(), ROUTER, "masqueraded");
    let find = |from, to| {
        let tuple = Tuple::between(from, to, 6);
        routed.router().enter(|| conntrack::find(&tuple))
    };
    // As each of the router's devices sees it, whichever end is local there.
    for (from, to) in [
        (near, service),
        (service, near),
        (far, behind),
        (behind, far),
    ] {
        let pair = find(from, to).unwrap();
        assert_eq!(pair.original, [near, service], "{from} {to}");
        assert_eq!(pair.reply, [far, behind], "{from} {to}");
        assert!(pair.is_translated());
    }
    // What leads to the server is what it was translated to.
    let pair = find(near, service).unwrap();
    let sent = Tuple::between(near, service, 6);
    assert_eq!(pair.routed(&sent), Some(far.ip()));
    let missing = find(near, "10.96.0.1:444".parse().unwrap()).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    // Neither end has a connection of its own tracking.
    let own = routed.client().enter(|| conntrack::find(&sent));
    assert!(own.is_err());
}

fn routes() {
    let routed = Routed::new();
    let tuple = routed.tuple("10.8.0.2:80");
    let is_local = |namespace: &Namespace, address: IpAddr| {
        namespace.enter(|| route::is_local(address).unwrap())
    };
    assert!(is_local(routed.client(), tuple.source()));
    assert!(!is_local(routed.router(), tuple.source()));
    assert!(!is_local(routed.client(), "fd09::1".parse().unwrap()));
    assert!(is_local(routed.client(), "fd09::2".parse().unwrap()));
    let find = |tuple: Tuple| {
        let find = || route::find(&tuple, tuple.destination(), Origin::Here).unwrap();
        routed.client().enter(find).unwrap()
    };
    let route = find(tuple).unwrap();
    assert_eq!(route.gateway, "10.9.0.1".parse().ok());
    assert_eq!((route.device.as_str(), route.mtu), ("eth0", 1500));
    assert_eq!(route.path_mtu, Some(1400));
    // To a host of the link, and of IPv6.
    assert_eq!(find(routed.tuple("10.9.0.1:80")).unwrap().gateway, None);
    let [from, to] = ["[fd09::2]:40000", "[fd09::1]:80"].map(|it| it.parse().unwrap());
    let route = find(Tuple::between(from, to, 17)).unwrap();
    assert_eq!((route.gateway, route.device.as_str()), (None, "eth0"));
    // None, for several reasons.
    routed.client().ip("route add unreachable 192.0.2.1\n\
         route add prohibit 192.0.2.2\n\
         route add blackhole 192.0.2.3\n");
    for (to, reason) in [
        ("192.0.2.1:80", "unreachable"),
        ("192.0.2.2:80", "prohibited"),
        ("192.0.2.3:80", "blackhole"),
    ] {
        let said = find(routed.tuple(to)).unwrap_err();
        assert!(said.contains(reason), "{to}: {said}");
    }
    routed.client().ip("route delete default\n");
    let said = find(tuple).unwrap_err();
    assert_eq!(said, "no route to it");
}

fn forwarding() {
    let routed = Routed::new();
    let to = "10.8.0.2:80";
    let route = routed.forwarded(to).unwrap();
    assert_eq!((route.device.as_str(), route.mtu), ("lan0", 1450));
    assert_eq!(route.gateway, None);
    // For the router itself: there is nothing to forward.
    let tuple = routed.tuple("10.8.0.1:80");
    let input = Origin::Device(routed.lab.index(End::Near));
    let own = routed
        .router()
        .enter(|| route::find(&tuple, tuple.destination(), input));
    assert_eq!(own.unwrap(), None);
    let said = routed.forwarded("192.0.2.1:80").unwrap_err();
    assert_eq!(said, "no route to it");
    routed.set("ipv4/ip_forward", "0");
    assert_eq!(routed.forwarded(to).unwrap_err(), "forwarding is off");
    routed.set("ipv4/ip_forward", "1");
    // The way back to the client is another one now.
    routed.router().ip("route add 10.9.0.2/32 via 10.8.0.2\n");
    routed.set("ipv4/conf/lab0/rp_filter", "1");
    let said = routed.forwarded(to).unwrap_err();
    assert!(said.contains("rp_filter is strict"), "{said}");
    routed.set("ipv4/conf/all/rp_filter", "0");
    routed.set("ipv4/conf/lab0/rp_filter", "0");
    assert!(routed.forwarded(to).is_ok());
}
