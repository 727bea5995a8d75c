//! What servers answer first, from the first data packet of each direction:
//! HTTP status lines, TLS alerts, and how long the answer took.

use std::time::Duration;

use hashbrown::HashMap;
use probe_common::FlowKey;

use crate::diagnosis::decode::{Endpoint, Tcp};
use crate::model::Moment;

/// Services that are remembered. What comes beyond is not.
const SERVICES: usize = 2048;
/// Requests whose answer is waited for.
const REQUESTS: usize = 8192;
/// How long an answer is evidence.
const WINDOW: Duration = Duration::from_secs(60);
/// Answer times that are kept of a service: enough for a median.
const TIMES: usize = 64;
/// Different alerts that are kept for a service.
const ALERTS: usize = 16;

/// A TLS alert (RFC 8446, section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Alert {
    /// 1 warning, 2 fatal.
    pub level: u8,
    /// What is wrong.
    pub description: u8,
    /// Whether the server sent it.
    pub by_server: bool,
}

/// What a service answered lately.
#[derive(Clone, Debug)]
pub struct Service {
    /// HTTP answers.
    pub http: u32,
    /// Those with a status of 500 and more.
    pub http_errors: u32,
    /// The status line of the last of these.
    pub status: String,
    /// When the first of these was seen, and the last.
    pub errors_seen: Option<(Moment, Moment)>,
    /// Alerts, with how often, the first time, the last, and the last client.
    pub alerts: Vec<(Alert, u32, Moment, Moment, Endpoint)>,
    /// Connections whose server sent data.
    pub answers: u32,
    /// The last times from the end of a request to the first byte of its answer.
    pub times: Vec<Duration>,
    /// The last client that had an answer.
    pub client: Endpoint,
    /// When it last answered.
    pub last: Moment,
}

/// The services on all devices of a host.
#[derive(Clone, Debug, Default)]
pub struct Application {
    services: HashMap<Endpoint, Service>,
    /// The last data of a client that the server has not answered yet.
    requests: HashMap<FlowKey, Moment>,
}

impl Application {
    /// Takes over a segment with data of a connection whose ends are known.
    pub fn data(
        &mut self,
        at: Moment,
        key: FlowKey,
        ends: (Endpoint, Endpoint),
        by_server: bool,
        tcp: &Tcp<'_>,
    ) {
        let (client, server) = ends;
        if self.services.len() >= SERVICES && !self.services.contains_key(&server) {
            return;
        }
        let alert = alert(tcp.payload, by_server);
        if !by_server && alert.is_none() {
            if self.requests.len() < REQUESTS {
                self.requests.insert(key, at);
            }
            return;
        }
        let service = self.services.entry(server).or_insert_with(|| Service {
            http: 0,
            http_errors: 0,
            status: String::new(),
            errors_seen: None,
            alerts: Vec::new(),
            answers: 0,
            times: Vec::new(),
            client,
            last: at,
        });
        service.last = at;
        service.client = client;
        if let Some(alert) = alert {
            let is_full = service.alerts.len() >= ALERTS;
            match service.alerts.iter_mut().find(|it| it.0 == alert) {
                Some(known) => {
                    known.1 += 1;
                    known.3 = at;
                    known.4 = client;
                }
                None if !is_full => {
                    service.alerts.push((alert, 1, at, at, client));
                }
                None => {}
            }
        }
        if !by_server {
            return;
        }
        service.answers += 1;
        if let Some(asked) = self.requests.remove(&key) {
            if service.times.len() >= TIMES {
                service.times.remove(0);
            }
            service.times.push(at.saturating_sub(asked));
        }
        if let Some(status) = status(tcp.payload) {
            service.http += 1;
            if status.1 >= 500 {
                service.http_errors += 1;
                service.status = status.0;
                let first = service.errors_seen.map_or(at, |(first, _)| first);
                service.errors_seen = Some((first, at));
            }
        }
    }

    /// Forgets what is too old to be evidence.
    pub fn interval(&mut self, now: Moment) {
        self.services
            .retain(|_, service| now.saturating_sub(service.last) < WINDOW);
        self.requests
            .retain(|_, asked| now.saturating_sub(*asked) < WINDOW);
    }

    /// The services, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (Endpoint, &Service)> {
        self.services
            .iter()
            .map(|(server, service)| (*server, service))
    }
}

/// The status line of an HTTP/1 answer (RFC 9112), and its number.
fn status(payload: &[u8]) -> Option<(String, u16)> {
    let line = payload.split(|byte| *byte == b'\r').next()?;
    let line = std::str::from_utf8(line).ok()?;
    let rest = line
        .strip_prefix("HTTP/1.1 ")
        .or(line.strip_prefix("HTTP/1.0 "))?;
    let number = rest.get(..3)?.parse().ok()?;
    Some((
        line.chars()
            .filter(|it| !it.is_control())
            .take(60)
            .collect(),
        number,
    ))
}

/// A TLS alert that is not encrypted: a record of type 21 with two bytes.
fn alert(payload: &[u8], by_server: bool) -> Option<Alert> {
    match *payload.first_chunk::<7>()? {
        [21, 3, 0..=4, 0, 2, level @ 1..=2, description] => Some(Alert {
            level,
            description,
            by_server,
        }),
        _ => None,
    }
}

impl Alert {
    /// The name of the alert in RFC 8446 and older ones.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self.description {
            0 => "close_notify",
            10 => "unexpected_message",
            20 => "bad_record_mac",
            40 => "handshake_failure",
            42 => "bad_certificate",
            43 => "unsupported_certificate",
            44 => "certificate_revoked",
            45 => "certificate_expired",
            46 => "certificate_unknown",
            47 => "illegal_parameter",
            48 => "unknown_ca",
            49 => "access_denied",
            50 => "decode_error",
            51 => "decrypt_error",
            70 => "protocol_version",
            71 => "insufficient_security",
            80 => "internal_error",
            86 => "inappropriate_fallback",
            90 => "user_canceled",
            109 => "missing_extension",
            110 => "unsupported_extension",
            112 => "unrecognized_name",
            113 => "bad_certificate_status_response",
            115 => "unknown_psk_identity",
            116 => "certificate_required",
            120 => "no_application_protocol",
            _ => "an unknown alert",
        }
    }
}
