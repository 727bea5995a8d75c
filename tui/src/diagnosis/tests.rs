//! The whole way from captured packets to findings.

use std::net::IpAddr;
use std::time::Duration;

use etherparse::PacketBuilder;
use probe_common::parse::parse;
use probe_common::{Direction, LinkLayer, Reason};

use super::claims::Claim;
use super::*;
use crate::flow::Limits;
use crate::model::{DeviceTotals, FlowCounts, Interval, Packet, Totals};

mod blocks;
mod causes;
mod devices;
mod joined;
mod resets;
mod stalls;
mod transfer;

const CLIENT: [u8; 4] = [10, 0, 0, 1];
const SERVER: [u8; 4] = [10, 0, 0, 2];

/// A host whose only device leads to the client: what it sends goes out.
struct Lab {
    diagnosis: Diagnosis,
    flows: FlowTable,
    now: Duration,
}

impl Lab {
    fn new() -> Self {
        let mut diagnosis = Diagnosis::default();
        diagnosis.ready.insert(0);
        Self {
            diagnosis,
            flows: FlowTable::new(Limits::default()),
            now: Duration::ZERO,
        }
    }

    /// Lets time pass, an interval a second.
    fn pass(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.now += Duration::from_secs(1);
            let interval = Interval {
                at: self.now,
                length: Duration::from_secs(1),
                ..Interval::default()
            };
            self.flows.ingest(&interval);
            self.diagnosis
                .observe(&Event::Interval(interval), &self.flows);
        }
    }

    /// An interval of a second with these flows.
    fn count(&mut self, flows: Vec<FlowCounts>) {
        let directions = flows.iter().fold([Totals::default(); 2], |mut sums, flow| {
            for (sum, counters) in sums.iter_mut().zip(&flow.value.directions) {
                sum.packets += counters.packets;
            }
            sums
        });
        self.interval(Interval {
            devices: vec![DeviceTotals {
                directions,
                ..DeviceTotals::default()
            }],
            flows,
            ..Interval::default()
        });
    }

    /// An interval of a second.
    fn interval(&mut self, interval: Interval) {
        self.now += Duration::from_secs(1);
        let interval = Interval {
            at: self.now,
            length: Duration::from_secs(1),
            ..interval
        };
        self.flows.ingest(&interval);
        self.diagnosis
            .observe(&Event::Interval(interval), &self.flows);
    }

    fn device(&mut self, device: Device) {
        self.diagnosis
            .observe(&Event::Devices(vec![device]), &self.flows);
    }

    fn sentence(&self) -> String {
        let findings = self.diagnosis.findings();
        findings
            .first()
            .map_or_else(String::new, |it| it.sentence.clone())
    }

    fn send(&mut self, data: Vec<u8>, direction: Direction) {
        self.send_on(0, data, direction);
    }

    /// A packet at the device of a slot.
    fn send_on(&mut self, slot: u32, data: Vec<u8>, direction: Direction) {
        let key = parse(data.as_slice(), LinkLayer::Ethernet, slot, direction).key;
        let packet = Packet {
            at: self.now,
            key,
            direction,
            reason: Reason::TcpFlags,
            ..Packet::sample(data)
        };
        self.diagnosis
            .observe(&Event::Packets(vec![packet]), &self.flows);
    }

    fn syn(&mut self, port: u16, seq: u32) {
        let builder = ip(CLIENT, SERVER, 64).tcp(port, 5432, seq, 64240).syn();
        self.send(written(builder, &[]), Direction::Out);
    }

    fn kinds(&self) -> Vec<&'static str> {
        let findings = self.diagnosis.findings();
        findings
            .iter()
            .filter(|it| !it.past)
            .map(|it| it.kind.slug())
            .collect()
    }
}

fn ip(from: [u8; 4], to: [u8; 4], ttl: u8) -> etherparse::PacketBuilderStep<etherparse::IpHeaders> {
    PacketBuilder::ethernet2([1; 6], [2; 6]).ipv4(from, to, ttl)
}

fn written(
    builder: etherparse::PacketBuilderStep<etherparse::TcpHeader>,
    payload: &[u8],
) -> Vec<u8> {
    let mut bytes = Vec::new();
    builder.write(&mut bytes, payload).unwrap_or_default();
    bytes
}

fn refuse(lab: &mut Lab, port: u16, seq: u32, ttl: u8) {
    let builder = ip(SERVER, CLIENT, ttl)
        .tcp(5432, port, 0, 0)
        .rst()
        .ack(seq + 1);
    lab.send(written(builder, &[]), Direction::In);
}

#[test]
fn a_port_that_refuses_again_and_again_is_a_finding_and_a_scan_is_none() {
    let mut lab = Lab::new();
    for attempt in 0..2 {
        lab.syn(40000 + attempt, 7);
        refuse(&mut lab, 40000 + attempt, 7, 64);
    }
    lab.pass(1);
    assert_eq!(lab.kinds(), Vec::<&str>::new());
    lab.syn(40002, 7);
    refuse(&mut lab, 40002, 7, 64);
    lab.pass(1);
    assert_eq!(lab.kinds(), ["tcp-refused"]);
    let finding = &lab.diagnosis.findings()[0];
    assert!(
        finding
            .sentence
            .contains("10.0.0.1 cannot connect to 10.0.0.2:5432")
    );
    assert_eq!(finding.count, 3);
    assert_eq!(
        finding.filter().as_deref(),
        Some("tcp and host 10.0.0.2 and port 5432")
    );
}

#[test]
fn a_firewall_refuses_in_the_name_of_a_host_whose_other_packets_are_those_of_the_same_device() {
    let mut lab = Lab::new();
    lab.diagnosis.ready.insert(1);
    // Beyond the firewall, and before it: a hop less.
    for (slot, ttl, port) in
        std::iter::once((0, 63, 30_000)).chain((30_001..30_050).map(|port| (1, 64, port)))
    {
        let syn = ip(CLIENT, SERVER, 64).tcp(port, 8080, 7, 64240).syn();
        let answer = ip(SERVER, CLIENT, ttl)
            .tcp(8080, port, 9, 64240)
            .syn()
            .ack(8);
        lab.send_on(slot, written(syn, &[]), Direction::Out);
        lab.send_on(slot, written(answer, &[]), Direction::In);
    }
    for port in 40_000..40_003 {
        lab.syn(port, 7);
        refuse(&mut lab, port, 7, 64);
    }
    lab.pass(1);
    assert_eq!(lab.kinds(), ["tcp-refused"]);
    let sentence = lab.sentence();
    assert!(sentence.contains("something between"), "{sentence}");
}

#[test]
fn syns_without_an_answer_are_a_finding_once_they_were_sent_often_enough() {
    let mut lab = Lab::new();
    lab.syn(40000, 7);
    lab.pass(1);
    lab.syn(40000, 7);
    lab.pass(1);
    assert_eq!(lab.kinds(), Vec::<&str>::new());
    lab.syn(40000, 7);
    lab.pass(1);
    assert_eq!(lab.kinds(), ["syn-unanswered"]);
}

#[test]
fn a_finding_is_past_when_its_cause_has_gone() {
    let mut lab = Lab::new();
    for attempt in 0..3 {
        lab.syn(40000 + attempt, 7);
        refuse(&mut lab, 40000 + attempt, 7, 64);
    }
    lab.pass(1);
    assert_eq!(lab.kinds(), ["tcp-refused"]);
    // The evidence is forgotten after a minute, the finding ten seconds later.
    lab.pass(75);
    assert_eq!(lab.kinds(), Vec::<&str>::new());
    assert!(lab.diagnosis.findings()[0].past);
}

#[test]
fn a_syn_that_is_answered_late_is_no_finding() {
    let mut lab = Lab::new();
    lab.syn(40000, 7);
    lab.pass(1);
    lab.syn(40000, 7);
    let builder = ip(SERVER, CLIENT, 64)
        .tcp(5432, 40000, 9, 64240)
        .syn()
        .ack(8);
    lab.send(written(builder, &[]), Direction::In);
    let builder = ip(CLIENT, SERVER, 64)
        .tcp(40000, 5432, 8, 64240)
        .ack(10)
        .fin();
    lab.send(written(builder, &[]), Direction::Out);
    lab.pass(5);
    assert_eq!(lab.kinds(), Vec::<&str>::new());
}

fn claim(kind: Kind, key: &str, about: &[[u8; 4]]) -> Claim {
    Claim {
        kind,
        key: key.to_owned(),
        about: about.iter().map(|it| IpAddr::from(*it)).collect(),
        sentence: String::new(),
        since: Duration::ZERO,
        last: Duration::ZERO,
        count: 1,
        subjects: Vec::new(),
        evidence: Vec::new(),
        not_looked_at: Vec::new(),
        advice: String::new(),
    }
}

#[test]
fn loss_between_hosts_that_share_an_end_is_one_finding() {
    let third = [10, 0, 0, 3];
    let mut findings = Findings::default();
    let there = claim(Kind::PACKET_LOSS, "there", &[CLIENT, SERVER]);
    findings.update(vec![there], Duration::from_secs(1));
    let back = claim(Kind::PACKET_LOSS, "back", &[SERVER, third]);
    findings.update(vec![back], Duration::from_secs(2));
    let ids: Vec<_> = findings.list().into_iter().map(|it| it.id).collect();
    assert_eq!(ids, ["packet-loss/back"]);
}

#[test]
fn a_finding_that_takes_in_others_of_its_kind_names_whom_they_are_about() {
    let about = |server: [u8; 4], count| {
        let address = IpAddr::from(server);
        let endpoint = decode::Endpoint { address, port: 80 };
        Claim {
            count,
            subjects: vec![Subject::tcp(endpoint)],
            ..claim(
                Kind::FORWARDING_OFF,
                &address.to_string(),
                &[server, CLIENT],
            )
        }
    };
    let others = [SERVER, [10, 0, 0, 3]];
    let mut findings = Findings::default();
    let claims = vec![about(others[0], 2), about(others[1], 5)];
    findings.update(claims, Duration::from_secs(1));
    let [finding] = &findings.list()[..] else {
        panic!("{:?}", findings.list());
    };
    let of = |it: &Subject| match it {
        Subject::Service { address, .. } => Some(*address),
        _ => None,
    };
    let services: Vec<_> = finding.subjects.iter().filter_map(of).collect();
    assert_eq!(services, [others[1], others[0]].map(IpAddr::from));
}

#[test]
fn the_first_rule_that_claims_a_kind_about_an_address_keeps_it() {
    let mut claims = vec![
        claim(Kind::NO_ROUTE, "kernel", &[SERVER]),
        claim(Kind::NO_ROUTE, "icmp", &[SERVER]),
        claim(Kind::NO_ROUTE, "other", &[CLIENT]),
        claim(Kind::PROHIBITED, "icmp", &[SERVER]),
    ];
    claims::keep_the_first(&mut claims, 1);
    let keys: Vec<_> = claims.iter().map(|it| it.key.as_str()).collect();
    assert_eq!(keys, ["kernel", "other", "icmp"]);
}

#[test]
fn a_silenced_kind_is_not_reported() {
    let mut lab = Lab::new();
    lab.diagnosis.policy.silenced = vec![Kind::TCP_REFUSED];
    for attempt in 0..3 {
        lab.syn(40000 + attempt, 7);
        refuse(&mut lab, 40000 + attempt, 7, 64);
    }
    lab.pass(1);
    assert_eq!(lab.kinds(), Vec::<&str>::new());
}

/// A query by UDP with one question, or its answer.
fn dns(lab: &mut Lab, id: u16, name: &str, rcode: Option<u8>) {
    let flags = match rcode {
        None => 0x0100,
        Some(rcode) => 0x8180 | u16::from(rcode),
    };
    let mut message = Vec::new();
    for field in [id, flags, 1, u16::from(rcode == Some(0)), 0, 0] {
        message.extend(field.to_be_bytes());
    }
    for label in name.split('.') {
        message.push(label.len() as u8);
        message.extend(label.bytes());
    }
    message.extend([0, 0, 1, 0, 1]);
    let (from, to, ports, direction) = match rcode {
        None => (CLIENT, SERVER, (40000, 53), Direction::Out),
        Some(_) => (SERVER, CLIENT, (53, 40000), Direction::In),
    };
    let mut bytes = Vec::new();
    let builder = ip(from, to, 64).udp(ports.0, ports.1);
    builder.write(&mut bytes, &message).unwrap_or_default();
    lab.send(bytes, direction);
}

/// Looks a name up with these search domains tried in vain before it is found.
fn search(lab: &mut Lab, id: &mut u16, name: &str, domains: &[&str]) {
    for domain in domains {
        *id += 1;
        let name = format!("{name}.{domain}");
        dns(lab, *id, &name, None);
        dns(lab, *id, &name, Some(3));
    }
    *id += 1;
    dns(lab, *id, name, None);
    dns(lab, *id, name, Some(0));
}

#[test]
fn names_that_are_searched_in_vain_are_a_finding_beside_others_that_are_found() {
    let mut lab = Lab::new();
    let mut id = 0;
    for number in 0..6 {
        let name = format!("api{number}.example.com");
        search(&mut lab, &mut id, &name, &["a.local", "b.local", "c.local"]);
        search(&mut lab, &mut id, "www.example.com", &[]);
        search(&mut lab, &mut id, "www.example.org", &[]);
    }
    lab.pass(1);
    assert_eq!(lab.kinds(), ["nxdomain-storm"]);
}

#[test]
fn one_search_domain_that_ends_well_is_no_finding() {
    let mut lab = Lab::new();
    let mut id = 0;
    for number in 0..40 {
        let name = format!("api{number}.example.com");
        search(&mut lab, &mut id, &name, &["a.local"]);
    }
    lab.pass(1);
    assert_eq!(lab.kinds(), Vec::<&str>::new());
}

#[test]
fn a_port_scan_is_no_finding() {
    let mut lab = Lab::new();
    for port in 1..=100 {
        let syn = ip(CLIENT, SERVER, 64).tcp(40000, port, 7, 64240).syn();
        lab.send(written(syn, &[]), Direction::Out);
        let rst = ip(SERVER, CLIENT, 64).tcp(port, 40000, 0, 0).rst().ack(8);
        lab.send(written(rst, &[]), Direction::In);
    }
    lab.pass(5);
    assert_eq!(lab.kinds(), Vec::<&str>::new());
}

#[test]
fn a_flood_of_addresses_does_not_grow_what_is_remembered() {
    let mut lab = Lab::new();
    for number in 0..100_000_u32 {
        let [_, b, c, d] = (number * 10).to_be_bytes();
        let syn = ip([11, b, c, d], SERVER, 64)
            .tcp(40000, 80, number, 64240)
            .syn();
        lab.send(written(syn, &[]), Direction::In);
    }
    assert!(lab.diagnosis.evidence.connections.iter().count() <= 16_384);
    assert!(lab.diagnosis.evidence.connections.forgotten >= 80_000);
    assert!(lab.diagnosis.evidence.frames.iter().count() <= 4096);
}

#[test]
fn a_cause_takes_in_its_consequences() {
    let claim = |kind| claim(kind, "x", &[SERVER]);
    let mut findings = Findings::default();
    findings.update(vec![claim(Kind::SYN_UNANSWERED)], Duration::from_secs(1));
    assert_eq!(findings.list().len(), 1);
    let both = vec![claim(Kind::SYN_UNANSWERED), claim(Kind::FIREWALL_DROP)];
    findings.update(both, Duration::from_secs(2));
    let kinds: Vec<_> = findings.list().iter().map(|it| it.kind).collect();
    assert_eq!(kinds, [Kind::FIREWALL_DROP]);
}

#[test]
fn thresholds_decide_from_when_on_something_is_a_problem() {
    let mut lab = Lab::new();
    lab.diagnosis.policy.thresholds.refused_attempts = 5;
    for attempt in 0..5 {
        assert_eq!(lab.kinds(), Vec::<&str>::new());
        lab.syn(40000 + attempt, 7);
        refuse(&mut lab, 40000 + attempt, 7, 64);
        lab.pass(1);
    }
    assert_eq!(lab.kinds(), ["tcp-refused"]);
}
