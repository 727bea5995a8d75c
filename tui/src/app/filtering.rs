//! What is being filtered, and the line in which a filter is typed.

use probe_common::FlowKey;

use super::action::{Edit, Side};
use super::ends;
use super::line::Line;
use super::named::NamedFilters;
use crate::filter::{Completion, Filter, FilterError, Seen, complete};

/// Filters that are remembered.
const REMEMBERED: usize = 100;

/// The filter in force and the ways to change it.
#[derive(Debug)]
pub struct Filtering {
    kept: Filter,
    /// Filters that can be typed by their names.
    pub named: NamedFilters,
    typing: Option<Typing>,
    history: Vec<String>,
    hide_closed: bool,
    hide_own: bool,
    widening: Option<Widening>,
}

/// A filter while it is typed.
#[derive(Debug)]
pub struct Typing {
    /// The line.
    pub line: Line,
    /// What is wrong with it.
    pub error: Option<FilterError>,
    /// Whether the user wants to keep it in spite of the error.
    pub insisted: bool,
    /// The last text that was a filter: what is in force.
    good: Filter,
    /// How far back in the history; 0 is what the user typed.
    back: usize,
    typed: String,
    proposals: Option<Proposals>,
}

/// Ways to complete a line.
#[derive(Debug)]
pub struct Proposals {
    /// What it was.
    from: Line,
    /// The ways.
    pub all: Vec<Completion>,
    /// Which of them the line shows.
    pub chosen: usize,
}

/// A part that came from an address of a flow, and can be made wider.
#[derive(Debug)]
struct Widening {
    key: FlowKey,
    side: Side,
    step: usize,
    part: Filter,
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
            hide_closed: false,
            hide_own: false,
            widening: None,
        }
    }

    /// The filter that decides what is shown now.
    #[must_use]
    pub fn in_force(&self) -> &Filter {
        self.typing
            .as_ref()
            .map_or(&self.kept, |typing| &typing.good)
    }

    /// Whether closed flows are hidden.
    #[must_use]
    pub const fn hides_closed(&self) -> bool {
        self.hide_closed
    }

    /// The line that is being typed.
    #[must_use]
    pub const fn typing(&self) -> Option<&Typing> {
        self.typing.as_ref()
    }

    /// Everything that filters, a part each, in words.
    #[must_use]
    pub fn parts(&self) -> Vec<String> {
        let mut parts: Vec<String> = self.terms().iter().map(Filter::to_string).collect();
        if self.hide_closed {
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

    /// Removes a part, by its place in [`parts`](Self::parts).
    pub fn remove(&mut self, place: usize) {
        let terms = self.terms().len();
        if place < terms {
            self.kept = self.kept.clone().without(place);
        } else if place == terms && self.hide_closed {
            self.hide_closed = false;
        } else {
            self.hide_own = false;
        }
        self.widening = None;
    }

    /// Removes all parts.
    pub fn clear(&mut self) {
        self.kept = Filter::everything();
        self.hide_closed = false;
        self.hide_own = false;
        self.widening = None;
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

    /// Hides closed flows, or shows them again.
    pub const fn toggle_closed(&mut self) {
        self.hide_closed = !self.hide_closed;
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

    /// Filters by an address of a flow. The same again takes a wider prefix,
    /// and after the widest none.
    pub fn by_address(&mut self, key: FlowKey, side: Side) {
        let Some(address) = ends::address(&key, side) else {
            return;
        };
        let mut step = 0;
        if let Some(last) = self.widening.take()
            && (last.key, last.side) == (key, side)
            && let Some(place) = self.terms().iter().position(|term| *term == last.part)
        {
            self.remove(place);
            step = last.step + 1;
        }
        if let Some(prefix) = ends::prefix(address, step)
            && let Ok(part) = Filter::parse(&prefix.to_string())
            && !self.terms().contains(&part)
        {
            self.add(part.clone());
            self.widening = Some(Widening {
                key,
                side,
                step,
                part,
            });
        }
    }

    /// Adds a part, if it is not there already.
    pub fn add(&mut self, part: Filter) {
        if !self.terms().contains(&part) {
            self.kept = self.kept.clone().and(part);
        }
        self.widening = None;
    }

    /// Opens the line with the filter as it is.
    pub fn open(&mut self) {
        let text = if self.kept.is_everything() {
            String::new()
        } else {
            self.kept.to_string()
        };
        self.typing = Some(Typing {
            line: Line::new(text),
            error: None,
            insisted: false,
            good: self.kept.clone(),
            back: 0,
            typed: String::new(),
            proposals: None,
        });
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
        self.widening = None;
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

impl Typing {
    /// The proposals to complete the line with, if it was asked for them.
    #[must_use]
    pub const fn proposals(&self) -> Option<&Proposals> {
        self.proposals.as_ref()
    }

    fn changed(&mut self, named: &NamedFilters) {
        self.back = 0;
        self.proposals = None;
        self.parse(named);
    }

    fn parse(&mut self, named: &NamedFilters) {
        self.insisted = false;
        match named.parse(self.line.text()) {
            Ok(filter) => {
                self.good = filter;
                self.error = None;
            }
            Err(error) => self.error = Some(error),
        }
    }

    fn recall(&mut self, back: usize, history: &[String], named: &NamedFilters) {
        if self.back == 0 {
            self.typed = self.line.text().to_owned();
        }
        let text = match back {
            0 => Some(&self.typed),
            _ => history
                .len()
                .checked_sub(back)
                .and_then(|place| history.get(place)),
        };
        if let Some(text) = text {
            self.line = Line::new(text.clone());
            self.back = back;
            self.proposals = None;
            self.parse(named);
        }
    }

    fn complete(&mut self, seen: &Seen<'_>, named: &NamedFilters) {
        let proposals = match self.proposals.take() {
            Some(mut last) if !last.all.is_empty() => {
                last.chosen = (last.chosen + 1) % last.all.len();
                last
            }
            _ => Proposals {
                all: match named.complete(self.line.text(), self.line.cursor()) {
                    names if names.is_empty() => {
                        complete(self.line.text(), self.line.cursor(), seen)
                    }
                    names => names,
                },
                from: self.line.clone(),
                chosen: 0,
            },
        };
        if let Some(completion) = proposals.all.get(proposals.chosen) {
            self.line = completed(&proposals.from, completion);
            self.parse(named);
        }
        self.proposals = Some(proposals);
    }
}

/// The line with a proposal taken up.
fn completed(line: &Line, completion: &Completion) -> Line {
    let characters = |from: usize, to: usize| line.text().chars().take(to).skip(from);
    let (start, end) = (completion.range.start, completion.range.end);
    let mut before: String = characters(0, start).collect();
    before.push_str(&completion.text);
    let mut completed = Line::new(before);
    completed.append(characters(end, usize::MAX));
    completed
}
