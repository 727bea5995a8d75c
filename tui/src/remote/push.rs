//! Running this very nkview on a host that has none: it is sent there, runs from a
//! private temporary directory, and is removed however it ends.

use std::fmt::{self, Debug, Formatter};
use std::fs;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use rustix::system::uname;

use super::shell::quoted;

/// The slowest connection, in bytes a second, over which it is sent.
const SLOWEST: u64 = 50_000;

/// A program that is sent to hosts.
#[derive(Clone, PartialEq, Eq)]
pub struct Program {
    bytes: Arc<[u8]>,
    /// What it runs on, as `uname -m` prints it.
    machine: String,
}

impl Program {
    /// This one.
    ///
    /// # Errors
    /// When its file cannot be read.
    pub fn own() -> anyhow::Result<Self> {
        let bytes = fs::read("/proc/self/exe").context("cannot read this program to send it")?;
        Ok(Self::new(bytes, &uname().machine().to_string_lossy()))
    }

    pub(super) fn new(bytes: Vec<u8>, machine: &str) -> Self {
        Self {
            bytes: bytes.into(),
            machine: machine.to_owned(),
        }
    }

    /// The command of a POSIX shell that receives it on stdin, runs it with these words,
    /// which are quoted already, and removes it. It gets root by `sudo` where that is
    /// not the user.
    ///
    /// What removes it is in a session of its own and waits for the end of a pipe, so
    /// that it is left when everything else is killed. The `:` is what keeps the shell,
    /// and with it that pipe: the last command would take its place.
    pub(super) fn command(&self, words: &str) -> String {
        let (machine, length) = (quoted(&self.machine), self.bytes.len());
        let script = format!(
            r#"umask 077
machine=$(uname -m)
if [ "$machine" != {machine} ]; then
    echo "nkview cannot be sent: it is for "{machine}", and the host is $machine; install it there" >&2
    exit 1
fi
root="sudo -n"
[ "$(id -u)" != 0 ] || root=
remove='trap "" HUP INT TERM; cat >/dev/null; rm -rf "$0"'
if command -v setsid >/dev/null; then session=setsid; else session=; fi
directory=$(mktemp -d) || exit 1
exec 4>&1
{{
    head -c {length} >"$directory/nkview"
    if [ "$(wc -c <"$directory/nkview")" -eq {length} ]; then
        chmod 700 "$directory/nkview"
        $root "$directory/nkview"{words} >&4 4>&-
    fi
    :
}} | $session sh -c "$remove" "$directory" 4>&- 2>/dev/null"#
        );
        format!("sh -c {}", quoted(&script))
    }

    /// Sends it.
    ///
    /// # Errors
    /// The writer's.
    pub(super) fn write(&self, mut to: impl io::Write) -> io::Result<()> {
        to.write_all(&self.bytes)
    }

    /// How long that may take.
    pub(super) fn time(&self) -> Duration {
        Duration::from_secs(self.bytes.len() as u64 / SLOWEST)
    }
}

impl Debug for Program {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes for {}", self.bytes.len(), self.machine)
    }
}
