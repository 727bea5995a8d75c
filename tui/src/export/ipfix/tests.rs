use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use probe_common::FlowKey;

use super::*;
use crate::synthetic::{self, Synthetic};

/// A collector that keeps what it gets, and is there or not.
#[derive(Clone, Default)]
struct Kept {
    messages: Arc<Mutex<Vec<Vec<u8>>>>,
    is_away: Arc<Mutex<bool>>,
    is_connected: bool,
}

impl Collector for Kept {
    fn connect(&mut self) -> io::Result<bool> {
        if *self.is_away.lock().unwrap() {
            self.is_connected = false;
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        Ok(!std::mem::replace(&mut self.is_connected, true))
    }

    fn may_lose(&self) -> bool {
        false
    }

    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        self.messages.lock().unwrap().push(message.to_vec());
        Ok(())
    }
}

fn number(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// What a record has, by element and whether that is of the reverse direction.
type Fields = BTreeMap<(u16, bool), Vec<u8>>;

/// Reads messages as a collector does: by the templates that they bring.
fn read(messages: &[Vec<u8>]) -> Vec<Fields> {
    let mut templates: BTreeMap<u64, Vec<(u16, usize, bool)>> = BTreeMap::new();
    let mut records = Vec::new();
    for message in messages {
        assert!(message.len() <= MESSAGE);
        assert_eq!(number(&message[..2]), 10);
        assert_eq!(number(&message[2..4]), message.len() as u64);
        assert_eq!(number(&message[8..12]), records.len() as u64, "sequence");
        let set = number(&message[16..18]);
        assert_eq!(number(&message[18..20]), message.len() as u64 - 16);
        let mut rest = &message[20..];
        if set == 2 {
            while !rest.is_empty() {
                let (id, count) = (number(&rest[..2]), number(&rest[2..4]));
                rest = &rest[4..];
                let fields = (0..count).map(|_| {
                    let element = number(&rest[..2]) as u16;
                    let length = number(&rest[2..4]) as usize;
                    rest = &rest[4..];
                    let is_reverse = element & 0x8000 != 0;
                    if is_reverse {
                        assert_eq!(number(&rest[..4]), 29_305);
                        rest = &rest[4..];
                    }
                    (element & 0x7fff, length, is_reverse)
                });
                let fields = fields.collect();
                templates.insert(id, fields);
            }
            continue;
        }
        let template = &templates[&set];
        while !rest.is_empty() {
            let fields = template.iter().map(|(element, length, is_reverse)| {
                let (value, behind) = rest.split_at(*length);
                rest = behind;
                ((*element, *is_reverse), value.to_vec())
            });
            let fields = fields.collect();
            records.push(fields);
        }
    }
    records
}

fn ip_packets(intervals: &[Interval]) -> [u64; 2] {
    let flows = intervals.iter().flat_map(|interval| &interval.flows);
    let sides = flows
        .filter(|flow| template(flow).is_some())
        .flat_map(|flow| flow.value.directions);
    sides.fold([0, 0], |[packets, bytes], side| {
        [packets + side.packets, bytes + side.bytes]
    })
}

fn sums(records: &[Fields]) -> [u64; 2] {
    [2, 1].map(|element| {
        let sides = records.iter().flat_map(|record| {
            [false, true].map(|is_reverse| number(&record[&(element, is_reverse)]))
        });
        sides.sum()
    })
}

#[test]
fn every_packet_is_in_a_record_and_the_templates_tell_how_to_read_it() {
    let mut source = Synthetic::new(3, 300);
    let intervals: Vec<_> = (0..10).map(|_| source.interval()).collect();
    let kept = Kept::default();
    let mut sink = Ipfix::new(kept.clone());
    for interval in &intervals {
        sink.event(&Event::Interval(interval.clone()).into())
            .unwrap();
    }
    let records = read(&kept.messages.lock().unwrap());
    assert_eq!(sums(&records), ip_packets(&intervals));
    for record in &records {
        assert!(
            number(&record[&(2, false)]) > 0,
            "none of the reverse alone"
        );
        assert_eq!(
            record.contains_key(&(8, false)),
            !record.contains_key(&(27, false))
        );
    }
}

/// RFC 7012: octets begin with the IP header, where a device of Ethernet counts 14 bytes
/// more of each packet.
#[test]
fn octets_are_those_of_ip_packets() {
    let mut source = Synthetic::new(3, 300);
    let kept = Kept::default();
    let mut sink = Ipfix::new(kept.clone());
    let devices = synthetic::devices();
    let header = |key: &FlowKey| {
        let mut devices = devices.iter();
        let device = devices.find(|it| it.watch.slot() == Some(key.device));
        device.map_or(0, |device| 14 * u64::from(!device.mac.is_empty()))
    };
    sink.event(&Event::Devices(devices.clone()).into()).unwrap();
    let interval = source.interval();
    let flows = interval.flows.iter();
    let counted = flows.filter(|flow| template(flow).is_some()).map(|flow| {
        let sides = flow.value.directions.iter();
        let octets = sides.map(|side| side.bytes - header(&flow.key) * side.packets);
        octets.sum::<u64>()
    });
    let octets: u64 = counted.sum();
    let [packets, bytes] = ip_packets(std::slice::from_ref(&interval));
    assert!(
        octets < bytes && octets >= bytes - 14 * packets,
        "{octets} of {bytes}"
    );
    sink.event(&Event::Interval(interval).into()).unwrap();
    assert_eq!(
        sums(&read(&kept.messages.lock().unwrap())),
        [packets, octets]
    );
}

#[test]
fn the_loopback_device_counts_no_link_header() {
    let devices = synthetic::devices();
    let of = |name: &str| {
        let device = devices.iter().find(|device| device.name == name).unwrap();
        link_header(device)
    };
    assert_eq!(["lo", "eth0", "wg0"].map(of), [0, 14, 0]);
}

#[test]
fn a_collector_that_comes_back_gets_templates_and_what_is_counted_then() {
    let mut source = Synthetic::new(3, 50);
    let intervals: Vec<_> = (0..9).map(|_| source.interval()).collect();
    let kept = Kept::default();
    let mut sink = Ipfix::new(kept.clone());
    for (number, interval) in intervals.iter().enumerate() {
        *kept.is_away.lock().unwrap() = (3..6).contains(&number);
        sink.event(&Event::Interval(interval.clone()).into())
            .unwrap();
    }
    let messages = kept.messages.lock().unwrap();
    let templates = messages.iter().filter(|it| it[17] == 2).count();
    assert_eq!(templates, 2);
    let there = [&intervals[..3], &intervals[6..]].concat();
    assert_eq!(sums(&read(&messages)), ip_packets(&there));
    assert_eq!(sink.lost, 0);
}

/// A collector over TCP, which reads messages by their lengths.
struct Listening {
    listener: std::net::TcpListener,
}

impl Listening {
    fn new() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        Self { listener }
    }

    fn sink(&self) -> Ipfix<Tcp> {
        Ipfix::new(Tcp::new(self.listener.local_addr().unwrap()))
    }
}

/// Reads messages until the connection ends, or there are enough records.
fn receive(stream: &mut TcpStream, enough: Option<usize>) -> Vec<Vec<u8>> {
    use std::io::Read as _;
    let mut messages = Vec::new();
    while enough.is_none_or(|enough| read(&messages).len() < enough) {
        let mut message = vec![0; 16];
        if stream.read_exact(&mut message).is_err() {
            break;
        }
        message.resize(number(&message[2..4]) as usize, 0);
        stream.read_exact(&mut message[16..]).unwrap();
        messages.push(message);
    }
    messages
}

fn records_of(intervals: &[Interval]) -> usize {
    let flows = intervals.iter().flat_map(|interval| &interval.flows);
    flows.filter(|flow| template(flow).is_some()).count()
}

fn send(sink: &mut Ipfix<Tcp>, intervals: &[Interval]) {
    for interval in intervals {
        let event = Event::Interval(interval.clone());
        sink.event(&event.into()).unwrap();
    }
}

#[test]
fn over_tcp_each_connection_begins_with_the_templates() {
    let mut source = Synthetic::new(3, 100);
    let intervals: Vec<_> = (0..6).map(|_| source.interval()).collect();
    let collector = Listening::new();
    let mut sink = collector.sink();
    send(&mut sink, &intervals[..3]);
    let (mut stream, _) = collector.listener.accept().unwrap();
    let first = receive(&mut stream, Some(records_of(&intervals[..3])));
    assert_eq!(number(&first[0][16..18]), 2);
    assert_eq!(sums(&read(&first)), ip_packets(&intervals[..3]));
    // It goes and comes back: that is seen before anything is written.
    drop(stream);
    let is_seen = || has_closed(sink.collector.stream.as_ref().unwrap());
    while !is_seen() {
        std::thread::yield_now();
    }
    send(&mut sink, &intervals[3..]);
    let (mut stream, _) = collector.listener.accept().unwrap();
    drop(sink);
    let mut second = receive(&mut stream, None);
    assert_eq!(number(&second[0][16..18]), 2);
    // The sequence goes on where the first connection ended.
    for message in &mut second {
        let sequence = number(&message[8..12]) as u32 - records_of(&intervals[..3]) as u32;
        message[8..12].copy_from_slice(&sequence.to_be_bytes());
    }
    assert_eq!(sums(&read(&second)), ip_packets(&intervals[3..]));
}

#[test]
fn what_a_tcp_collector_that_is_not_there_misses_is_counted() {
    let mut source = Synthetic::new(3, 100);
    let intervals: Vec<_> = (0..3).map(|_| source.interval()).collect();
    // A port that is taken, where nobody listens.
    let taken = rustix::net::socket(
        rustix::net::AddressFamily::INET,
        rustix::net::SocketType::STREAM,
        None,
    );
    let taken = taken.unwrap();
    rustix::net::bind(&taken, &SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let address = rustix::net::getsockname(&taken)
        .unwrap()
        .try_into()
        .unwrap();
    let mut sink = Ipfix::new(Tcp::new(address));
    send(&mut sink, &intervals);
    assert_eq!(sink.lost, records_of(&intervals) as u64);
    // Each failure doubles the time to the next try, up to a minute.
    let (_, delay) = sink.collector.failed.unwrap();
    assert_eq!(delay, RETRY);
    for _ in 0..10 {
        sink.collector.fail();
    }
    assert_eq!(sink.collector.failed.unwrap().1, RETRY_MOST);
}

#[test]
fn each_host_is_a_domain_of_its_own() {
    let mut source = Synthetic::new(3, 50);
    let kept = Kept::default();
    let mut sink = Ipfix::new(kept.clone());
    let mut expected = BTreeMap::new();
    for host in [0, 1, 0, 1, 1] {
        let interval = source.interval();
        let sum: &mut Vec<Interval> = expected.entry(host).or_default();
        sum.push(interval.clone());
        let envelope = Envelope {
            host: HostId(host),
            event: Event::Interval(interval),
        };
        sink.event(&envelope).unwrap();
    }
    let messages = kept.messages.lock().unwrap();
    for (host, intervals) in expected {
        let of_host = |message: &&Vec<u8>| number(&message[12..16]) == u64::from(host) + 1;
        let of_host: Vec<_> = messages.iter().filter(of_host).cloned().collect();
        assert_eq!(sums(&read(&of_host)), ip_packets(&intervals));
    }
}
