//! The list of problems: the worst first, those that are over last.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use super::{Badge, Browsed, Outcome, Standing, View, select};
use crate::app::action::Action;
use crate::app::bindings::{DETAIL, Row, row};
use crate::app::blocking::rules_of_finding;
use crate::app::item::Item;
use crate::app::list::{Find, List, Motion, Scroll};
use crate::app::state::State;
use crate::diagnosis::{Finding, Severity};
use crate::filter::Filter;

#[cfg(test)]
mod tests;

#[rustfmt::skip]
const KEYS: &[Row] = &[
    row("Enter", "open", Action::Open, "evidence", "Open or close the evidence and advice"),
    row("f", "problem-flows", Action::ProblemFlows, "flows", "Filter to the flows of the selected problem"),
    row("t", "problem-begin", Action::ProblemBegin, "when it began", "Go back in time to when the selected problem began; Esc returns"),
    row("z", "silence-kind", Action::SilenceKind, "silence", "Silence problems of the selected kind until nkview ends"),
    row("Z", "show-silenced", Action::ShowSilenced, "", "Show silenced problems again"),
];

/// The state of the view.
#[derive(Debug, Default)]
pub struct ProblemsView {
    /// The selection, by [`key`].
    pub list: List<u64>,
    /// Whether the evidence of the selected problem is open.
    pub detail: bool,
    /// How far that is scrolled.
    pub detail_scroll: Scroll,
}

/// A number that stays a finding's own for as long as its id does.
#[must_use]
pub fn key(finding: &Finding) -> u64 {
    let mut hasher = DefaultHasher::new();
    finding.id.hash(&mut hasher);
    hasher.finish()
}

impl ProblemsView {
    /// The selected problem.
    #[must_use]
    pub fn selected<'a>(&self, state: &'a State) -> Option<&'a Finding> {
        let selected = self.list.selected()?;
        let mut problems = state.problems.iter();
        problems.find(|finding| key(finding) == selected)
    }

    fn flows(&self, state: &State) -> Outcome {
        let Some(finding) = self.selected(state) else {
            return Outcome::Say(NONE_SELECTED);
        };
        let filter = finding.filter().map(|text| Filter::parse(&text));
        match filter {
            Some(Ok(filter)) => Outcome::ShowFlows(filter),
            _ => Outcome::Say("No filter describes the flows of this problem; Enter shows them."),
        }
    }
}

const NONE_SELECTED: &str = "Select a problem first (arrow keys).";

impl View for ProblemsView {
    fn keys(&self) -> &'static [&'static [Row]] {
        &[KEYS, DETAIL]
    }

    fn badge(&self, state: &State) -> Badge {
        let count = |severity| {
            let present = state.problems.iter().filter(|finding| !finding.past);
            present.filter(|it| it.severity == severity).count()
        };
        Badge::Marks {
            errors: count(Severity::Error),
            warnings: count(Severity::Warning),
        }
    }

    fn refresh(&mut self, state: &State) {
        self.list.settle(state.problems.iter().map(key).collect());
    }

    fn find(&mut self, wanted: &str, from: Find, state: &State) -> bool {
        self.list.find(from, |row| {
            let mut problems = state.problems.iter();
            let finding = problems.find(|finding| key(finding) == row);
            finding.is_some_and(|finding| finding.sentence.to_lowercase().contains(wanted))
        })
    }

    fn browsed(&mut self) -> Option<Browsed<'_>> {
        Some(Browsed {
            list: &mut self.list,
            detail: &mut self.detail,
            detail_scroll: &mut self.detail_scroll,
        })
    }

    fn standing(&self) -> Standing {
        Standing::of(&self.list, self.detail)
    }

    fn select(&mut self, item: Item, _: &State) -> bool {
        match item {
            Item::Problem(key) => select(&mut self.list, &mut self.detail_scroll, key),
            _ => false,
        }
    }

    fn open(&mut self, _: &State) -> Outcome {
        if self.list.selected().is_none() {
            self.list.step(Motion::Down);
        }
        if self.list.selected().is_none() {
            return Outcome::Say("No problems found so far.");
        }
        self.detail = !self.detail;
        Outcome::Done
    }

    fn copy(&self, state: &State) -> Option<String> {
        Some(self.selected(state)?.to_text())
    }

    fn rules(&self, state: &State) -> Option<Vec<String>> {
        Some(rules_of_finding(self.selected(state)?))
    }

    fn act(&mut self, action: &Action, state: &State) -> Outcome {
        match action {
            Action::ProblemFlows => self.flows(state),
            Action::ProblemBegin => match self.selected(state) {
                // The end of the first interval that shows it.
                Some(finding) => Outcome::GoTo(finding.since + Duration::from_secs(1)),
                None => Outcome::Say(NONE_SELECTED),
            },
            Action::SilenceKind => match self.selected(state) {
                Some(finding) => Outcome::Silence(finding.kind),
                None => Outcome::Say(NONE_SELECTED),
            },
            Action::ShowSilenced if state.policy.silenced.is_empty() => {
                Outcome::Say("No problems are silenced.")
            }
            Action::ShowSilenced => Outcome::ShowSilenced,
            _ => Outcome::Done,
        }
    }
}
