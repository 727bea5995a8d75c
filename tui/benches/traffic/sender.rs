//! Sends datagrams of many flows, as fast as it can or at a rate.

use std::io::IoSlice;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::net::addr::SocketAddrArg;
use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, sendmmsg};

use crate::lab::{Lab, SOURCE, TARGET};

/// Bytes of each datagram.
const PAYLOAD: [u8; 64] = [0x6e; 64];
/// Datagrams of one call.
const AT_ONCE: u64 = 64;
/// Between the bursts of one that keeps to a rate.
const TICK: Duration = Duration::from_millis(1);
/// Flows to one address; each has a port.
const PORTS: u32 = 250;

/// Threads that send. Dropping it ends them.
pub struct Sender {
    is_over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Sender {
    /// A thread on every CPU sends as fast as it can; they share the flows.
    pub fn flood(lab: &Lab, flows: u32) -> Self {
        let processors = thread::available_parallelism().unwrap().get() as u32;
        Self::start(lab, flows, processors, None)
    }

    /// So many packets a second.
    pub fn at_rate(lab: &Lab, flows: u32, rate: u32) -> Self {
        Self::start(lab, flows, 1, Some(rate))
    }

    fn start(lab: &Lab, flows: u32, threads: u32, rate: Option<u32>) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let threads = (0..threads).map(|number| {
            // From one port, so that a flow is that of its target.
            let socket = lab.far.enter(|| {
                let options = socket2::Socket::new(
                    socket2::Domain::IPV4,
                    socket2::Type::DGRAM,
                    Some(socket2::Protocol::UDP),
                );
                let socket = options.unwrap();
                socket.set_reuse_address(true).unwrap();
                socket
                    .bind(&SocketAddrV4::new(SOURCE, 40_000).into())
                    .unwrap();
                UdpSocket::from(socket)
            });
            // The threads' shares of the flows overlap where they must: where
            // there are fewer flows than threads.
            let from = flows * number / threads;
            let to = (flows * (number + 1) / threads).max(from + 1);
            let is_over = Arc::clone(&is_over);
            thread::spawn(move || send(&socket, from..to, rate, &is_over))
        });
        Self {
            threads: threads.collect(),
            is_over,
        }
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let ended = thread.join();
            assert!(ended.is_ok() || thread::panicking(), "a sender failed");
        }
    }
}

fn send(socket: &UdpSocket, flows: std::ops::Range<u32>, rate: Option<u32>, is_over: &AtomicBool) {
    let mut targets = flows.map(target).cycle();
    let start = Instant::now();
    let mut sent = 0;
    while !is_over.load(Ordering::Relaxed) {
        let due = rate.map_or(AT_ONCE, |rate| {
            let due = (start.elapsed().as_secs_f64() * f64::from(rate)) as u64;
            (due - sent).min(AT_ONCE)
        });
        if due == 0 {
            thread::sleep(TICK);
            continue;
        }
        burst(socket, &mut targets, due);
        sent += due;
    }
}

fn burst(socket: &UdpSocket, targets: &mut impl Iterator<Item = SocketAddrV4>, count: u64) {
    let addresses: Vec<_> = targets.take(count as usize).map(|to| to.as_any()).collect();
    let payload = [IoSlice::new(&PAYLOAD)];
    let mut controls: Vec<_> = addresses
        .iter()
        .map(|_| SendAncillaryBuffer::default())
        .collect();
    let mut messages: Vec<_> = addresses
        .iter()
        .zip(&mut controls)
        .map(|(to, control)| MMsgHdr::new_with_addr(to, &payload, control))
        .collect();
    // What the queue of the receiving CPU drops is no error, and not counted by
    // the device.
    sendmmsg(socket, &mut messages, SendFlags::empty()).unwrap();
}

/// Where the datagrams of a flow go.
fn target(flow: u32) -> SocketAddrV4 {
    let address = Ipv4Addr::from_bits(TARGET.to_bits() + flow / PORTS);
    SocketAddrV4::new(address, (10_000 + flow % PORTS) as u16)
}
