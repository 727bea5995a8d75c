//! Two namespaces and a veth pair between them, over which nothing goes but what
//! is sent.

use std::fs::{self, File};
use std::io::Write;
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, AsRawFd};
use std::process::{Command, Stdio};
use std::thread;

use nix::sched::{CloneFlags, unshare};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// The device that is watched: what is sent arrives there.
pub const DEVICE: &str = "lab0";
/// Where senders send from.
pub const SOURCE: Ipv4Addr = Ipv4Addr::new(10, 63, 0, 1);
/// The first of the addresses that can be sent to. They are behind the device,
/// but nobody's: what arrives is dropped without an answer.
pub const TARGET: Ipv4Addr = Ipv4Addr::new(10, 64, 0, 1);

/// A network namespace, which lives as long as this and what runs in it.
pub struct Namespace(pub File);

impl Namespace {
    pub fn new() -> Self {
        let make = || {
            unshare(CloneFlags::CLONE_NEWNET).unwrap();
            File::open("/proc/thread-self/ns/net").unwrap()
        };
        // Of a thread that ends here.
        let file = thread::scope(|scope| scope.spawn(make).join().unwrap());
        Self(file)
    }

    /// Carries out `work` in the namespace. What it starts is in it.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let inside = || {
            // Of this thread only, which ends here.
            move_into_link_name_space(self.0.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            work()
        };
        thread::scope(|scope| scope.spawn(inside).join().unwrap())
    }

    /// Lines of commands of `ip`.
    pub fn ip(&self, commands: &str) {
        let mut ip = Command::new("ip");
        ip.args(["-batch", "-"]).stdin(Stdio::piped());
        let mut ip = self.enter(|| ip.spawn().unwrap());
        let mut input = ip.stdin.take().unwrap();
        input.write_all(commands.as_bytes()).unwrap();
        drop(input);
        assert!(ip.wait().unwrap().success(), "ip failed at\n{commands}");
    }
}

/// The pair.
pub struct Lab {
    /// Where it is watched.
    pub near: Namespace,
    /// Where it is sent from.
    pub far: Namespace,
}

impl Lab {
    pub fn new() -> Self {
        let near = Namespace::new();
        let far = Namespace::new();
        for namespace in [&near, &far] {
            namespace.enter(|| {
                // IPv6 would send packets of its own, and a router answers what
                // it cannot forward. New namespaces can inherit being one.
                fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1").unwrap();
                fs::write("/proc/sys/net/ipv4/ip_forward", "0").unwrap();
            });
        }
        let far_file = format!("/proc/{}/fd/{}", std::process::id(), far.0.as_raw_fd());
        near.ip(&format!(
            "link add {DEVICE} address 02:00:00:00:00:01 type veth peer name eth0 netns {far_file}\n\
             address add 10.63.0.2/24 dev {DEVICE}\n\
             link set lo up\n\
             link set {DEVICE} up\n"
        ));
        far.ip(&format!(
            "address add {SOURCE}/24 dev eth0\n\
             link set eth0 up\n\
             neighbour add 10.63.0.2 lladdr 02:00:00:00:00:01 nud permanent dev eth0\n\
             route add 10.64.0.0/10 via 10.63.0.2\n"
        ));
        Self { near, far }
    }

    /// Packets that the device has received, by its own counter.
    pub fn received(&self) -> u64 {
        let devices = self
            .near
            .enter(|| fs::read_to_string("/proc/thread-self/net/dev").unwrap());
        let counters = devices
            .lines()
            .find_map(|line| line.trim_start().strip_prefix(DEVICE)?.strip_prefix(':'));
        let packets = counters.unwrap().split_whitespace().nth(1);
        packets.unwrap().parse().unwrap()
    }
}
