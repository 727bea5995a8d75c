//! One side of the pair: a thread in its namespace that plays its traffic.

use std::fs::File;
use std::os::fd::AsFd;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use anyhow::Context;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

use super::stage::Stage;

/// The thread. Dropping it ends the traffic and waits for the thread.
pub struct Side {
    play: Option<oneshot::Sender<()>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Side {
    /// Starts the thread, in a namespace or in that of the caller, and sets its
    /// stage.
    ///
    /// # Errors
    /// What `set` returns, or the kernel.
    pub fn start(
        name: &str,
        namespace: Option<File>,
        has_ipv6: bool,
        set: impl AsyncFnOnce(&mut Stage) -> anyhow::Result<()> + Send + 'static,
    ) -> anyhow::Result<Self> {
        let (set_out, is_set) = mpsc::channel();
        let (play, may_play) = oneshot::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let run = move || {
            let runtime = match runtime(namespace) {
                Ok(runtime) => runtime,
                Err(error) => return drop(set_out.send(Err(error))),
            };
            runtime.block_on(async {
                let mut stage = Stage::new(has_ipv6);
                let result = set(&mut stage).await;
                if set_out.send(result).is_err() || may_play.await.is_err() {
                    return;
                }
                tokio::select! {
                    _ = stopped => {}
                    () = stage.play() => {}
                }
            });
        };
        let thread = thread::Builder::new()
            .name(name.to_owned())
            .spawn(run)
            .with_context(|| format!("cannot start the thread of the {name}"))?;
        let side = Self {
            play: Some(play),
            stop: Some(stop),
            thread: Some(thread),
        };
        is_set
            .recv()
            .with_context(|| format!("the thread of the {name} has ended"))??;
        Ok(side)
    }

    /// Begins the traffic.
    pub fn play(&mut self) {
        // A thread that has ended cannot be repaired.
        let _ended = self.play.take().map(|play| play.send(()));
    }
}

impl Drop for Side {
    fn drop(&mut self) {
        // The thread waits for either.
        self.play = None;
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

/// A runtime whose sockets are in the namespace.
fn runtime(namespace: Option<File>) -> anyhow::Result<Runtime> {
    if let Some(namespace) = namespace {
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
            .context("cannot move into the namespace of the demo's container")?;
    }
    Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot build a runtime for the demo's traffic")
}
