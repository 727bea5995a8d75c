//! The filter language: what people already type for tcpdump, plus a bare
//! prefix.
//!
//! ```text
//! any       := all (OR all)*             OR is `or`, `||` or a comma
//! all       := not (AND not)*            AND is `and` or `&&`
//! not       := (NOT)* primary            NOT is `not` or `!`
//! primary   := `(` any `)` | term
//! term      := addresses                 either end: 10.0.0.0/8, fd00::1
//!            | (`host` | `net`) addresses
//!            | SIDE (`host` | `net`)? addresses
//!            | SIDE? (`port` | `portrange`) ports
//!            | KIND term?                tcp udp icmp icmp6 sctp ip ip6 arp; the term
//!                                        starts with a keyword of the lines above
//!                                        or the next
//!            | `proto` protocols
//!            | `ether` `proto`? number
//!            | `in` | `out`
//!            | `dev` patterns
//!            | `vlan` ids?                any VLAN tag, or these
//!            | `state` states            syn open closing closed refused reset unanswered
//!            | `tcp.flags` flags         fin syn rst psh ack urg ece cwr
//!            | `icmp.type` types         echo unreachable redirect ...; or by number
//!            | `dns.rcode` codes         nxdomain servfail refused ...; or by number
//!            | NAME patterns             process nginx, pod web-*, dns.name *.example.com
//!            | `problem`                 a problem is about the flow now
//!            | NUMBER COMPARED amount    rate > 1M, bytes >= 10k, age < 10s, rtt > 10ms
//! SIDE      := `src` | `dst` | `local` | `remote`
//! NUMBER    := `rate` | `bytes` | `packets` | `age` | `rtt` | `retrans`
//! NAME      := `process` | `pod` | `container` | `netns` | `dns.name`
//! COMPARED  := `<` | `<=` | `>` | `>=`
//! addresses := ADDRESS (OR ADDRESS)*     ports, protocols and patterns likewise
//! ```
//!
//! Keywords are not case-sensitive; device names and units are.
//!
//! **Flows.** `state`, `tcp.flags`, names and numbers are those of the flow that a
//! packet belongs to ([`Context`]), and match nothing where it is not known. A rate
//! is in bytes per second over ten seconds (`8Mbit` is 1 MB/s), an age in seconds
//! and an RTT in milliseconds, or with a unit.
//!
//! **Precedence.** `not` binds tightest, then `and`, then `or`. (In tcpdump
//! `and` and `or` are equals and group to the left.)
//!
//! **Lists.** Values that follow each other belong to the keyword in front of
//! them, as in tcpdump, and such a list is *one* term: `not port 80, 443`
//! excludes both ports, and `src a or b and tcp` wants TCP from either. A list
//! ends at the first word that is not a value of its kind, so at any keyword.
//! Addresses without a keyword are a list too.
//!
//! **Ends.** `src` and `dst` are the packet's; `local` and `remote` the flow's.
//! Host bits of a prefix are dropped, and an IPv4-mapped IPv6 prefix is the
//! IPv4 prefix that it maps. `::/0` is every IPv6 address, but no IPv4 one.
//!
//! **What a packet has not, no term matches:** ICMP and later fragments have no
//! ports, and ARP has addresses but no protocol; `not port 22` matches them.

mod completion;
mod context;
mod devices;
mod error;
mod expression;
mod grammar;
mod hints;
mod lexer;
mod matching;
mod named;
mod prefix;
mod print;
mod pushdown;
mod quantity;
mod reference;
mod rule;
mod vocabulary;

#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use ipnet::IpNet;
use probe_common::{Direction, FlowKey};

pub use completion::{Completion, Seen, complete};
pub use context::{Context, Name, State};
pub use error::{Expected, FilterError};
use expression::Expression;
pub use named::NamedFilters;
pub use quantity::Quantity;
pub use reference::{REFERENCE, flags, icmp_types, keywords, rcodes, states};
pub use rule::{filter_of_addresses, filter_of_rule, is_narrow, parse_rule};

use crate::model::DeviceName;

/// The name by which a filter may call a port: `https`.
#[must_use]
pub fn port_name(port: u16) -> Option<&'static str> {
    vocabulary::name_of(vocabulary::PORTS, port)
}

/// Which packets are meant: terms that all have to match.
///
/// Its [`Display`](fmt::Display) is the normal form, which parses to the same
/// filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// None is an [`Expression::All`]; no terms match everything.
    terms: Vec<Expression>,
}

impl Filter {
    /// The filter that matches every packet.
    #[must_use]
    pub const fn everything() -> Self {
        Self { terms: Vec::new() }
    }

    /// Reads a filter; a blank text is [`Filter::everything`].
    ///
    /// # Errors
    /// What was expected instead, and where.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        Ok(grammar::parse(text)?.map_or_else(Self::everything, Self::from))
    }

    /// Whether every packet matches for want of terms.
    #[must_use]
    pub const fn is_everything(&self) -> bool {
        self.terms.is_empty()
    }

    /// Whether the packets that go in `direction` in the flow `key` on `device`
    /// match. Terms about more than the key match nothing; see
    /// [`matches_flow`](Self::matches_flow).
    #[must_use]
    pub fn matches<'a>(
        &self,
        key: &FlowKey,
        device: impl Into<DeviceName<'a>>,
        direction: Direction,
    ) -> bool {
        let packet = matching::Packet::new(key, device.into(), direction);
        self.terms.iter().all(|term| packet.is_in(term))
    }

    /// Whether the packets that go in `direction` in the flow `key` match, with all
    /// that is known of the flow.
    #[must_use]
    pub fn matches_flow<'a>(
        &self,
        key: &FlowKey,
        flow: &dyn Context,
        device: impl Into<DeviceName<'a>>,
        direction: Direction,
    ) -> bool {
        let packet = matching::Packet::new(key, device.into(), direction);
        let packet = packet.of(flow);
        self.terms.iter().all(|term| packet.is_in(term))
    }

    /// Whether it needs what only a diagnosis of the packets can provide.
    #[must_use]
    pub fn needs_diagnosis(&self) -> bool {
        self.terms.iter().any(Expression::needs_diagnosis)
    }

    /// The parts that all have to match, each a filter of its own.
    #[must_use]
    pub fn terms(&self) -> Vec<Self> {
        let alone = |term: &Expression| Self {
            terms: vec![term.clone()],
        };
        self.terms.iter().map(alone).collect()
    }

    /// The filter without its term number `n`, as [`Filter::terms`] counts
    /// them from 0; the same filter where there is no such term.
    #[must_use]
    pub fn without(mut self, n: usize) -> Self {
        if n < self.terms.len() {
            self.terms.remove(n);
        }
        self
    }

    /// What both filters match. Terms that are there already are not repeated.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        for term in other.terms {
            if !self.terms.contains(&term) {
                self.terms.push(term);
            }
        }
        self
    }

    /// Prefixes of which every matching packet has at least one end in one:
    /// what the kernel may drop early is what lies outside of all of them.
    /// Nothing when the filter does not limit addresses so.
    #[must_use]
    pub fn prefixes(&self) -> Option<Vec<IpNet>> {
        pushdown::prefixes_of_all(&self.terms)
    }
}

impl From<Expression> for Filter {
    fn from(expression: Expression) -> Self {
        Self {
            terms: expression.into_terms(),
        }
    }
}

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        Self::parse(text)
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print::print(&self.terms, f)
    }
}
