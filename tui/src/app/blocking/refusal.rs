//! What is never dropped, whoever asks. Pure.

use probe_common::Direction;
use probe_common::parse::number::{ether, ip};

use crate::app::own::OwnSession;
use crate::filter::{Filter, is_narrow};
use crate::model::{BlockRule, Device, DeviceKind};

#[cfg(test)]
mod tests;

/// Refuses a rule that would cut off one of these sessions. Whether they come through
/// the rule's devices is not asked: routes change.
///
/// # Errors
/// The reason.
pub fn of_sessions(filter: &Filter, sessions: &[OwnSession]) -> Result<(), String> {
    let is_cut = |session: &OwnSession| {
        session.keys().iter().any(|key| {
            Direction::BOTH
                .iter()
                .any(|&direction| filter.matches(key, "", direction))
        })
    };
    if sessions.iter().any(is_cut) {
        return Err(
            "it matches the SSH session that you use; name other addresses or ports".to_owned(),
        );
    }
    Ok(())
}

/// Refuses a rule that is about more than certain addresses or ports, or about what
/// the network itself depends on, unless it is for one container alone.
///
/// # Errors
/// The reason.
pub fn of_everything(rule: &BlockRule, all: bool, devices: &[&Device]) -> Result<(), String> {
    if let Some(device) = devices.iter().find(|device| is_loopback(device)) {
        return Err(format!(
            "{} is the loopback device: it is never blocked",
            device.name
        ));
    }
    let is_about_neighbors = rule
        .ether_type
        .is_some_and(|number| !matches!(number, ether::IPV4 | ether::IPV6))
        || rule.protocols.iter().any(|list| list.contains(&ip::ICMPV6));
    if is_narrow(rule) && !is_about_neighbors {
        return Ok(());
    }
    let what = if is_about_neighbors {
        "it is about ARP, ICMPv6 or another protocol that the network itself depends on"
    } else {
        "it names neither addresses (IPv4 /8, IPv6 /16 or longer) nor at most 1,024 ports"
    };
    if !all {
        return Err(format!(
            "{what}; if that is meant, `nkview block --all` drops it on one container's device"
        ));
    }
    let is_one = rule.devices.len() == 1 && !crate::text::is_glob(&rule.devices[0]);
    match devices {
        [device] if is_one && is_of_container(device) => Ok(()),
        _ => Err(format!(
            "{what}; --all needs the name of one container's device: a netkit or veth device \
             whose peer is in another network namespace"
        )),
    }
}

/// Whether it is the machine's device to itself.
#[must_use]
pub fn is_loopback(device: &Device) -> bool {
    device.kind == DeviceKind::Other("loopback".to_owned())
}

/// Whether a container alone is behind it.
fn is_of_container(device: &Device) -> bool {
    let is_pair = match &device.kind {
        DeviceKind::Netkit(_) => true,
        DeviceKind::Other(kind) => kind == "veth",
        DeviceKind::NetkitPeer => false,
    };
    is_pair && device.namespace().is_some()
}
