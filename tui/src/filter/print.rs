//! The normal form.

use std::fmt::{Display, Formatter, Result};
use std::ops::RangeInclusive;

use probe_common::Direction;

use super::expression::{Expression, Side, Term};
use super::vocabulary::{
    FLAGS, ICMP_TYPES, Keyword, PROTOCOLS, RCODES, STATES, name_of, name_of_keyword,
};

/// Writes terms that are joined by `and`.
pub(super) fn print(terms: &[Expression], f: &mut Formatter<'_>) -> Result {
    let mut printer = Printer {
        out: f,
        open_list: None,
    };
    match terms {
        [] => Ok(()),
        [only] => printer.expression(only, Parent::None),
        terms => printer.joined(terms, " and ", Parent::All),
    }
}

/// A list into which the values after an `or` would be read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum List {
    Addresses,
    Protocols,
}

/// What an expression is a part of, weakest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Parent {
    None,
    Any,
    All,
    Not,
}

struct Printer<'a, 'f> {
    out: &'a mut Formatter<'f>,
    open_list: Option<List>,
}

impl Printer<'_, '_> {
    fn expression(&mut self, expression: &Expression, parent: Parent) -> Result {
        match expression {
            Expression::Term(term) => self.term(term),
            Expression::Not(part) => {
                self.sign("not ")?;
                self.expression(part, Parent::Not)
            }
            Expression::All(parts) => self.group(parts, " and ", Parent::All, parent),
            Expression::Any(parts) => self.group(parts, " or ", Parent::Any, parent),
        }
    }

    fn group(&mut self, parts: &[Expression], joint: &str, own: Parent, parent: Parent) -> Result {
        if parent <= own {
            return self.joined(parts, joint, own);
        }
        self.sign("(")?;
        self.joined(parts, joint, own)?;
        self.sign(")")
    }

    fn joined(&mut self, parts: &[Expression], joint: &str, own: Parent) -> Result {
        for (i, part) in parts.iter().enumerate() {
            if i > 0 && own == Parent::Any {
                self.out.write_str(joint)?;
            } else if i > 0 {
                self.sign(joint)?;
            }
            self.expression(part, own)?;
        }
        Ok(())
    }

    /// Writes what ends a list.
    fn sign(&mut self, sign: &str) -> Result {
        self.open_list = None;
        self.out.write_str(sign)
    }

    fn term(&mut self, term: &Term) -> Result {
        let list = match term {
            Term::Addresses { .. } => Some(List::Addresses),
            Term::Protocol(_) => Some(List::Protocols),
            _ => None,
        };
        let needs_keyword = list.is_some() && self.open_list == list;
        self.open_list = None;
        match term {
            Term::Addresses { side, prefixes } => {
                let keyword = match side {
                    Side::Any if needs_keyword => "net ",
                    side => side_word(*side),
                };
                self.out.write_str(keyword)?;
                self.open_list = list;
                self.values(prefixes)
            }
            Term::Ports { side, ranges } => {
                write!(self.out, "{}port ", side_word(*side))?;
                self.values(ranges.iter().map(Range))
            }
            Term::Protocol(number) => {
                match name_of_keyword(Keyword::Protocol(*number)) {
                    Some(keyword) if !needs_keyword => return self.out.write_str(keyword),
                    _ => self.out.write_str("proto ")?,
                }
                self.open_list = list;
                match name_of(PROTOCOLS, *number) {
                    Some(name) => self.out.write_str(name),
                    None => write!(self.out, "{number}"),
                }
            }
            Term::EtherType(number) => match name_of_keyword(Keyword::EtherType(*number)) {
                Some(keyword) => self.out.write_str(keyword),
                None => write!(self.out, "ether {number:#06x}"),
            },
            Term::Direction(Direction::In) => self.out.write_str("in"),
            Term::Direction(Direction::Out) => self.out.write_str("out"),
            Term::Device(pattern) => write!(self.out, "dev {}", pattern.as_str()),
            Term::Vlan(None) => self.out.write_str("vlan"),
            Term::Vlan(Some(id)) => write!(self.out, "vlan {id}"),
            Term::State(state) => {
                let name = name_of(STATES, *state).unwrap_or_default();
                write!(self.out, "state {name}")
            }
            Term::TcpFlag(flag) => {
                let name = name_of(FLAGS, *flag).unwrap_or_default();
                write!(self.out, "tcp.flags {name}")
            }
            Term::Comparison(comparison) => comparison.fmt(self.out),
            Term::Name { kind, pattern } => {
                write!(self.out, "{} {}", kind.keyword(), pattern.as_str())
            }
            Term::IcmpType(kind) => match (name_of(ICMP_TYPES, *kind), kind.v4) {
                (None, Some(number)) => write!(self.out, "icmp.type {number}"),
                (name, _) => write!(self.out, "icmp.type {}", name.unwrap_or_default()),
            },
            Term::Rcode(number) => match name_of(RCODES, *number) {
                Some(name) => write!(self.out, "dns.rcode {name}"),
                None => write!(self.out, "dns.rcode {number}"),
            },
            Term::Problem => self.out.write_str("problem"),
        }
    }

    fn values(&mut self, values: impl IntoIterator<Item = impl Display>) -> Result {
        for (i, value) in values.into_iter().enumerate() {
            if i > 0 {
                self.out.write_str(", ")?;
            }
            write!(self.out, "{value}")?;
        }
        Ok(())
    }
}

const fn side_word(side: Side) -> &'static str {
    match side {
        Side::Any => "",
        Side::Source => "src ",
        Side::Destination => "dst ",
        Side::Local => "local ",
        Side::Remote => "remote ",
    }
}

/// A port, or the first and the last of several.
struct Range<'a>(&'a RangeInclusive<u16>);

impl Display for Range<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let (first, last) = (self.0.start(), self.0.end());
        if first == last {
            write!(f, "{first}")
        } else {
            write!(f, "{first}-{last}")
        }
    }
}
