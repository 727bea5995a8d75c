//! The modules that a source names, in `use` and everywhere else: its tokens are
//! read, so that what comments and strings say does not count, and what macros say
//! does.

use anyhow::anyhow;
use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};

/// A path from the crate's root, as far as its second part, and the line that
/// has it.
#[derive(Debug)]
pub struct Named {
    pub path: Vec<String>,
    pub line: usize,
}

/// The paths in `text`, the source of the module `here`, that start at the crate's
/// root, or lead up to it or to one of its modules.
///
/// # Errors
/// The text is no Rust.
pub fn named(text: &str, here: &[String]) -> anyhow::Result<Vec<Named>> {
    let tokens: TokenStream = text.parse().map_err(|error| anyhow!("no Rust: {error}"))?;
    let mut named = Vec::new();
    collect(tokens, here, &mut named);
    Ok(named)
}

/// As [`named`], of tokens.
fn collect(tokens: TokenStream, here: &[String], named: &mut Vec<Named>) {
    let tokens: Vec<_> = tokens.into_iter().collect();
    let mut inline_module = None;
    let mut position = 0;
    while let Some(token) = tokens.get(position) {
        position += 1;
        match token {
            TokenTree::Ident(ident) if ident == "crate" => {
                follow(&tokens[position..], &[], named);
            }
            TokenTree::Ident(ident) if ident == "super" => {
                follow(&tokens[position..], parent(here), named);
                // What follows `super::` has been followed.
                while is_path_of_super(&tokens[position..]) {
                    position += 3;
                }
            }
            TokenTree::Ident(ident) if ident == "mod" => {
                inline_module = Some(String::new());
                continue;
            }
            TokenTree::Ident(ident) if inline_module.is_some() => {
                inline_module = Some(ident.to_string());
                continue;
            }
            TokenTree::Group(group) => {
                let inner: Vec<_> = here.iter().cloned().chain(inline_module).collect();
                collect(group.stream(), &inner, named);
            }
            _ => {}
        }
        inline_module = None;
    }
}

/// The module around this one.
fn parent(here: &[String]) -> &[String] {
    here.split_last().map_or(&[], |(_, outer)| outer)
}

/// Whether tokens start with `::super`.
fn is_path_of_super(tokens: &[TokenTree]) -> bool {
    matches!(rest_of_path(tokens), Some([TokenTree::Ident(ident), ..]) if ident == "super")
}

/// What follows `::`.
fn rest_of_path(tokens: &[TokenTree]) -> Option<&[TokenTree]> {
    match tokens {
        [TokenTree::Punct(first), TokenTree::Punct(second), rest @ ..]
            if first.as_char() == ':' && second.as_char() == ':' =>
        {
            Some(rest)
        }
        _ => None,
    }
}

/// Follows a path, of which the rest starts with `::`, from the module `from`.
fn follow(tokens: &[TokenTree], from: &[String], named: &mut Vec<Named>) {
    if let Some(rest) = rest_of_path(tokens) {
        arrive(rest, from, named);
    }
}

/// As [`follow`], after the `::`.
fn arrive(tokens: &[TokenTree], from: &[String], named: &mut Vec<Named>) {
    match tokens {
        [TokenTree::Ident(ident), rest @ ..] if ident == "super" => {
            follow(rest, parent(from), named);
        }
        [TokenTree::Ident(ident), ..] if ident == "self" => {
            let path: Vec<_> = from.iter().take(2).cloned().collect();
            let line = line(ident);
            named.extend((!path.is_empty()).then_some(Named { path, line }));
        }
        [TokenTree::Ident(ident), rest @ ..] => {
            let mut path = from.to_vec();
            path.push(ident.to_string());
            if path.len() < 2 && rest_of_path(rest).is_some() {
                follow(rest, &path, named);
            } else {
                path.truncate(2);
                let line = line(ident);
                named.push(Named { path, line });
            }
        }
        [TokenTree::Punct(star), ..] if star.as_char() == '*' => {
            let all = std::iter::once("*".to_owned());
            let path = from.iter().cloned().chain(all).take(2).collect();
            let line = star.span().start().line;
            named.push(Named { path, line });
        }
        [TokenTree::Group(group), ..] if group.delimiter() == Delimiter::Brace => {
            for item in items(group) {
                arrive(&item, from, named);
            }
        }
        _ => {}
    }
}

/// The comma-separated items of a group.
fn items(group: &Group) -> Vec<Vec<TokenTree>> {
    let tokens: Vec<_> = group.stream().into_iter().collect();
    tokens
        .split(|token| matches!(token, TokenTree::Punct(comma) if comma.as_char() == ','))
        .map(<[TokenTree]>::to_vec)
        .collect()
}

fn line(ident: &Ident) -> usize {
    ident.span().start().line
}
