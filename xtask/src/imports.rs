//! Who may import whom: the modules of nkview, the rooms in some of them, and
//! the arrows between them.
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

impl Names {
    fn allow(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(only) => only.contains(&name),
        }
    }
}

use Names::{All, Only};

/// A row for each module of the crate.
const RULES: &[(&str, Names)] = &[
    ("main", All),
    ("lib", All),
    ("cli", All),
    ("run", All),
    ("log", Only(&["cli"])),
    ("runtime", All),
    ("demo", Only(&[])),
    ("process", Only(&[])),
    ("terminal", Only(&["process"])),
    ("probe", Only(&["model", "process", "source", "text"])),
    ("model", Only(&[])),
    ("files", Only(&[])),
    ("source", Only(&["model"])),
    ("recording", Only(&["model"])),
    ("redact", Only(&["model"])),
    ("remote", Only(&["model", "probe", "recording", "source"])),
    (
        "replay",
        Only(&["diagnosis", "model", "recording", "source", "traffic"]),
    ),
    ("flow", Only(&["model"])),
    ("text", Only(&[])),
    ("traffic", Only(&["flow", "model", "text"])),
    ("diagnosis", Only(&["flow", "model", "text"])),
    ("report", Only(&["diagnosis", "text"])),
    ("filter", Only(&["model", "text"])),
    (
        "about",
        Only(&["diagnosis", "filter", "flow", "model", "traffic"]),
    ),
    (
        "watching",
        Only(&["about", "diagnosis", "filter", "model", "traffic"]),
    ),
    ("dissect", Only(&["model", "text"])),
    ("listing", Only(&["model", "text"])),
    (
        "export",
        Only(&[
            "about",
            "diagnosis",
            "dissect",
            "filter",
            "flow",
            "model",
            "recording",
            "redact",
            "report",
            "text",
            "traffic",
        ]),
    ),
    (
        "app",
        Only(&[
            "about",
            "diagnosis",
            "dissect",
            "filter",
            "flow",
            "model",
            "text",
            "traffic",
            "watching",
        ]),
    ),
    (
        "config",
        Only(&["app", "diagnosis", "filter", "keys", "text"]),
    ),
    ("keys", Only(&["app"])),
    (
        "ui",
        Only(&[
            "about",
            "app",
            "diagnosis",
            "dissect",
            "filter",
            "flow",
            "keys",
            "listing",
            "model",
            "text",
            "traffic",
        ]),
    ),
];

/// The modules whose own modules are ruled too, and what each of these may name
/// of the others. The module's own file ties them together.
const ROOMS: &[(&str, &[(&str, Names)])] =
    &[("app", APP), ("diagnosis", DIAGNOSIS), ("probe", PROBE)];

/// From what stands alone to what knows all the others.
const APP: &[(&str, Names)] = &[
    ("ends", Only(&[])),
    ("line", Only(&[])),
    ("list", Only(&[])),
    ("measure", Only(&[])),
    ("names", Only(&["ends"])),
    ("notices", Only(&[])),
    ("order", Only(&[])),
    ("push_down", Only(&[])),
    ("search", Only(&["line"])),
    ("tab", Only(&[])),
    ("timeline", Only(&["line"])),
    ("usage", Only(&[])),
    ("past", Only(&[])),
    ("group", Only(&["ends"])),
    ("hostnames", Only(&["ends"])),
    ("own", Only(&["ends"])),
    ("criteria", Only(&["own"])),
    ("blocking", Only(&["criteria", "ends", "line", "own"])),
    ("columns", Only(&["list", "order"])),
    ("device_column", Only(&["order"])),
    ("host_column", Only(&["order"])),
    ("item", Only(&["group"])),
    ("filtering", Only(&["ends", "group", "line"])),
    ("preferences", Only(&["columns", "filtering", "measure"])),
    (
        "action",
        Only(&[
            "columns",
            "device_column",
            "filtering",
            "host_column",
            "item",
            "line",
            "list",
            "own",
            "past",
            "tab",
            "timeline",
            "usage",
        ]),
    ),
    ("effect", Only(&[])),
    (
        "bindings",
        Only(&[
            "action",
            "columns",
            "ends",
            "filtering",
            "line",
            "list",
            "tab",
            "timeline",
        ]),
    ),
    (
        "state",
        Only(&[
            "blocking",
            "criteria",
            "filtering",
            "hostnames",
            "measure",
            "notices",
            "own",
            "past",
            "preferences",
            "push_down",
            "search",
            "timeline",
            "usage",
        ]),
    ),
    (
        "views",
        Only(&[
            "action",
            "bindings",
            "blocking",
            "columns",
            "criteria",
            "device_column",
            "ends",
            "filtering",
            "group",
            "host_column",
            "item",
            "list",
            "measure",
            "names",
            "order",
            "state",
            "tab",
        ]),
    ),
    // Parts of the application itself.
    ("block", All),
    ("narrowing", All),
    ("navigation", All),
    ("time", All),
    ("update", All),
];

const DIAGNOSIS: &[(&str, Names)] = &[
    ("decode", Only(&[])),
    ("severity", Only(&[])),
    ("thresholds", Only(&[])),
    ("evidence", Only(&["decode"])),
    ("kind", Only(&["severity"])),
    ("policy", Only(&["kind", "thresholds"])),
    ("finding", Only(&["decode", "kind", "severity"])),
    ("claims", Only(&["finding", "kind", "severity"])),
    ("concerns", Only(&["finding", "severity"])),
    ("view", Only(&["evidence", "finding", "thresholds"])),
    (
        "rules",
        Only(&["claims", "decode", "evidence", "finding", "kind", "view"]),
    ),
];

const PROBE: &[(&str, Names)] = &[
    ("losses", Only(&[])),
    ("monotonic", Only(&[])),
    ("netlink", Only(&[])),
    ("netns", Only(&[])),
    ("owner", Only(&[])),
    ("privileges", Only(&[])),
    ("refusal", Only(&["privileges"])),
    ("sys", Only(&[])),
    ("change", Only(&["sys"])),
    ("cost", Only(&["sys"])),
    ("devices", Only(&["netlink"])),
    ("flow_table", Only(&["sys"])),
    ("clsact", Only(&["devices", "netns", "owner"])),
    ("inventory", Only(&["devices", "netlink", "netns", "sys"])),
    ("stub", Only(&[])),
    ("object", Only(&["flow_table", "stub", "sys"])),
    ("pair", Only(&["devices", "netns", "owner"])),
    ("policy", Only(&["change", "devices", "sys"])),
    ("counters", Only(&["losses", "object"])),
    ("cover", Only(&["devices", "inventory"])),
    ("block", Only(&["monotonic", "object", "sys"])),
    ("link_counters", Only(&["inventory", "netns"])),
    (
        "preflight",
        Only(&["object", "privileges", "refusal", "sys"]),
    ),
    (
        "attach",
        Only(&[
            "block",
            "change",
            "clsact",
            "devices",
            "inventory",
            "netns",
            "object",
            "policy",
            "preflight",
            "sys",
        ]),
    ),
    ("fate", Only(&["inventory", "link_counters"])),
    (
        "collect",
        Only(&[
            "block",
            "cost",
            "counters",
            "devices",
            "fate",
            "inventory",
            "link_counters",
            "monotonic",
            "netlink",
            "netns",
        ]),
    ),
    (
        "guard",
        Only(&[
            "attach",
            "change",
            "cover",
            "devices",
            "inventory",
            "object",
        ]),
    ),
    ("uplink", Only(&[])),
    ("rules", Only(&["attach", "block", "preflight"])),
    (
        "trace",
        Only(&["collect", "monotonic", "preflight", "refusal", "sys"]),
    ),
    (
        "watch",
        Only(&[
            "attach",
            "block",
            "devices",
            "fate",
            "guard",
            "inventory",
            "object",
            "policy",
            "preflight",
            "rules",
            "uplink",
        ]),
    ),
    (
        "doctor",
        Only(&[
            "devices",
            "object",
            "preflight",
            "privileges",
            "refusal",
            "sys",
            "trace",
        ]),
    ),
    (
        "live",
        Only(&[
            "block",
            "change",
            "clsact",
            "collect",
            "counters",
            "devices",
            "fate",
            "guard",
            "inventory",
            "object",
            "pair",
            "preflight",
            "privileges",
            "rules",
            "trace",
            "uplink",
            "watch",
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
    // The crate's roots are no modules in it.
    if matches!(path.as_slice(), [root] if root == "lib" || root == "main") {
        return Ok(check_module(file, &path[0], &[], text)?.0);
    }
    let Some(module) = path.first() else {
        bail!("a file of no module");
    };
    let (mut breaches, named) = check_module(file, module, &path, text)?;
    breaches.extend(check_room(file, &path, &named));
    Ok(breaches)
}

/// The breaches of the rules of the crate's modules in a source of `module`,
/// whose path is `here`; and what the source names.
fn check_module(
    file: &Path,
    module: &str,
    here: &[String],
    text: &str,
) -> anyhow::Result<(Vec<Breach>, Vec<Named>)> {
    let breach = |line, message| Breach {
        file: file.to_owned(),
        line,
        message,
    };
    let mut rules = RULES.iter().chain(FOR_TESTS);
    let Some((_, names)) = rules.find(|(name, _)| *name == module) else {
        let message = format!("the module {module} has no rule: give it a row");
        return Ok((vec![breach(1, message)], Vec::new()));
    };
    let tokens: TokenStream = text
        .parse()
        .map_err(|error| anyhow::anyhow!("no Rust: {error}"))?;
    let mut named = Vec::new();
    collect(tokens, here, &mut named);
    let mut found: Vec<(&str, usize)> = Vec::new();
    for Named { path, line } in &named {
        let for_tests = FOR_TESTS.iter().any(|(helper, _)| *helper == path[0]);
        let is_new = found.last() != Some(&(&path[0], *line));
        if path[0] != module && !for_tests && !names.allow(&path[0]) && is_new {
            found.push((&path[0], *line));
        }
    }
    let breaches = found
        .into_iter()
        .map(|(name, line)| breach(line, format!("{module} names crate::{name}")))
        .collect();
    Ok((breaches, named))
}

/// The breaches of the rules of the rooms in a module. Tests may name all rooms
/// of their module.
fn check_room(file: &Path, here: &[String], named: &[Named]) -> Vec<Breach> {
    let [module, room, ..] = here else {
        return Vec::new();
    };
    let Some((_, rooms)) = ROOMS.iter().find(|(name, _)| name == module) else {
        return Vec::new();
    };
    if here.iter().any(|part| part == "tests") {
        return Vec::new();
    }
    let breach = |line, message| Breach {
        file: file.to_owned(),
        line,
        message,
    };
    let Some((_, names)) = rooms.iter().find(|(name, _)| name == room) else {
        let message = format!("the module {module}::{room} has no rule: give it a row");
        return vec![breach(1, message)];
    };
    let mut breaches = Vec::new();
    for Named { path, line } in named {
        if let [first, second] = path.as_slice()
            && first == module
            && second != room
            && !names.allow(second)
        {
            let message = format!("{module}::{room} names crate::{module}::{second}");
            breaches.push(breach(*line, message));
        }
    }
    breaches
}

/// A path from the crate's root, as far as its second part, and the line that
/// has it.
#[derive(Debug)]
struct Named {
    path: Vec<String>,
    line: usize,
}

/// Finds the paths that start at the crate's root, or lead up to it or to one
/// of its modules, in the module `here`.
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
