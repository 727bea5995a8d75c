use std::os::unix::fs::{MetadataExt, symlink};
use std::sync::{Arc, Mutex};

use super::*;

#[test]
fn a_file_is_made_for_its_owner_alone_and_appended_to() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    let (mut file, length) = open(&path).unwrap();
    assert_eq!(length, 0);
    assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o600);
    file.write_all(b"first\n").unwrap();
    let (mut file, length) = open(&path).unwrap();
    assert_eq!(length, 6);
    file.write_all(b"second\n").unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"first\nsecond\n");
}

#[test]
fn links_pipes_and_directories_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let target = directory.path().join("target");
    std::fs::write(&target, "precious").unwrap();
    let link = directory.path().join("link");
    symlink(&target, &link).unwrap();
    let error = open(&link).unwrap_err().to_string();
    assert!(error.contains("symbolic link"), "{error}");
    assert_eq!(std::fs::read(&target).unwrap(), b"precious");

    let pipe = directory.path().join("pipe");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, mode).unwrap();
    open(&pipe).unwrap_err();
    open(directory.path()).unwrap_err();
}

/// A file that can be looked at.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes lines of ten bytes with so much room.
fn written(lines: usize, room: usize) -> String {
    let file = Shared::default();
    let (sender, waiting) = sync_channel(lines);
    for _ in 0..lines {
        sender.try_send(Message::Line(b"123456789\n".to_vec())).ok();
    }
    drop(sender);
    write(file.clone(), room as u64, &waiting);
    let bytes = file.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_full_log_says_so_in_its_last_line_and_stays_within_its_size() {
    let full = std::str::from_utf8(FULL).unwrap();
    for room in [0, 9, FULL.len() - 1, FULL.len(), FULL.len() + 25, 500] {
        let text = written(100, room);
        assert!(text.len() <= room, "{room}: {}", text.len());
        if room >= FULL.len() {
            assert!(text.ends_with(full), "{room}: {text}");
            assert_eq!(text.matches(full).count(), 1);
        }
    }
    assert_eq!(written(3, 1000), "123456789\n".repeat(3));
}

/// A disk that does not answer.
struct Stalled(Receiver<()>);

impl Write for Stalled {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.0.recv();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_stalled_disk_holds_up_nobody() {
    let (release, stalled) = sync_channel(1);
    let mut lines = Lines::start(Stalled(stalled), SIZE).unwrap();
    for _ in 0..3 * WAITING {
        lines.write_all(b"line\n").unwrap();
    }
    // Neither at the end.
    drop(Log(Some(lines)));
    drop(release);
}
