use super::*;
use crate::probe::devices::PeerId;

fn link(index: u32, name: &str) -> Link {
    Link {
        index,
        ..Link::sample(name)
    }
}

/// The names of the devices that the patterns select.
fn selected(patterns: &[&str], links: &[Link]) -> anyhow::Result<Vec<String>> {
    let patterns: Vec<_> = patterns.iter().map(|it| (*it).to_owned()).collect();
    let selection = Selection::new(&patterns, links)?;
    let wanted = links.iter().filter(|link| selection.wants(link));
    Ok(wanted.map(|link| link.name.clone()).collect())
}

#[test]
fn a_device_is_known_by_all_of_its_names() {
    let mut veth = link(3, "v0");
    veth.altnames = vec!["Ethernet0-1-a-rather-long-name".to_owned()];
    veth.peer = Some(PeerId {
        index: 5,
        namespace: Some(0),
    });
    let mut vlan = link(4, "vlan7");
    vlan.below = Some(3);
    let links = [veth, vlan];
    for name in [
        "v0",
        "Ethernet0-1-a-rather-long-name",
        "Ethernet*",
        "v0@if5",
    ] {
        assert_eq!(selected(&[name], &links).unwrap(), ["v0"], "{name}");
    }
    assert_eq!(selected(&["vlan7@v0"], &links).unwrap(), ["vlan7"]);
    // It is an end of another pair, or of none.
    for name in ["v0@if6", "v0@vlan7", "v0@", "vlan7@nothing"] {
        let error = selected(&[name], &links).unwrap_err().to_string();
        assert!(error.contains("no device"), "{error}");
    }
}

#[test]
fn a_name_comes_before_a_glob() {
    let links = [link(1, "a{1}"), link(2, "a1"), link(3, "b@if3")];
    assert_eq!(selected(&["a{1}"], &links).unwrap(), ["a{1}"]);
    assert_eq!(selected(&["a{1,2}"], &links).unwrap(), ["a1"]);
    assert_eq!(selected(&["b@if3"], &links).unwrap(), ["b@if3"]);
}

#[test]
fn what_is_told_of_a_wrong_name_has_no_control_characters() {
    for pattern in ["b\u{1b}]0;x\u{7}", "[b\u{1b}x"] {
        let error = format!("{:#}", selected(&[pattern], &[]).unwrap_err());
        assert!(!error.contains(char::is_control), "{error:?}");
    }
}

#[test]
fn mistakes_are_told_as_they_are() {
    let refused = |pattern| selected(&[pattern], &[]).unwrap_err().to_string();
    assert!(refused("").contains("is empty"), "{}", refused(""));
    let glob = refused("[a");
    assert!(glob.ends_with("missing ']'"), "{glob}");
}
