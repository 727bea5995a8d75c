use super::*;

#[test]
fn the_loopback_device_is_listed() {
    let mut netlink = Netlink::open(libc::NETLINK_ROUTE as isize).unwrap();
    // Twice on one socket: the first answer was read to its end.
    for _ in 0..2 {
        let links = netlink.dump(libc::RTM_GETLINK, &[0; 16]).unwrap();
        let names = links.iter().flat_map(|link| link.attributes(16));
        let mut names = names.filter(|(kind, _)| *kind == libc::IFLA_IFNAME);
        assert!(names.any(|(_, name)| text(name) == "lo"));
    }
}

#[test]
fn the_kernels_error_is_passed_on() {
    let mut netlink = Netlink::open(libc::NETLINK_ROUTE as isize).unwrap();
    let mut request = [0; 16];
    request[4..8].copy_from_slice(&i32::MAX.to_ne_bytes());
    let error = netlink.get(libc::RTM_GETLINK, &request).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::ENODEV));
}

#[test]
fn a_damaged_attribute_ends_the_list() {
    let mut bytes = attribute(1, b"abc");
    bytes.extend(attribute(2, b"d"));
    bytes.extend([200, 0, 3, 0]);
    let found: Vec<_> = attributes(&bytes).collect();
    assert_eq!(found, [(1, &b"abc"[..]), (2, &b"d"[..])]);
}

#[test]
fn values_that_are_too_short_are_none() {
    assert_eq!(uint(&[1, 2, 3]), None);
    assert_eq!(ulong(&[0; 12], 5), None);
    assert_eq!(text(b"abc\0def"), "abc");
    assert_eq!(text(b"a\xff"), "a\u{fffd}");
}
