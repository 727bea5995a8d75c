//! From text to tokens.

use winnow::ascii::Caseless;
use winnow::combinator::{alt, delimited, peek, preceded, repeat, terminated};
use winnow::error::EmptyError;
use winnow::prelude::*;
use winnow::token::{any, literal, none_of, one_of, take_while};

use super::quantity::{ORDERS, Order, Quantity};
use super::vocabulary::{Keyword, keyword};

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Open,
    Close,
    And,
    /// `or`, `||` and the comma.
    Or,
    Not,
    /// `<` and the like.
    Compare(Order),
    /// Another keyword.
    Keyword(Keyword),
    /// Any other word.
    Word,
    /// The end of the text.
    End,
}

impl Kind {
    const fn of(keyword: Keyword) -> Self {
        match keyword {
            Keyword::And => Self::And,
            Keyword::Or => Self::Or,
            Keyword::Not => Self::Not,
            other => Self::Keyword(other),
        }
    }
}

/// A piece of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'i> {
    pub(super) kind: Kind,
    pub(super) text: &'i str,
    /// Characters before it.
    pub(super) column: usize,
    /// Whether the text ends with it.
    pub(super) is_last: bool,
}

impl Token<'_> {
    /// In characters.
    pub(super) fn length(&self) -> usize {
        self.text.chars().count()
    }
}

type Lexed<'i> = Result<(Kind, &'i str), EmptyError>;

/// The tokens of `text`, with an [`Kind::End`] behind them. Every text has
/// tokens: what makes no sense is a word that the grammar will not know.
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut rest = text;
    let mut column = 0;
    let mut tokens = Vec::new();
    loop {
        let before = rest;
        let token: Lexed<'_> =
            preceded(take_while(0.., char::is_whitespace), token).parse_next(&mut rest);
        let (kind, word) = token.unwrap_or((Kind::End, ""));
        let is_end = kind == Kind::End;
        let taken = if is_end {
            before
        } else {
            &before[..before.len() - rest.len()]
        };
        let end = column + taken.chars().count();
        tokens.push(Token {
            kind,
            text: word,
            column: end - word.chars().count(),
            is_last: rest.is_empty(),
        });
        if is_end {
            return tokens;
        }
        column = end;
    }
}

fn token<'i>(input: &mut &'i str) -> Lexed<'i> {
    alt((
        symbol("(", Kind::Open),
        symbol(")", Kind::Close),
        symbol("&&", Kind::And),
        symbol("||", Kind::Or),
        symbol(",", Kind::Or),
        symbol("!", Kind::Not),
        alt((comparison, quantity, word)),
        any.take().map(|text| (Kind::Word, text)),
    ))
    .parse_next(input)
}

fn symbol<'i>(text: &'static str, kind: Kind) -> impl Parser<&'i str, (Kind, &'i str), EmptyError> {
    literal(text).map(move |text| (kind, text))
}

fn comparison<'i>(input: &mut &'i str) -> Lexed<'i> {
    let [at_most, at_least, less, more] =
        ORDERS.map(|(sign, order)| symbol(sign, Kind::Compare(order)));
    alt((at_most, at_least, less, more)).parse_next(input)
}

/// What is compared, also where no space is in between: `rate>1M`.
fn quantity<'i>(input: &mut &'i str) -> Lexed<'i> {
    let [a, b, c, d, e, f] = Quantity::ALL.map(|quantity| {
        let kind = Kind::Keyword(Keyword::Quantity(quantity));
        let word = literal(Caseless(quantity.keyword()));
        terminated(word, peek(one_of(['<', '>']))).map(move |text| (kind, text))
    });
    alt((a, b, c, d, e, f)).parse_next(input)
}

fn word<'i>(input: &mut &'i str) -> Lexed<'i> {
    let plain = none_of(ends_word).void();
    repeat::<_, _, (), _, _>(1.., alt((group('[', ']'), group('{', '}'), plain)))
        .take()
        .map(|text| (keyword(text).map_or(Kind::Word, Kind::of), text))
        .parse_next(input)
}

/// A glob's class or alternatives, in which commas and `!` are no operators.
fn group<'i>(open: char, close: char) -> impl Parser<&'i str, (), EmptyError> {
    let inside = take_while(0.., move |c: char| c != close && !c.is_whitespace());
    delimited(one_of(open), inside, one_of(close)).void()
}

fn ends_word(c: char) -> bool {
    c.is_whitespace() || matches!(c, '(' | ')' | ',' | '&' | '|')
}

/// Where the word that ends at the end of `text` starts, in bytes.
pub(super) fn last_word(text: &str) -> usize {
    let is_outside = |c: char| ends_word(c) || c == '!';
    let rest = text.trim_end_matches(|c| !is_outside(c));
    rest.len()
}
