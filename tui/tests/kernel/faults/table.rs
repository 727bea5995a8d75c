//! The faults, each with what is to be reported of it.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::Command;
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread::{self, Scope};
use std::time::{Duration, Instant};

use rustix::net::sockopt;
use rustix::process::Signal;
use serde_json::Value;

use super::network::{
    DEVICE, NODE, Network, PORT, ROUTER, SERVER, connect, dns, dns_answer, drain, respond, rules,
    set,
};
use crate::Test;
use crate::namespace::{Namespace, run};
use crate::need::Need;
use crate::stream::Stream;
use crate::wait::PATIENCE;

/// A fault.
struct Fault {
    name: &'static str,
    needs: &'static [Need],
    /// Whether nkview may trace the kernel; without that it knows packets and
    /// counters only.
    traced: bool,
    stage: for<'scope> fn(&'scope Network, &'scope Scope<'scope, '_>),
    kind: &'static str,
    /// What the sentence names.
    names: &'static [&'static str],
}

/// Healthy connections that are looked at: some seconds of them.
const CONNECTIONS: usize = 60;

const NFT: &[Need] = &[Need::Nftables];
const NFT_TRACED: &[Need] = &[Need::Nftables, Need::Tracing];

const FAULTS: &[Fault] = &[
    Fault {
        name: "syns_that_vanish",
        needs: NFT,
        traced: false,
        stage: |network, scope| {
            rules(&network.router, "forward", "tcp dport 5432 drop");
            network.request(scope, PORT);
        },
        kind: "syn-unanswered",
        names: &["10.9.1.1", "10.9.2.2:5432", "8080"],
    },
    Fault {
        name: "a_firewall_that_says_so",
        needs: NFT,
        traced: false,
        stage: |network, scope| {
            let reject = "tcp dport 5432 reject with icmp type admin-prohibited";
            rules(&network.router, "forward", reject);
            network.request(scope, PORT);
        },
        kind: "prohibited",
        names: &["10.9.1.1", "10.9.2.2:5432", "10.9.1.254"],
    },
    Fault {
        name: "a_firewall_of_the_router",
        needs: NFT_TRACED,
        traced: true,
        stage: |network, scope| {
            rules(&network.router, "forward", "tcp sport 5432 drop");
            network.serve(scope, PORT, respond);
            network.request(scope, PORT);
        },
        kind: "firewall-drop",
        names: &["10.9.1.1", "10.9.2.2:5432"],
    },
    Fault {
        name: "a_firewall_of_the_sender",
        needs: NFT_TRACED,
        traced: true,
        stage: |network, scope| {
            rules(&network.node, "output", "tcp dport 5432 drop");
            network.request(scope, PORT);
        },
        kind: "firewall-drop",
        names: &["10.9.1.1", "10.9.2.2:5432", "before it leaves"],
    },
    Fault {
        name: "a_neighbor_entry_that_is_wrong",
        needs: &[],
        traced: false,
        stage: |network, scope| {
            network.node.ip(&format!(
                "neighbor replace {ROUTER} lladdr 02:00:00:00:00:99 nud permanent dev {DEVICE}\n"
            ));
            network.request(scope, PORT);
        },
        kind: "neighbor-stale",
        names: &["10.9.1.1", "10.9.2.2", "02:00:00:00:00:99", DEVICE],
    },
    Fault {
        name: "fragments_that_never_arrive",
        needs: NFT,
        traced: false,
        stage: |network, scope| {
            rules(&network.router, "forward", "ip frag-off & 0x1fff != 0 drop");
            network.answer(scope, PORT, |datagram| Some(datagram.to_vec()));
            network.ask(scope, PORT, || b"?".to_vec());
            let sender = network
                .node
                .enter(|| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap());
            network.again(scope, &network.node, move || {
                let _ = sender.send_to(&[0; 4000], (SERVER, PORT));
            });
        },
        kind: "fragments-incomplete",
        names: &["10.9.1.1", "10.9.2.2:5432", DEVICE],
    },
    Fault {
        name: "a_router_that_does_not_forward",
        needs: &[Need::Tracing],
        traced: true,
        stage: |network, scope| {
            set(&network.router, "net/ipv4/ip_forward", "0");
            network.request(scope, PORT);
        },
        kind: "forwarding-off",
        // One finding for all services; which one it names depends on what was sent first.
        names: &["10.9.1.1", "10.9.2.2:"],
    },
    Fault {
        name: "a_route_that_is_a_black_hole",
        needs: &[Need::Tracing],
        traced: true,
        stage: |network, scope| {
            network.router.ip("route add blackhole 10.9.8.0/24\n");
            nowhere(network, scope);
        },
        kind: "no-route",
        names: &["10.9.1.1", "10.9.8.8:5432"],
    },
    Fault {
        name: "a_routing_rule_that_prohibits",
        needs: &[],
        traced: false,
        stage: |network, scope| {
            network.router.ip(&format!(
                "rule add from {NODE} to 10.9.8.0/24 prohibit pref 100\n"
            ));
            nowhere(network, scope);
        },
        kind: "prohibited",
        names: &["10.9.1.1", "10.9.8.8:5432", "10.9.1.254"],
    },
    Fault {
        name: "a_queue_that_is_too_short",
        needs: &[Need::Tbf, Need::Tracing],
        traced: true,
        stage: |network, scope| {
            let tbf = "qdisc add dev r1 root tbf rate 2mbit burst 10kb limit 15kb";
            let mut tc = Command::new("tc");
            let shaped = network
                .router
                .enter(|| run(tc.args(tbf.split(' ')), "").map(drop));
            shaped.unwrap();
            network.serve(scope, PORT, drain);
            network.upload(scope, PORT);
        },
        kind: "qdisc-drops",
        names: &["10.9.1.1", "10.9.2.2:5432", "r1", "tbf"],
    },
    Fault {
        name: "a_reverse_path_filter",
        needs: &[Need::Tracing],
        traced: true,
        stage: |network, scope| {
            // The way back to this source leads elsewhere.
            network.router.ip("route add 10.9.7.7/32 dev r1\n");
            set(&network.router, "net/ipv4/conf/r0/rp_filter", "1");
            network.node.ip(&format!(
                "address add 10.9.7.7/32 dev lo\n\
                 route add {SERVER}/32 via {ROUTER} src 10.9.7.7\n"
            ));
            network.request(scope, PORT);
        },
        kind: "reverse-path-filter",
        names: &["10.9.7.7", "10.9.2.2:5432"],
    },
    Fault {
        name: "a_routing_loop",
        needs: &[],
        traced: false,
        stage: |network, scope| {
            // Each sends it to the other.
            set(&network.node, "net/ipv4/ip_forward", "1");
            network
                .router
                .ip(&format!("route add 10.9.8.8/32 via {NODE}\n"));
            network.again(scope, &network.server, || {
                let nowhere = SocketAddr::from(([10, 9, 8, 8], PORT));
                let _ = TcpStream::connect_timeout(&nowhere, Duration::from_secs(2));
            });
        },
        kind: "routing-loop",
        names: &["10.9.2.2", "10.9.8.8"],
    },
    Fault {
        name: "loss",
        needs: NFT,
        traced: false,
        stage: |network, scope| {
            let lose = "tcp dport 5432 meta length > 100 numgen random mod 100 < 10 drop";
            rules(&network.router, "forward", lose);
            network.serve(scope, PORT, drain);
            network.upload(scope, PORT);
        },
        kind: "packet-loss",
        names: &["10.9.1.1", "10.9.2.2"],
    },
    Fault {
        name: "large_packets_that_vanish",
        needs: NFT,
        traced: false,
        stage: |network, scope| {
            rules(&network.router, "forward", "meta length > 1300 drop");
            network.serve(scope, PORT, drain);
            network.upload(scope, PORT);
        },
        kind: "mtu-black-hole",
        names: &["10.9.1.1", "10.9.2.2"],
    },
    Fault {
        name: "a_smaller_mtu_that_is_reported",
        needs: &[],
        traced: false,
        stage: |network, scope| {
            network.router.ip("link set r1 mtu 1300\n");
            network.serve(scope, PORT, drain);
            network.upload(scope, PORT);
        },
        kind: "path-mtu",
        names: &["10.9.1.1", "10.9.2.2", "1300", "10.9.1.254"],
    },
    Fault {
        name: "a_receiver_that_does_not_read",
        needs: &[],
        traced: false,
        stage: |network, scope| {
            network.serve(scope, PORT, |_stream| network.idle());
            network.upload(scope, PORT);
        },
        kind: "zero-window",
        names: &["10.9.1.1", "10.9.2.2:5432"],
    },
    Fault {
        name: "resets_by_something_on_the_way",
        needs: NFT,
        traced: false,
        stage: |network, scope| {
            let reset = "tcp dport 5432 meta length > 200 reject with tcp reset";
            rules(&network.router, "forward", reset);
            network.serve(scope, PORT, drain);
            network.upload(scope, PORT);
        },
        kind: "reset-midstream",
        names: &["10.9.1.1", "10.9.2.2:5432"],
    },
    Fault {
        name: "a_connection_that_is_forgotten",
        needs: NFT,
        traced: false,
        stage: forget,
        kind: "connection-lost",
        names: &["10.9.1.1", "10.9.2.2:5432"],
    },
    Fault {
        name: "keep_alives_that_nobody_answers",
        needs: NFT,
        traced: false,
        stage: keep_alive,
        kind: "keepalive-unanswered",
        names: &["10.9.1.1", "10.9.2.2:5432"],
    },
    Fault {
        name: "a_full_accept_queue",
        needs: &[],
        traced: true,
        stage: |network, scope| {
            // Only namespaces that a watched device leads to are the node's.
            let listener = network
                .router
                .enter(|| TcpListener::bind((Ipv4Addr::UNSPECIFIED, PORT)).unwrap());
            rustix::net::listen(&listener, 1).unwrap();
            for _ in 0..4 {
                let mut kept = Vec::new();
                network.again(scope, &network.node, move || {
                    let router = SocketAddr::from((ROUTER, PORT));
                    kept.extend(TcpStream::connect_timeout(&router, Duration::from_secs(3)));
                });
            }
            // Nobody accepts as long as it is open.
            scope.spawn(move || {
                network.idle();
                drop(listener);
            });
        },
        kind: "accept-queue-full",
        names: &["10.9.1.254:5432"],
    },
    Fault {
        name: "a_web_server_with_errors",
        needs: &[],
        traced: false,
        stage: |network, scope| {
            network.serve(scope, PORT, |mut stream| {
                let _ = stream.read(&mut [0; 4096]);
                let _ = stream.write_all(b"HTTP/1.1 503 Service Unavailable\r\n\r\n");
            });
            network.request(scope, PORT);
        },
        kind: "http-5xx",
        names: &["10.9.2.2:5432", "503"],
    },
    Fault {
        name: "a_slow_server",
        needs: &[],
        traced: false,
        stage: |network, scope| {
            network.serve(scope, PORT, |mut stream| {
                let _ = stream.read(&mut [0; 4096]);
                thread::sleep(Duration::from_millis(2500));
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
            });
            for _ in 0..4 {
                network.request(scope, PORT);
            }
        },
        kind: "slow-server",
        names: &["10.9.2.2:5432"],
    },
    Fault {
        name: "tls_that_fails",
        needs: &[],
        traced: false,
        stage: |network, scope| {
            network.serve(scope, PORT, |mut stream| {
                let _ = stream.read(&mut [0; 4096]);
                let _ = stream.write_all(&[21, 3, 3, 0, 2, 2, 40]);
            });
            network.request(scope, PORT);
        },
        kind: "tls-alert",
        names: &["10.9.1.1", "10.9.2.2:5432", "handshake_failure"],
    },
    Fault {
        name: "dns_that_fails",
        needs: &[],
        traced: false,
        stage: |network, scope| query(network, scope, Some(2)),
        kind: "dns-servfail",
        names: &["10.9.1.1", "10.9.2.2", "example.com"],
    },
    Fault {
        name: "dns_that_refuses",
        needs: &[],
        traced: false,
        stage: |network, scope| query(network, scope, Some(5)),
        kind: "dns-refused",
        names: &["10.9.1.1", "10.9.2.2"],
    },
    Fault {
        name: "names_that_do_not_exist",
        needs: &[],
        traced: false,
        stage: |network, scope| query(network, scope, Some(3)),
        kind: "nxdomain-storm",
        names: &["10.9.1.1", "10.9.2.2"],
    },
    Fault {
        name: "dns_that_is_silent",
        needs: &[],
        traced: false,
        stage: |network, scope| query(network, scope, None),
        kind: "dns-unanswered",
        names: &["10.9.1.1", "10.9.2.2"],
    },
    Fault {
        name: "dns_that_is_slow",
        needs: &[],
        traced: false,
        stage: |network, scope| {
            network.answer(scope, 53, |query| {
                thread::sleep(Duration::from_millis(1500));
                Some(dns_answer(query, 0))
            });
            for _ in 0..3 {
                ask_names(network, scope);
            }
        },
        kind: "dns-slow",
        names: &["10.9.1.1", "10.9.2.2"],
    },
    Fault {
        name: "a_closed_udp_port",
        needs: &[],
        traced: false,
        stage: |network, scope| network.ask(scope, PORT, || b"?".to_vec()),
        kind: "port-unreachable",
        names: &["10.9.1.1", "10.9.2.2", "5432"],
    },
    Fault {
        name: "udp_that_is_answered_no_more",
        needs: NFT,
        traced: false,
        stage: |network, scope| {
            let answers = AtomicU16::new(0);
            network.answer(scope, PORT, move |datagram| {
                let number = answers.fetch_add(1, Ordering::Relaxed);
                (number < 20).then(|| datagram.to_vec())
            });
            network.ask(scope, PORT, || b"?".to_vec());
        },
        kind: "one-way-udp",
        names: &["10.9.1.1", "10.9.2.2:5432"],
    },
    Fault {
        name: "a_receive_buffer_that_overflows",
        needs: &[Need::Tracing],
        traced: true,
        stage: |network, scope| {
            let socket = network
                .router
                .enter(|| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, PORT)).unwrap());
            sockopt::set_socket_recv_buffer_size(&socket, 2048).unwrap();
            scope.spawn(move || {
                network.idle();
                drop(socket);
            });
            let sender = network
                .node
                .enter(|| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap());
            network.again(scope, &network.node, move || {
                for _ in 0..20 {
                    let _ = sender.send_to(&[0; 500], (ROUTER, PORT));
                }
            });
        },
        kind: "socket-buffer-overflow",
        names: &["10.9.1.254"],
    },
    Fault {
        name: "a_link_that_flaps",
        needs: &[],
        traced: false,
        stage: |network, scope| {
            network.again(scope, &network.router, || {
                for state in ["down", "up"] {
                    network.router.ip(&format!("link set r0 {state}\n"));
                    thread::sleep(Duration::from_millis(300));
                }
            });
        },
        kind: "link-flapping",
        names: &[DEVICE],
    },
    Fault {
        name: "a_link_that_is_down",
        needs: &[],
        traced: false,
        stage: |network, _| network.router.ip("link set r0 down\n"),
        kind: "link-down",
        names: &[DEVICE],
    },
    Fault {
        name: "a_hardware_address_that_changes",
        needs: &[],
        traced: false,
        stage: |network, scope| {
            // The kernel announces it (RFC 5227).
            set(&network.router, "net/ipv4/conf/r0/arp_notify", "1");
            let mut number = 0;
            network.again(scope, &network.router, move || {
                number += 1;
                let address = format!("02:00:00:00:00:{:02x}", 1 + number % 2);
                network
                    .router
                    .ip(&format!("link set r0 address {address}\n"));
            });
        },
        kind: "mac-flapping",
        names: &["10.9.1.254", "02:00:00:00:00:01", "02:00:00:00:00:02"],
    },
    Fault {
        name: "ends_that_do_not_fit",
        needs: &[],
        traced: false,
        stage: |network, _| network.router.ip("link set r0 mtu 1400\n"),
        kind: "mtu-mismatch",
        names: &[DEVICE, "1400", "1500"],
    },
];

pub fn tests() -> Vec<Test> {
    let faults = FAULTS.iter().map(|fault| {
        let needs = [&[Need::Tcx, Need::FullSpeed], fault.needs].concat();
        let name = format!("faults::{}", fault.name);
        Test::new(name, needs, move || occur(fault))
    });
    let healthy = Test::new(
        "faults::what_looks_like_faults",
        [Need::Tcx, Need::FullSpeed],
        healthy,
    );
    faults.chain([healthy]).collect()
}

/// Stages a fault beside traffic that is well, until it is reported.
fn occur(fault: &Fault) {
    let network = Network::new();
    let mut stream = start(&network.node, fault.traced);
    thread::scope(|scope| {
        network.be_well(scope);
        (fault.stage)(&network, scope);
        let is_it = |line: &Value| line["type"] == "problem" && line["kind"] == fault.kind;
        // A thread that fails must not leave the others waiting.
        let deadline = Instant::now() + PATIENCE;
        let mut others = Vec::new();
        let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            loop {
                let line = stream.wait_for(fault.kind, |_| true);
                let sentence = line["sentence"].as_str().unwrap_or_default();
                if is_it(&line) && fault.names.iter().all(|name| sentence.contains(name)) {
                    break;
                }
                if line["type"] == "problem" {
                    others.push(line);
                }
                assert!(Instant::now() < deadline, "in vain, but: {others:?}");
            }
        }));
        network.end();
        found.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
}

fn start(namespace: &Namespace, traced: bool) -> Stream {
    let args: &[&str] = if traced {
        &[DEVICE]
    } else {
        &["--no-trace", DEVICE]
    };
    Stream::start(namespace, args)
}

/// Attempts of the node to connect to a host that the router sends nothing to.
fn nowhere<'scope>(network: &'scope Network, scope: &'scope Scope<'scope, '_>) {
    network.again(scope, &network.node, || {
        let nowhere = SocketAddr::from(([10, 9, 8, 8], PORT));
        let _ = TcpStream::connect_timeout(&nowhere, Duration::from_secs(2));
    });
}

/// An idle connection after which the router lets packets of no more than new ones
/// through.
fn forget<'scope>(network: &'scope Network, scope: &'scope Scope<'scope, '_>) {
    network.serve(scope, PORT, |mut stream: TcpStream| {
        if stream.read(&mut [0; 100]).is_ok_and(|length| length > 0) {
            let _ = stream.write_all(b"answer");
        }
        network.idle();
    });
    scope.spawn(|| {
        let mut stream = network.node.enter(|| connect(PORT).unwrap());
        stream.write_all(b"question").unwrap();
        stream.read_exact(&mut [0; 6]).unwrap();
        thread::sleep(Duration::from_secs(6));
        let port = stream.local_addr().unwrap().port();
        rules(
            &network.router,
            "forward",
            &format!("tcp sport {port} drop"),
        );
        stream.write_all(b"question").unwrap();
        network.idle();
    });
}

fn keep_alive<'scope>(network: &'scope Network, scope: &'scope Scope<'scope, '_>) {
    network.serve(scope, PORT, |mut stream: TcpStream| {
        let _ = stream.read(&mut [0; 100]);
        network.idle();
    });
    scope.spawn(|| {
        let mut stream = network.node.enter(|| connect(PORT).unwrap());
        sockopt::set_socket_keepalive(&stream, true).unwrap();
        sockopt::set_tcp_keepidle(&stream, Duration::from_secs(1)).unwrap();
        sockopt::set_tcp_keepintvl(&stream, Duration::from_secs(1)).unwrap();
        sockopt::set_tcp_keepcnt(&stream, 100).unwrap();
        stream.write_all(b"question").unwrap();
        thread::sleep(Duration::from_secs(3));
        rules(&network.router, "forward", "tcp sport 5432 drop");
        network.idle();
    });
}

/// A DNS server that answers with a result code, or not at all.
fn query<'scope>(network: &'scope Network, scope: &'scope Scope<'scope, '_>, rcode: Option<u8>) {
    network.answer(scope, 53, move |query| Some(dns_answer(query, rcode?)));
    ask_names(network, scope);
}

fn ask_names<'scope>(network: &'scope Network, scope: &'scope Scope<'scope, '_>) {
    let mut id = 0;
    network.ask(scope, 53, move || {
        id += 1;
        dns(id, &format!("n{id}.example.com"))
    });
}

/// What looks like a fault and is none, for some seconds: nothing above
/// information.
fn healthy() {
    let network = Network::new();
    let mut stream = start(&network.node, true);
    thread::scope(|scope| {
        network.be_well(scope);
        network.serve(scope, PORT, respond);
        network.answer(scope, 53, |query| Some(dns_answer(query, 0)));
        ask_names(&network, scope);
        let mut closed = 100;
        network.again(scope, &network.node, move || {
            // A client that has enough.
            if let Ok(mut stream) = connect(PORT) {
                let _ = stream.write_all(b"GET / HTTP/1.1\r\n\r\n");
                let _ = sockopt::set_socket_linger(&stream, Some(Duration::ZERO));
            }
            // A client that says first that it will send no more.
            if let Ok(mut stream) = connect(PORT) {
                let _ = stream.write_all(b"GET / HTTP/1.1\r\n\r\n");
                let _ = stream.shutdown(std::net::Shutdown::Write);
                let _ = stream.read_to_end(&mut Vec::new());
            }
            // A scan.
            closed += 1;
            let _ = connect(closed);
            // A look at the way.
            let probe = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
            for ttl in 1..=3 {
                let _ = probe.set_ttl(ttl);
                let _ = probe.send_to(b"?", (SERVER, 33434 + ttl as u16));
            }
        });
        let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for _ in 0..CONNECTIONS {
                stream.wait_for("a connection", |line| {
                    line["type"] == "flow" && line["remote"]["port"] == PORT
                });
            }
        }));
        network.end();
        found.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
    let report = stream.end(Signal::INT);
    let problems: Vec<_> = report
        .of_type("problem")
        .filter(|line| line["severity"] != "info")
        .collect();
    assert!(problems.is_empty(), "{problems:?}");
}
