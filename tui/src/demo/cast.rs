//! Who takes part, and under which address.
//!
//! All are on one link, so one prefix holds them. The third byte of an IPv4
//! address and the second group of an IPv6 address (a ULA, RFC 4193) show what
//! somebody is, so that a prefix filter finds its likes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Length of the prefix that all have in common, in either family.
pub const PREFIX_LENGTH: u8 = 16;

const fn v4(group: u8, host: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 77, group, host))
}

const fn v6(group: u16, host: u16) -> IpAddr {
    IpAddr::V6(Ipv6Addr::new(0xfd77, group, 0, 0, 0, 0, 0, host))
}

/// In the container: a web server.
pub const WEB: [IpAddr; 2] = [v4(0, 2), v6(0, 2)];
/// In the container: a file server, which also takes calls.
pub const FILES: [IpAddr; 2] = [v4(0, 3), v6(0, 3)];

/// Outside: the container's host.
pub const GATEWAY: [IpAddr; 2] = [v4(0, 1), v6(0, 1)];
/// Outside: who looks at the web server's pages.
pub const VISITORS: [IpAddr; 8] = [
    v4(1, 1),
    v4(1, 2),
    v4(1, 3),
    v4(1, 4),
    v4(1, 5),
    v6(1, 1),
    v6(1, 2),
    v6(1, 3),
];
/// Outside: who logs in and pings.
pub const OPERATOR: [IpAddr; 2] = [v4(1, 20), v6(1, 0x20)];
/// Outside: who knocks at closed doors.
pub const SCANNER: [IpAddr; 2] = [v4(1, 66), v6(1, 0x66)];
/// Outside: the DNS server.
pub const RESOLVER: [IpAddr; 2] = [v4(2, 53), v6(2, 0x53)];
/// Outside: the web server's database.
pub const DATABASE: [IpAddr; 2] = [v4(3, 20), v6(3, 0x20)];
/// Outside: where the file server's backups go.
pub const BACKUP: [IpAddr; 2] = [v4(3, 9), v6(3, 9)];
/// Outside: who sends files.
pub const CAMERA: [IpAddr; 2] = [v4(4, 7), v6(4, 7)];
/// Outside: the other end of a call, which is by IPv6 where there is IPv6.
pub const PHONE: [IpAddr; 2] = [v4(4, 5), v6(4, 5)];
/// Nowhere: who is looked for and never found.
pub const NOBODY: [IpAddr; 2] = [v4(9, 9), v6(9, 9)];

/// Port of the calls between [`PHONE`] and [`FILES`].
pub const CALL_PORT: u16 = 16_384;
/// Port of the file server and of the backup (rsync).
pub const FILES_PORT: u16 = 873;
/// Port of the database (PostgreSQL).
pub const DATABASE_PORT: u16 = 5432;
/// Port of logins.
pub const SSH_PORT: u16 = 22;
/// Port of the web server.
pub const HTTP_PORT: u16 = 80;
/// Port of a log server that does not exist.
pub const SYSLOG_PORT: u16 = 514;

/// All addresses of the container.
pub fn container() -> impl Iterator<Item = IpAddr> {
    [WEB, FILES].into_iter().flatten()
}

/// All addresses outside.
pub fn outside() -> impl Iterator<Item = IpAddr> {
    [
        GATEWAY, OPERATOR, SCANNER, RESOLVER, DATABASE, BACKUP, CAMERA, PHONE,
    ]
    .into_iter()
    .flatten()
    .chain(VISITORS)
}
