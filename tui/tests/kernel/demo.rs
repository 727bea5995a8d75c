//! The demo's network and its traffic, seen by a packet socket on its device.

use std::collections::BTreeSet;
use std::env;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::{Test, traffic};
use etherparse::{ArpOperation, Icmpv4Type, Icmpv6Type, NetSlice, SlicedPacket, TransportSlice};
use nkview::demo::Demo;
use rustix::net::netdevice::name_to_index;
use rustix::net::{AddressFamily, SocketType, socket};
use rustix::thread::move_into_link_name_space;
use socket2::{Domain, Protocol, Socket, Type};

/// When a test gives up waiting.
const PATIENCE: Duration = Duration::from_secs(180);

/// Tells the process that it is to have a demo and to wait for its end.
const VICTIM: &str = "NKVIEW_TEST_VICTIM";

/// What has to be seen, both ways where it goes both ways.
const KINDS: &[&str] = &[
    "arp reply",
    "arp request",
    "icmp echo reply in",
    "icmp echo reply out",
    "icmp echo request in",
    "icmp echo request out",
    "icmp unreachable in",
    "icmp unreachable out",
    "icmp6 echo reply in",
    "icmp6 echo reply out",
    "icmp6 echo request in",
    "icmp6 echo request out",
    "icmp6 neighbor advertisement",
    "icmp6 neighbor solicitation",
    "icmp6 unreachable in",
    "icmp6 unreachable out",
    "tcp4 database in",
    "tcp4 database out",
    "tcp4 files in",
    "tcp4 files out",
    "tcp4 fin in",
    "tcp4 fin out",
    "tcp4 http in",
    "tcp4 http out",
    "tcp4 rst out",
    "tcp4 ssh in",
    "tcp4 ssh out",
    "tcp4 syn in",
    "tcp4 syn out",
    "tcp6 database in",
    "tcp6 database out",
    "tcp6 files in",
    "tcp6 files out",
    "tcp6 fin in",
    "tcp6 fin out",
    "tcp6 http in",
    "tcp6 http out",
    "tcp6 rst out",
    "tcp6 ssh in",
    "tcp6 ssh out",
    "tcp6 syn in",
    "tcp6 syn out",
    "udp4 dns answer in",
    "udp4 dns query out",
    "udp4 mdns out",
    "udp6 call in",
    "udp6 call out",
    "udp6 dns answer in",
    "udp6 dns query out",
    "udp6 mdns out",
];

pub fn tests() -> Vec<Test> {
    [
        ("has_packets_of_every_kind", every_kind as fn()),
        ("uses_netkit_where_there_is_netkit", netkit),
        ("leaves_nothing_when_it_is_dropped", dropped),
        ("leaves_nothing_after_a_kill", killed),
    ]
    .into_iter()
    .map(|(name, run)| Test::new(format!("demo::{name}"), [], run))
    .collect()
}

/// All is in namespaces of the thread.
fn in_a_thread(test: impl FnOnce() + Send) {
    thread::scope(|scope| scope.spawn(test).join().unwrap());
}

/// Whether the container (`10.77.0.2`, `.3`, `fd77::2`, `::3`) has the address.
fn is_containers(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => matches!(address.octets(), [10, 77, 0, 2 | 3]),
        IpAddr::V6(address) => matches!(address.segments(), [0xfd77, 0, 0, 0, 0, 0, 0, 2 | 3]),
    }
}

/// The kinds that a packet is of.
fn kinds(packet: &[u8]) -> Vec<String> {
    let packet = SlicedPacket::from_ethernet(packet).unwrap();
    let (family, source) = match &packet.net {
        Some(NetSlice::Arp(arp)) => {
            let operation = match arp.operation() {
                ArpOperation::REQUEST => "arp request",
                ArpOperation::REPLY => "arp reply",
                other => panic!("{other:?}"),
            };
            return vec![operation.to_owned()];
        }
        Some(NetSlice::Ipv4(ip)) => (4, IpAddr::V4(ip.header().source_addr())),
        Some(NetSlice::Ipv6(ip)) => (6, IpAddr::V6(ip.header().source_addr())),
        None => panic!("neither IP nor ARP: {:?}", packet.link),
    };
    let way = if is_containers(source) { "out" } else { "in" };
    let echo = |what: &str| format!("{what} {way}");
    match &packet.transport {
        Some(TransportSlice::Tcp(tcp)) => {
            let port = match tcp.source_port().min(tcp.destination_port()) {
                22 => "ssh",
                80 => "http",
                873 => "files",
                5432 => "database",
                _ => "other",
            };
            let flags = [
                (tcp.syn() && !tcp.ack(), "syn"),
                (tcp.fin(), "fin"),
                (tcp.rst(), "rst"),
            ];
            flags
                .into_iter()
                .filter_map(|(is_set, flag)| is_set.then_some(flag))
                .chain([port])
                .map(|kind| format!("tcp{family} {kind} {way}"))
                .collect()
        }
        Some(TransportSlice::Udp(udp)) => {
            let kind = match (udp.source_port(), udp.destination_port()) {
                (53, _) => "dns answer",
                (_, 53) => "dns query",
                (5353, 5353) => "mdns",
                (16_384, 16_384) => "call",
                _ => "other",
            };
            vec![format!("udp{family} {kind} {way}")]
        }
        Some(TransportSlice::Icmpv4(icmp)) => vec![match icmp.icmp_type() {
            Icmpv4Type::EchoRequest(_) => echo("icmp echo request"),
            Icmpv4Type::EchoReply(_) => echo("icmp echo reply"),
            Icmpv4Type::DestinationUnreachable(_) => echo("icmp unreachable"),
            _ => echo("icmp other"),
        }],
        Some(TransportSlice::Icmpv6(icmp)) => vec![match icmp.icmp_type() {
            Icmpv6Type::EchoRequest(_) => echo("icmp6 echo request"),
            Icmpv6Type::EchoReply(_) => echo("icmp6 echo reply"),
            Icmpv6Type::DestinationUnreachable(_) => echo("icmp6 unreachable"),
            Icmpv6Type::NeighborSolicitation => "icmp6 neighbor solicitation".to_owned(),
            Icmpv6Type::NeighborAdvertisement(_) => "icmp6 neighbor advertisement".to_owned(),
            _ => echo("icmp6 other"),
        }],
        Some(TransportSlice::Igmp(_)) | None => Vec::new(),
    }
}

/// Waits until the thread's namespace has no `demo0`: the pair goes with the
/// container's namespace, which the kernel takes down in the background.
fn wait_until_the_pair_is_gone() {
    let socket = socket(AddressFamily::INET, SocketType::DGRAM, None).unwrap();
    let start = Instant::now();
    while name_to_index(&socket, "demo0").is_ok() {
        assert!(start.elapsed() < PATIENCE, "demo0 is still there");
        thread::sleep(Duration::from_millis(10));
    }
}

fn every_kind() {
    in_a_thread(|| {
        let demo = Demo::enter(true).unwrap();
        assert_eq!(demo.device(), "demo0");
        let all = i32::from(0x0003u16.to_be());
        let mut socket = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(all))).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut missing: BTreeSet<_> = KINDS.iter().map(|&kind| kind.to_owned()).collect();
        let mut buffer = vec![0; 1 << 17];
        let start = Instant::now();
        while !missing.is_empty() {
            assert!(start.elapsed() < PATIENCE, "not seen: {missing:?}");
            let length = traffic::uninterrupted(|| socket.read(&mut buffer)).unwrap();
            for kind in kinds(&buffer[..length]) {
                missing.remove(&kind);
            }
        }
    });
}

fn netkit() {
    in_a_thread(|| {
        let demo = Demo::enter(false).unwrap();
        let symbols = fs::read_to_string("/proc/kallsyms").unwrap();
        assert!(symbols.contains(" register_netdevice\n"), "no symbols");
        assert_eq!(demo.is_netkit(), symbols.contains(" netkit_xmit\n"));
    });
}

fn dropped() {
    in_a_thread(|| {
        let demo = Demo::enter(false).unwrap();
        drop(demo);
        wait_until_the_pair_is_gone();
    });
}

/// Runs itself as another process, and kills that.
fn killed() {
    if env::var_os(VICTIM).is_some() {
        in_a_thread(|| {
            let _demo = Demo::enter(false).unwrap();
            let thread = fs::read_link("/proc/thread-self").unwrap();
            println!("\nready {}", thread.display());
            // Until it is killed.
            loop {
                thread::park();
            }
        });
    }
    let mut victim = Command::new(env::current_exe().unwrap())
        .args(["--exact", "--nocapture"])
        .arg("demo::leaves_nothing_after_a_kill")
        .env(VICTIM, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let thread = BufReader::new(victim.stdout.take().unwrap())
        .lines()
        .find_map(|line| line.unwrap().strip_prefix("ready ").map(str::to_owned))
        .unwrap();
    // It keeps the world's namespace, but not the container's.
    let namespace = File::open(format!("/proc/{thread}/ns/net")).unwrap();
    victim.kill().unwrap();
    victim.wait().unwrap();
    in_a_thread(|| {
        move_into_link_name_space(namespace.as_fd(), None).unwrap();
        wait_until_the_pair_is_gone();
    });
}
