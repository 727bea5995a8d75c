//! The devices that lead out of this node: where the default route goes, and where
//! routers are.

use std::collections::HashSet;
use std::fs;

#[cfg(test)]
mod tests;

/// A route is usable (`RTF_UP` in `include/uapi/linux/route.h`).
const UP: u32 = 1;
/// It leads to a router (`RTF_GATEWAY`).
const GATEWAY: u32 = 2;
/// It is there to refuse packets (`RTF_REJECT`).
const REJECT: u32 = 0x200;

/// The device of the default route of this network namespace: of IPv4, or else of
/// IPv6. Read from procfs, which does not wait for RTNL.
#[must_use]
pub fn device() -> Option<String> {
    let [ipv4, ipv6] = tables();
    of_ipv4(&ipv4).or_else(|| of_ipv6(&ipv6))
}

/// The devices of all default routes and of all routes through a router, such as
/// `eth0` within a container.
#[must_use]
pub fn outward() -> HashSet<String> {
    let [ipv4, ipv6] = tables();
    outward_ipv4(&ipv4).chain(outward_ipv6(&ipv6)).collect()
}

fn tables() -> [String; 2] {
    ["/proc/self/net/route", "/proc/self/net/ipv6_route"]
        .map(|path| fs::read_to_string(path).unwrap_or_default())
}

/// A usable route.
struct Route<'a> {
    device: &'a str,
    metric: u32,
    is_default: bool,
    has_gateway: bool,
}

/// Of the table in `/proc/net/route`.
fn of_ipv4(table: &str) -> Option<String> {
    least(routes_ipv4(table))
}

/// Of the table in `/proc/net/ipv6_route`.
fn of_ipv6(table: &str) -> Option<String> {
    least(routes_ipv6(table))
}

fn outward_ipv4(table: &str) -> impl Iterator<Item = String> {
    routes_ipv4(table).filter_map(Route::outward)
}

fn outward_ipv6(table: &str) -> impl Iterator<Item = String> {
    routes_ipv6(table).filter_map(Route::outward)
}

fn routes_ipv4(table: &str) -> impl Iterator<Item = Route<'_>> {
    table.lines().skip(1).filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [device, destination, _, flags, _, _, metric, mask, ..] = fields[..] else {
            return None;
        };
        let flags = u32::from_str_radix(flags, 16).ok()?;
        is_usable(flags).then_some(Route {
            device,
            metric: metric.parse().ok()?,
            is_default: destination == "00000000" && mask == "00000000",
            has_gateway: flags & GATEWAY != 0,
        })
    })
}

fn routes_ipv6(table: &str) -> impl Iterator<Item = Route<'_>> {
    table.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [destination, length, _, _, _, metric, _, _, flags, device] = fields[..] else {
            return None;
        };
        let flags = u32::from_str_radix(flags, 16).ok()?;
        (is_usable(flags) && device != "lo").then_some(Route {
            device,
            metric: u32::from_str_radix(metric, 16).ok()?,
            is_default: length == "00" && destination.bytes().all(|digit| digit == b'0'),
            has_gateway: flags & GATEWAY != 0,
        })
    })
}

impl Route<'_> {
    fn outward(self) -> Option<String> {
        (self.is_default || self.has_gateway).then(|| self.device.to_owned())
    }
}

const fn is_usable(flags: u32) -> bool {
    flags & UP != 0 && flags & REJECT == 0
}

/// The device of the default route with the least metric.
fn least<'a>(routes: impl Iterator<Item = Route<'a>>) -> Option<String> {
    let default = routes.filter(|route| route.is_default);
    let least = default.min_by_key(|route| route.metric)?;
    Some(least.device.to_owned())
}
