//! The own program on a host that has none, over a real server of SSH: nothing is left
//! of it there, however the connection ends.

use std::os::unix::fs::PermissionsExt;

use rustix::process::Signal;

use super::sshd::{HOST, Sshd};
use crate::lab::{End, Kind, Lab, Layout, NEAR};
use crate::screen::ping_until_shown;
use crate::tty::{LARGE, Tty};
use crate::wait;

/// How it ends.
#[derive(Clone, Copy, Debug)]
pub enum Ending {
    Quit,
    Signal(Signal),
    /// The connection breaks, and is made again.
    Break,
}

pub fn leaves_nothing(ending: Ending) {
    let lab = Lab::up(Layout::apart(Kind::Veth));
    let server = Sshd::start(lab.namespace(End::Near));
    let mut tty = Tty::start_with(
        |command| {
            command.env("PATH", server.path());
        },
        lab.namespace(End::Near),
        LARGE,
        &["ssh", "--push", HOST, "--", NEAR],
    );
    ping_until_shown(&mut tty, &lab, "icmp ");
    let [directory] = &server.temporary()[..] else {
        panic!("there is one directory: {:?}", server.temporary());
    };
    let mode = directory.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    assert!(directory.join("nkview").is_file());
    match ending {
        Ending::Quit => tty.press(b"q"),
        Ending::Signal(signal) => tty.signal(signal),
        Ending::Break => {
            server.break_connections();
            wait::until_true("the first one is removed", || !directory.exists());
            wait::until_true("it is sent again", || server.temporary().len() == 1);
            tty.press(b"q");
        }
    }
    if let Ending::Signal(Signal::KILL) = ending {
        tty.ended_unread();
    } else {
        let (status, output) = tty.ended();
        assert!(status.success(), "{output}");
        tty.assert_restored();
    }
    wait::until_true("nothing is left", || {
        server.temporary().is_empty() && lab.program_counts() == [0, 0]
    });
}
