//! nkview in a pseudo-terminal: keys are typed, and the screen is read.

use std::cell::RefCell;
use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{
    Action, LocalModes, OptionalActions, Winsize, tcflow, tcgetattr, tcsetattr, tcsetwinsize,
};
use vt100::MouseProtocolMode;

use crate::namespace::Namespace;
use crate::stream::NKVIEW;
use crate::wait::PATIENCE;

/// The usual size: columns and rows.
pub const USUAL: (u16, u16) = (80, 24);
/// A large one.
pub const LARGE: (u16, u16) = (140, 45);

/// A running nkview and its terminal. Dropping it kills it.
pub struct Tty {
    master: File,
    /// Our own hold of the terminal's other side, so that it outlives nkview and
    /// can be looked at then.
    slave: OwnedFd,
    before: String,
    parser: vt100::Parser,
    /// The beginning of a frame whose end has not come yet.
    frame: Vec<u8>,
    child: Child,
}

impl Tty {
    /// Starts nkview in a namespace and a terminal of that many columns and rows.
    pub fn start(namespace: &Namespace, size: (u16, u16), args: &[&str]) -> Self {
        Self::start_with(|_| {}, namespace, size, args)
    }

    /// As [`Self::start`], by a command that is changed before, such as its working
    /// directory.
    pub fn start_with(
        change: impl FnOnce(&mut Command),
        namespace: &Namespace,
        size: (u16, u16),
        args: &[&str],
    ) -> Self {
        let (master, slave) = open(size);
        let before = modes(&slave);
        let end = || slave.try_clone().unwrap();
        // setsid makes its input its controlling terminal, and then becomes nkview.
        let mut command = Command::new("setsid");
        command.args(["--ctty", NKVIEW]).args(args);
        command
            .env_remove("NO_COLOR")
            .env_remove("COLORFGBG")
            .env("TERM", "xterm-256color")
            .env("LC_ALL", "C.UTF-8");
        command.stdin(end()).stdout(end()).stderr(end());
        change(&mut command);
        let child = namespace.enter(|| command.spawn().unwrap());
        // It keeps our ends of the terminal.
        drop(command);
        let [columns, rows] = [size.0, size.1].map(|cells| NonZeroU16::new(cells).unwrap());
        Self {
            master,
            slave,
            before,
            parser: vt100::Parser::new(rows, columns, 0),
            frame: Vec::new(),
            child,
        }
    }

    /// Types keys.
    pub fn press(&mut self, keys: &[u8]) {
        self.master.write_all(keys).unwrap();
    }

    /// Types keys, and waits until the screen shows what they do.
    pub fn press_until(&mut self, keys: &str, what: &str, is_so: impl Fn(&str) -> bool) {
        self.press(keys.as_bytes());
        self.until(what, is_so);
    }

    /// Waits until the screen is as it should be.
    pub fn until(&mut self, what: &str, is_so: impl Fn(&str) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.read();
            let picture = self.picture();
            if is_so(&picture) {
                return;
            }
            let ended = self.child.try_wait().unwrap();
            assert!(
                Instant::now() < deadline && ended.is_none(),
                "waited in vain until {what} ({ended:?}):\n{picture}"
            );
        }
    }

    /// Waits until a part of the screen does not change any more: what follows a
    /// key may be drawn in several frames.
    pub fn until_still<T: PartialEq>(&mut self, what: &str, part: impl Fn(&str) -> T) {
        const LOOKS: u32 = 25;
        let last = RefCell::new((part(&self.picture()), 0));
        self.until(&format!("{what} stand still"), |picture| {
            let now = part(picture);
            let (before, looks) = &mut *last.borrow_mut();
            *looks = if now == *before { *looks + 1 } else { 0 };
            *before = now;
            *looks >= LOOKS
        });
    }

    /// Waits until the screen shows a text.
    pub fn until_shown(&mut self, text: &str) {
        self.until(&format!("it shows {text:?}"), |picture| {
            picture.contains(text)
        });
    }

    /// The screen, line by line.
    pub fn picture(&self) -> String {
        self.parser.screen().contents()
    }

    /// Gives the terminal another size.
    pub fn resize(&mut self, size: (u16, u16)) {
        // What was drawn before was for the old size.
        self.read();
        let [columns, rows] = [size.0, size.1].map(|cells| NonZeroU16::new(cells).unwrap());
        self.parser.set_size(rows, columns);
        tcsetwinsize(&self.slave, winsize(size)).unwrap();
    }

    /// Whether keys go to the program as they are typed, and the screen is its own.
    pub fn is_set_up(&self) -> bool {
        let modes = tcgetattr(&self.slave).unwrap().local_modes;
        !modes.intersects(LocalModes::ICANON | LocalModes::ECHO)
            && self.parser.screen().alternate_screen()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits until it has ended by itself, and returns how, and all that the
    /// terminal shows then.
    pub fn ended(&mut self) -> (ExitStatus, String) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.read();
            if let Some(status) = self.child.try_wait().unwrap() {
                self.read();
                self.read_all();
                return (status, self.picture());
            }
            assert!(
                Instant::now() < deadline,
                "it does not end:\n{}",
                self.picture()
            );
        }
    }

    /// Whether a thread of it is in write(2) now.
    pub fn is_write_blocked(&self) -> bool {
        let tasks = format!("/proc/{}/task", self.child.id());
        std::fs::read_dir(tasks).unwrap().any(|task| {
            // The number of the call comes first: write(2) on x86-64 and aarch64.
            let call = std::fs::read_to_string(task.unwrap().path().join("syscall"));
            call.is_ok_and(|call| call.starts_with("1 0x1 ") || call.starts_with("64 0x1 "))
        })
    }

    /// Makes the terminal take no more bytes.
    pub fn stop_output(&self) {
        tcflow(&self.slave, Action::OOff).unwrap();
    }

    /// Waits until it has ended by itself, and reads nothing meanwhile, as a
    /// terminal that hangs.
    pub fn ended_unread(&mut self) -> ExitStatus {
        crate::wait::until("the end of nkview", || self.child.try_wait().unwrap())
    }

    /// Proves that the terminal's modes are as they were before nkview started.
    pub fn assert_modes_restored(&self) {
        assert_eq!(modes(&self.slave), self.before, "the terminal's modes");
    }

    /// Proves that the terminal is as it was before nkview started.
    pub fn assert_restored(&self) {
        self.assert_modes_restored();
        let screen = self.parser.screen();
        assert!(!screen.alternate_screen(), "the alternate screen");
        assert!(!screen.hide_cursor(), "the cursor");
        assert!(!screen.bracketed_paste(), "bracketed paste");
        assert_eq!(screen.mouse_protocol_mode(), MouseProtocolMode::None);
    }

    /// Closes the terminal, as when its window is closed; the process goes on as
    /// it likes.
    pub fn close(self) -> Orphan {
        Orphan(self.child)
    }

    /// Feeds the screen with all that was written. The kernel hands it over when it
    /// finds the time, also after the process that wrote it has ended.
    fn read_all(&mut self) {
        const MARK: &[u8] = b"\x1b_all is read\x1b\\";
        assert_eq!(rustix::io::write(&self.slave, MARK), Ok(MARK.len()));
        while !self.frame.ends_with(MARK) {
            let mut buffer = [0; 1 << 16];
            let length = self.master.read(&mut buffer).unwrap();
            self.frame.extend_from_slice(&buffer[..length]);
        }
        self.frame.truncate(self.frame.len() - MARK.len());
        self.parser.process(&std::mem::take(&mut self.frame));
    }

    /// Feeds the screen with what was written, by whole frames, and waits a moment
    /// for it.
    fn read(&mut self) {
        let mut wait = Timespec {
            tv_sec: 0,
            tv_nsec: 20_000_000,
        };
        let mut buffer = [0; 1 << 16];
        loop {
            let mut waiting = [PollFd::new(&self.master, PollFlags::IN)];
            if poll(&mut waiting, Some(&wait)).unwrap_or(0) == 0 {
                return;
            }
            let length = self.master.read(&mut buffer).unwrap();
            self.frame.extend_from_slice(&buffer[..length]);
            let frame = self.frame.split_off(whole(&self.frame));
            self.parser.process(&self.frame);
            self.frame = frame;
            wait = Timespec::default();
        }
    }
}

/// How many bytes are not of a frame that has only begun.
fn whole(bytes: &[u8]) -> usize {
    const BEGIN: &[u8] = b"\x1b[?2026h";
    const END: &[u8] = b"\x1b[?2026l";
    let last = |mark: &[u8]| bytes.windows(mark.len()).rposition(|it| it == mark);
    if let Some(begin) = last(BEGIN)
        && last(END) < Some(begin)
    {
        return begin;
    }
    // A mark may come in pieces.
    let piece = (1..BEGIN.len()).rev();
    let mut piece = piece.filter(|length| bytes.ends_with(&BEGIN[..*length]));
    bytes.len() - piece.next().unwrap_or(0)
}

/// A process whose terminal is gone. Dropping it kills it.
pub struct Orphan(Child);

impl Orphan {
    /// Waits until it has ended.
    pub fn ended(&mut self) -> ExitStatus {
        crate::wait::until("the end of the process", || self.0.try_wait().unwrap())
    }
}

impl Drop for Orphan {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn open(size: (u16, u16)) -> (File, OwnedFd) {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let master = openpt(flags).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY | rustix::fs::OFlags::CLOEXEC;
    let slave = rustix::fs::open(&name, flags, rustix::fs::Mode::empty()).unwrap();
    tcsetwinsize(&slave, winsize(size)).unwrap();
    // As a user would have it; what a kernel starts with may differ.
    let modes = tcgetattr(&slave).unwrap();
    tcsetattr(&slave, OptionalActions::Now, &modes).unwrap();
    (master.into(), slave)
}

const fn winsize((columns, rows): (u16, u16)) -> Winsize {
    Winsize {
        ws_col: columns,
        ws_row: rows,
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}

/// All of a terminal's modes, to be compared.
fn modes(terminal: &OwnedFd) -> String {
    let termios = tcgetattr(terminal).unwrap();
    format!(
        "{:?} {:?} {:?} {:?} {:?}",
        termios.input_modes,
        termios.output_modes,
        termios.control_modes,
        termios.local_modes,
        termios.special_codes
    )
}
