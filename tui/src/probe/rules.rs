//! The rules of this process: where they are, and when they end.

use std::time::{Duration, Instant};

use globset::{Glob, GlobMatcher};

use super::attach::Shared;
use super::block::{Blocker, Owner, Standing, compile, journal};
use super::preflight;
use crate::model::{Block, BlockEnded, BlockId, BlockRule, Dropped, Level, Moment};
use crate::text::is_glob;

/// How often it is asked whether a rule still holds.
const PERIOD: Duration = Duration::from_millis(250);
/// Rules at a time: each is one more program that a packet passes.
const MOST: usize = 8;

/// A device that rules can be applied to.
#[derive(Clone)]
pub struct Place {
    /// Its name.
    pub name: String,
    /// Its hooks.
    pub attached: Shared,
}

/// All rules that are in force.
#[derive(Default)]
pub struct Rules {
    rules: Vec<Active>,
    /// Those that have ended since they were last described.
    ended: Vec<Block>,
    last: u32,
    due: Option<Instant>,
}

struct Active {
    id: BlockId,
    rule: BlockRule,
    devices: Vec<GlobMatcher>,
    blocker: Blocker,
    since: Moment,
    places: Vec<Place>,
    /// What was dropped at devices that are gone.
    elsewhere: [Dropped; 2],
}

impl Rules {
    /// Begins to drop what a rule matches, at those of the devices that it names.
    ///
    /// # Errors
    /// When a device is refused or takes no program, or none matches. Nothing is
    /// dropped then.
    pub fn begin(
        &mut self,
        rule: &BlockRule,
        time: Duration,
        now: Moment,
        places: &[Place],
    ) -> Result<BlockId, String> {
        if self.rules.len() >= MOST {
            return Err(format!("there are {MOST} rules already: lift one"));
        }
        let id = BlockId(self.last + 1);
        let devices = rule.devices.iter().map(|pattern| Glob::new(pattern));
        let devices: Result<Vec<_>, _> = devices.collect();
        let devices = devices.map_err(|error| error.to_string())?;
        // What is wrong with the rule is not to be taken for the kernel's refusal.
        compile::compile(rule)?;
        let blocker = Blocker::new(id, rule, Owner::this()).map_err(|error| {
            let error: anyhow::Error = preflight::explain(error);
            format!("{error:#}")
        })?;
        let mut active = Active {
            id,
            rule: rule.clone(),
            devices: devices.iter().map(Glob::compile_matcher).collect(),
            blocker,
            since: now,
            places: Vec::new(),
            elsewhere: [Dropped::default(); 2],
        };
        active.extend(places)?;
        if active.places.is_empty() {
            return Err("no watched device matches the rule; loopback is never blocked".to_owned());
        }
        // From here on, on all devices at once.
        let begun = active.blocker.begin(time, active.needs_lease());
        begun.map_err(|error| format!("cannot begin: {error}"))?;
        self.last += 1;
        self.due = Some(Instant::now() + PERIOD);
        self.rules.push(active);
        Ok(id)
    }

    /// Lifts a rule.
    ///
    /// # Errors
    /// When there is no such rule.
    pub fn lift(&mut self, id: BlockId) -> Result<(), String> {
        let place = self.rules.iter().position(|rule| rule.id == id);
        let place = place.ok_or("it has ended already")?;
        let mut rule = self.rules.remove(place);
        // Whatever is refused: taking the programs off ends it, too.
        let _ = rule.blocker.lift();
        self.ended.push(rule.end(BlockEnded::Lifted));
        Ok(())
    }

    /// Lifts all rules, at once; their programs go with the hooks.
    pub fn lift_all(&mut self) {
        for rule in &mut self.rules {
            let _ = rule.blocker.lift();
        }
    }

    /// Lifts the rules that are on a hook that is closed by its policy.
    pub fn lift_at_closed_hooks(&mut self) {
        let rules = self.rules.iter();
        let meant = rules.filter(|rule| {
            let mut places = rule.places.iter();
            places.any(|place| place.attached.has_closed_hook())
        });
        for id in meant.map(|rule| rule.id).collect::<Vec<_>>() {
            // It is there.
            let _ = self.lift(id);
        }
    }

    /// Applies the rules to devices that are new; reports those that did not take
    /// one. A rule that names its devices ends with the last of them.
    pub fn follow(&mut self, places: &[Place]) -> Vec<(Level, String)> {
        let mut failures = Vec::new();
        let mut rest = Vec::new();
        for mut rule in std::mem::take(&mut self.rules) {
            rule.leave(places);
            // One that comes with the same name may be another container's.
            if rule.places.is_empty() && rule.names_its_devices() {
                let _ = rule.blocker.lift();
                self.ended.push(rule.end(BlockEnded::DeviceGone));
                continue;
            }
            if let Err(reason) = rule.extend(places) {
                let text = format!("{} is not blocked: {reason}", rule.rule.text);
                failures.push((Level::Warning, text));
            }
            rest.push(rule);
        }
        self.rules = rest;
        failures
    }

    /// When [`Self::tick`] is due.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        self.due.filter(|_| !self.rules.is_empty())
    }

    /// Takes off what has ended. Whether something has.
    pub fn tick(&mut self) -> bool {
        self.due = Some(Instant::now() + PERIOD);
        let mut has_ended = false;
        let mut place = 0;
        while place < self.rules.len() {
            let rule = &mut self.rules[place];
            let needs_lease = rule.needs_lease();
            let end = match rule.blocker.standing() {
                Ok(Standing::Holds(_)) => {
                    // A lease that is not renewed ends the rule.
                    if needs_lease {
                        let _ = rule.blocker.renew(true);
                    }
                    place += 1;
                    continue;
                }
                Ok(Standing::Lifted) => BlockEnded::LiftedByAnother,
                Ok(Standing::Over) | Err(_) => BlockEnded::Time,
            };
            has_ended = true;
            let mut rule = self.rules.remove(place);
            self.ended.push(rule.end(end));
        }
        has_ended
    }

    /// Whether there is something to tell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty() && self.ended.is_empty()
    }

    /// The rules in force, and those that have ended since this was last asked.
    pub fn describe(&mut self) -> Vec<Block> {
        let mut blocks = std::mem::take(&mut self.ended);
        blocks.extend(self.rules.iter().map(|rule| rule.describe(None)));
        blocks.sort_by_key(|block| block.id);
        blocks
    }
}

impl Active {
    fn extend(&mut self, places: &[Place]) -> Result<(), String> {
        for place in places {
            let is_here = |other: &Place| other.attached.is_same(&place.attached);
            if self.places.iter().any(is_here) || !self.is_about(place) {
                continue;
            }
            // Of a loopback device both directions meet one hook, and everything on
            // the machine depends on it.
            match place.attached.block(&self.blocker) {
                Ok(true) => self.places.push(place.clone()),
                Ok(false) => {}
                Err(error) => {
                    return Err(format!("{}: {:#}", place.name, anyhow::Error::from(error)));
                }
            }
        }
        Ok(())
    }

    /// Gives up the devices that are not among these any more.
    fn leave(&mut self, places: &[Place]) {
        let is_here = |place: &mut Place| {
            let mut here = places.iter();
            here.any(|other| other.attached.is_same(&place.attached))
        };
        for place in self.places.extract_if(.., |place| !is_here(place)) {
            let counts = place.attached.tally().of(self.id);
            for (sum, count) in self.elsewhere.iter_mut().zip(counts) {
                *sum += count;
            }
        }
    }

    /// Whether it is about certain devices, rather than about all that match a pattern.
    fn names_its_devices(&self) -> bool {
        let names = &self.rule.devices;
        !names.is_empty() && !names.iter().any(|name| is_glob(name))
    }

    fn is_about(&self, place: &Place) -> bool {
        let matches = |name: &str| self.devices.iter().any(|glob| glob.is_match(name));
        self.devices.is_empty() || matches(&place.name)
    }

    fn needs_lease(&self) -> bool {
        self.places.iter().any(|place| place.attached.needs_lease())
    }

    fn dropped(&self) -> [Dropped; 2] {
        let mut sums = self.elsewhere;
        for place in &self.places {
            let counts = place.attached.tally().of(self.id);
            for (sum, count) in sums.iter_mut().zip(counts) {
                *sum += count;
            }
        }
        sums
    }

    fn end(&mut self, end: BlockEnded) -> Block {
        for place in &self.places {
            place.attached.unblock(self.id);
        }
        self.describe(Some(end))
    }

    fn describe(&self, end: Option<BlockEnded>) -> Block {
        // By the clock that ends it.
        let left = match self.blocker.standing() {
            Ok(Standing::Holds(left)) => left,
            _ => Duration::ZERO,
        };
        Block {
            id: self.id,
            rule: self.rule.text.clone(),
            since: self.since,
            left: end.is_none().then_some(left),
            end,
            devices: self.places.iter().map(|it| it.name.clone()).collect(),
            dropped: self.dropped(),
        }
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        // Wherever it goes wrong: a rule does not outlive what knows of it.
        if let Ok(Standing::Holds(_)) = self.blocker.standing() {
            tracing::error!(rule = self.id.0, "ended a rule as nkview has failed");
            journal::write(&journal::ended(
                "Block ended as nkview has failed",
                &self.describe(None),
                None,
            ));
        }
        let _ = self.blocker.lift();
        for place in &self.places {
            place.attached.unblock(self.id);
        }
    }
}
