use std::net::{TcpListener, TcpStream};

use super::*;

#[test]
fn a_line_of_the_table_is_read() {
    let words = |address: Ipv6Addr| -> String {
        let octets = address.octets();
        octets
            .chunks(4)
            .map(|word| format!("{:08X}", u32::from_ne_bytes(word.try_into().unwrap())))
            .collect()
    };
    let line = format!(
        "   1: {}:0016 {}:C3CA 01 00000000:00000000 02:0004 00000000  0  0 4711 2",
        words("2001:db8::7".parse().unwrap()),
        words("2001:db8::9".parse().unwrap()),
    );
    let (inode, session) = connection(&line).unwrap();
    assert_eq!(inode, 4711);
    let same = OwnSession::parse("2001:db8::7 22 2001:db8::9 50122");
    assert_eq!(Some(session), same);
    assert!(connection("  sl  local_address rem_address   st").is_none());
}

#[test]
fn connections_of_this_process_are_found() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let Ok(listener) = TcpListener::bind(address) else {
            continue;
        };
        let here = listener.local_addr().unwrap();
        let client = TcpStream::connect(here).unwrap();
        let session = OwnSession::new(client.local_addr().unwrap(), here);
        assert!(connections(std::process::id()).contains(&session));
    }
}
