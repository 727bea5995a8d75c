//! Who may import whom: the modules of nkview and the arrows between them.
//!
//! The rules keep what is pure free of input and output, and drawing away from
//! the kernel. They are held against the tokens of the sources, so that what
//! comments and strings say does not count, and what macros say does.

use std::{
    fmt::{self, Display, Formatter},
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail, ensure};
use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};

#[cfg(test)]
mod tests;

/// What a module may name besides itself.
enum Names {
    /// It ties the others together.
    All,
    Only(&'static [&'static str]),
}

use Names::{All, Only};

/// A row for each module of the crate.
const RULES: &[(&str, Names)] = &[
    ("main", All),
    ("lib", All),
    ("cli", All),
    ("run", All),
    ("runtime", All),
    ("demo", Only(&[])),
    ("terminal", Only(&[])),
    ("probe", Only(&["model", "source"])),
    ("model", Only(&[])),
    ("source", Only(&["model"])),
    ("flow", Only(&["model"])),
    ("text", Only(&[])),
    ("traffic", Only(&["flow", "model", "text"])),
    ("filter", Only(&["model", "text"])),
    ("dissect", Only(&["model", "text"])),
    ("listing", Only(&["model", "text"])),
    (
        "export",
        Only(&["dissect", "filter", "flow", "model", "text", "traffic"]),
    ),
    (
        "app",
        Only(&["dissect", "filter", "flow", "model", "text", "traffic"]),
    ),
    ("config", Only(&["app", "filter", "keys"])),
    ("keys", Only(&["app"])),
    (
        "ui",
        Only(&[
            "app", "dissect", "filter", "flow", "keys", "listing", "model", "text", "traffic",
        ]),
    ),
];

/// What is compiled for tests alone, which all modules may name.
const FOR_TESTS: &[(&str, Names)] = &[("synthetic", Only(&["model"]))];

/// A module that names one that it may not.
#[derive(Debug, PartialEq, Eq)]
struct Breach {
    file: PathBuf,
    line: usize,
    message: String,
}

impl Display for Breach {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            line,
            message,
        } = self;
        write!(formatter, "{}:{line}: {message}", file.display())
    }
}

/// Holds the sources below `directory`, a crate's `src/`, against the rules.
///
/// # Errors
/// A source breaks a rule, has none, or cannot be read.
pub fn check(directory: &Path) -> anyhow::Result<()> {
    let files = sources(directory)?;
    ensure!(
        !files.is_empty(),
        "{} has no Rust sources",
        directory.display()
    );
    let mut breaches = Vec::new();
    for file in files {
        let reading = || format!("reading {}", file.display());
        let text = fs::read_to_string(&file).with_context(reading)?;
        let module = file.strip_prefix(directory).with_context(reading)?;
        let found = check_file(module, &text).with_context(reading)?;
        breaches.extend(found);
    }
    if !breaches.is_empty() {
        let lines: Vec<_> = breaches.iter().map(Breach::to_string).collect();
        bail!(
            "modules of {} name what they may not (the rules are in xtask/src/imports.rs):\n{}",
            directory.display(),
            lines.join("\n")
        );
    }
    Ok(())
}

fn sources(directory: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let listing = || format!("listing {}", directory.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).with_context(listing)? {
        let path = entry.with_context(listing)?.path();
        if path.is_dir() {
            files.extend(sources(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The breaches in the source `file`, a path below `src/`.
fn check_file(file: &Path, text: &str) -> anyhow::Result<Vec<Breach>> {
    let mut path: Vec<_> = file
        .with_extension("")
        .iter()
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    path.pop_if(|last| last == "mod");
    let Some(module) = path.first() else {
        bail!("a file of no module");
    };
    // The crate's roots are no modules in it.
    let depth = match module.as_str() {
        "lib" | "main" => 0,
        _ => path.len(),
    };
    let breach = |line, message| Breach {
        file: file.to_owned(),
        line,
        message,
    };
    let mut rules = RULES.iter().chain(FOR_TESTS);
    let Some((_, names)) = rules.find(|(name, _)| name == module) else {
        return Ok(vec![breach(
            1,
            format!("the module {module} has no rule: give it a row"),
        )]);
    };
    let tokens: TokenStream = text
        .parse()
        .map_err(|error| anyhow::anyhow!("no Rust: {error}"))?;
    let mut named = Vec::new();
    collect(tokens, depth, &mut named);
    Ok(named
        .into_iter()
        .filter(|(name, _)| match names {
            All => false,
            Only(only) => {
                let for_tests = FOR_TESTS.iter().any(|(helper, _)| helper == name);
                name != module && !for_tests && !only.contains(&name.as_str())
            }
        })
        .map(|(name, line)| breach(line, format!("{module} names crate::{name}")))
        .collect())
}

/// A name in the crate's root, and the line that has it.
type Named = (String, usize);

/// Finds the paths that start at the crate's root, in a module that is `depth`
/// below it.
fn collect(tokens: TokenStream, depth: usize, named: &mut Vec<Named>) {
    let tokens: Vec<_> = tokens.into_iter().collect();
    let mut inline_module = false;
    let mut position = 0;
    while let Some(token) = tokens.get(position) {
        position += 1;
        match token {
            TokenTree::Ident(ident) if ident == "crate" => {
                follow(&tokens[position..], depth, depth, named);
            }
            TokenTree::Ident(ident) if ident == "super" => {
                follow(&tokens[position..], 1, depth, named);
                // What follows `super::` has been followed.
                while is_path_of_super(&tokens[position..]) {
                    position += 3;
                }
            }
            TokenTree::Ident(ident) if ident == "mod" => {
                inline_module = true;
                continue;
            }
            TokenTree::Ident(_) if inline_module => continue,
            TokenTree::Group(group) => {
                collect(group.stream(), depth + usize::from(inline_module), named);
            }
            _ => {}
        }
        inline_module = false;
    }
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

/// Follows a path, of which the rest starts with `::`, from the module that is
/// `up` above one that is `depth` below the root.
fn follow(tokens: &[TokenTree], up: usize, depth: usize, named: &mut Vec<Named>) {
    let Some(rest) = rest_of_path(tokens) else {
        return;
    };
    arrive(rest, up, depth, named);
}

/// As [`follow`], after the `::`.
fn arrive(tokens: &[TokenTree], up: usize, depth: usize, named: &mut Vec<Named>) {
    match tokens {
        [TokenTree::Ident(ident), rest @ ..] if ident == "super" => {
            follow(rest, up + 1, depth, named);
        }
        [TokenTree::Ident(ident), ..] if up == depth && ident != "self" => {
            named.push((ident.to_string(), line(ident)));
        }
        [TokenTree::Punct(star), ..] if up == depth && star.as_char() == '*' => {
            named.push(("*".into(), star.span().start().line));
        }
        [TokenTree::Group(group), ..] if group.delimiter() == Delimiter::Brace => {
            for item in items(group) {
                arrive(&item, up, depth, named);
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
