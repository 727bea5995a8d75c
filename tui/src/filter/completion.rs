//! What could be typed next.

use std::net::IpAddr;
use std::ops::Range;

use super::context::Name;
use super::error::Expected;
use super::vocabulary::{PORTS, PROTOCOLS, by_name, meaning};
use super::{grammar, hints, lexer};

/// The most addresses that are offered at once.
const ADDRESSES: usize = 20;
/// A word that nothing accepts: it makes the grammar report what it expected.
const PROBE: char = '\0';

/// What was seen on the network and can be offered.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen<'a> {
    /// Names of devices.
    pub devices: &'a [&'a str],
    /// Addresses, those to be offered first at the front.
    pub addresses: &'a [IpAddr],
    /// What flows are called.
    pub names: &'a [(Name, &'a str)],
}

/// One way to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// The characters of the input that `text` replaces.
    pub range: Range<usize>,
    /// The whole word.
    pub text: String,
    /// What it means, or nothing where it is seen in `text`.
    pub meaning: String,
}

/// The words that can stand at `cursor` (in characters) and start with what is
/// typed of it there. What follows the cursor does not matter. Nothing is
/// offered behind an error.
#[must_use]
pub fn complete(input: &str, cursor: usize, seen: &Seen<'_>) -> Vec<Completion> {
    let typed: String = input.chars().take(cursor).collect();
    let (before, word) = typed.split_at(lexer::last_word(&typed));
    let start = before.chars().count();
    let range = start..start + word.chars().count();
    let expected = match grammar::parse(&format!("{before}{PROBE}")) {
        Err(error) if error.column == start => error.expected,
        _ => return Vec::new(),
    };
    candidates(&expected, word, seen)
        .into_iter()
        .filter(|(text, _)| hints::starts(text, word) && text != word)
        .map(|(text, meaning)| Completion {
            range: range.clone(),
            text,
            meaning,
        })
        .collect()
}

fn candidates(expected: &[Expected], word: &str, seen: &Seen<'_>) -> Vec<(String, String)> {
    let mut candidates = Vec::new();
    if expected.contains(&Expected::Device) {
        let devices = seen.devices.iter();
        candidates.extend(devices.map(|device| ((*device).to_owned(), String::new())));
    }
    let names = seen.names.iter();
    candidates.extend(
        names
            .filter(|(kind, _)| expected.contains(&Expected::Name(*kind)))
            .map(|(_, name)| ((*name).to_owned(), String::new())),
    );
    if expected.contains(&Expected::Address) {
        candidates.extend(addresses(word, seen));
    }
    for known in hints::words(expected) {
        candidates.push((known.to_owned(), describe(known, expected)));
    }
    if expected.contains(&Expected::Term) {
        candidates.extend(addresses(word, seen));
    }
    candidates
}

fn addresses(word: &str, seen: &Seen<'_>) -> Vec<(String, String)> {
    let texts = seen.addresses.iter().map(ToString::to_string);
    texts
        .filter(|text| hints::starts(text, word))
        .map(|text| (text, String::new()))
        .take(ADDRESSES)
        .collect()
}

fn describe(word: &str, expected: &[Expected]) -> String {
    let port = || by_name(PORTS, word).filter(|_| expected.contains(&Expected::Port));
    let number = || by_name(PROTOCOLS, word).filter(|_| expected.contains(&Expected::Protocol));
    if let Some(meaning) = meaning(word) {
        meaning.to_owned()
    } else if let Some(port) = port() {
        format!("port {port}")
    } else if let Some(number) = number() {
        format!("protocol {number}")
    } else {
        String::new()
    }
}
