//! Rules for the kernel: the part of the language that it can judge exactly.
//!
//! ```text
//! rule := (PATTERN `:`)? term (AND? term)*
//! ```
//!
//! All terms have to hold. Each is about devices, addresses, ports, protocols, an
//! ethertype or the direction. Whatever else is refused where it stands.

use super::error::FilterError;
use super::expression::{Expression, Pattern, Side, Term};
use super::grammar::{self, Placed};
use crate::model::{BlockEnd, BlockRule};

/// Shortest prefixes that narrow a rule, of IPv4 and IPv6: shorter ones hold a
/// large part of the Internet.
const SHORTEST: [u8; 2] = [8, 16];
/// Ports of one term that narrow a rule, at most.
const MOST_PORTS: usize = 1024;

/// Reads a rule.
///
/// # Errors
/// What the kernel cannot judge, or was expected instead, and where.
pub fn parse_rule(text: &str) -> Result<BlockRule, FilterError> {
    let (device, skipped, rest) = split_device(text);
    let mut rule = BlockRule {
        text: text.trim().to_owned(),
        ..BlockRule::default()
    };
    if let Some(device) = device {
        if let Err(error) = Pattern::new(device) {
            let message = format!("\"{device}\" is no pattern of devices: {}", error.kind());
            return Err(refusal(0, skipped, message));
        }
        rule.devices.push(device.to_owned());
    }
    let shift = |mut error: FilterError| {
        error.column += skipped;
        error
    };
    for Placed {
        column,
        length,
        expression,
    } in grammar::parse_terms(rest).map_err(shift)?
    {
        for part in expression.into_terms() {
            add(&mut rule, part).map_err(|reason| refusal(column + skipped, length, reason))?;
        }
    }
    Ok(rule)
}

/// Whether a rule is about certain addresses or ports, rather than about all there
/// are.
#[must_use]
pub fn is_narrow(rule: &BlockRule) -> bool {
    let narrow_addresses = rule.addresses.iter().any(|(_, prefixes)| {
        prefixes.iter().all(|net| {
            let [v4, v6] = SHORTEST;
            let shortest = if net.addr().is_ipv4() { v4 } else { v6 };
            net.prefix_len() >= shortest
        })
    });
    let narrow_ports = rule.ports.iter().any(|(_, ranges)| {
        let ports: usize = ranges.iter().map(ExactSizeIterator::len).sum();
        ports <= MOST_PORTS
    });
    narrow_addresses || narrow_ports
}

/// `lxc1: 10.0.9.21`: the pattern of devices, the characters up to the rest, and
/// the rest. An address has no colon with a space behind it.
fn split_device(text: &str) -> (Option<&str>, usize, &str) {
    let Some((device, rest)) = text.split_once(": ") else {
        return match text.trim_end().strip_suffix(':') {
            Some(device) if !device.trim().contains([' ', ':']) && !device.trim().is_empty() => {
                (Some(device.trim()), text.chars().count(), "")
            }
            _ => (None, 0, text),
        };
    };
    if device.trim().is_empty() || device.trim().contains(char::is_whitespace) {
        return (None, 0, text);
    }
    (Some(device.trim()), device.chars().count() + 2, rest)
}

fn refusal(column: usize, length: usize, message: String) -> FilterError {
    FilterError {
        column,
        length,
        message,
        expected: Vec::new(),
        hint: None,
        is_incomplete: false,
    }
}

fn add(rule: &mut BlockRule, expression: Expression) -> Result<(), String> {
    match expression {
        Expression::Term(term) => add_term(rule, term),
        Expression::Any(parts) => add_alternatives(rule, parts),
        Expression::All(parts) => parts.into_iter().try_for_each(|part| add(rule, part)),
        Expression::Not(_) => {
            Err("a rule says what is dropped, not what is spared: \"not\" is refused".to_owned())
        }
    }
}

fn add_term(rule: &mut BlockRule, term: Term) -> Result<(), String> {
    match term {
        Term::Addresses { side, prefixes } => {
            let nets = prefixes.iter().map(|prefix| prefix.net()).collect();
            rule.addresses.push((end(side), nets));
        }
        Term::Ports { side, ranges } => rule.ports.push((end(side), ranges)),
        Term::Protocol(number) => rule.protocols.push(vec![number]),
        Term::EtherType(number) => match rule.ether_type {
            Some(other) if other != number => return Err(nothing("ethertypes")),
            _ => rule.ether_type = Some(number),
        },
        Term::Direction(direction) => match rule.direction {
            Some(other) if other != direction => return Err(nothing("directions")),
            _ => rule.direction = Some(direction),
        },
        Term::Device(pattern) => add_devices(rule, vec![pattern.as_str().to_owned()])?,
        Term::Vlan(_) => return Err("a rule cannot be about VLANs".to_owned()),
        _ => {
            return Err(
                "a rule is about single packets, by addresses, ports, protocols and direction; \
                 what else is known of a flow is not known where they are dropped"
                    .to_owned(),
            );
        }
    }
    Ok(())
}

/// Lists that are of one kind; all else would be two rules.
fn add_alternatives(rule: &mut BlockRule, parts: Vec<Expression>) -> Result<(), String> {
    let mut protocols = Vec::new();
    let mut devices = Vec::new();
    for part in &parts {
        match part {
            Expression::Term(Term::Protocol(number)) => protocols.push(*number),
            Expression::Term(Term::Device(pattern)) => devices.push(pattern.as_str().to_owned()),
            _ => {}
        }
    }
    if protocols.len() == parts.len() {
        rule.protocols.push(protocols);
        return Ok(());
    }
    if devices.len() == parts.len() {
        return add_devices(rule, devices);
    }
    Err("a rule has no \"or\" but in lists: block them one by one".to_owned())
}

fn add_devices(rule: &mut BlockRule, devices: Vec<String>) -> Result<(), String> {
    if !rule.devices.is_empty() {
        return Err("the rule names devices already".to_owned());
    }
    rule.devices = devices;
    Ok(())
}

fn nothing(what: &str) -> String {
    format!("no packet has two {what}")
}

const fn end(side: Side) -> BlockEnd {
    match side {
        Side::Any => BlockEnd::Any,
        Side::Source => BlockEnd::Source,
        Side::Destination => BlockEnd::Destination,
        Side::Local => BlockEnd::Local,
        Side::Remote => BlockEnd::Remote,
    }
}

/// The filter that matches the packets of the rule, on whatever device.
///
/// # Errors
/// When it is no rule.
pub fn filter_of_addresses(text: &str) -> Result<super::Filter, FilterError> {
    let mut filter = filter_of_rule(text)?;
    let is_device = |part: &Expression| matches!(part, Expression::Term(Term::Device(_)));
    filter.terms.retain(|part| match part {
        Expression::Any(parts) => !parts.iter().all(is_device),
        part => !is_device(part),
    });
    Ok(filter)
}

/// The filter that matches the packets of the rule, to show them.
///
/// # Errors
/// When it is no rule.
pub fn filter_of_rule(text: &str) -> Result<super::Filter, FilterError> {
    let (device, skipped, rest) = split_device(text);
    let shift = |mut error: FilterError| {
        error.column += skipped;
        error
    };
    let mut parts: Vec<Expression> = grammar::parse_terms(rest)
        .map_err(shift)?
        .into_iter()
        .map(|placed| placed.expression)
        .collect();
    if let Some(device) = device
        && let Ok(pattern) = Pattern::new(device)
    {
        parts.insert(0, Expression::Term(Term::Device(pattern)));
    }
    Ok(if parts.is_empty() {
        super::Filter::everything()
    } else {
        Expression::all(parts).into()
    })
}

#[cfg(test)]
mod tests;
