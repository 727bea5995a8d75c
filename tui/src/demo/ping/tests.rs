use super::*;

const ECHO: IcmpEchoHeader = IcmpEchoHeader { id: 7, seq: 9 };

#[test]
fn the_checksum_of_a_request_is_right() {
    let request = request("10.77.0.1".parse().unwrap(), ECHO, &[0xab; 56]);
    assert_eq!(request.len(), 64);
    assert_eq!(request[..2], [8, 0]);
    assert_eq!(request[4..8], [0, 7, 0, 9]);
    // RFC 1071: the sum over all, with the checksum, is all ones.
    let mut sum: u32 = request
        .chunks(2)
        .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])))
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    assert_eq!(sum, 0xffff);
}

#[test]
fn the_checksum_of_icmpv6_is_left_to_the_kernel() {
    let request = request("fd77::1".parse().unwrap(), ECHO, &[1, 2]);
    assert_eq!(request, [128, 0, 0, 0, 0, 7, 0, 9, 1, 2]);
}
