//! The SSH session in which the program runs.

use std::path::Path;

use crate::app::own::OwnSession;
use crate::process::{self, Process, environment};

mod sockets;
#[cfg(test)]
mod tests;

/// Processes that are visited on the way up, at most.
const ANCESTORS: usize = 64;
/// Processes that are searched for clients, at most.
const PROCESSES: usize = 65_536;

/// The session through which the user looks: that of the SSH server that this
/// process descends from. Within tmux it is that of the client, if those that are
/// attached all use the same one: what the shells there have in their environment
/// is of the session that started tmux, which may have ended.
pub fn session() -> Option<OwnSession> {
    match origin(std::process::id(), Process::read, environment) {
        Origin::Session(session) => session,
        Origin::Tmux => {
            let clients = pids()
                .filter(|&pid| Process::read(pid).is_some_and(|it| it.name == "tmux: client"));
            only(clients.map(|pid| origin(pid, Process::read, environment)))
        }
    }
}

/// Every session through which the user may look: what must not be cut off. Unlike
/// [`session`] it does not choose: all that an environment on the way up tells of
/// counts, all that the SSH servers there have open, and all clients of tmux and screen.
pub fn sessions() -> Vec<OwnSession> {
    let mut sessions = Vec::new();
    ways_up(std::process::id(), &mut sessions);
    for pid in pids() {
        let is_client = |process: &Process| matches!(&*process.name, "tmux: client" | "screen");
        if Process::read(pid).as_ref().is_some_and(is_client) {
            ways_up(pid, &mut sessions);
        }
    }
    sessions
}

/// The processes that are searched.
fn pids() -> impl Iterator<Item = u32> {
    process::pids(Path::new("/proc")).take(PROCESSES)
}

/// The sessions of a process and its ancestors.
fn ways_up(mut pid: u32, sessions: &mut Vec<OwnSession>) {
    for _ in 0..ANCESTORS {
        let Some(process) = Process::read(pid) else {
            return;
        };
        let mut found: Vec<_> = variable(&environment(pid)).into_iter().collect();
        if process.name.starts_with("sshd") {
            found.extend(sockets::connections(pid));
        }
        for session in found {
            if !sessions.contains(&session) {
                sessions.push(session);
            }
        }
        pid = process.parent;
    }
}

/// Where a process comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// A session of SSH, or none that is known.
    Session(Option<OwnSession>),
    /// A server of tmux, which outlives sessions.
    Tmux,
}

/// Goes up from a process to the SSH server. The nearest environment on the way
/// with such a variable counts: sudo drops it.
fn origin(
    mut pid: u32,
    read: impl Fn(u32) -> Option<Process>,
    environment: impl Fn(u32) -> Vec<u8>,
) -> Origin {
    let mut session = None;
    for _ in 0..ANCESTORS {
        let Some(process) = read(pid) else {
            break;
        };
        match process.name.as_str() {
            // Since OpenSSH 9.8 sessions have a program of their own.
            "sshd" | "sshd-session" => return Origin::Session(session),
            "tmux: server" => return Origin::Tmux,
            _ => {}
        }
        session = session.or_else(|| variable(&environment(pid)));
        pid = process.parent;
    }
    Origin::Session(None)
}

/// The session that all clients with one use.
fn only(clients: impl Iterator<Item = Origin>) -> Option<OwnSession> {
    let mut sessions = clients.filter_map(|origin| match origin {
        Origin::Session(session) => session,
        Origin::Tmux => None,
    });
    let first = sessions.next()?;
    sessions.all(|other| other == first).then_some(first)
}

/// The session in an environment as the kernel shows it: each entry ends in 0.
fn variable(environment: &[u8]) -> Option<OwnSession> {
    environment.split(|byte| *byte == 0).find_map(|entry| {
        let value = entry.strip_prefix(b"SSH_CONNECTION=")?;
        OwnSession::parse(std::str::from_utf8(value).ok()?)
    })
}
