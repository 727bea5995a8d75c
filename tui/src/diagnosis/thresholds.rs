//! From when on something is a problem, as far as the traffic itself does not tell.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The thresholds that a configuration can set. What else is fixed is beside the rule
/// that it is for: times and counts that follow from a protocol or the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Thresholds {
    /// Refused attempts to connect to a port: a scan asks each port once, and a client
    /// that finds the port closed asks once or twice.
    pub refused_attempts: u32,
    /// DNS queries without an answer: one or two are a lost packet.
    pub unanswered_queries: u32,
    /// DNS answers with an error, and HTTP answers with a 5xx status: one or two are an
    /// accident.
    pub error_answers: u32,
    /// Milliseconds after which a DNS answer is slow, whatever the network: a cached one
    /// takes a millisecond, a recursion some tens.
    pub slow_dns: u32,
    /// Milliseconds after which a server's first byte is slow where the network is fast.
    pub slow_server: u32,
    /// Milliseconds after which a round trip to a host with a private address is slow:
    /// light goes around the Earth in 130.
    pub slow_path: u32,
    /// Percent of the bytes that are lost: tail loss probes alone make up to 0.5 % on a
    /// busy, healthy machine.
    pub loss: f64,
    /// Half-open connections a second that no client makes by itself.
    pub syn_flood: u32,
    /// Connections a second of one client to one service that use up its ports: a third
    /// of 28,232 (`ip_local_port_range`) in the 60 s of TIME-WAIT.
    pub connection_churn: u32,
    /// Broadcast packets a second, ARP included, that no network makes by itself: a
    /// switch with a loop has as many as the link carries.
    pub broadcast_storm: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            refused_attempts: 3,
            unanswered_queries: 3,
            error_answers: 3,
            slow_dns: 300,
            slow_server: 500,
            slow_path: 100,
            loss: 1.0,
            syn_flood: 30,
            connection_churn: 157,
            broadcast_storm: 1000,
        }
    }
}

impl Thresholds {
    /// The key and what is expected of it, where a value cannot be meant.
    #[must_use]
    pub fn mistake(&self) -> Option<(&'static str, &'static str)> {
        let counts = [
            ("refused-attempts", self.refused_attempts),
            ("unanswered-queries", self.unanswered_queries),
            ("error-answers", self.error_answers),
            ("slow-dns", self.slow_dns),
            ("slow-server", self.slow_server),
            ("slow-path", self.slow_path),
            ("syn-flood", self.syn_flood),
            ("connection-churn", self.connection_churn),
            ("broadcast-storm", self.broadcast_storm),
        ];
        let zero = counts.into_iter().find(|(_, value)| *value == 0);
        let is_share = self.loss > 0.0 && self.loss <= 100.0;
        zero.map(|(key, _)| (key, "1 or more"))
            .or_else(|| (!is_share).then_some(("loss", "a percentage above 0 and at most 100")))
    }

    /// See [`Self::slow_dns`].
    pub fn slow_dns(&self) -> Duration {
        Duration::from_millis(self.slow_dns.into())
    }

    /// See [`Self::slow_server`].
    pub fn slow_server(&self) -> Duration {
        Duration::from_millis(self.slow_server.into())
    }

    /// See [`Self::slow_path`].
    pub fn slow_path(&self) -> Duration {
        Duration::from_millis(self.slow_path.into())
    }
}
