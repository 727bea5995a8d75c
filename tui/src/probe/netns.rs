//! Network namespaces, entered by threads of their own so that no other thread
//! is moved.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::thread::Builder;

use anyhow::{Context, anyhow};
use rtnetlink::Handle;
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
    enter(namespace, || block_on(work))?
}

/// Carries out `work` in a network namespace.
///
/// # Errors
/// When the namespace cannot be entered.
pub fn enter<T: Send>(namespace: &File, work: impl FnOnce() -> T + Send) -> io::Result<T> {
    enter_kind(namespace, LinkNameSpaceType::Network, work)
}

/// Carries out `work` in a namespace of this kind.
///
/// # Errors
/// When the namespace cannot be entered.
pub fn enter_kind<T: Send>(
    namespace: &File,
    kind: LinkNameSpaceType,
    work: impl FnOnce() -> T + Send,
) -> io::Result<T> {
    on_a_thread(|| {
        move_into_link_name_space(namespace.as_fd(), Some(kind))?;
        Ok(work())
    })?
}

/// Carries out `work` in each of these network namespaces, one after the other,
/// on one thread. Those that cannot be entered have an error in its place.
pub fn each<T: Send, With: Send>(
    namespaces: impl ExactSizeIterator<Item = (anyhow::Result<File>, With)> + Send,
    work: impl Fn(With) -> anyhow::Result<T> + Sync,
) -> Vec<anyhow::Result<T>> {
    let count = namespaces.len();
    if count == 0 {
        return Vec::new();
    }
    let inside = |(namespace, with): (anyhow::Result<File>, With)| {
        let kind = LinkNameSpaceType::Network;
        move_into_link_name_space(namespace?.as_fd(), Some(kind))?;
        work(with)
    };
    on_a_thread(|| namespaces.map(inside).collect()).unwrap_or_else(|error| {
        (0..count)
            .map(|_| Err(anyhow!("cannot start a thread: {error}")))
            .collect()
    })
}

/// Carries out asynchronous `work` where there is no runtime, or one that must
/// not be waited for: while dropping.
///
/// # Errors
/// Those of `work`, and when the thread cannot be started.
pub fn apart<T: Send>(work: impl AsyncFnOnce() -> anyhow::Result<T> + Send) -> anyhow::Result<T> {
    on_a_thread(|| block_on(work))?
}

/// A connection for changing devices of this thread's namespace; within a
/// runtime.
///
/// # Errors
/// When the socket cannot be opened.
pub fn connect() -> anyhow::Result<Handle> {
    let (connection, handle, _) =
        rtnetlink::new_connection().context("cannot open a netlink socket")?;
    tokio::spawn(connection);
    Ok(handle)
}

fn block_on<T>(work: impl AsyncFnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(async { work().await })
}

/// Carries out `work` on a thread of its own: what it enters, no other does.
fn on_a_thread<T: Send>(work: impl FnOnce() -> T + Send) -> io::Result<T> {
    std::thread::scope(|scope| {
        let thread = Builder::new().spawn_scoped(scope, work)?;
        Ok(thread
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}
