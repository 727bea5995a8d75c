//! The SSH session in which the program runs.

use std::fs;

use crate::app::own::OwnSession;

#[cfg(test)]
mod tests;

/// Processes that are looked at, at most.
const ANCESTORS: usize = 64;

/// The session that the nearest of this process and its ancestors tells of:
/// sudo drops the variable.
pub fn session() -> Option<OwnSession> {
    let mut process = std::process::id();
    for _ in 0..ANCESTORS {
        // As far as this user may look.
        let environment = fs::read(format!("/proc/{process}/environ")).unwrap_or_default();
        if let Some(session) = variable(&environment) {
            return Some(session);
        }
        process = parent(&fs::read_to_string(format!("/proc/{process}/stat")).ok()?)?;
    }
    None
}

/// The session in an environment as the kernel shows it: each entry ends in 0.
fn variable(environment: &[u8]) -> Option<OwnSession> {
    environment.split(|byte| *byte == 0).find_map(|entry| {
        let value = entry.strip_prefix(b"SSH_CONNECTION=")?;
        OwnSession::parse(std::str::from_utf8(value).ok()?)
    })
}

/// The parent in a line of /proc/PID/stat (proc_pid_stat(5)): the second field
/// after the name, which may hold anything but ends with the last parenthesis.
fn parent(stat: &str) -> Option<u32> {
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_ascii_whitespace().nth(1)?.parse().ok()
}
