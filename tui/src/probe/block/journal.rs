//! The system's journal, where there is one: who dropped what is to be found later.

use std::os::unix::net::UnixDatagram;

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
