use super::*;
use crate::model::{DeviceKind, Netkit};

fn primary(group: u32, alias: Option<String>) -> Link {
    Link {
        alias,
        group,
        kind: DeviceKind::Netkit(Netkit {
            mode: "l3".to_owned(),
            policy: "forward".to_owned(),
            peer_policy: "forward".to_owned(),
            scrub: None,
            peer_scrub: None,
        }),
        ..Link::sample("nk0")
    }
}

#[test]
fn only_a_pair_of_ours_whose_owner_is_gone_is_left_behind() {
    let me = Owner::this().unwrap();
    let gone = me.after();
    let elsewhere = gone.elsewhere();
    for (group, alias, expected) in [
        (GROUP, Some(gone.sign()), true),
        (GROUP, None, false),
        (GROUP, Some(me.sign()), false),
        (GROUP, Some(elsewhere.sign()), false),
        (GROUP, Some("uplink of rack 7".to_owned()), false),
        (0, Some(gone.sign()), false),
        (0, None, false),
    ] {
        let link = primary(group, alias);
        assert_eq!(is_left_behind(&link), expected, "{link:?}");
    }
    let mut peer = primary(GROUP, Some(gone.sign()));
    peer.kind = DeviceKind::NetkitPeer;
    assert!(!is_left_behind(&peer));
}

#[test]
fn a_pair_of_ours_without_a_signature_waits_for_it() {
    let me = Owner::this().unwrap();
    assert!(is_unsigned(&primary(GROUP, None)));
    assert!(!is_unsigned(&primary(GROUP, Some(me.sign()))));
    assert!(!is_unsigned(&primary(0, None)));
    let mut peer = primary(GROUP, None);
    peer.kind = DeviceKind::NetkitPeer;
    assert!(!is_unsigned(&peer));
}

#[test]
fn names_that_the_kernel_would_refuse_are_explained() {
    assert!(check_name("nk0", "nk0p").is_ok());
    assert!(check_name("fourteen-chars", "fourteen-charsp").is_ok());
    let error = check_name("fifteen-letters", "fifteen-lettersp").unwrap_err();
    assert!(error.to_string().contains("16 characters"), "{error}");
    for name in ["", "a b", "a/b", ".", "nk%d", "netz\u{e4}"] {
        assert!(check_name(name, "x").is_err(), "{name}");
    }
}
