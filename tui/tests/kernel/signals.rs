//! What the tracing programs see: each signal by a real event in namespaces, and as
//! many as there were.

use std::collections::{HashMap, HashSet};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::linux::fs::MetadataExt;
use std::process::{self, Command, Stdio};

use nkview::model::Signals;
use nkview::model::signal::{DropCount, Owner, ResetBy, Trace, TraceStatus};
use nkview::probe::trace::Tracer;
use rustix::net::sockopt;

use crate::Test;
use crate::holder::{CONNECTIONS, Holder, Line};
use crate::lab::{End, FAR, Family, Kind, Lab, Layout, NEAR};
use crate::layout::Ends;
use crate::namespace::{self, Namespace};
use crate::need::Need;
use crate::{program, traffic, wait};

const VETH: Layout = Layout {
    kind: Kind::Veth,
    ends: Ends::Apart,
};
const NETKIT: Layout = Layout {
    kind: Kind::NetkitL3,
    ends: Ends::Apart,
};

/// Packets that a test lets be dropped.
const COUNT: u64 = 40;

pub fn tests() -> Vec<Test> {
    let test = |name: &str, needs: &[Need], run: fn()| {
        let needs = [&[Need::Tracing], needs].concat();
        Test::new(format!("signals::{name}"), needs, run)
    };
    vec![
        test(
            "a_rule_drops_as_many_as_were_sent",
            &[Need::Nftables],
            a_rule_drops,
        ),
        test(
            "a_full_queue_drops_as_many_as_it_says",
            &[Need::Tbf],
            a_queue_drops,
        ),
        test("nobody_listens_for_datagrams", &[], nobody_listens),
        test(
            "a_program_on_netkit_drops",
            &[Need::Netkit],
            a_program_drops,
        ),
        test("a_neighbor_does_not_answer", &[], a_neighbor_fails),
        test("a_connection_is_refused", &[], a_connection_is_refused),
        test("a_socket_has_its_owner", &[], a_socket_has_its_owner),
        test(
            "owners_of_many_short_connections_are_never_others",
            &[],
            owners_of_many,
        ),
        test("a_socket_of_several_processes", &[], several_owners),
        test("a_socket_that_is_passed_on", &[], a_passed_socket),
        test("healthy_traffic_has_no_drops_but_noise", &[], healthy),
    ]
}

/// A tracer, and all that it has read.
struct Observer {
    tracer: Tracer,
    seen: Signals,
}

impl Observer {
    fn new() -> Self {
        let tracer = Tracer::start(0).unwrap();
        Self {
            tracer,
            seen: Signals::default(),
        }
    }

    fn read(&mut self) {
        let new = self.tracer.read().unwrap();
        self.seen.drops.extend(new.drops);
        self.seen.socket_errors.extend(new.socket_errors);
        self.seen.neighbors.extend(new.neighbors);
        self.seen.resets.extend(new.resets);
        self.seen.owners.extend(new.owners);
        self.seen.trace = new.trace;
    }

    fn status(&self) -> &TraceStatus {
        match &self.seen.trace {
            Some(Trace::On(status)) => status,
            other => panic!("it does not trace: {other:?}"),
        }
    }

    /// Drops in a namespace that are wanted.
    fn drops(&self, of: &Namespace, is_wanted: impl Fn(&DropCount) -> bool) -> Vec<&DropCount> {
        let of = inode(of);
        let mut drops = self.seen.drops.iter();
        let mut found = Vec::new();
        drops.by_ref().for_each(|drop| {
            if drop.at.namespace == of && is_wanted(drop) {
                found.push(drop);
            }
        });
        found
    }

    /// Reads until there are so many such drops, and one reading more; then how many
    /// there are.
    fn count(
        &mut self,
        of: &Namespace,
        enough: u64,
        is_wanted: impl Fn(&DropCount) -> bool,
    ) -> u64 {
        let sum = |observer: &Self| {
            let drops = observer.drops(of, &is_wanted);
            drops.iter().map(|drop| drop.packets).sum::<u64>()
        };
        wait::until_true("the drops are counted", || {
            self.read();
            sum(self) >= enough
        });
        self.read();
        sum(self)
    }

    /// Sends datagrams until such drops name their flow. Flows are found within a
    /// budget, which is one for the whole machine: what others drop at the same time
    /// takes its part of it.
    fn wait_for_flow(
        &mut self,
        of: &Namespace,
        is_wanted: impl Fn(&DropCount) -> bool,
        socket: &UdpSocket,
        to: SocketAddr,
    ) {
        let from = socket.local_addr().unwrap();
        wait::until_true("the flow", || {
            let _ = socket.send_to(b"signal", to);
            self.read();
            let drops = self.drops(of, &is_wanted);
            drops.iter().any(|drop| is_flow(drop, from, to))
        });
    }

    /// Waits until the socket's owner is this process, with so many others. Children
    /// of other tests have each descriptor, too, between their fork and their exec.
    fn wait_for_owner(&mut self, cookie: u64, pid: u32, others: u32) -> Owner {
        wait::until(&format!("{pid} and {others} others own it"), || {
            self.tracer.ask(cookie);
            self.read();
            let mut owners = self.seen.owners.iter().rev();
            let last = owners.find(|owner| owner.cookie == cookie)?;
            ((last.pid, last.others) == (pid, others)).then(|| last.clone())
        })
    }
}

fn inode(namespace: &Namespace) -> u32 {
    let file = namespace.enter(|| std::fs::metadata("/proc/thread-self/ns/net").unwrap());
    u32::try_from(file.st_ino()).unwrap()
}

/// Sends datagrams from the far end to a port of the near one, some to be refused.
fn send_datagrams(lab: &Lab, port: u16, count: u64) -> UdpSocket {
    let socket = traffic::udp(lab, End::Far, Family::V4);
    let to = lab.address(End::Near, End::Far, Family::V4, port);
    for _ in 0..count {
        // The refusal of one before is this one's error.
        let _ = socket.send_to(b"signal", to);
    }
    socket
}

fn is_flow(drop: &DropCount, source: SocketAddr, destination: SocketAddr) -> bool {
    drop.flows.iter().any(|flow| {
        let tuple = &flow.tuple;
        tuple.source() == source.ip()
            && tuple.source_port == source.port()
            && tuple.destination() == destination.ip()
            && tuple.destination_port == destination.port()
    })
}

fn a_rule_drops() {
    let lab = Lab::up(VETH);
    let rules = "add table inet test\n\
                 add chain inet test input { type filter hook input priority 0; }\n\
                 add rule inet test input udp dport 4000 drop\n";
    let near = lab.namespace(End::Near);
    near.enter(|| namespace::run(Command::new("nft").args(["-f", "-"]), rules))
        .unwrap();
    let mut observer = Observer::new();
    let socket = send_datagrams(&lab, 4000, COUNT);
    let is_filtered = |drop: &DropCount| drop.reason == "NETFILTER_DROP";
    assert_eq!(observer.count(near, COUNT, is_filtered), COUNT);
    let drops = observer.drops(near, is_filtered);
    let drop = drops[0];
    assert!(
        matches!(drop.place.as_str(), "nft_do_chain" | "nf_hook_slow"),
        "{}",
        drop.place
    );
    assert_eq!(drop.at.device, NEAR);
    assert_eq!(drop.at.index, lab.index(End::Near));
    assert!(!drop.noise);
    let to = lab.address(End::Near, End::Far, Family::V4, 4000);
    let from = socket.local_addr().unwrap();
    observer.wait_for_flow(near, is_filtered, &socket, to);
    let drops = observer.drops(near, is_filtered);
    assert!(
        drops
            .iter()
            .all(|drop| drop.flows.is_empty() || is_flow(drop, from, to)),
        "{drops:?}"
    );
    let of_flows = drops.iter().flat_map(|drop| &drop.flows);
    let of_flows: u64 = of_flows.map(|flow| flow.packets).sum();
    let packets: u64 = drops.iter().map(|drop| drop.packets).sum();
    assert!(of_flows <= packets, "{of_flows} of {packets}");
}

fn a_queue_drops() {
    let lab = Lab::up(VETH);
    let far = lab.namespace(End::Far);
    far.enter(|| {
        // Two of these datagrams fit.
        let queue = "rate 8kbit burst 100 limit 100";
        let args = ["qdisc", "add", "dev", FAR, "root", "tbf"];
        let mut tc = Command::new("tc");
        namespace::run(tc.args(args).args(queue.split(' ')), "").unwrap();
    });
    let mut observer = Observer::new();
    send_datagrams(&lab, 4000, COUNT);
    let at_device = |drop: &DropCount| drop.at.device == FAR && !drop.noise;
    observer.count(far, 1, at_device);
    // The two are read one after the other; both count all there is.
    wait::until_true("the queue and the tracer agree", || {
        observer.read();
        let drops = observer.drops(far, at_device);
        let seen: u64 = drops.iter().map(|drop| drop.packets).sum();
        seen == queue_drops(far)
    });
}

/// What the queueing discipline of the far end says itself.
fn queue_drops(namespace: &Namespace) -> u64 {
    let mut tc = Command::new("tc");
    tc.args(["-s", "-json", "qdisc", "show", "dev", FAR]);
    let output = namespace.enter(|| tc.output().unwrap());
    let queues: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    queues[0]["drops"].as_u64().unwrap()
}

fn nobody_listens() {
    for family in [Family::V4, Family::V6] {
        let lab = Lab::up(VETH);
        let near = lab.namespace(End::Near);
        let mut observer = Observer::new();
        let socket = traffic::udp(&lab, End::Far, family);
        let to = lab.address(End::Near, End::Far, family, 4001);
        for _ in 0..COUNT {
            let _ = socket.send_to(b"signal", to);
        }
        let is_refused = |drop: &DropCount| drop.reason == "NO_SOCKET";
        // Nothing but a connected socket gets the error: all were sent.
        assert_eq!(observer.count(near, COUNT, is_refused), COUNT);
        let drops = observer.drops(near, is_refused);
        let place = if family == Family::V4 {
            "__udp4_lib_rcv"
        } else {
            "__udp6_lib_rcv"
        };
        assert!(
            drops
                .iter()
                .all(|drop| drop.place == place || drop.place.starts_with("udp")),
            "{drops:?}"
        );
        observer.wait_for_flow(near, is_refused, &socket, to);
        // The application learns of it.
        let refused = |observer: &Observer| {
            let of = inode(lab.namespace(End::Far));
            let errors = observer.seen.socket_errors.iter();
            errors
                .filter(|error| error.namespace == of && error.errno == libc::ECONNREFUSED)
                .count()
        };
        assert_eq!(refused(&observer), 0);
        let connected = traffic::udp(&lab, End::Far, family);
        connected.connect(to).unwrap();
        // So many refusals a second are sent and no more: perhaps not of the first.
        wait::until_true("the error", || {
            let _ = connected.send(b"signal");
            observer.read();
            refused(&observer) > 0
        });
    }
}

fn a_program_drops() {
    let lab = Lab::up(NETKIT);
    let hook = lab.hook(End::Far);
    let index = lab.index(End::Near);
    let _program = program::attach(lab.namespace(End::Near), index, hook, program::DROP);
    let mut observer = Observer::new();
    send_datagrams(&lab, 4000, COUNT);
    // The device is the receiver's, which the peer's packets did not get to.
    let near = lab.namespace(End::Near);
    let at_netkit = |drop: &DropCount| drop.place == "netkit_xmit";
    assert_eq!(observer.count(near, COUNT, at_netkit), COUNT);
    let drop = observer.drops(near, at_netkit)[0];
    assert_eq!(drop.reason, "NOT_SPECIFIED");
    assert!(!drop.noise);
}

fn a_neighbor_fails() {
    let lab = Lab::up(VETH);
    let near = lab.namespace(End::Near);
    // Sooner than in the three seconds of the default.
    near.enter(|| {
        for version in ["ipv4", "ipv6"] {
            let path = format!("/proc/sys/net/{version}/neigh/{NEAR}/retrans_time_ms");
            std::fs::write(path, "20").unwrap();
        }
    });
    let mut observer = Observer::new();
    for target in ["10.9.0.99", "fd09::99"] {
        let to: SocketAddr = (target.parse::<std::net::IpAddr>().unwrap(), 9).into();
        let any = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = near.enter(|| UdpSocket::bind(any).unwrap());
        socket.send_to(b"?", to).unwrap();
        let of = inode(near);
        let failed = wait::until("the neighbor fails", || {
            observer.read();
            let mut neighbors = observer.seen.neighbors.iter();
            neighbors
                .find(|failed| failed.device.namespace == of && failed.address == to.ip())
                .cloned()
        });
        assert_eq!(failed.device.device, NEAR);
        assert_eq!(failed.device.index, lab.index(End::Near));
    }
}

fn a_connection_is_refused() {
    let lab = Lab::up(VETH);
    let mut observer = Observer::new();
    let to = lab.address(End::Near, End::Far, Family::V4, 4002);
    let far = lab.namespace(End::Far);
    let error = far.enter(|| TcpStream::connect(to).unwrap_err());
    assert_eq!(error.raw_os_error(), Some(libc::ECONNREFUSED));
    let (near, far) = (inode(lab.namespace(End::Near)), inode(far));
    let is_ours = |tuple: &nkview::model::Tuple| {
        tuple.destination() == to.ip() && tuple.destination_port == to.port()
    };
    wait::until_true("the error and the reset", || {
        observer.read();
        let errors = &observer.seen.socket_errors;
        let error = errors
            .iter()
            .find(|error| error.namespace == far && is_ours(&error.tuple));
        let resets = &observer.seen.resets;
        let received = resets
            .iter()
            .find(|reset| reset.namespace == far && is_ours(&reset.tuple));
        error.is_some_and(|error| error.errno == libc::ECONNREFUSED && error.cookie != 0)
            && received.is_some_and(|reset| reset.by == ResetBy::Received && reset.state == 2)
    });
    let sent = |reset: &&nkview::model::signal::Reset| reset.by == ResetBy::Sent;
    let mut resets = observer.seen.resets.iter().filter(sent);
    // Older kernels do not report a reset without a socket.
    if let Some(reset) = resets.find(|reset| reset.namespace == near) {
        assert_eq!(reset.tuple.source_port, to.port());
        assert!(reset.reason.is_none() || reset.reason.as_deref() == Some("NO_SOCKET"));
    }
}

fn a_socket_has_its_owner() {
    let namespace = Namespace::new();
    let mut observer = Observer::new();
    let socket = namespace.enter(|| UdpSocket::bind("0.0.0.0:0").unwrap());
    let cookie = sockopt::socket_cookie(&socket).unwrap();
    let owner = observer.wait_for_owner(cookie, process::id(), 0);
    assert_eq!(owner.namespace, inode(&namespace));
    let own = std::env::current_exe().unwrap();
    let name = own.file_name().unwrap().to_str().unwrap();
    assert_eq!(owner.command, name[..name.len().min(15)]);
    assert_eq!(owner.executable.as_deref(), own.to_str());
}

/// No cookie may ever name another process, whichever end of however short a
/// connection it is of, and whoever else listens at the same port.
fn owners_of_many() {
    const HOLDERS: usize = 3;
    let namespace = Namespace::new();
    namespace.ip("link set lo up");
    let mut observer = Observer::new();
    let holders = [(); HOLDERS].map(|()| Holder::of_connections(&namespace));
    let mut holder_of = HashMap::new();
    let mut kept = HashSet::new();
    let mut keeping = HashSet::new();
    wait::until_true("the owners of what is kept", || {
        for holder in &holders {
            for line in holder.lines.try_iter() {
                let cookie = match line {
                    Line::Has(cookie) => cookie,
                    Line::Keeps(cookie) => {
                        kept.insert(cookie);
                        keeping.insert(holder.pid());
                        cookie
                    }
                };
                holder_of.insert(cookie, holder.pid());
                observer.tracer.ask(cookie);
            }
        }
        observer.read();
        // So many are asked for that some are put off.
        for &cookie in &kept {
            observer.tracer.ask(cookie);
        }
        let found = |cookie: &u64| observer.seen.owners.iter().any(|it| it.cookie == *cookie);
        keeping.len() == HOLDERS && kept.iter().all(found)
    });
    // Both ends of each.
    assert!(
        holder_of.len() >= HOLDERS * CONNECTIONS,
        "{}",
        holder_of.len()
    );
    for owner in &observer.seen.owners {
        if let Some(holder) = holder_of.get(&owner.cookie) {
            assert_eq!((owner.pid, owner.others), (*holder, 0), "{owner:?}");
        }
    }
}

/// A descriptor that is passed on over a socket has a new owner.
fn a_passed_socket() {
    let namespace = Namespace::new();
    let mut observer = Observer::new();
    let socket = namespace.enter(|| UdpSocket::bind("0.0.0.0:0").unwrap());
    let cookie = sockopt::socket_cookie(&socket).unwrap();
    observer.wait_for_owner(cookie, process::id(), 0);
    let holder = Holder::of(socket.into());
    observer.wait_for_owner(cookie, holder.pid(), 0);
}

fn several_owners() {
    let namespace = Namespace::new();
    let mut observer = Observer::new();
    let socket = namespace.enter(|| UdpSocket::bind("0.0.0.0:0").unwrap());
    let cookie = sockopt::socket_cookie(&socket).unwrap();
    // A child that has it as its standard input.
    let input = Stdio::from(std::os::fd::OwnedFd::from(socket));
    let mut child = Command::new("sleep")
        .arg("100")
        .stdin(input)
        .spawn()
        .unwrap();
    // This process has let go of it.
    observer.wait_for_owner(cookie, child.id(), 0);
    child.kill().unwrap();
    child.wait().unwrap();

    let shared = namespace.enter(|| UdpSocket::bind("0.0.0.0:0").unwrap());
    let cookie = sockopt::socket_cookie(&shared).unwrap();
    let input = Stdio::from(std::os::fd::OwnedFd::from(shared.try_clone().unwrap()));
    let mut child = Command::new("sleep")
        .arg("100")
        .stdin(input)
        .spawn()
        .unwrap();
    observer.wait_for_owner(cookie, process::id(), 1);
    child.kill().unwrap();
    child.wait().unwrap();
}

/// What TCP itself drops of healthy traffic where a CPU stands still for longer than a
/// retransmission timeout: a segment or its acknowledgment waits in that CPU's backlog,
/// a timer on another CPU sends it again, and one of the two is too many. These are
/// symptoms, which nkview is right to report. All other reasons of TCP, such as a full
/// accept queue, a closed window or a wrong sequence number, are faults here.
const OF_DUPLICATES: [&str; 7] = [
    // `tcp_data_queue()`: all of it has been received.
    "TCP_OLD_DATA",
    // `tcp_sequence()`: it ends before what was acknowledged last.
    "TCP_OLD_SEQUENCE",
    // `tcp_disordered_ack_check()`: it was overtaken, so that its timestamp is older
    // than the last one; what is only an acknowledgment has a name of its own since
    // 6.14, and what comes after the end since 6.15.
    "TCP_RFC7323_PAWS",
    "TCP_RFC7323_PAWS_ACK",
    "TCP_RFC7323_TW_PAWS",
    // `tcp_ofo_queue()` and `tcp_data_queue_ofo()`: a tail loss probe has overtaken the
    // segments before it, of which the last is the same.
    "TCP_OFO_DROP",
    "TCP_OFOMERGE",
];

fn healthy() {
    let lab = Lab::up(VETH);
    let mut observer = Observer::new();
    for family in [Family::V4, Family::V6] {
        traffic::converse(&lab, End::Far, family, 20, 100_000, 100_000);
        traffic::ping(&lab, End::Far, family, 5);
    }
    let client = traffic::udp(&lab, End::Far, Family::V4);
    let server = traffic::udp(&lab, End::Near, Family::V4);
    let to = traffic::towards(&lab, End::Near, &server);
    for _ in 0..20 {
        client.send_to(b"request", to).unwrap();
        let (_, from) = traffic::uninterrupted(|| server.recv_from(&mut [0; 16])).unwrap();
        server.send_to(b"answer", from).unwrap();
        traffic::uninterrupted(|| client.recv_from(&mut [0; 16])).unwrap();
    }
    observer.read();
    for end in End::BOTH {
        let is_fault =
            |drop: &DropCount| !drop.noise && !OF_DUPLICATES.contains(&drop.reason.as_str());
        let drops = observer.drops(lab.namespace(end), is_fault);
        assert!(drops.is_empty(), "{drops:?}");
    }
    let status = observer.status();
    assert_eq!((status.lost, status.unplaced), (0, 0), "{status:?}");
}
