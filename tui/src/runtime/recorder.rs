//! Recording to a file while the screen goes on.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use futures::FutureExt;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::export::{Limits, Output, Queue, Recorder, Redacted, Sink, redacted_head};
use crate::files::Files;
use crate::model::{Envelope, Event, HostId};
use crate::recording::Head;
use crate::redact::Redaction;

/// Bytes of events that may wait for the disk.
const WAITING: usize = 32 << 20;
/// How long the disk may take for the last of them when the program ends.
const LAST_FRAMES: Duration = Duration::from_secs(2);

/// What is recorded to now: a file, or none, or the reason why not.
pub(super) type State = Result<Option<String>, String>;

/// What recordings are written with.
#[derive(Clone)]
pub(super) struct With {
    /// Creates files.
    pub files: Files,
    /// What they begin with.
    pub head: Head,
    /// What replaces names and addresses.
    pub redaction: Option<Redaction>,
}

/// Starts and ends recordings.
#[derive(Default)]
pub(super) struct Recorders {
    with: Option<With>,
    /// The last list of each host, with which a recording starts.
    devices: BTreeMap<HostId, Envelope>,
    running: Running,
}

#[derive(Default)]
enum Running {
    #[default]
    Nothing,
    Starting(JoinHandle<anyhow::Result<(Queue, Output, String)>>),
    Recording(Queue, Output),
    Ending(Output),
}

impl Recorders {
    pub(super) fn new(files: Files, head: Head, redaction: Option<Redaction>) -> Self {
        let head = match &redaction {
            Some(redaction) => redacted_head(&head, redaction),
            None => head,
        };
        Self {
            with: Some(With {
                files,
                head,
                redaction,
            }),
            ..Self::default()
        }
    }

    /// What files are written with, where that is possible.
    pub(super) fn with(&self) -> Option<With> {
        self.with.clone()
    }

    /// Starts a recording, or ends it.
    pub(super) fn toggle(&mut self) -> Option<State> {
        let Some(with) = self.with.clone() else {
            return Some(Err("no file can be created from here".to_owned()));
        };
        self.running = match std::mem::take(&mut self.running) {
            Running::Nothing => Running::Starting(tokio::task::spawn_blocking(move || start(with))),
            // The sink finishes when nothing is handed to it any more.
            Running::Recording(_, output) => Running::Ending(output),
            other => other,
        };
        None
    }

    /// Records an event. Nothing waits for the disk: where that is too slow for what
    /// may not be left out, the recording ends.
    pub(super) fn event(&mut self, envelope: &Envelope) -> Option<State> {
        if let Event::Devices(_) = envelope.event {
            self.devices.insert(envelope.host, envelope.clone());
        }
        let Running::Recording(queue, _) = &self.running else {
            return None;
        };
        match queue.send(envelope.clone()).now_or_never() {
            Some(Ok(())) => None,
            // The reason comes with the output's end.
            Some(Err(_)) => {
                self.toggle();
                None
            }
            None => {
                self.running = Running::Nothing;
                Some(Err("the disk is too slow".to_owned()))
            }
        }
    }

    /// Waits for the next change of what is recorded to. It may be cancelled.
    pub(super) async fn changed(&mut self) -> State {
        match &mut self.running {
            Running::Nothing => std::future::pending().await,
            Running::Starting(starting) => {
                let started = starting.await;
                self.running = Running::Nothing;
                let (queue, output, name) = started
                    .map_err(|error| error.to_string())?
                    .map_err(|error| format!("{error:#}"))?;
                for devices in self.devices.values() {
                    // It has just begun.
                    let _ = queue.send(devices.clone()).await;
                }
                self.running = Running::Recording(queue, output);
                Ok(Some(name))
            }
            // A disk that is full ends it by itself.
            Running::Recording(_, output) | Running::Ending(output) => {
                let ended = output.ended().await;
                self.running = Running::Nothing;
                ended.map(|()| None).map_err(|error| error.to_string())
            }
        }
    }

    /// Waits until the file is complete, unless the disk is stuck.
    pub(super) async fn finish(mut self) {
        if let Running::Recording(..) = self.running {
            self.toggle();
        }
        if let Running::Ending(_) = self.running {
            let _ = timeout(LAST_FRAMES, self.changed()).await;
        }
    }
}

fn start(with: With) -> anyhow::Result<(Queue, Output, String)> {
    let With {
        files,
        head,
        redaction,
    } = with;
    let name = format!("{}.nkv", head.file_name(&jiff::Zoned::now()));
    let file: File = files.create(&PathBuf::from(&name))?;
    let limits = Limits {
        snapshot: 0,
        bytes: u64::MAX,
        time: Duration::MAX,
    };
    let sink = Recorder::new(BufWriter::new(file), head, limits)
        .with_context(|| format!("cannot write {name}"))?;
    let mut sink: Box<dyn Sink> = Box::new(sink);
    if let Some(redaction) = redaction {
        sink = Box::new(Redacted::new(sink, redaction));
    }
    let (queue, output) =
        Output::start(sink, WAITING).context("cannot start a thread for the file")?;
    Ok((queue, output, name))
}
