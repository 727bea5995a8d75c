use super::*;

const OLD: &str = "10.0.0.1 40000 10.0.0.2 22";
const NEW: &str = "10.0.0.1 50000 10.0.0.2 22";

/// Processes: PID, parent, name, and the session in the environment.
type Processes = &'static [(u32, u32, &'static str, &'static str)];

fn origin_among(processes: Processes, pid: u32) -> Origin {
    let find = |pid| processes.iter().find(|it| it.0 == pid);
    let read = |pid| {
        let &(_, parent, name, _) = find(pid)?;
        Some(Process {
            name: name.to_owned(),
            parent,
            group: pid,
            session: pid,
            started: 0,
        })
    };
    let environment = |pid| match find(pid) {
        Some((.., "")) | None => Vec::new(),
        Some((.., session)) => format!("A=b\0SSH_CONNECTION={session}\0").into_bytes(),
    };
    origin(pid, read, environment)
}

#[test]
fn the_session_is_that_of_the_server_above() {
    const PROCESSES: Processes = &[
        (1, 0, "systemd", ""),
        (10, 1, "sshd", ""),
        (11, 10, "sshd-session", ""),
        (12, 11, "bash", NEW),
        (13, 12, "sudo", NEW),
        (14, 13, "nkview", ""),
    ];
    let expected = Origin::Session(OwnSession::parse(NEW));
    assert_eq!(origin_among(PROCESSES, 14), expected);
}

#[test]
fn a_session_without_its_server_has_ended() {
    const PROCESSES: Processes = &[
        (1, 0, "systemd", ""),
        (12, 1, "bash", OLD),
        (14, 12, "nkview", OLD),
    ];
    assert_eq!(origin_among(PROCESSES, 14), Origin::Session(None));
}

#[test]
fn in_tmux_the_clients_count() {
    const PROCESSES: Processes = &[
        (1, 0, "systemd", ""),
        (9, 1, "tmux: server", OLD),
        (14, 9, "nkview", OLD),
        (10, 1, "sshd", ""),
        (12, 10, "bash", NEW),
        (15, 12, "tmux: client", NEW),
    ];
    assert_eq!(origin_among(PROCESSES, 14), Origin::Tmux);
    let new = origin_among(PROCESSES, 15);
    assert_eq!(only([new].into_iter()), OwnSession::parse(NEW));
    let none = Origin::Session(None);
    assert_eq!(only([none, new, new].into_iter()), OwnSession::parse(NEW));
    let old = Origin::Session(OwnSession::parse(OLD));
    assert_eq!(only([old, new].into_iter()), None, "which one is not known");
}

#[test]
fn the_variable_is_found_among_others() {
    let environment = b"HOME=/root\0XSSH_CONNECTION=\0SSH_CONNECTION=::1 1 ::2 22\0A=\xff\0";
    assert_eq!(variable(environment), OwnSession::parse("::1 1 ::2 22"));
    assert_eq!(variable(b"HOME=/root\0SSH_CONNECTION=nonsense\0"), None);
    assert_eq!(variable(b""), None);
}
