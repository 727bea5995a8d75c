//! The system's journal, where there is one: who dropped what is to be found later.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use super::Owner;
use crate::model::{Block, BlockRule};
use crate::text::{duration, plural};

/// Where systemd-journald listens (<https://systemd.io/JOURNAL_NATIVE_PROTOCOL/>).
const SOCKET: &str = "/run/systemd/journal/socket";

/// Writes a line. It waits for nothing, and where there is no journal, or it is full,
/// nothing is written.
pub fn write(text: &str) {
    let Ok(socket) = UnixDatagram::unbound() else {
        return;
    };
    if socket.set_nonblocking(true).is_ok() {
        let _ = socket.send_to(message(text).as_bytes(), SOCKET);
    }
}

/// That a rule has begun: what, for how long, and who has asked for it.
#[must_use]
pub fn began(rule: &BlockRule, time: Duration) -> String {
    format!(
        "blocking {} for {}: {}",
        rule.text,
        duration(time),
        Owner::this()
    )
}

/// That a rule has ended, and how: after how long, if that is known, what it has
/// dropped, and what it was.
#[must_use]
pub fn ended(how: &str, block: &Block, lasted: Option<Duration>) -> String {
    let packets: u64 = block.dropped.iter().map(|it| it.packets).sum();
    let lasted = lasted.map_or_else(String::new, |it| format!(" after {}", duration(it)));
    format!(
        "{how}{lasted}, {} dropped: {}",
        plural(packets, "packet"),
        block.rule
    )
}

/// A line break would begin another field.
fn message(text: &str) -> String {
    let text: String = text
        .chars()
        .map(|it| if it.is_control() { ' ' } else { it })
        .collect();
    format!("SYSLOG_IDENTIFIER=nkview\nPRIORITY=4\nMESSAGE={text}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_one_field() {
        let message = message("blocking 10.0.0.1\nPRIORITY=0");
        assert_eq!(message.lines().count(), 3);
        assert!(message.ends_with("MESSAGE=blocking 10.0.0.1 PRIORITY=0\n"));
    }
}
