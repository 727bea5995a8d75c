use std::net::Ipv4Addr;

use bytemuck::Zeroable;
use probe_common::parse::number::{ether, ip};

use super::*;

#[test]
fn nothing_is_asked_until_the_user_wants_names_and_nothing_twice() {
    let mut names = HostNames::default();
    let address = || std::iter::once(IpAddr::from([10, 0, 0, 7]));
    assert!(names.ask(address()).is_empty());
    names.toggle();
    assert_eq!(names.ask(address()), address().collect::<Vec<_>>());
    assert!(names.ask(address()).is_empty());
    assert_eq!(names.name([10, 0, 0, 7].into()), None);
    names.learn([10, 0, 0, 7].into(), Some("seven.example".to_owned()));
    assert_eq!(names.name([10, 0, 0, 7].into()), Some("seven.example"));
    names.toggle();
    assert_eq!(names.name([10, 0, 0, 7].into()), None, "addresses again");
}

#[test]
fn an_end_has_the_names_that_are_wanted() {
    let mut names = HostNames::default();
    let key = FlowKey {
        local: [0xfd; 16],
        remote: Ipv4Addr::new(10, 0, 0, 7).to_ipv6_mapped().octets(),
        local_port: 443,
        remote_port: 40000,
        ether_type: ether::IPV6,
        protocol: ip::TCP,
        ..FlowKey::zeroed()
    };
    let ends = |names: &HostNames, key| [Side::Local, Side::Remote].map(|s| names.end(key, s));
    let v6 = "fdfd:fdfd:fdfd:fdfd:fdfd:fdfd:fdfd:fdfd";
    let numbers = [format!("[{v6}]:443"), "10.0.0.7:40000".to_owned()];
    assert_eq!(ends(&names, &key), numbers);
    names.toggle_services();
    let https = [format!("[{v6}]:https"), "10.0.0.7:40000".to_owned()];
    assert_eq!(ends(&names, &key), https);
    names.toggle();
    names.learn([10, 0, 0, 7].into(), Some("seven.example".to_owned()));
    names.learn([0xfd; 16].into(), Some("web.example".to_owned()));
    let both = ["web.example:https", "seven.example:40000"];
    assert_eq!(ends(&names, &key), both);
    names.toggle_services();
    assert_eq!(
        ends(&names, &key),
        ["web.example:443", "seven.example:40000"]
    );
}
