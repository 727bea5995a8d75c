use std::fs;

use super::Kernel;
use crate::probe::trace::btf::{BtfError, VMLINUX};

#[test]
fn the_running_kernel_has_all_that_the_programs_need() {
    let Ok(data) = fs::read(VMLINUX) else {
        eprintln!("this kernel has no BTF: nothing is tested");
        return;
    };
    let kernel = Kernel::of(&data).unwrap();
    // Two different members cannot be at the same place.
    let layout = &kernel.layout;
    assert_ne!(layout.skb_dev, layout.skb_sk);
    assert_ne!(layout.sock_address, layout.sock_remote_address);
    assert!(kernel.arguments("kfree_skb").unwrap() >= 3);
    let known = kernel.drop_reasons.values();
    assert_eq!(known.filter(|name| *name == "NETFILTER_DROP").count(), 1);
}

#[test]
fn reasons_of_modules_have_the_name_of_their_subsystem() {
    let kernel = Kernel {
        layout: Default::default(),
        noise: Default::default(),
        arguments: Default::default(),
        drop_reasons: [(2, "NOT_SPECIFIED".to_owned())].into(),
        subsystems: [(0, "CORE".to_owned()), (2, "OPENVSWITCH".to_owned())].into(),
        reset_reasons: [(3, "NO_SOCKET".to_owned())].into(),
    };
    assert_eq!(kernel.drop_reason(2), "NOT_SPECIFIED");
    assert_eq!(kernel.drop_reason(0x2_0007), "OPENVSWITCH:7");
    assert_eq!(kernel.drop_reason(77), "reason 77");
    assert_eq!(kernel.drop_reason(0x5_0001), "reason 327681");
    assert_eq!(kernel.reset_reason(3).as_deref(), Some("NO_SOCKET"));
    assert_eq!(kernel.reset_reason(-1), None);
}

#[test]
fn what_is_no_btf_is_refused() {
    let error = Kernel::of(b"no BTF").unwrap_err();
    assert!(matches!(error, BtfError::Malformed(_)));
}
