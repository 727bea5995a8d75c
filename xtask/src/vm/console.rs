//! The output of the machine's kernel and of the programs that run the machine.

use std::{
    collections::VecDeque,
    io::{BufRead, BufReader, Read},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
};

/// How much is kept: an oops with its registers and its trace.
const LINES: usize = 80;

/// The machine's console.
#[derive(Default)]
pub struct Console {
    output: Arc<Mutex<Output>>,
    readers: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Output {
    last_lines: VecDeque<String>,
    bug: Option<String>,
}

impl Console {
    /// Reads the output until its end, and then calls `at_end`.
    pub fn listen(
        &mut self,
        source: impl Read + Send + 'static,
        at_end: impl FnOnce() + Send + 'static,
    ) {
        let output = Arc::clone(&self.output);
        self.readers.push(thread::spawn(move || {
            for line in BufReader::new(source).split(b'\n').map_while(Result::ok) {
                lock(&output).receive(String::from_utf8_lossy(&line).trim_end());
            }
            at_end();
        }));
    }

    /// The first line with which the kernel owned up to a bug.
    pub fn bug(&self) -> Option<String> {
        lock(&self.output).bug.clone()
    }

    /// The last lines from all sources; waits until all have ended.
    pub fn last_lines(self) -> String {
        for reader in self.readers {
            let _ = reader.join();
        }
        let output = lock(&self.output);
        if output.last_lines.is_empty() {
            return "The machine's console is empty".into();
        }
        let lines: Vec<_> = output.last_lines.iter().map(String::as_str).collect();
        format!("The machine's console ends with:\n{}", lines.join("\n"))
    }
}

impl Output {
    fn receive(&mut self, line: &str) {
        // A busy host is enough to make a processor of the machine seem stuck.
        if self.bug.is_none() && line.contains("BUG: ") && !line.contains("soft lockup") {
            self.bug = Some(line.into());
        }
        if self.last_lines.len() == LINES {
            self.last_lines.pop_front();
        }
        self.last_lines.push_back(line.into());
    }
}

fn lock(output: &Mutex<Output>) -> MutexGuard<'_, Output> {
    output.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
