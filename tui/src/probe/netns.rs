//! Network namespaces, entered by threads of their own so that no other thread
//! is moved.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::thread::{Builder, ScopedJoinHandle};

use anyhow::anyhow;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// Opens a namespace that `ip netns` knows by name.
///
/// # Errors
/// When there is none of that name.
pub fn open(name: &str) -> io::Result<File> {
    // As for ip netns, a name is no path.
    if name.is_empty() || name.contains('/') || name.starts_with('.') {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "a namespace's name has no slash and does not start with a dot",
        ));
    }
    File::open(format!("/run/netns/{name}"))
}

/// Carries out `work` in a namespace, with a runtime for netlink.
///
/// # Errors
/// When the namespace cannot be entered, and those of `work`.
pub fn within<T: Send>(
    namespace: &File,
    work: impl AsyncFnOnce() -> anyhow::Result<T> + Send,
) -> anyhow::Result<T> {
    std::thread::scope(|scope| {
        let thread = Builder::new().spawn_scoped(scope, || {
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
            block_on(work)
        });
        joined(thread?)
    })
}

/// Carries out `work` in a namespace.
///
/// # Errors
/// When the namespace cannot be entered.
pub fn enter<T: Send>(namespace: &File, work: impl FnOnce() -> T + Send) -> io::Result<T> {
    std::thread::scope(|scope| {
        let thread = Builder::new().spawn_scoped(scope, || {
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
            Ok(work())
        });
        joined(thread?)
    })
}

/// Carries out `work` in each of these namespaces, one after the other. Those
/// that cannot be entered have an error in its place.
pub fn each<T: Send>(
    namespaces: impl ExactSizeIterator<Item = anyhow::Result<File>> + Send,
    work: impl Fn() -> anyhow::Result<T> + Sync,
) -> Vec<anyhow::Result<T>> {
    if namespaces.len() == 0 {
        return Vec::new();
    }
    let inside = |namespace: anyhow::Result<File>| {
        let kind = LinkNameSpaceType::Network;
        move_into_link_name_space(namespace?.as_fd(), Some(kind))?;
        work()
    };
    let count = namespaces.len();
    std::thread::scope(|scope| {
        let work = || namespaces.map(inside).collect();
        match Builder::new().spawn_scoped(scope, work) {
            Ok(thread) => joined(thread),
            Err(error) => (0..count)
                .map(|_| Err(anyhow!("cannot start a thread: {error}")))
                .collect(),
        }
    })
}

/// Carries out asynchronous `work` where there is no runtime, or one that must
/// not be waited for: while dropping.
///
/// # Errors
/// Those of `work`.
pub fn apart<T: Send>(work: impl AsyncFnOnce() -> anyhow::Result<T> + Send) -> anyhow::Result<T> {
    std::thread::scope(|scope| joined(Builder::new().spawn_scoped(scope, || block_on(work))?))
}

fn block_on<T>(work: impl AsyncFnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(async { work().await })
}

fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
