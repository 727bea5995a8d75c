//! Names of hosts, devices, processes and containers.

use super::{Domain, Redaction};

/// What devices are called by their kind, with a number behind it.
const PLAIN: [&str; 15] = [
    "eth", "wlan", "bond", "br", "docker", "cni", "tun", "tap", "dummy", "wg", "veth", "nk",
    "team", "vxlan", "ens",
];

impl Redaction {
    /// Another name for something of this kind.
    pub fn name(&self, kind: &str, name: &mut String) {
        if !name.is_empty() {
            let drawn = self.draw(Domain::Name, name.as_bytes());
            *name = format!("{kind}-{:08x}", drawn as u32);
        }
    }

    /// The same where there may be none.
    pub fn maybe(&self, kind: &str, name: &mut Option<String>) {
        if let Some(name) = name {
            self.name(kind, name);
        }
    }

    /// Another identifier, of 64 hexadecimal digits at most.
    pub fn id(&self, id: &mut String) {
        if !id.is_empty() {
            let drawn = self.draw(Domain::Name, id.as_bytes());
            *id = format!("{drawn:016x}").repeat(4)[..id.len().clamp(12, 64)].to_owned();
        }
    }

    /// Another name for a device. One that consists of its kind and a small number, as
    /// `lo` and `eth0`, stays.
    pub fn device(&self, name: &mut String) {
        let kind = name.trim_end_matches(|it: char| it.is_ascii_digit());
        let digits = name.len() - kind.len();
        let is_plain = name == "lo" || PLAIN.contains(&kind) && (1..=3).contains(&digits);
        if !is_plain {
            self.name("dev", name);
        }
    }
}
