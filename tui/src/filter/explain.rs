//! A filter in English.

use std::fmt::Display;

use probe_common::Direction;

use super::expression::{Expression, Side, Term};
use super::print::Range;
use super::vocabulary::{Keyword, PROTOCOLS, meaning, name_of, name_of_keyword};

/// The sentence for terms that all have to match.
pub(super) fn explain(terms: &[Expression]) -> String {
    match terms {
        [] => "every packet".to_owned(),
        [only] => format!("packets that {}", clause(only, true)),
        terms => format!("packets that {}", joined(terms, "and", true)),
    }
}

/// What a packet does that matches, or does not, as `is_true` says. A negation
/// is carried to the terms (De Morgan), as speech does.
fn clause(expression: &Expression, is_true: bool) -> String {
    match expression {
        Expression::Term(term) => verb_phrase(term, is_true),
        Expression::Not(part) => clause(part, !is_true),
        Expression::All(parts) => joined(parts, if is_true { "and" } else { "or" }, is_true),
        Expression::Any(parts) => joined(parts, if is_true { "or" } else { "and" }, is_true),
    }
}

fn joined(parts: &[Expression], joint: &str, is_true: bool) -> String {
    let clauses: Vec<String> = parts
        .iter()
        .map(|part| {
            let clause = clause(part, is_true);
            match part {
                Expression::All(_) | Expression::Any(_) => format!("({clause})"),
                Expression::Not(inner) if !matches!(**inner, Expression::Term(_)) => {
                    format!("({clause})")
                }
                _ => clause,
            }
        })
        .collect();
    clauses.join(&format!(" {joint} "))
}

fn verb_phrase(term: &Term, is_true: bool) -> String {
    let (yes, no, object) = match term {
        Term::Addresses { side, prefixes } => {
            let (yes, no) = match side {
                Side::Any => ("have an end in", "have no end in"),
                Side::Source => ("come from", "do not come from"),
                Side::Destination => ("go to", "do not go to"),
                Side::Local => ("have their local end in", "do not have their local end in"),
                Side::Remote => (
                    "have their remote end in",
                    "do not have their remote end in",
                ),
            };
            (yes, no, choice(prefixes))
        }
        Term::Ports { side, ranges } => {
            let (yes, no) = match side {
                Side::Any => ("use port", "do not use port"),
                Side::Source => ("come from port", "do not come from port"),
                Side::Destination => ("go to port", "do not go to port"),
                Side::Local => ("have local port", "do not have local port"),
                Side::Remote => ("have remote port", "do not have remote port"),
            };
            (yes, no, choice(ranges.iter().map(Range)))
        }
        Term::Protocol(number) => ("are", "are not", protocol(*number)),
        Term::EtherType(number) => ("are", "are not", ether_type(*number)),
        Term::Direction(Direction::In) => ("go", "do not go", "in".to_owned()),
        Term::Direction(Direction::Out) => ("go", "do not go", "out".to_owned()),
        Term::Device(pattern) => ("cross", "do not cross", pattern.as_str().to_owned()),
    };
    let verb = if is_true { yes } else { no };
    format!("{verb} {object}")
}

fn protocol(number: u8) -> String {
    let name = name_of_keyword(Keyword::Protocol(number)).or(name_of(PROTOCOLS, number));
    match name {
        Some(name) => name.to_uppercase(),
        None => format!("IP protocol {number}"),
    }
}

fn ether_type(number: u16) -> String {
    match name_of_keyword(Keyword::EtherType(number)).and_then(meaning) {
        Some(meaning) => meaning.to_owned(),
        None => format!("ethertype {number:#06x}"),
    }
}

fn choice(values: impl IntoIterator<Item = impl Display>) -> String {
    let values: Vec<String> = values.into_iter().map(|value| value.to_string()).collect();
    values.join(" or ")
}
