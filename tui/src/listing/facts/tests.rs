use super::*;
use crate::model::{HookChain, HookPoint};
use crate::synthetic;

fn pair() -> Device {
    let mut devices = synthetic::devices().into_iter();
    devices
        .find(|it| matches!(it.kind, DeviceKind::Netkit(_)))
        .unwrap()
}

/// The texts of the warnings.
fn warned(device: &Device) -> Vec<String> {
    let facts = facts(device).into_iter();
    facts.filter(|it| it.warns).map(|it| it.text).collect()
}

#[test]
fn a_healthy_pair_warns_of_nothing() {
    assert_eq!(warned(&pair()), Vec::<String>::new());
}

#[test]
fn programs_before_ours_are_warned_of() {
    let mut device = pair();
    device.chains.as_mut().unwrap()[0].programs.swap(0, 1);
    assert_eq!(
        warned(&device),
        [
            "1 program runs before nkview on the netkit primary's hook: what it keeps is not \
             counted"
        ]
    );
}

#[test]
fn another_nkview_before_ours_keeps_nothing() {
    let mut device = pair();
    let programs = &mut device.chains.as_mut().unwrap()[0].programs;
    programs.swap(0, 1);
    programs[0].name = Some("nkview".to_owned());
    assert_eq!(warned(&device), Vec::<String>::new());
}

#[test]
fn ends_that_do_not_match_are_warned_of() {
    let mut device = pair();
    device.mtu = 9000;
    assert_eq!(warned(&device), ["the MTU is 9000, the peer's is 1500"]);
    let end = device.peer.as_mut().and_then(|peer| peer.device.as_mut());
    end.unwrap().up = false;
    assert_eq!(
        warned(&device),
        ["the peer eth0 is down: nothing gets through"]
    );
    device.peer = None;
    assert_eq!(warned(&device), ["it has no peer"]);
}

#[test]
fn what_may_not_be_known_is_told_first() {
    let mut device = pair();
    let peer = device.peer.as_mut().unwrap();
    peer.namespace.as_mut().unwrap().unknown = Some("it needs CAP_SYS_PTRACE".to_owned());
    assert_eq!(facts(&device)[0].text, "it needs CAP_SYS_PTRACE");
    assert!(facts(&device)[0].warns);
}

#[test]
fn a_program_without_a_name_is_told_by_its_id() {
    let mut device = pair();
    device.chains = Ok(vec![HookChain {
        hook: HookPoint::TcxIngress,
        of_peer: true,
        programs: vec![HookProgram {
            id: 31,
            name: None,
            tag: None,
            link: None,
            pinned: None,
            ours: false,
        }],
    }]);
    let facts = facts(&device);
    let texts: Vec<_> = facts.iter().rev().map(|fact| fact.text.as_str()).collect();
    assert_eq!(texts[1], "the peer's tcx ingress 1: program id 31");
    assert!(texts[0].contains("CAP_SYS_ADMIN"), "{}", texts[0]);
    device.chains = Err("listing programs needs CAP_NET_ADMIN".to_owned());
    assert_eq!(warned(&device), ["listing programs needs CAP_NET_ADMIN"]);
}
