//! The dialog that asks before packets are dropped: the rule, what it would have dropped,
//! the time, and a word.

use std::time::Duration;

use probe_common::{Direction, FlowKey};

use super::{LONG, refusal, time};
use crate::about::Known;
use crate::app::criteria::Criteria;
use crate::app::line::{Edit, Line};
use crate::app::own::OwnSession;
use crate::filter::{Filter, filter_of_addresses, filter_of_rule, parse_rule};
use crate::model::{BlockRule, Device};
use crate::text::is_glob;
use crate::traffic::Host;

#[cfg(test)]
mod tests;

/// The word that is to be typed.
const WORD: &str = "block";
/// The time that is proposed.
const TIME: &str = "10m";
/// The time over which it is shown what a rule would have dropped.
const WINDOW: Duration = Duration::from_secs(60);

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
