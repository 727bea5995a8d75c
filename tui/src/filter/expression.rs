//! The syntax tree, kept in one canonical shape by its constructors, so that
//! filters that print alike are equal.

use std::ops::RangeInclusive;

use globset::{Glob, GlobMatcher};
use probe_common::Direction;

use super::context::{Name, State};
use super::prefix::Prefix;
use super::quantity::{Comparison, Quantity};
use crate::text::is_glob;

/// Which end of a packet a term looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// Either.
    Any,
    /// The packet's sender.
    Source,
    /// The packet's receiver.
    Destination,
    /// The flow's local end.
    Local,
    /// The flow's remote end.
    Remote,
}

/// Types of ICMP messages, which ICMPv6 numbers otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct IcmpType {
    pub(super) v4: Option<u8>,
    pub(super) v6: Option<u8>,
}

/// A term of the language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Term {
    /// The end's address is in one of the prefixes.
    Addresses { side: Side, prefixes: Vec<Prefix> },
    /// The end's port is in one of the ranges.
    Ports {
        side: Side,
        ranges: Vec<RangeInclusive<u16>>,
    },
    /// The IP protocol number.
    Protocol(u8),
    /// The ethertype.
    EtherType(u16),
    /// The packet's direction.
    Direction(Direction),
    /// The device's name.
    Device(Pattern),
    /// The VLAN ID of a tag, or that there is any.
    Vlan(Option<u16>),
    /// Where the flow's connection stands.
    State(State),
    /// A TCP flag that the packet's direction of the flow has carried.
    TcpFlag(u8),
    /// A number of the flow.
    Comparison(Comparison),
    /// Something that the flow is called.
    Name { kind: Name, pattern: Pattern },
    /// A type of ICMP message.
    IcmpType(IcmpType),
    /// The result code of a DNS answer.
    Rcode(u8),
    /// That there is something wrong with the flow.
    Problem,
}

/// Terms and what joins them.
///
/// Invariants, held by the constructors: `All` and `Any` have two parts or
/// more, none of their own kind; `Not` holds no `Not`; no two neighbors in
/// `Any` could be one list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expression {
    Term(Term),
    Not(Box<Expression>),
    All(Vec<Expression>),
    Any(Vec<Expression>),
}

impl Expression {
    /// What `part` does not match.
    pub(super) fn negate(part: Self) -> Self {
        match part {
            Self::Not(inner) => *inner,
            part => Self::Not(Box::new(part)),
        }
    }

    /// What all of `parts` match; there must be one at least.
    pub(super) fn all(parts: Vec<Self>) -> Self {
        let mut flat: Vec<Self> = parts.into_iter().flat_map(Self::into_terms).collect();
        match flat.len() {
            1 => flat.remove(0),
            _ => Self::All(flat),
        }
    }

    /// What one of `parts` matches; there must be one at least.
    pub(super) fn any(parts: Vec<Self>) -> Self {
        let mut flat: Vec<Self> = Vec::new();
        for part in parts {
            let alternatives = match part {
                Self::Any(alternatives) => alternatives,
                part => vec![part],
            };
            for alternative in alternatives {
                if let Some(rest) = merge(flat.last_mut(), alternative) {
                    flat.push(rest);
                }
            }
        }
        match flat.len() {
            1 => flat.remove(0),
            _ => Self::Any(flat),
        }
    }

    /// Whether a term needs what only a diagnosis of the packets can provide.
    pub(super) fn needs_diagnosis(&self) -> bool {
        match self {
            Self::Term(term) => match term {
                Term::Problem | Term::Rcode(_) => true,
                Term::Name { kind, .. } => *kind == Name::DnsName,
                Term::Comparison(comparison) => comparison.quantity == Quantity::Rtt,
                _ => false,
            },
            Self::Not(part) => part.needs_diagnosis(),
            Self::All(parts) | Self::Any(parts) => parts.iter().any(Self::needs_diagnosis),
        }
    }

    /// The parts that all have to match.
    pub(super) fn into_terms(self) -> Vec<Self> {
        match self {
            Self::All(parts) => parts,
            part => vec![part],
        }
    }
}

/// Moves the values of `part` into `last` where both are lists of one kind;
/// gives it back where they are not.
fn merge(last: Option<&mut Expression>, part: Expression) -> Option<Expression> {
    use Expression::Term as T;
    match (last, part) {
        (
            Some(T(Term::Addresses { side, prefixes })),
            T(Term::Addresses {
                side: same,
                prefixes: more,
            }),
        ) if *side == same => {
            prefixes.extend(more);
            None
        }
        (
            Some(T(Term::Ports { side, ranges })),
            T(Term::Ports {
                side: same,
                ranges: more,
            }),
        ) if *side == same => {
            ranges.extend(more);
            None
        }
        (_, part) => Some(part),
    }
}

/// A device's name or a glob for several.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    text: String,
    /// Nothing for a plain name, which is compared much faster.
    glob: Option<GlobMatcher>,
}

impl Pattern {
    /// Reads a name or a glob.
    ///
    /// # Errors
    /// What is wrong with the glob.
    pub(super) fn new(text: &str) -> Result<Self, globset::Error> {
        let glob = if is_glob(text) {
            Some(Glob::new(text)?.compile_matcher())
        } else {
            None
        };
        Ok(Self {
            text: text.to_owned(),
            glob,
        })
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn is_match(&self, device: &str) -> bool {
        match &self.glob {
            Some(glob) => glob.is_match(device),
            None => self.text == device,
        }
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Pattern {}
