//! The facts about a device that do not fit the columns of a table.

use crate::model::{
    Container, Device, DeviceKind, HookProgram, LinkCounters, LinkSide, Namespace, Peer, PeerDevice,
};
use crate::text::{clean, grouped, plural};

#[cfg(test)]
mod tests;

/// The label of the device's own counters, which a table may show already.
pub const COUNTERS: &str = "counters";

/// A sentence on a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// What it is about.
    pub label: &'static str,
    /// The sentence; of one line, without control characters.
    pub text: String,
    /// Whether the user had better know it.
    pub warns: bool,
}

impl Fact {
    const fn new(label: &'static str, text: String) -> Self {
        Self {
            label,
            text,
            warns: false,
        }
    }

    fn warning(text: impl Into<String>) -> Self {
        Self {
            label: "warning",
            text: text.into(),
            warns: true,
        }
    }
}

/// All that is known of a device, warnings first.
#[must_use]
pub fn facts(device: &Device) -> Vec<Fact> {
    let mut facts: Vec<_> = warnings(device).into_iter().map(Fact::warning).collect();
    if !device.altnames.is_empty() {
        facts.push(Fact::new("altnames", clean(&device.altnames.join(", "))));
    }
    if let DeviceKind::Netkit(pair) = &device.kind {
        let scrub = |scrub: &Option<String>| scrub.clone().unwrap_or_else(|| "unknown".to_owned());
        let text = format!(
            "mode {}; policy {}, of the peer {}; scrub {}, of the peer {}",
            pair.mode,
            pair.policy,
            pair.peer_policy,
            scrub(&pair.scrub),
            scrub(&pair.peer_scrub)
        );
        facts.push(Fact::new("netkit", text));
    }
    facts.push(Fact::new(COUNTERS, counters(&device.counters)));
    if let Some(peer) = &device.peer {
        facts.push(Fact::new("peer", peer_in_words(peer)));
        if let Some(end) = &peer.device {
            facts.push(Fact::new("peer's", counters(&end.counters)));
        }
    }
    if let Some(namespace) = device.namespace() {
        facts.push(Fact::new("namespace", namespace_in_words(namespace)));
        let container = namespace.container.as_ref();
        facts.extend(container.map(|it| Fact::new("container", container_in_words(it))));
    }
    for program in &device.xdp {
        let text = format!("xdp: {}", program_in_words(program));
        facts.push(Fact::new("program", text));
    }
    for chain in device.chains() {
        for (place, program) in chain.programs.iter().enumerate() {
            let owner = if chain.of_peer { "the peer's " } else { "" };
            let place = format!("{owner}{} {}", chain.hook.name(), place + 1);
            let text = format!("{place}: {}", program_in_words(program));
            facts.push(Fact::new("program", text));
        }
    }
    let mut programs = device.chains().iter().flat_map(|chain| &chain.programs);
    if programs.any(|program| program.id != 0 && program.tag.is_none()) {
        let text = "names of programs need CAP_SYS_ADMIN to be known".to_owned();
        facts.push(Fact::new("program", text));
    }
    facts
}

/// What may be wrong.
fn warnings(device: &Device) -> Vec<String> {
    let mut warnings: Vec<_> = device.blind_spots().iter().map(|it| clean(it)).collect();
    warnings.extend(device.chains.as_ref().err().cloned());
    let namespace = device.namespace();
    let unknown = namespace.and_then(|namespace| namespace.unknown.as_ref());
    warnings.extend(unknown.map(|reason| clean(reason)));
    let end = device.peer.as_ref().and_then(|peer| peer.device.as_ref());
    match end {
        Some(end) if device.up && !end.up => warnings.push(format!(
            "the peer {} is down: nothing gets through",
            clean(&end.name)
        )),
        Some(end) if end.mtu != device.mtu => warnings.push(format!(
            "the MTU is {}, the peer's is {}",
            device.mtu, end.mtu
        )),
        _ => {}
    }
    if matches!(device.kind, DeviceKind::Netkit(_)) && device.peer.is_none() {
        warnings.push("it has no peer".to_owned());
    }
    warnings
}

fn counters(counters: &LinkCounters) -> String {
    let side = |side: LinkSide| {
        let LinkSide {
            packets,
            bytes,
            dropped,
        } = side;
        format!(
            "{}, {}, {} dropped",
            plural(packets, "packet"),
            plural(bytes, "byte"),
            grouped(dropped)
        )
    };
    let [rx, tx] = [counters.rx, counters.tx].map(side);
    format!("received {rx}; sent {tx}")
}

fn peer_in_words(peer: &Peer) -> String {
    let Some(end) = &peer.device else {
        return format!("index {}", peer.index);
    };
    let PeerDevice {
        name, mac, mtu, up, ..
    } = end;
    let mut text = format!(
        "{}, index {}, {}, MTU {mtu}",
        clean(name),
        peer.index,
        if *up { "up" } else { "down" }
    );
    if !mac.is_empty() {
        text += &format!(", {}", crate::text::mac(mac));
    }
    text
}

fn namespace_in_words(namespace: &Namespace) -> String {
    let mut text = format!("id {}", namespace.id);
    if let Some(name) = &namespace.name {
        text = format!("{}, {text}", clean(name));
    }
    if let Some(pid) = namespace.pid {
        text += &format!(", process {pid} runs in it");
    }
    text
}

fn container_in_words(container: &Container) -> String {
    let mut text = clean(container.short_id());
    if let Some(name) = &container.host_name {
        text = format!("{}, id {text}", clean(name));
    }
    if let Some(runtime) = &container.runtime {
        text += &format!(", {runtime}");
    }
    if let Some(name) = &container.name {
        text += &format!(", container {}", clean(name));
    }
    if let Some(pod) = &container.pod {
        let name = pod.name.as_ref().map(|name| format!(" {}", clean(name)));
        text += &format!(", pod{} {}", name.unwrap_or_default(), clean(&pod.uid));
    }
    text
}

fn program_in_words(program: &HookProgram) -> String {
    let mut text = clean(program.label());
    if program.ours {
        text += " (this one)";
    }
    if program.id != 0 {
        text += &format!(" id {}", program.id);
    }
    if let Some(tag) = &program.tag {
        text += &format!(" tag {tag}");
    }
    if let Some(link) = program.link {
        text += &format!(" link {link}");
    }
    if let Some(path) = &program.pinned {
        text += &format!(", pinned at {}", clean(path));
    }
    text
}
