//! What a program writes: counted, and its end kept.

use std::io::Read;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

/// So many of the last bytes are kept.
const KEPT: usize = 1 << 18;

/// A thread that reads until the end.
pub struct Output {
    read: Arc<Mutex<Kept>>,
    thread: JoinHandle<()>,
}

#[derive(Default)]
struct Kept {
    bytes: u64,
    last: Vec<u8>,
}

impl Output {
    pub fn of(mut from: impl Read + Send + 'static) -> Self {
        let read = Arc::new(Mutex::new(Kept::default()));
        let ours = Arc::clone(&read);
        let thread = thread::spawn(move || {
            let mut buffer = vec![0; 1 << 16];
            // A pseudo-terminal ends in an error on Linux.
            while let Ok(length @ 1..) = from.read(&mut buffer) {
                let mut kept = ours.lock().unwrap();
                kept.bytes += length as u64;
                kept.last.extend_from_slice(&buffer[..length]);
                if kept.last.len() > 2 * KEPT {
                    let excess = kept.last.len() - KEPT;
                    kept.last.drain(..excess);
                }
            }
        });
        Self { read, thread }
    }

    /// Bytes so far.
    pub fn bytes(&self) -> u64 {
        self.read.lock().unwrap().bytes
    }

    /// The last bytes so far.
    pub fn last(&self) -> Vec<u8> {
        self.read.lock().unwrap().last.clone()
    }

    /// The last bytes of all.
    pub fn end(self) -> Vec<u8> {
        self.thread.join().unwrap();
        std::mem::take(&mut self.read.lock().unwrap().last)
    }
}
