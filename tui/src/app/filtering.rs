//! What is being filtered, and the line in which a filter is typed.

mod offer;
mod typing;

use serde::{Deserialize, Serialize};

use super::line::Edit;
use crate::filter::NamedFilters;
use crate::filter::{Filter, Seen};

use offer::Offer;
pub use offer::Subject;
pub use typing::{Proposals, Typing};

/// Filters that are remembered.
const REMEMBERED: usize = 100;

/// What happens to flows that are closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Closed {
    /// They are dimmed, and leave after ten seconds.
    #[default]
    Fade,
    /// They are dimmed, and stay as long as there is room.
    Keep,
    /// They are not shown.
    Hide,
}

impl Closed {
    /// The next in the order in which a key goes through them.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::Fade => Self::Keep,
            Self::Keep => Self::Hide,
            Self::Hide => Self::Fade,
        }
    }
}

/// The filter in force and the ways to change it.
#[derive(Debug)]
pub struct Filtering {
    kept: Filter,
    /// Filters that can be typed by their names.
    pub named: NamedFilters,
    typing: Option<Typing>,
    history: Vec<String>,
    closed: Closed,
    hide_own: bool,
    offer: Option<Offer>,
}

impl Default for Filtering {
    fn default() -> Self {
        Self::new(Filter::everything())
    }
}

impl Filtering {
    /// Starts with a filter.
    #[must_use]
    pub fn new(kept: Filter) -> Self {
        Self {
            kept,
            named: NamedFilters::default(),
            typing: None,
            history: Vec::new(),
            closed: Closed::Fade,
            hide_own: false,
            offer: None,
        }
    }

    /// The filter that decides what is shown now.
    #[must_use]
    pub fn in_force(&self) -> &Filter {
        self.typing
            .as_ref()
            .map_or(&self.kept, |typing| &typing.good)
    }

    /// What happens to closed flows.
    #[must_use]
    pub const fn closed(&self) -> Closed {
        self.closed
    }

    /// The filter without what is being typed.
    #[must_use]
    pub const fn kept(&self) -> &Filter {
        &self.kept
    }

    /// The line that is being typed.
    #[must_use]
    pub const fn typing(&self) -> Option<&Typing> {
        self.typing.as_ref()
    }

    /// The terms of all filters that apply, as text.
    #[must_use]
    pub fn parts(&self) -> Vec<String> {
        let mut parts: Vec<String> = self.terms().iter().map(Filter::to_string).collect();
        if self.closed == Closed::Hide {
            parts.push("no closed flows".to_owned());
        }
        if self.hide_own {
            parts.push("not this SSH session".to_owned());
        }
        parts
    }

    fn terms(&self) -> Vec<Filter> {
        if self.in_force().is_everything() {
            Vec::new()
        } else {
            self.in_force().terms()
        }
    }

    /// Removes a part, by its place in [`parts`](Self::parts); nothing happens
    /// where there is none.
    pub fn remove(&mut self, place: usize) {
        let terms = self.terms().len();
        let closed = usize::from(self.closed == Closed::Hide);
        if place < terms {
            self.kept = self.kept.clone().without(place);
        } else if place < terms + closed {
            self.closed = Closed::Fade;
        } else if place == terms + closed {
            self.hide_own = false;
        }
        self.offer = None;
    }

    /// Removes all parts.
    pub fn clear(&mut self) {
        self.kept = Filter::everything();
        if self.closed == Closed::Hide {
            self.closed = Closed::Fade;
        }
        self.hide_own = false;
        self.offer = None;
    }

    /// Whether the user's own SSH session is hidden.
    #[must_use]
    pub const fn hides_own(&self) -> bool {
        self.hide_own
    }

    /// Hides the user's own SSH session, or shows it again.
    pub const fn toggle_own(&mut self) {
        self.hide_own = !self.hide_own;
    }

    /// From now on this happens to closed flows.
    pub const fn set_closed(&mut self, closed: Closed) {
        self.closed = closed;
    }

    /// Goes on from both directions to in, to out, and to both again.
    pub fn cycle_direction(&mut self) {
        let [inward, outward] = ["in", "out"].map(|word| Filter::parse(word).ok());
        let place = |part: &Option<Filter>| {
            self.terms()
                .iter()
                .position(|term| Some(term) == part.as_ref())
        };
        let (from, to) = match (place(&inward), place(&outward)) {
            (Some(place), _) => (Some(place), outward),
            (None, Some(place)) => (Some(place), None),
            (None, None) => (None, inward),
        };
        if let Some(place) = from {
            self.remove(place);
        }
        if let Some(part) = to {
            self.add(part);
        }
    }

    /// Filters by the first of these parts. The same again takes the next, and
    /// after the last none.
    pub fn by(&mut self, subject: Subject, choices: Vec<Filter>) {
        let mut chosen = 0;
        if let Some(last) = self.offer.take()
            && last.choices == choices
            && let Some(place) = self.terms().iter().position(|t| Some(t) == last.part())
        {
            self.remove(place);
            chosen = last.chosen + 1;
        }
        // What is there already is the user's own, and stays.
        if let Some(part) = choices.get(chosen)
            && !self.terms().contains(part)
        {
            self.add(part.clone());
            self.offer = Some(Offer {
                subject,
                choices,
                chosen,
            });
        }
    }

    /// What the filter was narrowed by, and the parts that the same again would
    /// take instead, one after the other.
    #[must_use]
    pub fn offered(&self) -> Option<(Subject, &[Filter])> {
        let offer = self.offer.as_ref()?;
        Some((offer.subject, offer.rest()))
    }

    /// Adds a part, if it is not there already.
    pub fn add(&mut self, part: Filter) {
        if !self.terms().contains(&part) {
            self.kept = self.kept.clone().and(part);
        }
        self.offer = None;
    }

    /// Opens the line with the filter as it is.
    pub fn open(&mut self) {
        let text = if self.kept.is_everything() {
            String::new()
        } else {
            self.kept.to_string()
        };
        self.typing = Some(Typing::new(text, self.kept.clone()));
    }

    /// Closes the line; the filter is what it was before.
    pub fn restore(&mut self) {
        self.typing = None;
    }

    /// Closes the line and keeps its filter, unless there is an error in it.
    pub fn accept(&mut self) {
        let Some(typing) = &mut self.typing else {
            return;
        };
        if typing.error.is_some() {
            typing.insisted = true;
            return;
        }
        self.kept = typing.good.clone();
        self.offer = None;
        let text = typing.line.text().trim().to_owned();
        self.typing = None;
        if !text.is_empty() {
            self.history.retain(|old| *old != text);
            self.history.push(text);
            if self.history.len() > REMEMBERED {
                self.history.remove(0);
            }
        }
    }

    /// Inserts pasted text where the cursor is.
    pub fn paste(&mut self, text: &str) {
        if let Some(typing) = &mut self.typing
            && typing.line.insert(text)
        {
            typing.changed(&self.named);
        }
    }

    /// Completes the word before the cursor; again: with the next proposal.
    pub fn complete(&mut self, seen: &Seen<'_>) {
        if let Some(typing) = &mut self.typing {
            typing.complete(seen, &self.named);
        }
    }

    /// Edits the line, or takes up another one of the history.
    pub fn edit(&mut self, edit: Edit) {
        let Some(typing) = &mut self.typing else {
            return;
        };
        match edit {
            Edit::Earlier => typing.recall(typing.back + 1, &self.history, &self.named),
            Edit::Later if typing.back > 0 => {
                typing.recall(typing.back - 1, &self.history, &self.named);
            }
            _ => {
                if typing.line.edit(edit) {
                    typing.changed(&self.named);
                }
                typing.proposals = None;
            }
        }
    }
}
