//! The device that leads out of this node: where the default route goes.

use std::fs;

#[cfg(test)]
mod tests;

/// A route is usable (`RTF_UP` in `include/uapi/linux/route.h`).
const UP: u32 = 1;
/// It is there to refuse packets (`RTF_REJECT`).
const REJECT: u32 = 0x200;

/// The device of the default route of this network namespace: of IPv4, or else of
/// IPv6. Read from procfs, which does not wait for RTNL.
#[must_use]
pub fn device() -> Option<String> {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    of_ipv4(&read("/proc/self/net/route")).or_else(|| of_ipv6(&read("/proc/self/net/ipv6_route")))
}

/// Of the table in `/proc/net/route`.
fn of_ipv4(table: &str) -> Option<String> {
    let routes = table.lines().skip(1).filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [device, destination, _, flags, _, _, metric, mask, ..] = fields[..] else {
            return None;
        };
        let is_default = destination == "00000000" && mask == "00000000";
        let flags = u32::from_str_radix(flags, 16).ok()?;
        let metric = metric.parse::<u32>().ok()?;
        (is_default && is_usable(flags)).then_some((metric, device))
    });
    least(routes)
}

/// Of the table in `/proc/net/ipv6_route`.
fn of_ipv6(table: &str) -> Option<String> {
    let routes = table.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [destination, "00", _, _, _, metric, _, _, flags, device] = fields[..] else {
            return None;
        };
        let is_default = destination.bytes().all(|digit| digit == b'0');
        let flags = u32::from_str_radix(flags, 16).ok()?;
        let metric = u32::from_str_radix(metric, 16).ok()?;
        (is_default && is_usable(flags) && device != "lo").then_some((metric, device))
    });
    least(routes)
}

const fn is_usable(flags: u32) -> bool {
    flags & UP != 0 && flags & REJECT == 0
}

fn least<'a>(routes: impl Iterator<Item = (u32, &'a str)>) -> Option<String> {
    let (_, device) = routes.min_by_key(|(metric, _)| *metric)?;
    Some(device.to_owned())
}
