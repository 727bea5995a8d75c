use super::*;
use crate::probe::netlink::bytes;

// Answers of Linux 6.18 in a namespace with a few routes.
/// By a router, with an MTU of the route.
const ROUTED: &str = "02200000fe0000010002000008000f00fe000000080001000a0601010800040003000000080007000a05 \
    0002080005000a0500010c0008000800020078050000080019000000000024000c000200000000000000 \
    000000000000000000000000000000000000000000000000";
/// The same of IPv6, without an MTU.
const ROUTED_IPV6: &str = "0a808000fe0300010000000008000f00fe00000014000100fd0600000000000000000000000000011400 \
    02000000000000000000000000000000000014000700fd05000000000000000000000000000208000600 \
    0004000014000500fd050000000000000000000000000001080004000300000024000c00020000000000 \
    00000000000000000000000000000000000000000000000000000500140000000000";
/// IPv4 by a router of IPv6.
const BY_IPV6: &str = "02200000fe0000010002000008000f00fe000000080001000a0701010800040003000000080007000a05 \
    0002160012000a00fd0500000000000000000000000000010000080019000000000024000c0002000000 \
    00000000000000000000000000000000000000000000000000000000";
/// To the link.
const ON_LINK: &str = "02200000fe0000010002000008000f00fe000000080001000a0500090800040003000000080007000a05 \
    0002080019000000000024000c0002000000000000000000000000000000000000000000000000000000 \
    00000000";
/// To the namespace itself.
const OWN: &str = "02200000fe0000020002008008000f00fe000000080001007f0000010800040001000000080007007f00 \
    0001080019000000000024000c0002000000000000000000000000000000000000000000000000000000 \
    00000000";

fn message(hex: &str) -> Message {
    Message {
        kind: libc::RTM_NEWROUTE,
        body: bytes(hex),
    }
}

#[test]
fn what_the_kernel_answers_is_read() {
    let address = |text: &str| Some(text.parse::<IpAddr>().unwrap());
    for (hex, gateway, path_mtu, output) in [
        (ROUTED, address("10.5.0.1"), Some(1400), 3),
        (ROUTED_IPV6, address("fd05::1"), None, 3),
        (BY_IPV6, address("fd05::1"), None, 3),
        (ON_LINK, None, None, 3),
        (OWN, None, None, 1),
    ] {
        let (route, device) = parse(&message(hex)).unwrap();
        assert_eq!(route.gateway, gateway, "{hex}");
        assert_eq!(route.path_mtu, path_mtu, "{hex}");
        assert_eq!(device, output, "{hex}");
        assert_eq!(kind(&message(hex)) == Some(LOCAL), hex == OWN);
    }
}

#[test]
fn an_answer_that_is_cut_off_is_no_route() {
    for length in 0..36 {
        let mut message = message(ON_LINK);
        message.body.truncate(length);
        assert_eq!(parse(&message), None, "{length}");
    }
}

#[test]
fn a_request_says_how_much_of_each_address_counts() {
    let destination: IpAddr = "10.0.0.1".parse().unwrap();
    assert_eq!(request(destination, &[])[..3], [libc::AF_INET as u8, 32, 0]);
    let source = of_ip(libc::RTA_SRC, "fd00::1".parse().unwrap());
    let request = request("fd00::2".parse().unwrap(), &[source]);
    assert_eq!(request[..3], [libc::AF_INET6 as u8, 128, 128]);
    let kinds: Vec<u16> = attributes(&request[HEADER..])
        .map(|(kind, _)| kind)
        .collect();
    assert_eq!(kinds, [libc::RTA_DST, libc::RTA_SRC]);
}

#[test]
fn addresses_of_this_machine_are_its_own() {
    assert!(is_local("127.0.0.1".parse().unwrap()).unwrap());
    assert!(!is_local("192.0.2.1".parse().unwrap()).unwrap());
}

#[test]
fn the_way_to_this_machine_is_by_its_loopback_device() {
    let address = "127.0.0.1:80".parse().unwrap();
    let tuple = Tuple::between(address, address, 6);
    let route = find(&tuple, tuple.destination(), Origin::Here).unwrap();
    let route = route.unwrap().unwrap();
    assert_eq!((route.device.as_str(), route.gateway), ("lo", None));
    assert!(route.mtu > 1500, "{route:?}");
}
