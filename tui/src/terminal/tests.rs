//! The terminal as a program leaves it: this test program itself, run again in
//! a pseudo-terminal.

use std::io::Read;
use std::process::Command;

use portable_pty::{CommandBuilder, PtySize, native_pty_system};

use super::*;

/// The test below that is run in the pseudo-terminal, and how it is to end.
const CHILD: &str = "terminal::tests::child";
const ENDING: &str = "NKVIEW_TEST_ENDING";

/// Sets the terminal up and ends as the test asks.
#[tokio::test]
#[ignore = "run by the tests in this file, in a terminal of their own"]
async fn child() {
    let mut screen = Screen::open(Setup {
        mouse: true,
        ask_background: false,
    })
    .unwrap();
    screen
        .terminal()
        .draw(|frame| {
            frame
                .buffer_mut()
                .set_string(0, 0, "picture", ratatui::style::Style::new());
        })
        .unwrap();
    match std::env::var(ENDING).as_deref() {
        Ok("panic") => panic!("something is wrong"),
        Ok(_) => drop(screen),
        Err(_) => (),
    }
}

/// What the child writes to its terminal, and its terminal's settings after it
/// has ended.
fn ending(how: &str) -> (String, String) {
    let pair = native_pty_system()
        .openpty(PtySize {
            rows: 24,
            cols: 80,
            pixel_width: 0,
            pixel_height: 0,
        })
        .unwrap();
    let mut command = CommandBuilder::new(std::env::current_exe().unwrap());
    command.args([CHILD, "--exact", "--ignored", "--nocapture"]);
    command.env(ENDING, how);
    command.env("RUST_BACKTRACE", "0");
    let mut child = pair.slave.spawn_command(command).unwrap();
    let mut reader = pair.master.try_clone_reader().unwrap();
    let written = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // A pseudo-terminal ends in EIO on Linux.
        let _ = reader.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    });
    child.wait().unwrap();
    let settings = Command::new("stty")
        .arg("-a")
        .arg("-F")
        .arg(pair.master.tty_name().unwrap())
        .output()
        .unwrap();
    drop(pair);
    let settings = String::from_utf8_lossy(&settings.stdout).into_owned();
    (written.join().unwrap(), settings)
}

const LEAVE_ALTERNATE_SCREEN: &str = "\x1b[?1049l";

fn restored(written: &str, settings: &str) {
    assert!(written.contains("picture"), "{written:?}");
    let left = written.find(LEAVE_ALTERNATE_SCREEN).unwrap();
    for [on, off] in [
        ["\x1b[?1049h", LEAVE_ALTERNATE_SCREEN],
        ["\x1b[?2004h", "\x1b[?2004l"],
        ["\x1b[?1000h", "\x1b[?1000l"],
        ["\x1b[?25l", "\x1b[?25h"],
    ] {
        let (set, reset) = (written.rfind(on), written.rfind(off));
        assert!(
            set.is_some() && set < reset,
            "{on:?} {off:?} in {written:?}"
        );
    }
    assert!(!written[left..].contains("picture"), "{written:?}");
    let words: Vec<&str> = settings.split_whitespace().collect();
    for word in ["icanon", "echo", "isig", "opost"] {
        assert!(words.contains(&word), "{word} in {settings}");
    }
}

#[test]
fn a_good_end_restores_the_terminal() {
    let (written, settings) = ending("drop");
    restored(&written, &settings);
}

#[test]
fn a_panic_restores_the_terminal_before_its_message() {
    let (written, settings) = ending("panic");
    restored(&written, &settings);
    let left = written.find(LEAVE_ALTERNATE_SCREEN);
    let message = written.find("something is wrong");
    assert!(message.is_some() && left < message, "{written:?}");
}

#[test]
fn what_is_no_terminal_is_refused_with_the_cure() {
    let output = Command::new(std::env::current_exe().unwrap())
        .args([CHILD, "--exact", "--ignored", "--nocapture"])
        .output()
        .unwrap();
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success());
    assert!(message.contains("nkview stream"), "{message}");
    assert!(output.stdout.iter().all(|byte| *byte != 0x1b));
}
