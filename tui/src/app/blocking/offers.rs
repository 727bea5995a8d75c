//! The rules that are offered for what is selected.

use std::net::SocketAddr;

use probe_common::FlowKey;
use probe_common::parse::number::{ether, ip};

use crate::app::ends::{self, Side};
use crate::diagnosis::{Finding, Subject};

#[cfg(test)]
mod tests;

/// The rules that a flow at a device offers: the flow itself, all that its remote end
/// has with the same service, and all of its remote end.
#[must_use]
pub fn rules_of_flow(key: &FlowKey, device: &str) -> Vec<String> {
    let [local, remote] = Side::BOTH.map(|side| ends::address(key, side));
    let (Some(local), Some(remote)) = (local, remote) else {
        return vec![format!("{device}: ether {:#06x}", key.ether_type)];
    };
    if !matches!(key.ether_type, ether::IPV4 | ether::IPV6) {
        return vec![format!("{device}: ether {:#06x}", key.ether_type)];
    }
    let protocol = protocol(key.protocol);
    let mut rules = Vec::new();
    let ports = Side::BOTH.map(|side| ends::port(key, side));
    if let [Some(here), Some(there)] = ports {
        rules.push(format!(
            "{device}: {protocol} remote {remote} remote port {there} local {local} local port {here}"
        ));
        // Servers have the lower ports.
        let service = if here <= there {
            format!("local port {here}")
        } else {
            format!("remote port {there}")
        };
        rules.push(format!("{device}: {protocol} remote {remote} {service}"));
    } else if key.protocol != ip::ICMPV6 {
        // Of ICMPv6 the network itself depends on some.
        rules.push(format!("{device}: {protocol} remote {remote}"));
    }
    rules.push(format!("{device}: remote {remote}"));
    rules
}

/// The rules that a problem offers: of what it is about, the connections first.
#[must_use]
pub fn rules_of_finding(finding: &Finding) -> Vec<String> {
    let connection = |subject: &Subject| match subject {
        Subject::Flow {
            client,
            server,
            protocol,
        } => {
            let client: SocketAddr = client.parse().ok()?;
            let server: SocketAddr = server.parse().ok()?;
            let [client, host] = [client.ip(), server.ip()];
            let port = server.port();
            Some(format!("{protocol} host {client} host {host} port {port}"))
        }
        _ => None,
    };
    let subjects = finding.subjects.iter();
    let mut rules: Vec<String> = subjects.clone().filter_map(connection).collect();
    rules.extend(subjects.filter_map(Subject::filter));
    rules
}

fn protocol(number: u8) -> String {
    match number {
        ip::TCP => "tcp".to_owned(),
        ip::UDP => "udp".to_owned(),
        number => format!("proto {number}"),
    }
}
