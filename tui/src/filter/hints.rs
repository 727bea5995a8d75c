//! How to fix a word that does not fit.

use super::error::Expected;
use super::lexer::{Kind, Token};
use super::prefix;
use super::quantity::Quantity;
use super::vocabulary::{
    FLAGS, FOREIGN, ICMP_TYPES, Keyword, PORTS, PROTOCOLS, RCODES, STATES, by_name, names,
};
use crate::text::is_glob;

const JOINT: &str = "put \"and\" or \"or\" in between";
/// No word of the language has them, and no name of a device a space.
pub(super) const QUOTES: [char; 3] = ['"', '\'', '`'];
pub(super) const UNQUOTE: &str = "leave out the quotes: no name has spaces in it";

/// A hint for `token`, which stands where `expected` could.
pub(super) fn hint(token: &Token<'_>, expected: &[Expected]) -> Option<String> {
    let expects = |wanted| expected.contains(&wanted);
    let word = token.text;
    match token.kind {
        Kind::Close if expects(Expected::Word("and")) => Some("no \"(\" is open".to_owned()),
        _ if word == "&" || word == "|" => Some(format!("write \"{word}{word}\"")),
        Kind::Or if word.eq_ignore_ascii_case("or") && expects(Expected::Word("port")) => {
            Some("leave out \"src or dst\": a bare address is at either end".to_owned())
        }
        Kind::Keyword(_) | Kind::Open | Kind::Not if expects(Expected::Word("and")) => {
            Some(JOINT.to_owned())
        }
        Kind::Keyword(Keyword::Addresses | Keyword::Side(_)) if expects(Expected::EtherType) => {
            Some("hardware addresses are no part of a flow".to_owned())
        }
        Kind::Word if word.contains(QUOTES) => Some(UNQUOTE.to_owned()),
        Kind::Word => word_hint(word, expected),
        _ => None,
    }
}

fn word_hint(word: &str, expected: &[Expected]) -> Option<String> {
    let expects = |wanted| expected.contains(&wanted);
    let is_number = word.bytes().all(|b| b.is_ascii_digit());
    if let Some(cure) = by_name(FOREIGN, word) {
        return Some(cure.to_owned());
    }
    if word.starts_with('@') {
        // Known names are replaced before the filter is parsed.
        return Some("no such filter is configured, or it refers to itself".to_owned());
    }
    if expects(Expected::Port) && is_number {
        return Some("ports go from 0 to 65535".to_owned());
    }
    if expects(Expected::Protocol) && is_number {
        return Some("IP protocols go from 0 to 255".to_owned());
    }
    if expects(Expected::EtherType) {
        return Some("ethertypes go from 0 to 0xffff".to_owned());
    }
    if expects(Expected::Term) || expects(Expected::Address) {
        if is_number || by_name(PORTS, word).is_some() {
            return Some(format!("for a port write \"port {word}\""));
        }
        if by_name(PROTOCOLS, word).is_some() {
            return Some(format!("for a protocol write \"proto {word}\""));
        }
        if is_glob(word) {
            return Some(format!("for devices write \"dev {word}\""));
        }
    }
    if let Some(known) = closest(word, expected) {
        return Some(format!("did you mean \"{known}\"?"));
    }
    let is_value = is_number || prefix::Prefix::parse(word).is_ok();
    (is_value && expects(Expected::Word("and"))).then(|| JOINT.to_owned())
}

/// The words that may stand where `expected` may.
pub(super) fn words(expected: &[Expected]) -> Vec<&'static str> {
    let mut words = Vec::new();
    for expected in expected {
        match expected {
            Expected::Term => {
                words.extend(names(|k| !matches!(k, Keyword::And | Keyword::Or)));
            }
            Expected::Port => words.extend(PORTS.iter().map(|(name, _)| name)),
            Expected::Protocol => words.extend(PROTOCOLS.iter().map(|(name, _)| name)),
            Expected::State => words.extend(STATES.iter().map(|(name, _)| name)),
            Expected::TcpFlag => words.extend(FLAGS.iter().map(|(name, _)| name)),
            Expected::IcmpType => words.extend(ICMP_TYPES.iter().map(|(name, _)| name)),
            Expected::Rcode => words.extend(RCODES.iter().map(|(name, _)| name)),
            Expected::Word(word) => words.push(word),
            Expected::Address
            | Expected::PrefixLength { .. }
            | Expected::Octet
            | Expected::EtherType
            | Expected::VlanId
            | Expected::Amount
            | Expected::Time
            | Expected::RoundTrip
            | Expected::Name(_)
            | Expected::Device => {}
        }
    }
    words
}

/// Whether more characters could make `word` what is expected.
pub(super) fn is_unfinished(word: &str, expected: &[Expected]) -> bool {
    let takes_address = expected
        .iter()
        .any(|e| matches!(e, Expected::Term | Expected::Address));
    let takes_port = expected.contains(&Expected::Port);
    words(expected).iter().any(|known| starts(known, word))
        || (expected.contains(&Expected::Word("and")) && matches!(word, "&" | "|"))
        || (takes_address && prefix::is_unfinished(word))
        || (takes_port
            && word
                .strip_suffix('-')
                .is_some_and(|w| w.parse::<u16>().is_ok()))
        || (expected.contains(&Expected::Amount) && Quantity::is_unfinished(word))
        || (expected.contains(&Expected::Time) && word.parse::<f64>().is_ok())
        || (expected.contains(&Expected::RoundTrip)
            && word.trim_end_matches(['m', 'u']).parse::<f64>().is_ok())
        || (expected.contains(&Expected::EtherType) && word.eq_ignore_ascii_case("0x"))
}

/// Whether `word` starts with `start`, in whatever case.
pub(super) fn starts(word: &str, start: &str) -> bool {
    word.get(..start.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(start))
}

/// The word that `word` was probably meant to be.
fn closest(word: &str, expected: &[Expected]) -> Option<&'static str> {
    let word = word.to_lowercase();
    let is_known = |known: &&str| known.len() > 1;
    // One slip in a short word, two in a longer one; no word of ours is long.
    let most = match word.chars().count() {
        ..4 => 1,
        4..16 => 2,
        _ => return None,
    };
    words(expected)
        .into_iter()
        .filter(is_known)
        .map(|known| (strsim::osa_distance(&word, known), known))
        .filter(|&(slips, known)| slips <= most && slips < known.len())
        .min_by_key(|&(slips, _)| slips)
        .map(|(_, known)| known)
}
