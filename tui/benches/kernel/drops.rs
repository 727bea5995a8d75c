//! What a dropped packet costs while drops are traced: datagrams to a socket whose
//! buffer is full, over the loopback device of a namespace of its own. The sender
//! carries each to its end, so that a storm is as fast as it can be.

use std::fs;
use std::net::UdpSocket;
use std::os::linux::fs::MetadataExt;
use std::process::Command;
use std::thread;

use nix::sched::{CloneFlags, unshare};
use nkview::probe::trace::Tracer;

use crate::flows::{cpu_time, lower_quartile};

const ROUNDS: usize = 21;
const DATAGRAMS: u32 = 50_000;

/// Prints it, of rounds with and without the tracing programs that take turns.
pub fn table() {
    // The thread's namespace ends with it.
    thread::scope(|scope| scope.spawn(storm).join().unwrap());
}

fn storm() {
    unshare(CloneFlags::CLONE_NEWNET).unwrap();
    let namespace = fs::metadata("/proc/thread-self/ns/net").unwrap().st_ino();
    let up = Command::new("ip")
        .args(["link", "set", "lo", "up"])
        .status();
    assert!(up.unwrap().success(), "ip link set lo up");
    let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    sender.connect(receiver.local_addr().unwrap()).unwrap();
    let send = || {
        let start = cpu_time();
        for _ in 0..DATAGRAMS {
            sender.send(&[0; 64]).unwrap();
        }
        (cpu_time() - start).as_nanos() as f64 / f64::from(DATAGRAMS)
    };
    // Fills the buffer.
    send();
    let (mut without, mut with) = (Vec::new(), Vec::new());
    let mut counted = 0;
    for _ in 0..ROUNDS {
        without.push(send());
        let mut tracer = match Tracer::start(0) {
            Ok(tracer) => tracer,
            Err(error) => {
                println!("\ndrops are not traced here: {error}");
                return;
            }
        };
        with.push(send());
        let drops = tracer.read().unwrap().drops;
        let ours = drops.iter().filter(|drop| {
            u64::from(drop.at.namespace) == namespace && drop.reason == "SOCKET_RCVBUFF"
        });
        counted += ours.map(|drop| drop.packets).sum::<u64>();
    }
    let [without, with] = [without, with].map(|mut times| lower_quartile(&mut times));
    let sent = u64::from(DATAGRAMS) * ROUNDS as u64;
    println!(
        "\na datagram that is sent and dropped, ns of CPU: {without:.0} without the tracing programs, \
         {with:.0} with them ({:.0} drops/s); {counted} of {sent} drops counted\n\
         drop storm: of 100,000 drops/s the tracing programs take {:.1} % of a CPU",
        1e9 / with,
        (with - without) * 1e5 / 1e9 * 100.0
    );
}
