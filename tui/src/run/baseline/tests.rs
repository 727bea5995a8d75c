use super::*;
use crate::diagnosis::Diagnosis;
use crate::flow::{FlowTable, Limits};
use crate::model::{Event, Hooks, LocalEnd, Watch};

fn devices(names: &[&str]) -> Event {
    let device = |(slot, name): (u32, &&str)| Device {
        name: (*name).to_owned(),
        watch: Watch::Yes {
            slot,
            hooks: Hooks::Tcx,
            local: LocalEnd::Here,
        },
        ..Device::default()
    };
    Event::Devices((0..).zip(names).map(device).collect())
}

fn unknown(recorded: &[&str], watched: &[&str]) -> Option<(String, bool)> {
    let mut baseline = Baseline::default();
    baseline.learn(&devices(recorded));
    let mut diagnosis = Diagnosis::default();
    let flows = FlowTable::new(Limits::default());
    diagnosis.observe(&devices(watched), &flows);
    let unknown = Unknown::of(Some(&baseline), diagnosis.devices())?;
    Some((unknown.text, unknown.is_all))
}

#[test]
fn a_baseline_of_other_devices_is_reported_with_both_names() {
    let (text, is_all) = unknown(&["lxc1", "lxc2"], &["lxc7"]).unwrap();
    assert!(is_all);
    for part in [
        "none of the watched devices",
        "of lxc1, lxc2",
        "here are lxc7",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_device_that_the_baseline_lacks_is_named() {
    let (text, is_all) = unknown(&["lxc1"], &["lxc1", "lxc7"]).unwrap();
    assert!(!is_all);
    assert!(text.ends_with(": lxc7"), "{text}");
    assert_eq!(unknown(&["lxc1", "lxc2"], &["lxc1"]), None);
}
