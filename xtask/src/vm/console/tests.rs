use std::io::Cursor;

use super::{Console, LINES};

fn console_that_said(text: impl Into<Vec<u8>>) -> Console {
    let (ended, end) = std::sync::mpsc::channel();
    let mut console = Console::default();
    console.listen(Cursor::new(text.into()), move || {
        let _ = ended.send(());
    });
    end.recv().unwrap();
    console
}

#[test]
fn the_last_lines_are_kept_and_no_more() {
    let text: String = (0..LINES + 3)
        .map(|line| format!("line {line}\r\n"))
        .collect();
    let last_lines = console_that_said(text).last_lines();
    let lines: Vec<_> = last_lines.lines().skip(1).collect();
    assert_eq!(lines.len(), LINES);
    assert_eq!(lines.first(), Some(&"line 3"));
    assert_eq!(lines.last(), Some(&"line 82"));
}

#[test]
fn a_line_that_is_no_text_and_does_not_end_is_kept() {
    let console = console_that_said(b"\xff panic");
    assert!(console.last_lines().ends_with("\u{fffd} panic"));
}

#[test]
fn an_empty_console_is_said_to_be_empty() {
    assert!(console_that_said("").last_lines().ends_with("is empty"));
}

#[test]
fn the_first_bug_is_found() {
    let bug = "[   1.5] BUG: sleeping function called from invalid context";
    let console = console_that_said(format!("a\n{bug}\nBUG: again\n"));
    assert_eq!(console.bug().as_deref(), Some(bug));
}

#[test]
fn a_busy_host_is_no_bug() {
    let console = console_that_said("watchdog: BUG: soft lockup - CPU#0 stuck for 22s!\n");
    assert_eq!(console.bug(), None);
}
