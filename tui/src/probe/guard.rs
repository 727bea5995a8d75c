//! The guard: it looks at the hooks that programs of ours are attached to, and
//! keeps their verdicts right, on a thread of its own. It waits for nothing but
//! the kernel: neither for the reader of the counters nor for what shows them.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use std::{io, thread};

use tokio::sync::mpsc::UnboundedSender;

use super::attach::{Shared, Which};
use super::change::Change;

pub mod attaching;
pub mod changes;

/// How often hooks are queried whose verdict depends on other programs there:
/// those that are closed by their policy.
const CLOSED: Duration = Duration::from_millis(250);
/// All others are queried over this many of those periods, a share in each.
/// Nothing but what is reported depends on them, and each look takes the lock of
/// the network configuration (RTNL).
const SHARES: usize = 8;

/// A device whose hooks are queried.
#[derive(Clone)]
pub struct Guarded {
    /// Its slot, as long as it is watched.
    pub slot: u32,
    /// Its hooks.
    pub attached: Shared,
}

/// The thread. Dropping it ends it.
pub struct Guard {
    devices: Option<mpsc::Sender<Vec<Guarded>>>,
    thread: Option<JoinHandle<()>>,
}

impl Guard {
    /// Starts the thread; it reports what has changed on the hooks of which slot.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn start(changes: UnboundedSender<(u32, Change)>) -> io::Result<Self> {
        let (sender, devices) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("guard".to_owned())
            .spawn(move || run(&devices, &changes))?;
        Ok(Self {
            devices: Some(sender),
            thread: Some(thread),
        })
    }

    /// These are watched from now on.
    pub fn watch(&self, devices: Vec<Guarded>) {
        if let Some(sender) = &self.devices {
            // Without a receiver the thread has panicked, which was printed.
            let _ = sender.send(devices);
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.devices = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(devices: &mpsc::Receiver<Vec<Guarded>>, changes: &UnboundedSender<(u32, Change)>) {
    let mut guarded: Vec<Guarded> = Vec::new();
    let mut due = Instant::now() + CLOSED;
    let mut next = 0;
    loop {
        match devices.recv_timeout(due.saturating_duration_since(Instant::now())) {
            Ok(devices) => {
                guarded = devices;
                continue;
            }
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {}
        }
        let look = |device: &Guarded, which| {
            for change in device.attached.follow(which) {
                // Whoever reports it may be ending.
                let _ = changes.send((device.slot, change));
            }
        };
        guarded
            .iter()
            .for_each(|device| look(device, Which::Closed));
        let share = guarded.len().div_ceil(SHARES);
        for device in guarded.iter().skip(next).take(share) {
            look(device, Which::All);
        }
        next += share;
        if next >= guarded.len() {
            next = 0;
        }
        due = Instant::now() + CLOSED;
    }
}
