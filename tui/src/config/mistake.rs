//! What is wrong with a value of the file, in the user's words.

use anyhow::bail;
use toml::Value;
use toml::de::Error;

/// Refuses a value of another type than the default has.
///
/// # Errors
/// The key, what is expected, and what is there.
pub fn check(key: &str, default: &Value, value: &Value) -> anyhow::Result<()> {
    let is_fitting = match (default, value) {
        // A whole number is a number.
        (Value::Float(_), Value::Integer(_)) => true,
        // All lists are of texts.
        (Value::Array(_), Value::Array(items)) => {
            for item in items {
                if !item.is_str() {
                    bail!(
                        "{key}: expected a list of texts in quotes, found {} in it",
                        found(item)
                    );
                }
            }
            true
        }
        (default, value) => default.same_type(value),
    };
    if is_fitting {
        return Ok(());
    }
    bail!(
        "{key}: expected {}, found {}",
        expected(default),
        found(value)
    );
}

/// What a value is that does not fit though its type does: a word that means nothing, or
/// a number out of range.
pub fn explain(error: &Error) -> String {
    let text = error.to_string();
    // The key is on a line of its own.
    let key = text
        .lines()
        .find_map(|line| line.strip_prefix("in `")?.strip_suffix('`'));
    let message = error.message();
    let explained = key.and_then(|key| {
        let word = message.strip_prefix("unknown variant `");
        if let Some((word, known)) = word.and_then(|rest| rest.split_once("`, expected ")) {
            let known = known.strip_prefix("one of ").unwrap_or(known);
            return Some(format!(
                "{key}: there is no \"{word}\"; there are {}",
                known.replace('`', "")
            ));
        }
        let number = message.strip_prefix("invalid value: integer `");
        let (number, range) = number.and_then(|rest| rest.split_once("`, expected "))?;
        Some(format!(
            "{key}: expected {}, found {number}",
            numbers(range)?
        ))
    });
    explained.unwrap_or_else(|| text.lines().collect::<Vec<_>>().join(" "))
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
