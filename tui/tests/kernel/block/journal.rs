//! What the system's journal has of a rule: who drops what, for how long, and what came
//! of it.

use std::net::Shutdown;
use std::os::unix::net::UnixDatagram;
use std::process::Command;

use rustix::process::Signal;
use tempfile::TempDir;

use super::blocking::Blocking;
use super::ending::{Probe, WATCHED};
use crate::Test;
use crate::lab::{End, Lab, NEAR};
use crate::need::Need;
use crate::stream::NKVIEW;
use crate::wait;

pub fn tests() -> Vec<Test> {
    let needs = [WATCHED[0].needs(), vec![Need::FullSpeed]].concat();
    vec![Test::new("block::is_in_the_journal", needs, journal)]
}

/// A journal that only what is started with it can see.
struct Journal {
    directory: TempDir,
    socket: UnixDatagram,
}

impl Journal {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let socket = UnixDatagram::bind(directory.path().join("socket")).unwrap();
        // Nothing is sent from here.
        socket.shutdown(Shutdown::Write).unwrap();
        socket.set_read_timeout(Some(wait::PATIENCE)).unwrap();
        Self { directory, socket }
    }

    /// nkview, where the journal is at its usual place.
    fn nkview(&self, args: &[&str]) -> Command {
        const SCRIPT: &str = "mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/journal && \
                              mount --bind \"$0\" /run/systemd/journal && exec \"$@\"";
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", SCRIPT]);
        command.arg(self.directory.path()).arg(NKVIEW).args(args);
        command
    }

    /// The text of the next entry.
    fn next(&self) -> String {
        let mut buffer = [0; 4096];
        let length = self.socket.recv(&mut buffer).unwrap();
        let entry = String::from_utf8(buffer[..length].to_vec()).unwrap();
        let mut fields = entry.lines();
        assert!(fields.clone().any(|it| it == "SYSLOG_IDENTIFIER=nkview"));
        let text = fields.find_map(|it| it.strip_prefix("MESSAGE="));
        text.unwrap().to_owned()
    }
}

fn journal() {
    let lab = Lab::up(WATCHED[0]);
    let near = lab.namespace(End::Near);
    let probe = Probe::new(&lab);
    let journal = Journal::new();
    let rule = format!("{NEAR}: 10.9.0.2 udp port 7000");
    let start = || {
        let args = ["block", &rule, "--for", "30m", "--yes"];
        let blocking = Blocking::spawn(near, journal.nkview(&args));
        let began = journal.next();
        let found = blocking.found().unwrap();
        let who = format!("user {}, process {}", found.uid, found.pid);
        assert_eq!(began, format!("blocking {rule} for 30m00s: {who}"));
        (blocking, found.number.to_string(), who)
    };
    let (blocking, number, who) = start();
    for _ in 0..3 {
        probe.send();
    }
    let mut lift = journal.nkview(&["block", "--lift", &number]);
    let lifted = near.enter(|| lift.output().unwrap());
    assert!(lifted.status.success(), "{lifted:?}");
    // Two processes write, in any order.
    let mut entries = [journal.next(), journal.next()];
    entries.sort_unstable();
    let [owner, other] = &entries;
    let parts = [
        (owner, "Block lifted by another process after ".to_owned()),
        (owner, format!(", 3 packets dropped: {rule}")),
        (other, format!("lifted {number}: {rule}; by user ")),
        (other, format!(", and it was of {who}")),
    ];
    for (entry, part) in parts {
        assert!(entry.contains(&part), "{part}: {entry}");
    }
    let (status, _, said) = blocking.ended();
    assert!(status.success(), "{said:?}");

    let (blocking, ..) = start();
    blocking.signal(Signal::INT);
    let entry = journal.next();
    assert!(
        entry.starts_with("Block ended with nkview after "),
        "{entry}"
    );
    assert!(
        entry.ends_with(&format!(", 0 packets dropped: {rule}")),
        "{entry}"
    );
    let (status, _, said) = blocking.ended();
    assert!(status.success(), "{said:?}");
}
