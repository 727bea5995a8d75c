use std::fs;
use std::io::Write as _;
use std::path::Path;

use tempfile::TempDir;

use super::*;
use crate::model::{Command as Asked, Interval, RequestId};
use crate::recording::{Head, Writer};
use crate::synthetic::{self, Synthetic};

/// What a host would send: a recording, up to where the connection is cut.
struct Fake {
    directory: TempDir,
}

/// What keeps a connection open until its stdin is closed: it holds stdout, too.
const OPEN: &str = "exec cat 3>&1 >/dev/null";

impl Fake {
    fn new() -> Self {
        let fake = Self {
            directory: tempfile::tempdir().unwrap(),
        };
        fake.write("recording", env!("CARGO_PKG_VERSION"));
        fake
    }

    fn path(&self, name: &str) -> String {
        let path = self.directory.path().join(name);
        path.to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, version: &str) {
        let head = Head {
            session: synthetic::session(),
            kernel: "7.0.0".to_owned(),
            nkview: version.to_owned(),
            options: Vec::new(),
        };
        let mut bytes = Vec::new();
        let mut writer = Writer::new(&mut bytes, &head).unwrap();
        for event in Synthetic::new(7, 6).story(3) {
            writer.event(&event).unwrap();
        }
        fs::write(self.path(name), bytes).unwrap();
    }

    fn recording(&self) -> String {
        self.path("recording")
    }
}

fn timing(tries: u32) -> Timing {
    Timing {
        retry: backoff::Limits {
            first: Duration::from_millis(1),
            most: Duration::from_millis(5),
            tries,
        },
        silence: Duration::from_secs(600),
        patience: Duration::from_secs(30),
    }
}

/// A host that is reached by a script. What nkview appends to it is a comment.
fn host(name: &str, script: &str) -> Host {
    let access = Access {
        via: Some(format!("{script} #")),
        nkview: None,
        program: None,
        args: Vec::new(),
    };
    access.hosts(&[name.to_owned()]).unwrap().remove(0)
}

fn watch(hosts: Vec<Host>, timing: Timing) -> Source {
    start_with(hosts, timing).unwrap()
}

/// The next event that is wanted.
async fn find<T>(source: &mut Source, wanted: impl Fn(&Envelope) -> Option<T>) -> T {
    loop {
        let envelope = source.events.recv().await.expect("the source goes on");
        if let Some(found) = wanted(&envelope) {
            return found;
        }
    }
}

async fn next_interval(source: &mut Source, host: u16) -> Interval {
    find(source, |envelope| match &envelope.event {
        Event::Interval(interval) if envelope.host == HostId(host) => Some(interval.clone()),
        _ => None,
    })
    .await
}

async fn next_lost(source: &mut Source) -> (String, bool) {
    find(source, |envelope| match &envelope.event {
        Event::Reach(Reach::Lost { reason, retries }) => Some((reason.clone(), *retries)),
        _ => None,
    })
    .await
}

async fn next_notice(source: &mut Source) -> String {
    find(source, |envelope| match &envelope.event {
        Event::Notice(notice) => Some(notice.text.clone()),
        _ => None,
    })
    .await
}

async fn end(source: Source) {
    source.stop.ask().wait().await.unwrap();
}

/// Whether a process whose number is in this file is there.
fn is_there(file: &str) -> bool {
    let pid = fs::read_to_string(file).unwrap();
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
    // One that has ended may wait for its parent.
    stat.is_ok_and(|stat| !stat.contains(") Z "))
}

#[tokio::test]
async fn hosts_are_one_source_on_one_clock() {
    let fake = Fake::new();
    let script = format!("cat {}; {OPEN}", fake.recording());
    let hosts = ["a", "b"].map(|name| host(name, &script)).into();
    let mut source = watch(hosts, timing(1));
    assert_eq!(source.session.hosts, ["a", "b"]);
    for host in [0, 1] {
        let mut source = watch(
            vec![self::host("a", &script), self::host("b", &script)],
            timing(1),
        );
        let first = next_interval(&mut source, host).await;
        let second = next_interval(&mut source, host).await;
        assert!(first.at <= second.at, "{:?} {:?}", first.at, second.at);
        assert!(!first.flows.is_empty());
        end(source).await;
    }
    // Whichever came first, both are there.
    next_interval(&mut source, 0).await;
    end(source).await;
}

#[tokio::test]
async fn a_single_host_has_no_number() {
    let fake = Fake::new();
    let mut source = watch(
        vec![host("a", &format!("cat {}; {OPEN}", fake.recording()))],
        timing(1),
    );
    assert_eq!(source.session.host, "a");
    assert!(source.session.hosts.is_empty());
    next_interval(&mut source, 0).await;
    end(source).await;
}

#[tokio::test]
async fn what_a_login_shell_prints_is_skipped() {
    let fake = Fake::new();
    let script = format!(
        "echo Welcome; printf '\\211nk'; cat {}; {OPEN}",
        fake.recording()
    );
    let mut source = watch(vec![host("a", &script)], timing(1));
    next_interval(&mut source, 0).await;
    end(source).await;
}

#[tokio::test]
async fn other_programs_are_quoted() {
    let mut source = watch(
        vec![host("a", "echo; echo '  This account is closed.'")],
        timing(1),
    );
    let (reason, retries) = next_lost(&mut source).await;
    assert!(reason.contains("\"This account is closed.\""), "{reason}");
    assert!(!retries);
    end(source).await;
}

#[tokio::test]
async fn a_host_that_prints_without_end_is_given_up() {
    let mut source = watch(vec![host("a", "yes spam")], timing(1));
    let (reason, _) = next_lost(&mut source).await;
    assert!(reason.contains("spam"), "{reason}");
    end(source).await;
}

#[tokio::test]
async fn a_host_that_is_not_there_is_tried_again_and_given_up() {
    let fake = Fake::new();
    let tries = fake.path("tries");
    let script = format!("echo x >> {tries}; echo 'ssh: no route to host' >&2; exit 255");
    let mut source = watch(vec![host("a", &script)], timing(4));
    let first = next_notice(&mut source).await;
    assert!(first.contains("ssh: no route to host"), "{first}");
    let last = next_notice(&mut source).await;
    assert!(last.contains("iven up: ssh: no route to host"), "{last}");
    let ended = find(&mut source, |envelope| match &envelope.event {
        Event::Ended(reason) => Some(reason.to_string()),
        _ => None,
    });
    assert!(ended.await.contains("cannot be reached"));
    assert!(source.events.recv().await.is_none());
    assert_eq!(fs::read_to_string(tries).unwrap().lines().count(), 4);
    end(source).await;
}

#[tokio::test]
async fn a_program_that_does_not_exist_is_named() {
    let missing = Host {
        program: "/nonexistent/ssh",
        ..host("a", "")
    };
    let mut source = watch(vec![missing], timing(1));
    let (reason, _) = next_lost(&mut source).await;
    assert!(reason.contains("cannot start /nonexistent/ssh"), "{reason}");
    end(source).await;
}

#[tokio::test]
async fn a_lost_host_comes_back() {
    let fake = Fake::new();
    let flag = fake.path("flag");
    // The first connection is cut.
    let script = format!(
        "cat {}; if mkdir {flag} 2>/dev/null; then echo cut >&2; exit 9; fi; {OPEN}",
        fake.recording()
    );
    let other = format!("cat {}; {OPEN}", fake.recording());
    let hosts = vec![host("a", &other), host("b", &script)];
    let mut source = watch(hosts, timing(9));
    assert_eq!(next_lost(&mut source).await, ("cut".to_owned(), true));
    find(&mut source, |envelope| {
        let is_back = envelope.event == Event::Reach(Reach::Connected);
        (is_back && envelope.host == HostId(1)).then_some(())
    })
    .await;
    find(&mut source, |envelope| match &envelope.event {
        Event::Notice(notice) => (notice.text == "b: connected again").then_some(()),
        _ => None,
    })
    .await;
    next_interval(&mut source, 1).await;
    end(source).await;
}

#[tokio::test]
async fn other_versions_are_reported() {
    let fake = Fake::new();
    fake.write("other", "9.9.9");
    let script = format!("cat {}; {OPEN}", fake.path("other"));
    let mut source = watch(vec![host("a", &script)], timing(1));
    let notice = next_notice(&mut source).await;
    assert!(notice.contains("he host runs nkview 9.9.9"), "{notice}");
    end(source).await;
}

#[tokio::test]
async fn a_later_format_is_refused() {
    let fake = Fake::new();
    let mut bytes = fs::read(fake.recording()).unwrap();
    bytes[8..10].copy_from_slice(&[7, 0]);
    let file = fs::File::create(fake.recording());
    file.unwrap().write_all(&bytes).unwrap();
    let script = format!("cat {}; {OPEN}", fake.recording());
    let mut source = watch(vec![host("a", &script)], timing(1));
    let (reason, _) = next_lost(&mut source).await;
    assert!(reason.contains("newer (format 7)"), "{reason}");
    end(source).await;
}

#[tokio::test]
async fn a_host_that_falls_silent_is_lost() {
    let timing = Timing {
        silence: Duration::from_millis(20),
        patience: Duration::ZERO,
        ..timing(1)
    };
    let mut source = watch(vec![host("a", "sleep 1000")], timing);
    let (reason, _) = next_lost(&mut source).await;
    assert!(reason.contains("nothing has come"), "{reason}");
    end(source).await;
}

#[tokio::test]
async fn nothing_is_left_of_what_was_started() {
    let fake = Fake::new();
    let (own, other) = (fake.path("own"), fake.path("other"));
    // Neither the end of stdin nor SIGTERM ends it, nor what it has started.
    let script = format!(
        "trap '' TERM; sleep 1000 & echo $! > {other}; echo $$ > {own}; cat {}; \
         while :; do sleep 1000; done",
        fake.recording()
    );
    let timing = Timing {
        patience: Duration::from_millis(20),
        ..timing(1)
    };
    let mut source = watch(vec![host("a", &script)], timing);
    next_interval(&mut source, 0).await;
    assert!(is_there(&own) && is_there(&other));
    end(source).await;
    assert!(!is_there(&own));
    // It is killed with the group, but is not ours to wait for.
    while is_there(&other) {
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn closing_stdin_is_enough_for_one_that_listens() {
    let fake = Fake::new();
    let mark = fake.path("mark");
    let script = format!(
        "cat {}; cat >/dev/null; echo closed > {mark}",
        fake.recording()
    );
    let mut source = watch(vec![host("a", &script)], timing(1));
    next_interval(&mut source, 0).await;
    assert!(!Path::new(&mark).exists());
    end(source).await;
    assert_eq!(fs::read_to_string(mark).unwrap(), "closed\n");
}

#[tokio::test]
async fn requests_are_answered() {
    let mut source = watch(vec![host("a", OPEN)], timing(1));
    let id = RequestId(7);
    let command = Asked::Measure(true);
    let request = Request { id, command };
    source.requests.send(request).await.unwrap();
    let result = find(&mut source, |envelope| match &envelope.event {
        Event::Reply(reply) if reply.id == id => Some(reply.result.clone()),
        _ => None,
    });
    assert!(result.await.is_err());
    end(source).await;
}

#[tokio::test]
async fn it_ends_though_nobody_reads() {
    let fake = Fake::new();
    // More than the channels hold.
    let script = format!("while cat {}; do :; done", fake.recording());
    let timing = Timing {
        patience: Duration::from_millis(20),
        ..timing(1)
    };
    let source = watch(vec![host("a", &script)], timing);
    while source.events.len() < source.events.max_capacity() {
        sleep(Duration::from_millis(1)).await;
    }
    end(source).await;
}

/// A host that has nothing, to which a script is sent; `sudo` may do what it wants.
fn bare(fake: &Fake, machine: &str, script: &str) -> Host {
    use std::os::unix::fs::PermissionsExt;
    let sudo = fake.path("sudo");
    fs::write(&sudo, "#!/bin/sh\nshift\nexec \"$@\"\n").unwrap();
    fs::set_permissions(&sudo, fs::Permissions::from_mode(0o700)).unwrap();
    let temporary = fake.path("tmp");
    fs::create_dir_all(&temporary).unwrap();
    let bin = fake.directory.path().display();
    let access = Access {
        via: Some(format!("env TMPDIR={temporary} PATH={bin}:$PATH")),
        nkview: None,
        program: Some(Program::new(script.as_bytes().to_vec(), machine)),
        args: vec!["lxc*".to_owned()],
    };
    access.hosts(&["a".to_owned()]).unwrap().remove(0)
}

fn machine() -> String {
    let uname = rustix::system::uname();
    uname.machine().to_string_lossy().into_owned()
}

/// What is in the host's directory for temporary files.
fn temporary(fake: &Fake) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(fake.path("tmp")).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

async fn nothing_is_left(fake: &Fake) {
    while !temporary(fake).is_empty() {
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_program_that_is_sent_runs_in_private_and_is_removed() {
    use std::os::unix::fs::PermissionsExt;
    let fake = Fake::new();
    let words = fake.path("words");
    let script = format!(
        "#!/bin/sh\necho \"$@\" > {words}\ncat {}\n{OPEN}\n",
        fake.recording()
    );
    let mut source = watch(vec![bare(&fake, &machine(), &script)], timing(1));
    next_interval(&mut source, 0).await;
    let [directory] = &temporary(&fake)[..] else {
        panic!("there is one directory");
    };
    for (path, mode) in [
        (directory.clone(), 0o700),
        (directory.join("nkview"), 0o700),
    ] {
        let permissions = fs::metadata(&path).unwrap().permissions();
        assert_eq!(permissions.mode() & 0o777, mode, "{}", path.display());
    }
    assert_eq!(
        fs::read(directory.join("nkview")).unwrap(),
        script.as_bytes()
    );
    let words = fs::read_to_string(words).unwrap();
    assert_eq!(words, "stream --wire --until-eof --no-create lxc*\n");
    end(source).await;
    nothing_is_left(&fake).await;
}

#[tokio::test]
async fn a_program_that_is_sent_is_removed_when_it_is_killed() {
    let fake = Fake::new();
    // Neither the end of stdin nor SIGTERM ends it.
    let script = format!(
        "#!/bin/sh\ntrap '' TERM\ncat {}\nwhile :; do sleep 1; done\n",
        fake.recording()
    );
    let timing = Timing {
        patience: Duration::from_millis(20),
        ..timing(1)
    };
    let mut source = watch(vec![bare(&fake, &machine(), &script)], timing);
    next_interval(&mut source, 0).await;
    assert_eq!(temporary(&fake).len(), 1);
    end(source).await;
    nothing_is_left(&fake).await;
}

#[tokio::test]
async fn a_program_for_another_machine_is_not_sent() {
    let fake = Fake::new();
    let host = bare(&fake, "vax", "#!/bin/sh\necho nothing\n");
    let mut source = watch(vec![host], timing(1));
    let (reason, _) = next_lost(&mut source).await;
    let expected = format!("it is for vax, and the host is {}", machine());
    assert!(reason.contains(&expected), "{reason}");
    assert!(temporary(&fake).is_empty());
    end(source).await;
}

#[tokio::test]
async fn why_a_program_that_was_sent_does_not_run_is_told() {
    let fake = Fake::new();
    let script = "#!/bin/sh\necho 'nkview: no BPF here' >&2\nexit 1\n";
    let mut source = watch(vec![bare(&fake, &machine(), script)], timing(1));
    let (reason, _) = next_lost(&mut source).await;
    assert_eq!(reason, "nkview: no BPF here");
    end(source).await;
    nothing_is_left(&fake).await;
}
