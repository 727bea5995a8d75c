//! Dropping packets from the screen: which rules what is selected offers, the dialog
//! that asks, and the rules in force.

use std::net::SocketAddr;
use std::time::Duration;

use probe_common::parse::number::{ether, ip};
use probe_common::{Direction, FlowKey};

use super::criteria::Criteria;
use super::ends::{self, Side};
use super::line::{Edit, Line};
use super::own::OwnSession;
use crate::about::Known;
use crate::diagnosis::{Finding, Subject};
use crate::filter::{Filter, filter_of_addresses, filter_of_rule, parse_rule};
use crate::model::{Block, BlockId, BlockRule, Device};
use crate::text::is_glob;
use crate::traffic::Host;

pub mod refusal;

#[cfg(test)]
mod tests;

/// Above this it is asked once more.
pub const LONG: Duration = Duration::from_secs(3600);
/// The longest time, in seconds.
const LONGEST: u64 = 86_400;
/// The word that is to be typed.
const WORD: &str = "block";
/// The time that is proposed.
const TIME: &str = "10m";
/// The time over which it is shown what a rule would have dropped.
const WINDOW: Duration = Duration::from_secs(60);

/// What the screen knows of dropping packets.
#[derive(Debug, Default)]
pub struct Blocking {
    /// Whether the user has allowed it at the start.
    pub is_allowed: bool,
    /// The SSH sessions at the start, which must not be cut off.
    pub sessions: Vec<OwnSession>,
    /// The rules in force.
    pub rules: Vec<Block>,
    /// What is asked before packets are dropped.
    pub dialog: Option<Dialog>,
    /// The rule that may be lifted.
    pub chosen: BlockId,
}

impl Blocking {
    /// Takes over the rules as the source reports them.
    pub fn follow(&mut self, blocks: &[Block]) {
        let holds = blocks.iter().filter(|block| block.end.is_none());
        self.rules = holds.cloned().collect();
        if !self.rules.iter().any(|rule| rule.id == self.chosen) {
            self.chosen = self.rules.first().map_or_else(BlockId::default, |it| it.id);
        }
    }

    /// Chooses the next rule, or the one before.
    pub fn choose(&mut self, is_next: bool) {
        let mut rules = self.rules.iter();
        let Some(place) = rules.position(|rule| rule.id == self.chosen) else {
            return;
        };
        let place = if is_next {
            (place + 1).min(self.rules.len() - 1)
        } else {
            place.saturating_sub(1)
        };
        self.chosen = self.rules[place].id;
    }
}

/// The line that is being typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// For how long.
    Time,
    /// The word that says that it is meant.
    Word,
    /// The same word again, for a long time.
    Again,
}

/// What is asked before packets are dropped.
#[derive(Debug)]
pub struct Dialog {
    choices: Vec<Choice>,
    chosen: usize,
    /// For how long.
    pub time: Line,
    /// The word.
    pub word: Line,
    /// The word again.
    pub again: Line,
    /// Where it is typed.
    pub field: Field,
    /// What is wrong with what was typed.
    pub error: Option<String>,
    /// What the rule would have dropped.
    pub matches: Matches,
    /// Whether all was answered.
    is_confirmed: bool,
}

/// A rule that is offered.
#[derive(Debug)]
pub struct Choice {
    /// The rule as text.
    pub text: String,
    /// What it is, or why it is refused; nothing until that is known.
    pub judged: Option<Result<Judged, String>>,
}

/// A rule that may be.
#[derive(Debug)]
pub struct Judged {
    rule: BlockRule,
    filter: Filter,
    /// The names of the devices that it is about.
    pub devices: Vec<String>,
}

/// What a rule would have dropped in the last minute.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Matches {
    /// The flows and their rates, in and out, in bytes per second, the fastest first.
    pub flows: Vec<(FlowKey, [f64; 2])>,
    /// The rates of all of them.
    pub rates: [f64; 2],
}

impl Dialog {
    /// Asks about one of these rules.
    #[must_use]
    pub fn new(rules: Vec<String>) -> Self {
        let choice = |text| Choice { text, judged: None };
        Self {
            choices: rules.into_iter().map(choice).collect(),
            chosen: 0,
            time: Line::new(TIME),
            word: Line::default(),
            again: Line::default(),
            field: Field::Time,
            error: None,
            matches: Matches::default(),
            is_confirmed: false,
        }
    }

    /// The rule that is shown.
    #[must_use]
    pub fn choice(&self) -> Option<&Choice> {
        self.choices.get(self.chosen)
    }

    /// Which of how many it is, from 1.
    #[must_use]
    pub const fn place(&self) -> (usize, usize) {
        (self.chosen + 1, self.choices.len())
    }

    /// The rule that is shown, if it may be.
    fn judged(&self) -> Option<&Judged> {
        self.choice()?.judged.as_ref()?.as_ref().ok()
    }

    /// Decides which of the rules may be.
    pub fn judge(&mut self, sessions: &[OwnSession], host: &Host) {
        let watched: Vec<&Device> = host.devices.watched().collect();
        for choice in &mut self.choices {
            choice.judged = Some(judge(&choice.text, sessions, &watched));
        }
    }

    /// What is to be dropped and for how long, once all was answered; only once.
    pub fn confirmed(&mut self) -> Option<(BlockRule, Duration)> {
        if !std::mem::take(&mut self.is_confirmed) {
            return None;
        }
        let time = time(self.time.text().trim()).ok()?;
        Some((self.judged()?.rule.clone(), time))
    }

    /// Looks what the rule would have dropped.
    pub fn look(&mut self, host: &Host) {
        self.matches = self
            .judged()
            .map_or_else(Matches::default, |judged| Matches::of(judged, host));
    }

    /// Changes what is typed, goes to another line or another rule.
    pub fn edit(&mut self, edit: Edit, host: &Host) {
        self.error = None;
        match edit {
            Edit::Earlier | Edit::Later => {
                let all = self.choices.len();
                let step = if edit == Edit::Later { 1 } else { all - 1 };
                self.chosen = (self.chosen + step) % all;
                self.look(host);
                self.take_back();
            }
            Edit::Complete => {
                self.field = match self.field {
                    Field::Time => Field::Word,
                    Field::Word | Field::Again => Field::Time,
                };
            }
            edit => {
                let line = match self.field {
                    Field::Time => &mut self.time,
                    Field::Word => &mut self.word,
                    Field::Again => &mut self.again,
                };
                if line.edit(edit) && self.field == Field::Time {
                    self.take_back();
                }
            }
        }
    }

    /// What was agreed to was another rule, or another time.
    fn take_back(&mut self) {
        self.word = Line::default();
        self.again = Line::default();
        self.is_confirmed = false;
        if self.field == Field::Again {
            self.field = Field::Word;
        }
    }

    /// Takes what was typed, and goes on to the next line. Whether all is answered.
    pub fn accept(&mut self) -> bool {
        self.error = None;
        if self.judged().is_none() {
            return false;
        }
        let time = match time(self.time.text().trim()) {
            Ok(time) => time,
            Err(error) => {
                self.field = Field::Time;
                self.error = Some(error);
                return false;
            }
        };
        let (typed, next) = match self.field {
            Field::Time => {
                self.field = Field::Word;
                return false;
            }
            Field::Word => (&self.word, (time > LONG).then_some(Field::Again)),
            Field::Again => (&self.again, None),
        };
        if typed.text().trim() != WORD || self.word.text().trim() != WORD {
            self.error = Some("type block to go on; Esc leaves".to_owned());
            return false;
        }
        if let Some(next) = next {
            self.field = next;
            return false;
        }
        self.is_confirmed = true;
        true
    }

    /// Whether it is asked twice, as the time is long.
    #[must_use]
    pub fn asks_twice(&self) -> bool {
        time(self.time.text().trim()).is_ok_and(|time| time > LONG)
    }
}

impl Matches {
    fn of(judged: &Judged, host: &Host) -> Self {
        let flows = &host.flows;
        let criteria = Criteria {
            filter: &judged.filter,
            hide_closed: false,
            hide_own: None,
            known: Known {
                host,
                diagnosis: None,
                concerns: None,
                nodes: None,
            },
        };
        let mut matches = Self::default();
        for flow in flows.iter() {
            let shows = criteria.shows(flow);
            if flow.idle(flows.now()) >= WINDOW || !Criteria::has_row(flow, shows) {
                continue;
            }
            let rates = Direction::BOTH.map(|direction| {
                if shows[direction as usize] {
                    flow.rate(direction, WINDOW, flows.clock())
                } else {
                    0.0
                }
            });
            for (sum, rate) in matches.rates.iter_mut().zip(rates) {
                *sum += rate;
            }
            matches.flows.push((flow.key, rates));
        }
        let speed = |rates: &[f64; 2]| rates[0] + rates[1];
        let flows = &mut matches.flows;
        flows.sort_by(|(a, one), (b, other)| {
            let order = speed(other).total_cmp(&speed(one));
            order.then_with(|| a.cmp(b))
        });
        matches
    }
}

/// What a rule is, or why it is refused.
fn judge(text: &str, sessions: &[OwnSession], watched: &[&Device]) -> Result<Judged, String> {
    let explain = |error: crate::filter::FilterError| error.to_string();
    let rule = parse_rule(text).map_err(explain)?;
    let filter = filter_of_rule(text).map_err(explain)?;
    refusal::of_sessions(&filter_of_addresses(text).map_err(explain)?, sessions)?;
    if let Some(name) = rule.devices.iter().find(|name| is_glob(name)) {
        return Err(format!("a rule reads {name} as a pattern of names"));
    }
    let is_named = |device: &Device| rule.devices.contains(&device.name);
    let devices: Vec<&Device> = watched
        .iter()
        .copied()
        .filter(|device| {
            // A loopback device that is not named is left out.
            is_named(device) || rule.devices.is_empty() && !refusal::is_loopback(device)
        })
        .collect();
    if devices.is_empty() {
        return Err("no device that it is about is watched now".to_owned());
    }
    refusal::of_everything(&rule, false, &devices)?;
    let devices = devices.iter().map(|device| device.name.clone()).collect();
    Ok(Judged {
        rule,
        filter,
        devices,
    })
}

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

/// Reads a time: a number of seconds (s), minutes (m) or hours (h).
///
/// # Errors
/// When it is none, or no time for which packets may be dropped.
pub fn time(text: &str) -> Result<Duration, String> {
    let split = text.find(|it: char| !it.is_ascii_digit());
    let (number, unit) = text.split_at(split.unwrap_or(text.len()));
    let scale = match unit {
        "s" => Some(1),
        "m" => Some(60),
        "h" => Some(3600),
        _ => None,
    };
    let seconds = scale.zip(number.parse::<u64>().ok());
    seconds
        .and_then(|(scale, number)| number.checked_mul(scale))
        .filter(|seconds| (1..=LONGEST).contains(seconds))
        .map(Duration::from_secs)
        .ok_or_else(|| "expected a time from 1s to 24h, such as 90s or 10m".to_owned())
}
