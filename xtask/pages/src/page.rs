//! What the pages have in common.

use clap_mangen::roff::{Roff, bold, roman};

/// What the foot of a page names: the program and its version.
pub const SOURCE: &str = concat!("nkview ", env!("CARGO_PKG_VERSION"));

/// A page that is being written, or a part of one.
#[derive(Default)]
pub struct Page(Roff);

impl Page {
    /// A page of a section of the manual, with its name, what it is about, and the
    /// day in its foot.
    pub fn new(name: &str, section: &str, about: &str, date: &str) -> Self {
        let mut roff = Roff::new();
        let title = name.to_uppercase();
        roff.control("TH", [&title, section, date, SOURCE, super::MANUAL]);
        roff.control("SH", ["NAME"]);
        roff.text([roman(format!("{name} - {about}"))]);
        Self(roff)
    }

    /// Begins a section.
    pub fn section(&mut self, title: &str) {
        self.0.control("SH", [title]);
    }

    /// Begins a part of a section.
    pub fn part(&mut self, title: &str) {
        self.0.control("SS", [title]);
    }

    /// A paragraph.
    pub fn paragraph(&mut self, text: &str) {
        self.0.control("PP", []);
        self.0.text([roman(text)]);
    }

    /// A term, and what it means.
    pub fn term(&mut self, term: &str, meaning: &str) {
        self.0.control("TP", []);
        self.0.text([bold(term)]);
        self.0.text([roman(meaning)]);
    }

    /// Terms, each with what it means.
    pub fn terms(&mut self, terms: &[(&str, &str)]) {
        for (term, meaning) in terms {
            self.term(term, meaning);
        }
    }

    /// Lines as they are typed.
    pub fn example(&mut self, lines: &str) {
        self.0.control("PP", []);
        self.0.control("RS", ["4"]);
        self.0.control("nf", []);
        for line in lines.lines() {
            self.0.text([roman(line)]);
        }
        self.0.control("fi", []);
        self.0.control("RE", []);
    }

    /// The whole page, with the pages that it refers to.
    pub fn finish(mut self, others: &[&str]) -> Roff {
        self.0.extend([see_also(others.iter().copied())]);
        self.0
    }
}

/// The section that names other pages, such as `nkview(1)`.
fn see_also<'a>(others: impl Iterator<Item = &'a str>) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["SEE ALSO"]);
    let mut text = Vec::new();
    for other in others {
        if !text.is_empty() {
            text.push(roman(", "));
        }
        let (name, section) = other.split_at(other.find('(').unwrap_or(other.len()));
        text.extend([bold(name), roman(section)]);
    }
    roff.text(text);
    roff
}
