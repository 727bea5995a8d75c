use super::*;

/// What `work` returns in a thread of its own, whose capabilities are its own.
fn apart<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| scope.spawn(work).join().unwrap())
}

/// Whoever runs the tests, nothing is left that was not to be kept, nor a way to
/// gain it, and a thread that is started then has no more.
#[test]
fn what_is_given_up_is_gone_in_later_threads_too() {
    let before = capabilities(None).unwrap();
    let after = apart(|| {
        give_up_all_but(CapabilitySet::NET_ADMIN).unwrap();
        apart(|| (capabilities(None).unwrap(), Held::now().unwrap()))
    });
    let kept = before.permitted & CapabilitySet::NET_ADMIN;
    assert_eq!(after.0.permitted, kept);
    assert_eq!(after.0.effective, kept);
    assert_eq!(after.0.inheritable, CapabilitySet::empty());
    let words = if kept.is_empty() {
        "no capabilities; the rest cannot be gained (no_new_privs)"
    } else {
        "CAP_NET_ADMIN; the rest cannot be gained (no_new_privs)"
    };
    assert_eq!(after.1.to_string(), words);
    assert_eq!(
        capabilities(None).unwrap(),
        before,
        "this thread's are its own"
    );
}

#[test]
fn what_was_given_up_is_missing() {
    let missing = apart(|| {
        give_up_all_but(CapabilitySet::empty()).unwrap();
        missing(&NEEDED)
    });
    let names: Vec<_> = missing.iter().map(|(_, name, _)| *name).collect();
    assert_eq!(names, ["CAP_BPF", "CAP_PERFMON", "CAP_NET_ADMIN"]);
}

#[test]
fn words() {
    let held = |capabilities, can_gain| {
        Held {
            capabilities,
            can_gain,
        }
        .to_string()
    };
    assert_eq!(
        held(for_demo(), true),
        "CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN, CAP_SYS_ADMIN, CAP_SYS_PTRACE, 2 others; \
         more can be gained"
    );
    assert_eq!(
        held(CapabilitySet::CHOWN, false),
        "1 others; the rest cannot be gained (no_new_privs)"
    );
}
