//! A filter while it is typed.

use crate::app::line::Line;
use crate::filter::NamedFilters;
use crate::filter::{Completion, Filter, FilterError, Seen, complete};

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
    pub(super) good: Filter,
    /// How far back in the history; 0 is what the user typed.
    pub(super) back: usize,
    typed: String,
    pub(super) proposals: Option<Proposals>,
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

impl Typing {
    /// A line with this text, over a filter that is in force until there is
    /// another.
    pub(super) fn new(text: String, good: Filter) -> Self {
        Self {
            line: Line::new(text),
            error: None,
            insisted: false,
            good,
            back: 0,
            typed: String::new(),
            proposals: None,
        }
    }

    /// The proposals to complete the line with, if it was asked for them.
    #[must_use]
    pub const fn proposals(&self) -> Option<&Proposals> {
        self.proposals.as_ref()
    }

    pub(super) fn changed(&mut self, named: &NamedFilters) {
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

    pub(super) fn recall(&mut self, back: usize, history: &[String], named: &NamedFilters) {
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

    pub(super) fn complete(&mut self, seen: &Seen<'_>, named: &NamedFilters) {
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
