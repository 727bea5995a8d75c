//! What a flow knows beside its counts, against what the kernel itself says; and the
//! packets that get an event, however many others would like one.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::fd::AsFd;
use std::process::Command;
use std::thread;
use std::time::Instant;

use aya::maps::{MapData, RingBuf};
use nkview::model::Socket;
use nkview::probe::counters::{Budget, Counters};
use nkview::probe::object::{Maps, Object, Program, Sizes};
use nkview::sys::{self, HookPoint, attach_at_head, chain};
use probe_common::parse::number::ip;
use probe_common::{
    Attachment, Direction, LinkLayer, PacketEvent, Reason, Settings, limits, verdict,
};
use rustix::net::sockopt;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::Test;
use crate::lab::{End, Family, Kind, Lab, Layout};
use crate::layout::Ends;
use crate::namespace::Namespace;
use crate::need::Need;
use crate::table::{ACK, RST, SYN, segment};
use crate::{program, traffic, wait};

pub fn tests() -> Vec<Test> {
    let test =
        |name: &str, needs: &[Need], run: fn()| Test::new(format!("facts::{name}"), needs, run);
    vec![
        test(
            "retransmissions_and_sockets_are_the_kernels",
            &[Need::Tcx],
            lossy,
        ),
        test("steps_of_a_connection_have_events", &[], steps),
        test("no_kind_of_packet_uses_up_anothers_events", &[], shares),
        test("the_verifier_has_little_to_follow", &[], verified),
    ]
}

const DEVICE: u32 = 0;

fn attachment(direction: Direction) -> Attachment {
    Attachment {
        device: DEVICE,
        direction: direction as u32,
        verdict: verdict::NEXT,
        link_layer: LinkLayer::Ethernet as u32,
    }
}

/// A sender whose packets are lost behind the hook at which they are counted: each
/// that is sent again is counted as such, and the socket says the same of itself.
fn lossy() {
    const BYTES: usize = 2 << 20;
    let lab = Lab::up(Layout {
        kind: Kind::Veth,
        ends: Ends::Apart,
    });
    let near = lab.namespace(End::Near);
    let sizes = Sizes {
        flows: 1024,
        ring: 4096,
    };
    let (object, maps, _ring) = Object::new(sizes).unwrap();
    let program = object.load(attachment(Direction::Out)).unwrap();
    let budget = Budget {
        events: 0,
        samples: 0,
        every_packet: false,
    };
    let mut counters = Counters::new(maps, budget, Instant::now()).unwrap();
    let index = lab.index(End::Near);
    // Where it is sent: the socket is locked, so that packets are in order.
    let _link = near.enter(|| {
        let hook = HookPoint::TcxEgress;
        let revision = chain(index, hook).unwrap().revision;
        attach_at_head(program.as_fd(), index, hook, revision).unwrap()
    });
    let before = retransmitted(near);
    let listener = traffic::listen(&lab, End::Far, Family::V4);
    let port = listener.local_addr().unwrap().port();
    let mut client = traffic::connect(&lab, End::Far, Family::V4, port);
    let (mut server, _) = listener.accept().unwrap();
    let cookie = sockopt::socket_cookie(&client).unwrap();
    let far = lab.namespace(End::Far);
    let loss = program::drop_some(far, lab.index(End::Far), HookPoint::TcxIngress);
    // Any amount of data may get through by chance.
    wait::until_true("the kernel sends something again", || {
        send(&mut client, &mut server, BYTES);
        retransmitted(near) > before
    });
    drop(loss);
    let mut sum = 0;
    wait::until_ok("all agree", || {
        // What is lost is sent again after all.
        let said = Said::of(near, port);
        send(&mut client, &mut server, 100);
        let interval = counters.rotate_epoch(&[DEVICE], || ()).unwrap();
        let mut flows = interval.flows.iter();
        let flow = flows.find(|flow| flow.key.remote_port == port).unwrap();
        let facts = flow.facts.as_ref().ok_or("no facts")?;
        sum += u64::from(facts.tcp[Direction::Out as usize].retransmitted);
        // The sender's own packets say what was so before they were sent.
        let socket = facts.sockets[Direction::Out as usize].ok_or("no socket")?;
        assert_eq!(socket.cookie, cookie);
        let kernel = retransmitted(near) - before;
        if sum == kernel && said.is_of(&socket) {
            return Ok(());
        }
        Err(format!("{sum} of {kernel}, {socket:?} and {said:?}"))
    });
}

/// Sends so many bytes and waits until they are there.
fn send(client: &mut TcpStream, server: &mut TcpStream, bytes: usize) {
    thread::scope(|scope| {
        scope.spawn(|| client.write_all(&vec![7; bytes]).unwrap());
        server.read_exact(&mut vec![0; bytes]).unwrap();
    });
}

/// `TcpRetransSegs` of a namespace.
fn retransmitted(namespace: &Namespace) -> u64 {
    let table = namespace.enter(|| std::fs::read_to_string("/proc/thread-self/net/snmp").unwrap());
    let mut lines = table.lines().filter_map(|line| line.strip_prefix("Tcp: "));
    let names = lines.next().unwrap().split(' ');
    let values = lines.next().unwrap().split(' ');
    let mut fields = names.zip(values);
    let (_, value) = fields.find(|(name, _)| *name == "RetransSegs").unwrap();
    value.parse().unwrap()
}

/// What ss(8) says of the socket that is connected to a port.
#[derive(Debug)]
struct Said(String);

impl Said {
    fn of(namespace: &Namespace, port: u16) -> Self {
        let mut ss = Command::new("ss");
        ss.args(["-tinHO", "dport", "=", &format!(":{port}")]);
        let output = namespace.enter(|| ss.output().unwrap());
        Self(String::from_utf8(output.stdout).unwrap())
    }

    fn field(&self, name: &str) -> Option<&str> {
        let mut words = self.0.split_whitespace();
        words.find_map(|word| word.strip_prefix(name)?.strip_prefix(':'))
    }

    /// Milliseconds as microseconds.
    fn micros(&self, name: &str) -> Option<u32> {
        let millis: f64 = self.field(name)?.split('/').next()?.parse().ok()?;
        Some((millis * 1e3).round() as u32)
    }

    fn number(&self, name: &str) -> Option<u32> {
        self.field(name)?.rsplit('/').next()?.parse().ok()
    }

    /// Whether it is what the flow knows.
    fn is_of(&self, socket: &Socket) -> bool {
        let tcp = socket.tcp.expect("a TCP socket");
        // Of six digits at most.
        let is_near = |one: u32, other: u32| one.abs_diff(other) <= one / 10_000;
        self.number("retrans") == Some(tcp.total_retrans)
            && self.number("cwnd") == Some(tcp.cwnd)
            && self.number("mss") == Some(tcp.mss)
            && self.micros("rtt").is_some_and(|rtt| is_near(rtt, tcp.srtt))
            && self
                .micros("minrtt")
                .zip(tcp.min_rtt)
                .is_some_and(|(said, known)| is_near(said, known))
    }
}

/// The program in both directions, with so many events an epoch.
fn start(events: u32) -> (Maps, RingBuf<MapData>, [Program; 2]) {
    let sizes = Sizes {
        flows: 8192,
        ring: 1 << 20,
    };
    let (object, mut maps, ring) = Object::new(sizes).unwrap();
    let settings = Settings {
        epoch: 1,
        events,
        samples: 0,
        moved: 0,
        every_packet: 0,
        push_down: 0,
    };
    maps.set_settings(settings).unwrap();
    let programs = Direction::BOTH.map(|direction| object.load(attachment(direction)).unwrap());
    (maps, ring, programs)
}

fn events(ring: &mut RingBuf<MapData>) -> Vec<PacketEvent> {
    let mut events = Vec::new();
    while let Some(item) = ring.next() {
        events.push(bytemuck::pod_read_unaligned(
            &item[..size_of::<PacketEvent>()],
        ));
    }
    events
}

/// A connection from its first packet on, and which of its packets have events.
fn steps() {
    use Direction::{In, Out};
    let (_maps, mut ring, programs) = start(1000);
    for (direction, flags, sequence, acknowledgment, window, payload, reason) in [
        (Out, SYN, 0, 0, 500, 0, Some(Reason::First)),
        (In, SYN | ACK, 0, 1, 500, 0, Some(Reason::TcpFlags)),
        (Out, ACK, 1, 1, 500, 0, Some(Reason::HandshakeAck)),
        (Out, ACK, 1, 1, 500, 100, Some(Reason::FirstData)),
        (Out, ACK, 101, 1, 500, 100, None),
        (In, ACK, 1, 201, 500, 0, None),
        (In, ACK, 1, 201, 500, 50, Some(Reason::FirstData)),
        (Out, ACK, 201, 51, 500, 0, None),
        // The window closes, stays so, opens, and closes again.
        (In, ACK, 51, 201, 0, 0, Some(Reason::ZeroWindow)),
        (In, ACK, 51, 201, 0, 0, None),
        (In, ACK, 51, 201, 300, 0, None),
        (In, ACK, 51, 201, 0, 0, Some(Reason::ZeroWindow)),
        (Out, ACK | RST, 201, 51, 0, 0, Some(Reason::TcpFlags)),
    ] {
        let packet = segment(direction, flags, sequence, acknowledgment, window, payload);
        sys::test_run(programs[direction as usize].as_fd(), &packet, 1).unwrap();
        let reasons: Vec<_> = events(&mut ring)
            .iter()
            .map(|event| Reason::from_number(event.reason).unwrap())
            .collect();
        assert_eq!(
            reasons,
            Vec::from_iter(reason),
            "{direction:?} {flags:#x} {sequence}"
        );
    }
}

/// A flood of new flows uses up what is for all; the kinds that have shares keep
/// them, and what got none is counted.
fn shares() {
    // Budgets are a CPU's.
    thread::scope(|scope| {
        scope
            .spawn(|| {
                let mut only = CpuSet::new();
                let allowed = sched_getaffinity(None).unwrap();
                only.set(
                    (0..CpuSet::MAX_CPU)
                        .find(|cpu| allowed.is_set(*cpu))
                        .unwrap(),
                );
                sched_setaffinity(None, &only).unwrap();
                flood();
            })
            .join()
            .unwrap()
    });
}

fn flood() {
    const EVENTS: u32 = 80;
    const SHARE: usize = 10;
    const EACH: u16 = 100;
    let (maps, mut ring, [program, _]) = start(EVENTS);
    let mut sent = 0;
    let mut send = |packet: &[u8]| {
        sys::test_run(program.as_fd(), packet, 1).unwrap();
        sent += 1;
    };
    for number in 0..10 * EACH {
        send(&datagram(20_000 + number, 9));
    }
    let is_of = |event: &PacketEvent, protocol: u8| event.data[23] == protocol;
    let seen = events(&mut ring);
    assert_eq!(seen.len(), EVENTS as usize - 4 * SHARE);
    for number in 0..EACH {
        for flags in [SYN, RST] {
            let mut packet = segment(Direction::In, flags, 0, 0, 500, 0);
            packet[34..36].copy_from_slice(&(10_000 + number).to_be_bytes());
            send(&packet);
        }
        send(&datagram(53, number));
        send(&unreachable(number));
    }
    let seen = events(&mut ring);
    let count = |is_one: &dyn Fn(&PacketEvent) -> bool| seen.iter().filter(|it| is_one(it)).count();
    let flags = |event: &PacketEvent| {
        if is_of(event, ip::TCP) {
            event.data[47]
        } else {
            0
        }
    };
    assert_eq!(count(&|event| flags(event) == SYN), SHARE);
    assert_eq!(count(&|event| flags(event) == RST), SHARE);
    assert_eq!(count(&|event| is_of(event, ip::UDP)), SHARE);
    assert_eq!(count(&|event| is_of(event, ip::ICMP)), SHARE);
    let index = limits::totals_index(1, DEVICE, Direction::In as u32);
    let totals = maps.totals(index).unwrap();
    let over: u64 = totals.over_budget.iter().sum();
    assert_eq!(totals.events, u64::from(EVENTS));
    assert_eq!(totals.events + over, sent);
}

/// An Ethernet frame with an IPv4 packet from one host to another.
fn ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let length = (20 + payload.len() as u16).to_be_bytes();
    let start = [
        0x45, 0, length[0], length[1], 0, 0, 0, 0, 64, protocol, 0, 0,
    ];
    let ends = [192, 0, 2, 9, 192, 0, 2, 1];
    [&[2; 12][..], &[8, 0], &start, &ends, payload].concat()
}

/// An empty datagram.
fn datagram(source: u16, destination: u16) -> Vec<u8> {
    let ports = [source.to_be_bytes(), destination.to_be_bytes()].concat();
    ipv4(ip::UDP, &[&ports[..], &[0, 8, 0, 0]].concat())
}

/// ICMP's answer to a datagram that nobody was there for.
fn unreachable(port: u16) -> Vec<u8> {
    let about = datagram(port, 7);
    ipv4(
        ip::ICMP,
        &[&[3, 3, 0, 0, 0, 0, 0, 0], &about[14..]].concat(),
    )
}

/// Loading takes as long as the verifier has to follow, and old kernels follow more:
/// it is easily made several times as much.
fn verified() {
    const ENOUGH: u32 = 75_000;
    let sizes = Sizes {
        flows: 64,
        ring: 4096,
    };
    let (object, _maps, _ring) = Object::new(sizes).unwrap();
    let info = sys::program_info(object.counting()).unwrap();
    let followed = info.verified_instructions;
    assert!(followed < ENOUGH, "{followed} instructions");
}
