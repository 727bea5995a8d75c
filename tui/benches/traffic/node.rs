//! What watching a node costs on which nothing happens: 200 pods, each with a network
//! namespace, a process and sockets. All that nkview then does is to read: counters,
//! network stacks, what has changed.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use std::{env, fs};

use rustix::process::{Pid, Signal, kill_process};

use crate::lab::Namespace;
use crate::watcher::{NKVIEW, seconds};

/// The argument with which this program is a pod's process.
pub const HOLD: &str = "hold";
const PODS: usize = 200;
/// Of each pod; both ends of a connection are sockets of the pod.
const CONNECTIONS: usize = 50;
/// Percent of a CPU.
const BUDGET: f64 = 1.0;
/// Where the metrics are served, in the node's namespace.
const ADDRESS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9911);
/// Attaching to a device takes two grace periods of the kernel.
const PATIENCE: Duration = Duration::from_secs(180);
/// The first readings, of what was there before, and the look at what is new.
const WARM_UP: Duration = Duration::from_secs(30);
const TIME: Duration = Duration::from_secs(60);

/// Prints it.
pub fn table() {
    let node = Namespace::new();
    node.ip("link set lo up\n");
    let pods: Vec<Pod> = (0..PODS).map(|number| Pod::new(&node, number)).collect();
    let sockets = pods.len() * 2 * CONNECTIONS;
    println!(
        "\na node where nothing happens, {PODS} pods and {sockets} established sockets: \
         CPU of the whole process in % of one (budget {BUDGET} %)\n"
    );
    println!("| | CPU | of it by thread, those that have ended apart |");
    println!("|---|---|---|");
    for (name, arguments) in [
        ("all collectors", &[][..]),
        ("without the tracing programs", &["--no-trace"]),
    ] {
        let watcher = Watcher::start(&node, arguments);
        thread::sleep(WARM_UP);
        let (start, before) = (Instant::now(), watcher.used());
        thread::sleep(TIME);
        let (time, after) = (start.elapsed().as_secs_f64(), watcher.used());
        let percent = |used: f64| used * 100.0 / time;
        let mut threads: Vec<(String, f64)> = after
            .threads
            .iter()
            .map(|(name, used)| {
                let before = before.threads.get(name).copied().unwrap_or_default();
                (name.clone(), percent(used - before))
            })
            .collect();
        threads.sort_by(|a, b| b.1.total_cmp(&a.1));
        let threads = threads.into_iter().filter(|(_, used)| *used >= 0.01);
        let threads: Vec<String> = threads
            .map(|(name, used)| format!("{name} {used:.2}"))
            .collect();
        println!(
            "| {name} | {:.2} % | {} |",
            percent(after.all - before.all),
            threads.join(", ")
        );
    }
}

/// A namespace that a pair leads to, with a process that has connections. It ends
/// with its input, and so with this process, however that ends.
struct Pod(Child);

impl Pod {
    fn new(node: &Namespace, number: usize) -> Self {
        let namespace = Namespace::new();
        let [high, low] = [number / 256, number % 256];
        let place = format!(
            "/proc/{}/fd/{}",
            std::process::id(),
            namespace.0.as_raw_fd()
        );
        node.ip(&format!(
            "link add pod{number} type veth peer name eth0 netns {place}\n\
             link set pod{number} up\n\
             route add 10.65.{high}.{low}/32 dev pod{number}\n"
        ));
        namespace.ip(&format!(
            "link set lo up\n\
             link set eth0 up\n\
             address add 10.65.{high}.{low}/32 dev eth0\n"
        ));
        let mut process = Command::new(env::current_exe().unwrap());
        process
            .arg(HOLD)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut process = namespace.enter(|| process.spawn().unwrap());
        let mut ready = [0];
        let output = process.stdout.as_mut().unwrap();
        output.read_exact(&mut ready).unwrap();
        Self(process)
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a pod's process does: it holds connections until its input ends.
pub fn hold() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let connect = |_| {
        let client = TcpStream::connect(address).unwrap();
        (client, listener.accept().unwrap().0)
    };
    let _connections: Vec<_> = (0..CONNECTIONS).map(connect).collect();
    io::stdout().write_all(b"+").unwrap();
    io::stdout().flush().unwrap();
    let _ = io::stdin().read(&mut [0]);
}

/// A running `nkview serve`, which prints nothing.
struct Watcher(Child);

/// Seconds of CPU.
struct Used {
    all: f64,
    threads: BTreeMap<String, f64>,
}

impl Watcher {
    /// Starts it, and waits until it watches all pods.
    fn start(node: &Namespace, arguments: &[&str]) -> Self {
        let mut command = Command::new(NKVIEW);
        command.args(["serve", "pod*"]).args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let watcher = Self(node.enter(|| command.spawn().unwrap()));
        let start = Instant::now();
        let last = format!("device=\"pod{}\"", PODS - 1);
        while !node.enter(metrics).contains(&last) {
            assert!(start.elapsed() < PATIENCE, "nkview serve does not start");
            thread::sleep(Duration::from_millis(500));
        }
        watcher
    }

    fn used(&self) -> Used {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.0.id())).unwrap();
        let mut threads = BTreeMap::new();
        for task in tasks {
            let task = task.unwrap().path();
            // One may have ended meanwhile.
            let read = |file| fs::read_to_string(task.join(file)).unwrap_or_default();
            let name = read("comm").trim().to_owned();
            *threads.entry(name).or_default() += seconds(&read("stat")).unwrap_or_default();
        }
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0.id())).unwrap();
        Used {
            all: seconds(&stat).unwrap(),
            threads,
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.0), Signal::INT);
        let _ = self.0.wait();
    }
}

/// The metrics; nothing while nobody serves them.
fn metrics() -> String {
    let ask = || {
        let mut stream = TcpStream::connect(ADDRESS)?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok::<_, io::Error>(answer)
    };
    ask().unwrap_or_default()
}
