use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, TcpStream, UdpSocket};

use super::*;

fn tuple(socket: SocketAddr, other: SocketAddr, protocol: i32) -> Tuple {
    Tuple::between(socket, other, protocol as u8)
}

#[test]
fn a_connection_has_two_sockets_and_a_listener() {
    for address in [IpAddr::V4(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()] {
        let listener = TcpListener::bind((address, 0)).unwrap();
        let server = listener.local_addr().unwrap();
        let client = TcpStream::connect(server).unwrap();
        let found = listeners().unwrap();
        let found = found.iter().find(|it| it.address == server).unwrap();
        // The connection waits to be accepted.
        assert_eq!(found.queued, 1);
        assert!(found.limit > 1, "{found:?}");
        let client = client.local_addr().unwrap();
        let forth = tuple(client, server, libc::IPPROTO_TCP);
        let [one, other] = [forth, forth.reversed()].map(|it| find(&it).unwrap());
        assert_eq!((one.state, other.state), (1, 1), "established");
        assert_ne!(one.cookie, other.cookie);
        let tcp = one.tcp.unwrap();
        assert!(tcp.congestion_window > 0 && tcp.send_mss > 0, "{tcp:?}");
    }
}

#[test]
fn unread_bytes_wait_in_the_queue() {
    use std::io::Write;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    client.write_all(&[7; 1000]).unwrap();
    let (server, _) = listener.accept().unwrap();
    let [near, far] = [server.local_addr(), server.peer_addr()].map(Result::unwrap);
    let state = find(&tuple(near, far, libc::IPPROTO_TCP)).unwrap();
    assert_eq!(state.receive_queue, 1000);
}

#[test]
fn a_udp_socket_is_found_from_its_own_end() {
    let one = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let other = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let [near, far] = [&one, &other].map(|it| it.local_addr().unwrap());
    one.connect(far).unwrap();
    other.connect(near).unwrap();
    other.send(b"four").unwrap();
    let states = [(near, far), (far, near)]
        .map(|(near, far)| find(&tuple(near, far, libc::IPPROTO_UDP)).unwrap());
    // What one has not read takes more memory than its four bytes.
    assert!(states[0].receive_queue >= 4, "{states:?}");
    assert_eq!(states[1].receive_queue, 0);
    assert_ne!(states[0].cookie, states[1].cookie);
}

#[test]
fn what_is_not_there_is_not_found() {
    // Nobody listens on it, for it was never given a port.
    let nobody = SocketAddr::from((Ipv4Addr::new(192, 0, 2, 1), 1));
    let flow = tuple(nobody, nobody, libc::IPPROTO_TCP);
    assert_eq!(find(&flow).unwrap_err().kind(), io::ErrorKind::NotFound);
    let flow = tuple(nobody, nobody, libc::IPPROTO_ICMP);
    assert_eq!(find(&flow).unwrap_err().kind(), io::ErrorKind::Unsupported);
}

#[test]
fn an_older_kernel_tells_less() {
    let mut info = vec![0; 104];
    info[68..72].copy_from_slice(&1500_u32.to_ne_bytes());
    let state = tcp_state(&info).unwrap();
    assert_eq!(state.rtt, Duration::from_micros(1500));
    assert_eq!((state.min_rtt, state.send_window), (None, None));
    info.resize(232, 0xff);
    assert_eq!(tcp_state(&info).unwrap().min_rtt, None, "none yet");
    assert_eq!(tcp_state(&info[..100]), None);
}
