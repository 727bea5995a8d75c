//! What is wrong in the file, in the user's words.

use std::fmt;
use std::path::Path;

use toml::Value;
use toml::de::{DeTable, DeValue, Error};

/// Something in the file that cannot be meant.
#[derive(Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The line that it is on, from 1; nothing where that is not known.
    line: Option<usize>,
    /// The setting, with the names of the sections that it is in and dots between; empty
    /// where the text is no TOML.
    key: String,
    reason: String,
}

impl Mistake {
    /// Of a setting.
    pub fn at(key: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            line: None,
            key: key.into(),
            reason: reason.into(),
        }
    }

    /// Of a text that is no TOML.
    pub fn of_syntax(error: &Error, text: &str) -> Self {
        Self {
            line: error.span().map(|span| line_of(text, span.start)),
            ..Self::at("", in_one_line(error.message()))
        }
    }

    /// What a value is that does not fit though its type does: a word that means nothing,
    /// or a number out of range.
    pub fn explain(error: &Error) -> Self {
        let text = error.to_string();
        // The key is on a line of its own.
        let key = text
            .lines()
            .find_map(|line| line.strip_prefix("in `")?.strip_suffix('`'));
        let message = error.message();
        let explained = || {
            let word = message.strip_prefix("unknown variant `");
            if let Some((word, known)) = word.and_then(|rest| rest.split_once("`, expected ")) {
                let known = known.strip_prefix("one of ").unwrap_or(known);
                let known = known.replace('`', "");
                return Some(format!("there is no \"{word}\"; there are {known}"));
            }
            let number = message.strip_prefix("invalid value: integer `");
            let (number, range) = number.and_then(|rest| rest.split_once("`, expected "))?;
            Some(format!("expected {}, found {number}", numbers(range)?))
        };
        let reason = explained().unwrap_or_else(|| in_one_line(message));
        Self::at(key.unwrap_or_default(), reason)
    }

    /// With the line of its setting in the text that it was found in. Of a setting that
    /// is not there, it is that of the section.
    pub fn located(self, text: &str) -> Self {
        let Ok(table) = DeTable::parse(text) else {
            return self;
        };
        let mut table = Some(table.into_inner());
        let mut line = None;
        for name in self.key.split('.') {
            let Some((key, value)) = table.take().and_then(|mut it| it.remove_entry(name)) else {
                break;
            };
            line = Some(line_of(text, key.span().start));
            if let DeValue::Table(inner) = value.into_inner() {
                table = Some(inner);
            }
        }
        Self { line, ..self }
    }

    /// As an error about a file.
    pub fn in_file(self, path: &Path) -> anyhow::Error {
        let line = self
            .line
            .map_or_else(|| " ".to_owned(), |line| format!("{line}: "));
        anyhow::anyhow!(
            "{}:{line}{self} (`nkview config` prints the defaults)",
            path.display()
        )
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Mistake {}

/// The line of a place in a text, from 1.
fn line_of(text: &str, at: usize) -> usize {
    let before = &text.as_bytes()[..at.min(text.len())];
    1 + before.iter().filter(|byte| **byte == b'\n').count()
}

fn in_one_line(text: &str) -> String {
    text.lines().collect::<Vec<_>>().join("; ")
}

/// Refuses a value of another type than the default has.
///
/// # Errors
/// The key, what is expected, and what is there.
pub fn check(key: &str, default: &Value, value: &Value) -> Result<(), Mistake> {
    let is_fitting = match (default, value) {
        // A whole number is a number.
        (Value::Float(_), Value::Integer(_)) => true,
        // All lists are of texts.
        (Value::Array(_), Value::Array(items)) => {
            if let Some(item) = items.iter().find(|item| !item.is_str()) {
                let found = found(item);
                return Err(Mistake::at(
                    key,
                    format!("expected a list of texts in quotes, found {found} in it"),
                ));
            }
            true
        }
        (default, value) => default.same_type(value),
    };
    if is_fitting {
        return Ok(());
    }
    Err(Mistake::at(
        key,
        format!("expected {}, found {}", expected(default), found(value)),
    ))
}

/// The numbers that a type of Rust's has.
fn numbers(range: &str) -> Option<String> {
    match range {
        "u64" => Some("a whole number, 0 or more".to_owned()),
        "u32" => Some(format!("a whole number from 0 to {}", u32::MAX)),
        "a nonzero u32" => Some(format!("a whole number from 1 to {}", u32::MAX)),
        _ => None,
    }
}

const fn expected(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a text in quotes",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number",
        Value::Boolean(_) => "true or false",
        Value::Array(_) => "a list of texts in quotes",
        Value::Table(_) => "a section",
        Value::Datetime(_) => "a date",
    }
}

fn found(value: &Value) -> String {
    match value {
        Value::String(text) => format!("the text {}", Value::from(text.as_str())),
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => {
            value.to_string()
        }
        Value::Array(_) => "a list".to_owned(),
        Value::Table(_) => "a section".to_owned(),
    }
}
