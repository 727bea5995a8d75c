//! A reader of the ring that takes what comes, on a CPU of its own where there
//! is one, as tools do that are told every packet.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread::{self, JoinHandle};

use aya::maps::{MapData, RingBuf};

use crate::rounds::Processors;

/// A thread that works only when it is told to. Dropping it ends it.
pub struct Reader {
    state: Arc<AtomicU8>,
    thread: Option<JoinHandle<()>>,
}

const RESTS: u8 = 0;
const WORKS: u8 = 1;
const ENDS: u8 = 2;

impl Reader {
    /// Starts it; it rests.
    pub fn start(mut ring: RingBuf<MapData>, processors: Processors) -> Self {
        let state = Arc::new(AtomicU8::new(RESTS));
        let told = Arc::clone(&state);
        let thread = thread::spawn(move || {
            processors.pin(-1);
            loop {
                while ring.next().is_some() {}
                match told.load(Ordering::Relaxed) {
                    RESTS => thread::park(),
                    WORKS => std::hint::spin_loop(),
                    _ => return,
                }
            }
        });
        Self {
            state,
            thread: Some(thread),
        }
    }

    /// Reads from now on.
    pub fn work(&self) {
        self.tell(WORKS);
    }

    /// Takes what is left, and rests.
    pub fn rest(&self) {
        self.tell(RESTS);
    }

    fn tell(&self, state: u8) {
        self.state.store(state, Ordering::Relaxed);
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.tell(ENDS);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
