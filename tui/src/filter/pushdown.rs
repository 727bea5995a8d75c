//! Which prefixes a filter is limited to, for a first sieve in the kernel.

use ipnet::IpNet;

use super::expression::{Expression, Term};

/// Prefixes one of which holds an end of every packet that all of `parts`
/// match. Each part's would do; the narrowest are given.
pub(super) fn prefixes_of_all(parts: &[Expression]) -> Option<Vec<IpNet>> {
    parts.iter().filter_map(prefixes).min_by_key(|nets| {
        let widest = nets.iter().map(host_bits).max();
        (widest, nets.len())
    })
}

fn prefixes(expression: &Expression) -> Option<Vec<IpNet>> {
    match expression {
        Expression::Term(Term::Addresses { prefixes, .. }) => {
            let nets: Vec<IpNet> = prefixes.iter().map(|prefix| prefix.net()).collect();
            Some(IpNet::aggregate(&nets))
        }
        // What a negated prefix leaves is nearly everything.
        Expression::Term(_) | Expression::Not(_) => None,
        Expression::All(parts) => prefixes_of_all(parts),
        Expression::Any(parts) => {
            let nets: Option<Vec<Vec<IpNet>>> = parts.iter().map(prefixes).collect();
            Some(IpNet::aggregate(&nets?.concat()))
        }
    }
}

fn host_bits(net: &IpNet) -> u8 {
    net.max_prefix_len() - net.prefix_len()
}
