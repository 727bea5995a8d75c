//! The error that a token is, where something else could have stood.

use winnow::error::ParserError;

use super::{Input, narrows};
use crate::filter::error::{Expected, FilterError, alternatives};
use crate::filter::hints;
use crate::filter::lexer::Kind;
use crate::filter::vocabulary::{Keyword, names};

/// The error that the next token is behind a term, where `named` may stand,
/// and behind a kind of packet what narrows it.
pub(super) fn unexpected_after_term(input: &Input<'_, '_>, named: &[Expected]) -> FilterError {
    let is_after_kind = matches!(
        input.previous_tokens().next().map(|token| token.kind),
        Some(Kind::Keyword(Keyword::Protocol(_) | Keyword::EtherType(_)))
    );
    let narrowing = names(|keyword| is_after_kind && narrows(keyword));
    unexpected(input, named, narrowing.map(Expected::Word))
}

/// The error that the next token is, where `named` could have stood, and
/// `unnamed`, which would make the message too long.
pub(super) fn unexpected(
    input: &Input<'_, '_>,
    named: &[Expected],
    unnamed: impl IntoIterator<Item = Expected>,
) -> FilterError {
    let mut expected = named.to_vec();
    expected.extend(unnamed);
    let wanted = alternatives(named);
    let after = match input.previous_tokens().next() {
        Some(token) => format!(" after \"{}\"", token.text),
        None => String::new(),
    };
    let (column, length) = input.first().map_or((0, 0), |t| (t.column, t.length()));
    let token = input.first().filter(|token| token.kind != Kind::End);
    let found = match token {
        Some(token) => format!(", found \"{}\"", token.text),
        None => String::new(),
    };
    FilterError {
        column,
        length,
        message: format!("expected {wanted}{after}{found}"),
        hint: token.and_then(|token| hints::hint(token, &expected)),
        is_incomplete: token
            .is_none_or(|token| token.is_last && hints::is_unfinished(token.text, &expected)),
        expected,
    }
}

/// For winnow's own parsers, whose errors only end a repetition.
impl<'t, 'i> ParserError<Input<'t, 'i>> for FilterError {
    type Inner = Self;

    fn from_input(_: &Input<'t, 'i>) -> Self {
        Self {
            column: 0,
            length: 0,
            message: String::new(),
            expected: Vec::new(),
            hint: None,
            is_incomplete: false,
        }
    }

    fn into_inner(self) -> Result<Self, Self> {
        Ok(self)
    }
}
