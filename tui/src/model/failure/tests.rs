use super::*;

#[test]
fn a_refusal_says_what_to_do() {
    let refused = |errno| {
        let hook = HookPoint::TcxIngress;
        WatchFailure::Hook { hook, errno }.to_string()
    };
    let text = refused(libc::EPERM);
    assert!(text.starts_with("cannot attach to tcx ingress: "), "{text}");
    assert!(text.contains("; run it as root"), "{text}");
    assert!(refused(libc::EIO).ends_with("; see the kernel log"));
}
