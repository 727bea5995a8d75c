use super::*;
use crate::model::LocalEnd;

fn program(name: &str) -> HookProgram {
    HookProgram {
        id: 1,
        name: Some(name.to_owned()),
        tag: None,
        link: None,
        pinned: None,
        ours: name == "ours",
    }
}

fn chain(hook: HookPoint, of_peer: bool, names: &[&str]) -> HookChain {
    HookChain {
        hook,
        of_peer,
        programs: names.iter().map(|name| program(name)).collect(),
    }
}

fn watched(hooks: Hooks, chains: Vec<HookChain>) -> Device {
    Device {
        watch: Watch::Yes {
            slot: 0,
            hooks,
            local: LocalEnd::Here,
        },
        chains: Ok(chains),
        xdp: vec![program("xdp_drop")],
        ..Device::default()
    }
}

#[test]
fn xdp_runs_before_tcx_and_filters_behind_it() {
    let filters = [HookPoint::ClsactIngress, HookPoint::ClsactEgress];
    let chains = filters.map(|hook| chain(hook, false, &["cls"]));
    let spots = watched(Hooks::Tcx, chains.into()).blind_spots();
    assert_eq!(
        spots,
        ["XDP program xdp_drop runs before nkview: what it drops or redirects is not counted"]
    );
}

#[test]
fn the_egress_of_either_end_runs_before_netkit() {
    let chains = vec![
        chain(HookPoint::ClsactIngress, false, &["in"]),
        chain(HookPoint::ClsactEgress, true, &["out"]),
        chain(HookPoint::TcxEgress, false, &["nkview"]),
    ];
    let spots = watched(Hooks::Netkit, chains).blind_spots();
    assert_eq!(
        spots,
        [
            "out on the peer's clsact egress runs before nkview: what it drops or redirects is \
             not counted"
        ]
    );
}

#[test]
fn filters_run_in_their_order() {
    let chains = vec![
        chain(HookPoint::ClsactIngress, false, &["first", "ours"]),
        chain(HookPoint::ClsactEgress, false, &["ours", "second"]),
    ];
    let mut device = watched(Hooks::Clsact, chains);
    device.xdp.clear();
    assert_eq!(
        device.blind_spots(),
        ["1 program runs before nkview on clsact ingress: what it keeps is not counted"]
    );
}
