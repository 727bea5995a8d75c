use std::io;

use super::{Limits, mode};

const EPERM: i32 = libc::EPERM;
const ENOSYS: i32 = libc::ENOSYS;

/// Nothing is in the way.
fn free() -> Limits {
    Limits {
        in_user_namespace: Some(false),
        ..Limits::default()
    }
}

fn lacking() -> Limits {
    Limits {
        missing: vec!["CAP_BPF"],
        ..free()
    }
}

#[test]
fn the_cure_is_one_that_has_an_effect() {
    let cure = |limits: Limits| limits.cure_for_missing();
    assert!(cure(lacking()).starts_with("start it with sudo, or: setcap"));
    for (limits, words) in [
        (
            Limits {
                in_user_namespace: Some(true),
                is_root: true,
                ..lacking()
            },
            "user namespace",
        ),
        (
            Limits {
                is_root: true,
                ..lacking()
            },
            "--cap-add BPF",
        ),
        (
            Limits {
                no_new_privs: true,
                has_file_capabilities: true,
                ..lacking()
            },
            "no_new_privs is set",
        ),
        (
            Limits {
                is_nosuid: true,
                has_file_capabilities: true,
                ..lacking()
            },
            "copy it to another one",
        ),
        (
            Limits {
                is_nosuid: true,
                ..lacking()
            },
            "setcap has no effect here",
        ),
        (
            Limits {
                has_file_capabilities: true,
                ..lacking()
            },
            "bounding set",
        ),
    ] {
        assert!(cure(limits.clone()).contains(words), "{limits:?}");
    }
}

#[test]
fn whoever_refuses_is_named() {
    for (limits, error, words) in [
        (lacking(), EPERM, "CAP_BPF missing; start it with sudo"),
        (
            Limits {
                in_user_namespace: Some(true),
                has_seccomp_filter: true,
                ..free()
            },
            EPERM,
            "in a user namespace",
        ),
        (
            Limits {
                has_seccomp_filter: true,
                ..free()
            },
            EPERM,
            "seccomp",
        ),
        (Limits::default(), EPERM, "without /proc"),
        (
            Limits {
                lockdown: Some("confidentiality".to_owned()),
                ..free()
            },
            EPERM,
            "locked down (confidentiality)",
        ),
        (free(), EPERM, "SELinux"),
        (
            Limits {
                has_seccomp_filter: true,
                ..free()
            },
            ENOSYS,
            "seccomp",
        ),
        (free(), ENOSYS, "CONFIG_BPF_SYSCALL"),
        (free(), libc::EMFILE, "ulimit -n"),
    ] {
        let text = limits.of_bpf(&io::Error::from_raw_os_error(error)).unwrap();
        assert!(text.contains(words), "{limits:?}: {text}");
    }
    // What a program or an old kernel is to blame for.
    let invalid = io::Error::from_raw_os_error(libc::EINVAL);
    assert_eq!(free().of_bpf(&invalid), None);
}

#[test]
fn lockdown_is_read() {
    assert_eq!(mode("[none] integrity confidentiality\n"), None);
    assert_eq!(
        mode("none [integrity] confidentiality\n"),
        Some("integrity")
    );
    assert_eq!(mode(""), None);
}
