//! What is wrong, as the user reads it.

use std::net::IpAddr;

use serde::{Serialize, Serializer};

use super::decode::Endpoint;
use super::kind::Kind;
use super::severity::Severity;
use crate::model::Moment;

/// Something that a finding is about, to which the user can go.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Subject {
    /// A host.
    Host {
        /// Its address.
        address: IpAddr,
    },
    /// A port of a host.
    Service {
        /// The host's address.
        address: IpAddr,
        /// The port.
        port: u16,
        /// `tcp` or `udp`.
        protocol: &'static str,
    },
    /// A connection or an exchange.
    Flow {
        /// The end that began it.
        client: String,
        /// The other end.
        server: String,
        /// `tcp` or `udp`.
        protocol: &'static str,
    },
    /// A network device.
    Device {
        /// Its name.
        name: String,
    },
    /// A process.
    Process {
        /// Its process id.
        pid: u32,
        /// Its command.
        command: String,
    },
}

impl Subject {
    /// A TCP service.
    #[must_use]
    pub const fn tcp(server: Endpoint) -> Self {
        Self::Service {
            address: server.address,
            port: server.port,
            protocol: "tcp",
        }
    }

    /// A UDP service.
    #[must_use]
    pub const fn udp(server: Endpoint) -> Self {
        Self::Service {
            address: server.address,
            port: server.port,
            protocol: "udp",
        }
    }

    /// A connection.
    #[must_use]
    pub fn flow(client: Endpoint, server: Endpoint, protocol: &'static str) -> Self {
        Self::Flow {
            client: client.to_string(),
            server: server.to_string(),
            protocol,
        }
    }

    /// Hosts, of many only the first: a finding names examples.
    pub fn hosts<'a>(
        addresses: impl IntoIterator<Item = &'a IpAddr>,
    ) -> impl Iterator<Item = Self> {
        const NAMED: usize = 8;
        let addresses = addresses.into_iter().take(NAMED);
        addresses.map(|address| Self::Host { address: *address })
    }

    /// The filter that shows its flows.
    #[must_use]
    pub fn filter(&self) -> Option<String> {
        match self {
            Self::Host { address } => Some(format!("host {address}")),
            Self::Service {
                address,
                port,
                protocol,
            } => Some(format!("{protocol} and host {address} and port {port}")),
            Self::Device { name } => Some(format!("dev {name}")),
            Self::Flow { .. } | Self::Process { .. } => None,
        }
    }
}

/// Something that is wrong, or was.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// Stable as long as the cause is the same: the kind and what it is about.
    pub id: String,
    /// How bad it is.
    pub severity: Severity,
    /// What kind of thing is wrong.
    pub kind: Kind,
    /// The finding in a sentence, which names who is concerned.
    pub sentence: String,
    /// When its evidence began.
    #[serde(serialize_with = "seconds")]
    pub since: Moment,
    /// When there was evidence last.
    #[serde(serialize_with = "seconds")]
    pub last: Moment,
    /// How often it was seen: packets, attempts or answers, as the evidence says.
    pub count: u64,
    /// What it is about.
    pub subjects: Vec<Subject>,
    /// What shows it, a sentence each.
    pub evidence: Vec<String>,
    /// Evidence that was not available, and why.
    pub not_looked_at: Vec<String>,
    /// What to check next: a command or a place.
    pub advice: String,
    /// Whether it is over.
    pub past: bool,
}

impl Finding {
    /// The filter that shows the flows concerned.
    #[must_use]
    pub fn filter(&self) -> Option<String> {
        self.subjects.iter().find_map(Subject::filter)
    }

    /// Whether it is about hosts, ports or connections, which any machine on the way sees.
    pub(super) fn is_about_addresses(&self) -> bool {
        self.subjects.iter().any(|subject| match subject {
            Subject::Host { .. } | Subject::Service { .. } | Subject::Flow { .. } => true,
            Subject::Device { .. } | Subject::Process { .. } => false,
        })
    }

    /// The finding of one of several hosts: it names the host.
    #[must_use]
    pub fn on_node(mut self, node: &str) -> Self {
        self.id = format!("{node}/{}", self.id);
        self.sentence = format!("{node}: {}", self.sentence);
        for subject in &mut self.subjects {
            if let Subject::Device { name } = subject {
                *name = format!("{node}/{name}");
            }
        }
        self
    }

    /// All of it as text, for a ticket.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!("{}: {}\n", self.severity.name(), self.sentence);
        for line in &self.evidence {
            text.push_str(&format!("  seen: {line}\n"));
        }
        for line in &self.not_looked_at {
            text.push_str(&format!("  not looked at: {line}\n"));
        }
        if !self.advice.is_empty() {
            text.push_str(&format!("  next: {}\n", self.advice));
        }
        text
    }
}

/// A moment as seconds since the source's start; outputs with a wall clock say
/// the time of day themselves.
fn seconds<S: Serializer>(moment: &Moment, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(moment.as_secs_f64())
}
