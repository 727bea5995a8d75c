//! Who may import whom: the modules of nkview, the rooms in some of them, and
//! the arrows between them.
//!
//! The rules keep what is pure free of input and output, and drawing away from
//! the kernel.

use std::{
    fmt::{self, Display, Formatter},
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail, ensure};

use self::{
    paths::Named,
    rules::{FOR_TESTS, ROOMS, RULES},
};

mod paths;
mod rules;
#[cfg(test)]
mod tests;

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
            "modules of {} name what they may not (the rules are in xtask/src/imports/rules.rs):\n{}",
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
    let named = paths::named(text, here)?;
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
