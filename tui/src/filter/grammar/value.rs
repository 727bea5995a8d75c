//! The values of terms: addresses, ports, protocols, devices.

use std::ops::RangeInclusive;

use winnow::combinator::peek;
use winnow::error::ErrMode;
use winnow::prelude::*;
use winnow::token::any as any_token;

use super::unexpected::unexpected;
use super::{Input, Parsed};
use crate::filter::context::State;
use crate::filter::error::{Expected, FilterError};
use crate::filter::expression::{Expression, IcmpType, Pattern, Term};
use crate::filter::hints;
use crate::filter::lexer::{Kind, Token};
use crate::filter::prefix::{self, Prefix, resembles_address};
use crate::filter::quantity::Quantity;
use crate::filter::vocabulary::{FLAGS, ICMP_TYPES, PORTS, PROTOCOLS, RCODES, STATES, by_name};

/// An address or a prefix.
pub(super) fn address(input: &mut Input<'_, '_>) -> Parsed<Prefix> {
    let before = *input;
    let token = value_token(input, Expected::Address)?;
    Prefix::parse(token.text).map_err(|error| {
        ErrMode::Backtrack(if resembles_address(token.text) {
            wrong_part(token, error)
        } else {
            unexpected(&before, &[Expected::Address], None)
        })
    })
}

/// A port, by number or name, or a range of them.
pub(super) fn port_range(input: &mut Input<'_, '_>) -> Parsed<RangeInclusive<u16>> {
    let before = *input;
    let token = value_token(input, Expected::Port)?;
    let port = |text: &str| text.parse().ok().or_else(|| by_name(PORTS, text));
    let range = port(token.text).map(|port: u16| port..=port).or_else(|| {
        let (first, last) = token.text.split_once('-')?;
        Some(port(first)?..=port(last)?)
    });
    match range {
        Some(range) if range.start() <= range.end() => Ok(range),
        range => {
            let mut error = unexpected(&before, &[Expected::Port], None);
            if let Some((first, last)) = range.map(RangeInclusive::into_inner) {
                error.hint = Some(format!("a range goes upwards: write \"{last}-{first}\""));
                // 90-80 may be the start of 90-800.
                error.is_incomplete = token.is_last && last < 10_000;
            }
            Err(ErrMode::Backtrack(error))
        }
    }
}

/// An IP protocol, by number or name.
pub(super) fn protocol(input: &mut Input<'_, '_>) -> Parsed<u8> {
    let before = *input;
    let token = value_token(input, Expected::Protocol)?;
    let number = token
        .text
        .parse()
        .ok()
        .or_else(|| by_name(PROTOCOLS, token.text));
    number.ok_or_else(|| ErrMode::Backtrack(unexpected(&before, &[Expected::Protocol], None)))
}

/// An ethertype, decimal or hexadecimal.
pub(super) fn ether_type(input: &mut Input<'_, '_>) -> Parsed<Expression> {
    let before = *input;
    let token = value_token(input, Expected::EtherType)?;
    let number = match token.text.get(..2) {
        Some("0x" | "0X") => u16::from_str_radix(&token.text[2..], 16).ok(),
        _ => token.text.parse().ok(),
    };
    number
        .map(|number| Expression::Term(Term::EtherType(number)))
        .ok_or_else(|| ErrMode::Backtrack(unexpected(&before, &[Expected::EtherType], None)))
}

/// A VLAN ID.
pub(super) fn vlan_id(input: &mut Input<'_, '_>) -> Parsed<u16> {
    let before = *input;
    let token = value_token(input, Expected::VlanId)?;
    let id = token.text.parse().ok().filter(|id| (1..=4094).contains(id));
    id.ok_or_else(|| ErrMode::Backtrack(unexpected(&before, &[Expected::VlanId], None)))
}

/// The state of a connection.
pub(super) fn state(input: &mut Input<'_, '_>) -> Parsed<State> {
    named(STATES, Expected::State, input)
}

/// A TCP flag.
pub(super) fn tcp_flag(input: &mut Input<'_, '_>) -> Parsed<u8> {
    named(FLAGS, Expected::TcpFlag, input)
}

fn named<T: Copy>(table: &[(&str, T)], expected: Expected, input: &mut Input<'_, '_>) -> Parsed<T> {
    let before = *input;
    let token = value_token(input, expected)?;
    by_name(table, token.text)
        .ok_or_else(|| ErrMode::Backtrack(unexpected(&before, &[expected], None)))
}

/// What a quantity is compared with.
pub(super) fn amount(quantity: Quantity, input: &mut Input<'_, '_>) -> Parsed<u64> {
    let expected = match quantity {
        Quantity::Age => Expected::Time,
        Quantity::Rtt => Expected::RoundTrip,
        _ => Expected::Amount,
    };
    let before = *input;
    let token = value_token(input, expected)?;
    quantity
        .parse(token.text)
        .ok_or_else(|| ErrMode::Backtrack(unexpected(&before, &[expected], None)))
}

/// A type of ICMP messages, by name or number.
pub(super) fn icmp_type(input: &mut Input<'_, '_>) -> Parsed<IcmpType> {
    numbered(
        ICMP_TYPES,
        |number| IcmpType {
            v4: Some(number),
            v6: Some(number),
        },
        Expected::IcmpType,
        input,
    )
}

/// A result code of DNS, by name or number.
pub(super) fn rcode(input: &mut Input<'_, '_>) -> Parsed<u8> {
    numbered(RCODES, |number| number, Expected::Rcode, input)
}

fn numbered<T: Copy>(
    table: &[(&str, T)],
    of_number: impl Fn(u8) -> T,
    expected: Expected,
    input: &mut Input<'_, '_>,
) -> Parsed<T> {
    let before = *input;
    let token = value_token(input, expected)?;
    let number = || token.text.parse().ok().map(of_number);
    by_name(table, token.text)
        .or_else(number)
        .ok_or_else(|| ErrMode::Backtrack(unexpected(&before, &[expected], None)))
}

/// A name or a pattern.
pub(super) fn pattern(expected: Expected, input: &mut Input<'_, '_>) -> Parsed<Pattern> {
    let before = *input;
    let token = value_token(input, expected)?;
    let error = |hint: Option<String>| {
        let mut error = unexpected(&before, &[expected], None);
        error.hint = hint;
        ErrMode::Backtrack(error)
    };
    if token.text.contains(char::is_control) {
        return Err(error(None));
    }
    if token.text.contains(hints::QUOTES) {
        return Err(error(Some(hints::UNQUOTE.to_owned())));
    }
    Pattern::new(token.text).map_err(|cause| error(Some(cause.kind().to_string())))
}

/// The next token, if it is a word.
fn value_token<'t, 'i>(input: &mut Input<'t, 'i>, expected: Expected) -> Parsed<&'t Token<'i>> {
    let token = peek(any_token).parse_next(input)?;
    match token.kind {
        Kind::Word | Kind::Keyword(_) => any_token.parse_next(input),
        _ => Err(ErrMode::Backtrack(unexpected(input, &[expected], None))),
    }
}

/// The error that a part of `token` is.
fn wrong_part(token: &Token<'_>, error: prefix::PrefixError) -> FilterError {
    let part = token.text.get(error.part.clone()).unwrap_or_default();
    let before = token.text.get(..error.part.start).unwrap_or_default();
    let place = if part.is_empty() {
        format!(" after \"{before}\"")
    } else {
        format!(", found \"{part}\"")
    };
    FilterError {
        column: token.column + before.chars().count(),
        length: part.chars().count(),
        message: format!("expected {}{place}", error.expected),
        expected: vec![error.expected],
        hint: error.hint,
        is_incomplete: token.is_last && error.is_unfinished,
    }
}
