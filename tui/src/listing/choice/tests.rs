use super::*;

fn devices() -> Vec<Device> {
    let device = |name: &str, altnames: &[&str]| Device {
        name: name.to_owned(),
        altnames: altnames.iter().map(|&name| name.to_owned()).collect(),
        ..Device::default()
    };
    vec![
        device("eth0", &["enp3s0", "uplink"]),
        device("lxc1", &[]),
        device("lxc2", &[]),
        device("odd[1]", &[]),
    ]
}

fn chosen(patterns: &[&str]) -> Result<Vec<String>, String> {
    let patterns: Vec<String> = patterns.iter().map(|&it| it.to_owned()).collect();
    let devices = choose(devices(), &patterns).map_err(|error| error.to_string())?;
    Ok(devices.into_iter().map(|device| device.name).collect())
}

#[test]
fn names_and_globs_choose_each_device_once() {
    assert_eq!(chosen(&[]).unwrap().len(), 4);
    assert_eq!(chosen(&["lxc2", "lxc*"]).unwrap(), ["lxc1", "lxc2"]);
    assert_eq!(chosen(&["uplink"]).unwrap(), ["eth0"]);
    assert_eq!(chosen(&["enp*", "lxc1"]).unwrap(), ["eth0", "lxc1"]);
    assert_eq!(chosen(&["odd[1]"]).unwrap(), ["odd[1]"], "a name as it is");
}

#[test]
fn a_pattern_without_a_device_is_an_error() {
    for pattern in ["lxc", "nk*", ""] {
        let error = chosen(&["lxc1", pattern]).unwrap_err();
        let start = format!("there is no device {pattern} in this network namespace");
        assert!(error.starts_with(&start), "{error}");
    }
    let error = chosen(&["lxc["]).unwrap_err();
    assert!(error.starts_with("cannot read lxc[ as a glob"), "{error}");
    let error = chosen(&["\u{1b}[2J"]).unwrap_err();
    assert!(!error.contains('\u{1b}'), "{error:?}");
}
