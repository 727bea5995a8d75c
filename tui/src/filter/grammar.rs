//! From tokens to the syntax tree, by recursive descent.
//!
//! One token ahead decides everywhere, so that an error is final where it is
//! found ([`ErrMode::Cut`]) and names what that place could hold. Only the
//! values after the first of a list are tried ([`ErrMode::Backtrack`]).

mod unexpected;
mod value;

use winnow::combinator::{cut_err, not, opt, peek, preceded, repeat, separated, terminated};
use winnow::error::ErrMode;
use winnow::prelude::*;
use winnow::stream::TokenSlice;
use winnow::token::{any as any_token, one_of};

use super::context::Name;
use super::error::{Expected, FilterError};
use super::expression::{Expression, Pattern, Side, Term};
use super::lexer::{Kind, Token, tokens};
use super::prefix::{Prefix, resembles_address};
use super::quantity::{Comparison, ORDERS, Quantity};
use super::vocabulary::{Keyword, names};
use unexpected::{unexpected, unexpected_after_term};
use value::{
    address, amount, ether_type, icmp_type, pattern, port_range, protocol, rcode, state, tcp_flag,
    vlan_id,
};

/// Parentheses that may be open at once, which bounds the depth of the tree.
const NESTING: usize = 64;

type Input<'t, 'i> = TokenSlice<'t, Token<'i>>;
type Parsed<T> = ModalResult<T, FilterError>;

/// Reads a filter; a blank text is none.
///
/// # Errors
/// What was expected instead, and where.
pub(super) fn parse(text: &str) -> Result<Option<Expression>, FilterError> {
    let tokens = tokens(text);
    check_nesting(&tokens)?;
    let mut input = TokenSlice::new(&tokens);
    if tokens.len() == 1 {
        return Ok(None);
    }
    terminated(any, end)
        .parse_next(&mut input)
        .map(Some)
        .map_err(|error| match error {
            ErrMode::Backtrack(error) | ErrMode::Cut(error) => error,
            ErrMode::Incomplete(_) => unexpected(&input, &[], None),
        })
}

/// A term and where it stands, in characters.
pub(super) struct Placed {
    pub(super) column: usize,
    pub(super) length: usize,
    pub(super) expression: Expression,
}

/// Reads terms of which all have to match, with or without `and` between them.
///
/// # Errors
/// As [`parse`].
pub(super) fn parse_terms(text: &str) -> Result<Vec<Placed>, FilterError> {
    let tokens = tokens(text);
    check_nesting(&tokens)?;
    let mut input = TokenSlice::new(&tokens);
    let mut terms = Vec::new();
    let mut read = || -> Parsed<Vec<Placed>> {
        while kind(Kind::End).parse_next(&mut input).is_err() {
            if !terms.is_empty() {
                if input.first().is_some_and(|token| token.kind == Kind::Or) {
                    return Err(ErrMode::Cut(FilterError {
                        message: "a rule has no \"or\" but in lists".to_owned(),
                        hint: Some("block them one by one".to_owned()),
                        ..unexpected_after_term(&input, &AFTER_TERM)
                    }));
                }
                opt(kind(Kind::And)).parse_next(&mut input)?;
            }
            let column = input.first().map_or(0, |token| token.column);
            let expression = negation(&mut input)?;
            let last = input.previous_tokens().next();
            let end = last.map_or(column, |token| token.column + token.length());
            terms.push(Placed {
                column,
                length: end.saturating_sub(column),
                expression,
            });
        }
        Ok(std::mem::take(&mut terms))
    };
    read().map_err(|error| match error {
        ErrMode::Backtrack(error) | ErrMode::Cut(error) => error,
        ErrMode::Incomplete(_) => unexpected(&TokenSlice::new(&tokens), &[], None),
    })
}

fn check_nesting(tokens: &[Token<'_>]) -> Result<(), FilterError> {
    let mut open = 0_usize;
    for token in tokens {
        match token.kind {
            Kind::Open => open += 1,
            Kind::Close => open = open.saturating_sub(1),
            _ => {}
        }
        if open > NESTING {
            return Err(FilterError {
                column: token.column,
                length: token.length(),
                message: format!("expected at most {NESTING} nested parentheses, found more"),
                expected: Vec::new(),
                hint: None,
                is_incomplete: false,
            });
        }
    }
    Ok(())
}

fn any(input: &mut Input<'_, '_>) -> Parsed<Expression> {
    separated(1.., all, kind(Kind::Or))
        .map(Expression::any)
        .parse_next(input)
}

fn all(input: &mut Input<'_, '_>) -> Parsed<Expression> {
    separated(1.., negation, kind(Kind::And))
        .map(Expression::all)
        .parse_next(input)
}

fn negation(input: &mut Input<'_, '_>) -> Parsed<Expression> {
    let nots: usize = repeat(0.., kind(Kind::Not)).parse_next(input)?;
    let part = primary(input)?;
    Ok(if nots.is_multiple_of(2) {
        part
    } else {
        Expression::negate(part)
    })
}

fn primary(input: &mut Input<'_, '_>) -> Parsed<Expression> {
    let token = peek(any_token).parse_next(input)?;
    match token.kind {
        Kind::Open => group(input),
        Kind::Keyword(keyword) => {
            any_token.parse_next(input)?;
            term(keyword, input)
        }
        Kind::Word if Prefix::parse(token.text).is_ok() || resembles_address(token.text) => {
            addresses(Side::Any, input)
        }
        _ => Err(ErrMode::Cut(unexpected(
            input,
            &[Expected::Term],
            next_in_list(input),
        ))),
    }
}

fn group(input: &mut Input<'_, '_>) -> Parsed<Expression> {
    let open = kind(Kind::Open).parse_next(input)?;
    let inside = any(input)?;
    match peek(any_token).parse_next(input)?.kind {
        Kind::Close => {
            any_token.parse_next(input)?;
            Ok(inside)
        }
        Kind::End => Err(ErrMode::Cut(FilterError {
            column: open.column,
            length: open.length(),
            message: "expected \")\" to close this \"(\"".to_owned(),
            is_incomplete: true,
            ..unexpected_after_term(input, &AFTER_TERM_IN_GROUP)
        })),
        _ => Err(ErrMode::Cut(unexpected_after_term(
            input,
            &AFTER_TERM_IN_GROUP,
        ))),
    }
}

fn end(input: &mut Input<'_, '_>) -> Parsed<()> {
    if kind(Kind::End).parse_next(input).is_ok() {
        return Ok(());
    }
    Err(ErrMode::Cut(unexpected_after_term(input, &AFTER_TERM)))
}

const AFTER_TERM: [Expected; 2] = [Expected::Word("and"), Expected::Word("or")];
const AFTER_TERM_IN_GROUP: [Expected; 3] = [
    Expected::Word("and"),
    Expected::Word("or"),
    Expected::Word(")"),
];

/// Whether a term that starts with `keyword` can follow a kind of packet
/// without `and`.
const fn narrows(keyword: Keyword) -> bool {
    matches!(
        keyword,
        Keyword::Side(_) | Keyword::Addresses | Keyword::Ports | Keyword::ProtocolNumber
    )
}

fn narrowing(input: &mut Input<'_, '_>) -> Parsed<Keyword> {
    any_token
        .verify_map(|token: &Token<'_>| match token.kind {
            Kind::Keyword(keyword) if narrows(keyword) => Some(keyword),
            _ => None,
        })
        .parse_next(input)
}

/// What would go on with the list that ends with the `or` before.
fn next_in_list(input: &Input<'_, '_>) -> Option<Expected> {
    const ETHER: Kind = Kind::Keyword(Keyword::EtherNumber);
    let mut before = input.previous_tokens().map(|token| token.kind).peekable();
    while before.next() == Some(Kind::Or) && before.next() == Some(Kind::Word) {
        let Some(&Kind::Keyword(keyword)) = before.peek() else {
            continue;
        };
        return match keyword {
            Keyword::Ports => Some(Expected::Port),
            Keyword::ProtocolNumber if before.nth(1) != Some(ETHER) => Some(Expected::Protocol),
            Keyword::Device => Some(Expected::Device),
            Keyword::Name(name) => Some(Expected::Name(name)),
            _ => None,
        };
    }
    None
}

/// What follows the first word of a term.
fn term(keyword: Keyword, input: &mut Input<'_, '_>) -> Parsed<Expression> {
    match keyword {
        Keyword::Side(side) => ends(side, input),
        Keyword::Addresses => addresses(Side::Any, input),
        Keyword::Ports => ports(Side::Any, input),
        Keyword::Protocol(number) => narrowed(Term::Protocol(number), input),
        Keyword::EtherType(number) => narrowed(Term::EtherType(number), input),
        Keyword::ProtocolNumber => protocols(input),
        Keyword::EtherNumber => {
            opt(kind(Kind::Keyword(Keyword::ProtocolNumber))).parse_next(input)?;
            cut_err(ether_type).parse_next(input)
        }
        Keyword::Direction(direction) => Ok(Expression::Term(Term::Direction(direction))),
        Keyword::Device => patterns(Expected::Device, Term::Device, input),
        Keyword::Name(kind) => names_of(kind, input),
        Keyword::IcmpType => {
            alternatives_of(icmp_type, icmp_type, Term::IcmpType).parse_next(input)
        }
        Keyword::Rcode => alternatives_of(rcode, rcode, Term::Rcode).parse_next(input),
        Keyword::Problem => Ok(Expression::Term(Term::Problem)),
        Keyword::Vlan => vlan(input),
        Keyword::State => alternatives_of(state, state, Term::State).parse_next(input),
        Keyword::TcpFlags => alternatives_of(tcp_flag, tcp_flag, Term::TcpFlag).parse_next(input),
        Keyword::Quantity(quantity) => comparison(quantity, input),
        // The lexer gives these kinds of their own.
        Keyword::And | Keyword::Or | Keyword::Not => {
            Err(ErrMode::Cut(unexpected(input, &[Expected::Term], None)))
        }
    }
}

fn narrowed(kind: Term, input: &mut Input<'_, '_>) -> Parsed<Expression> {
    let kind = Expression::Term(kind);
    Ok(match opt(narrowing).parse_next(input)? {
        Some(keyword) => Expression::all(vec![kind, term(keyword, input)?]),
        None => kind,
    })
}

fn ends(side: Side, input: &mut Input<'_, '_>) -> Parsed<Expression> {
    let what = |wanted| one_of(move |token: &Token<'_>| token.kind == Kind::Keyword(wanted));
    if opt(what(Keyword::Ports)).parse_next(input)?.is_some() {
        return ports(side, input);
    }
    if opt(what(Keyword::Addresses)).parse_next(input)?.is_none() {
        let is_address =
            |token: &Token<'_>| Prefix::parse(token.text).is_ok() || resembles_address(token.text);
        let is_what = |keyword| matches!(keyword, Keyword::Addresses | Keyword::Ports);
        if !input.first().is_some_and(is_address) {
            return Err(ErrMode::Cut(unexpected(
                input,
                &[Expected::Address],
                names(is_what).map(Expected::Word),
            )));
        }
    }
    addresses(side, input)
}

fn addresses(side: Side, input: &mut Input<'_, '_>) -> Parsed<Expression> {
    values(address)
        .map(|prefixes| Expression::Term(Term::Addresses { side, prefixes }))
        .parse_next(input)
}

fn ports(side: Side, input: &mut Input<'_, '_>) -> Parsed<Expression> {
    values(port_range)
        .map(|ranges| Expression::Term(Term::Ports { side, ranges }))
        .parse_next(input)
}

fn protocols(input: &mut Input<'_, '_>) -> Parsed<Expression> {
    // In `proto gre or tcp port 80`, `tcp` starts a term of its own.
    let next = terminated(protocol, not(narrowing));
    alternatives_of(protocol, next, Term::Protocol).parse_next(input)
}

fn vlan(input: &mut Input<'_, '_>) -> Parsed<Expression> {
    let is_id = |token: &Token<'_>| token.text.starts_with(|c: char| c.is_ascii_digit());
    if !input.first().is_some_and(is_id) {
        return Ok(Expression::Term(Term::Vlan(None)));
    }
    alternatives_of(vlan_id, vlan_id, |id| Term::Vlan(Some(id))).parse_next(input)
}

fn comparison(quantity: Quantity, input: &mut Input<'_, '_>) -> Parsed<Expression> {
    let token = peek(any_token).parse_next(input)?;
    let Kind::Compare(order) = token.kind else {
        let signs = ORDERS.map(|(sign, _)| Expected::Word(sign));
        return Err(ErrMode::Cut(unexpected(input, &signs, None)));
    };
    any_token.parse_next(input)?;
    let value = cut_err(|input: &mut _| amount(quantity, input)).parse_next(input)?;
    Ok(Expression::Term(Term::Comparison(Comparison {
        quantity,
        order,
        value,
    })))
}

fn names_of(kind: Name, input: &mut Input<'_, '_>) -> Parsed<Expression> {
    let term = |pattern| Term::Name { kind, pattern };
    patterns(Expected::Name(kind), term, input)
}

fn patterns(
    expected: Expected,
    term: impl Fn(Pattern) -> Term,
    input: &mut Input<'_, '_>,
) -> Parsed<Expression> {
    // After an `or`, a keyword or an address starts a term of its own.
    let is_name =
        |token: &Token<'_>| token.kind == Kind::Word && Prefix::parse(token.text).is_err();
    let one = |input: &mut _| pattern(expected, input);
    let next = preceded(peek(one_of(is_name)), one);
    alternatives_of(one, next, term).parse_next(input)
}

/// Values with `or` between them: one at least.
fn values<'t, 'i: 't, T>(
    value: impl Parser<Input<'t, 'i>, T, ErrMode<FilterError>>,
) -> impl Parser<Input<'t, 'i>, Vec<T>, ErrMode<FilterError>> {
    cut_err(separated(1.., value, kind(Kind::Or)))
}

/// Values with `or` between them of which each makes a term; those behind the
/// first are read by `next`.
fn alternatives_of<'t, 'i: 't, T>(
    first: impl Parser<Input<'t, 'i>, T, ErrMode<FilterError>>,
    next: impl Parser<Input<'t, 'i>, T, ErrMode<FilterError>>,
    term: impl Fn(T) -> Term,
) -> impl Parser<Input<'t, 'i>, Expression, ErrMode<FilterError>> {
    let rest = repeat(0.., preceded(kind(Kind::Or), next));
    (cut_err(first), rest).map(move |(first, rest): (T, Vec<T>)| {
        let values = std::iter::once(first).chain(rest);
        Expression::any(values.map(|value| Expression::Term(term(value))).collect())
    })
}

fn kind<'t, 'i: 't>(kind: Kind) -> impl Parser<Input<'t, 'i>, &'t Token<'i>, ErrMode<FilterError>> {
    one_of(move |token: &Token<'i>| token.kind == kind)
}
