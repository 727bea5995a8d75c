//! The configuration file.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::bail;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use crate::app::Preferences;
use crate::app::bindings::Context;
use crate::app::columns::Column;
use crate::app::filtering::Closed;
use crate::app::measure::Measure;
use crate::diagnosis::{Kind, Policy, Thresholds};
use crate::filter::NamedFilters;
use crate::keys::Keymap;
use crate::text::Units;

mod mistake;

pub use mistake::Mistake;

#[cfg(test)]
mod tests;

/// The defaults with comments, but for the keys.
const DEFAULTS: &str = include_str!("../../assets/config.toml");

/// What the user prefers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Config {
    /// How it looks.
    pub screen: Screen,
    /// The flow table.
    pub flows: Flows,
    /// What is reported as wrong.
    pub diagnosis: Diagnosis,
    /// Filters by name.
    pub filters: BTreeMap<String, String>,
    /// Keys by context and action.
    pub keys: Keys,
}

/// Keys by context and action.
type Keys = BTreeMap<String, BTreeMap<String, Vec<String>>>;

/// How it looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Screen {
    /// The units of amounts.
    pub units: Units,
    /// The terminal's background.
    pub background: Background,
    /// The characters that the terminal shows.
    pub characters: Characters,
    /// Seconds that rates are computed over at the start.
    pub window: u64,
    /// Bytes per second that are written for what moves by itself.
    pub max_draw_rate: NonZero<u32>,
    /// Whether packets may be dropped, after asking.
    pub allow_block: bool,
}

/// The terminal's background.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Background {
    /// As the terminal reports.
    Auto,
    /// Dark.
    Dark,
    /// Light.
    Light,
}

/// The characters that a terminal shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Characters {
    /// As the locale specifies.
    Auto,
    /// All of Unicode.
    Unicode,
    /// ASCII only.
    Ascii,
}

/// The flow table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Flows {
    /// The columns in their order.
    pub columns: Vec<Column>,
    /// The column to sort by.
    pub sort: Column,
    /// What happens to closed flows.
    pub closed: Closed,
}

/// What is reported as wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Diagnosis {
    /// Kinds of problems that are not reported.
    pub silence: Vec<String>,
    /// From when on something is a problem.
    pub thresholds: Thresholds,
}

impl Config {
    /// Reads a file over the defaults: the given one, or else the user's, where there
    /// is one. If the user's cannot be read (no permission, no directory), that does not
    /// keep anybody from watching: the defaults hold then, and the second value is the
    /// reason.
    ///
    /// # Errors
    /// When the given file cannot be read, or something in a file is wrong.
    pub fn load(
        given: Option<&Path>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> anyhow::Result<(Self, Option<String>)> {
        let Some(path) = given.map(Path::to_owned).or_else(|| path(variable)) else {
            return Ok((Self::parse("")?, None));
        };
        let name = path.display();
        match std::fs::read(&path) {
            Ok(bytes) => match String::from_utf8(bytes) {
                Ok(text) => Self::parse(&text)
                    .map(|config| (config, None))
                    .map_err(|mistake| mistake.in_file(&path)),
                Err(_) => bail!("{name}: not UTF-8"),
            },
            Err(error) if given.is_some() => {
                bail!("cannot read the configuration file {name}: {error}")
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Ok((Self::parse("")?, None))
            }
            Err(error) => {
                let notice =
                    format!("Using the default configuration: cannot read {name}: {error}");
                Ok((Self::parse("")?, Some(notice)))
            }
        }
    }

    /// Reads a file's text over the defaults.
    ///
    /// # Errors
    /// When something in it cannot be meant.
    pub fn parse(text: &str) -> Result<Self, Mistake> {
        let own: Table = text
            .parse()
            .map_err(|error| Mistake::of_syntax(&error, text))?;
        Self::over_defaults(own).map_err(|mistake| mistake.located(text))
    }

    fn over_defaults(own: Table) -> Result<Self, Mistake> {
        let mut table: Table = text_of_defaults()
            .parse()
            .map_err(|error| Mistake::explain(&error))?;
        overlay(&mut table, own, "")?;
        let config: Self = table.try_into().map_err(|error| Mistake::explain(&error))?;
        config.preferences()?;
        config.keymap()?;
        Ok(config)
    }

    /// The part of it that the application needs.
    ///
    /// # Errors
    /// When something in it cannot be meant.
    pub fn preferences(&self) -> Result<Preferences, Mistake> {
        let window = Duration::from_secs(self.screen.window);
        if !Measure::ALL.contains(&Measure::Rate(window)) {
            return Err(Mistake::at(
                "screen.window",
                format!("expected 1, 10 or 60, found {}", self.screen.window),
            ));
        }
        if self.flows.columns.is_empty() {
            return Err(Mistake::at("flows.columns", "expected at least one column"));
        }
        let named = self.named_filters();
        for (name, text) in &self.filters {
            let key = format!("filters.{name}");
            if !NamedFilters::is_name(name) {
                return Err(Mistake::at(
                    key,
                    "expected a name of letters, digits, - and _",
                ));
            }
            named
                .parse(text)
                .map_err(|error| Mistake::at(key, error.to_string()))?;
        }
        Ok(Preferences {
            columns: self.flows.columns.clone(),
            sort: self.flows.sort,
            closed: self.flows.closed,
            policy: self.policy()?,
            window,
            filters: named,
        })
    }

    /// The filters that have a name.
    #[must_use]
    pub fn named_filters(&self) -> NamedFilters {
        NamedFilters::new(self.filters.clone())
    }

    /// By what problems are judged.
    ///
    /// # Errors
    /// A threshold cannot be meant, or there is no such kind of problems.
    pub fn policy(&self) -> Result<Policy, Mistake> {
        Ok(Policy {
            thresholds: self.thresholds()?,
            silenced: self.silenced()?,
        })
    }

    fn thresholds(&self) -> Result<Thresholds, Mistake> {
        let thresholds = self.diagnosis.thresholds;
        match thresholds.mistake() {
            Some((key, expected)) => Err(Mistake::at(
                format!("diagnosis.thresholds.{key}"),
                format!("expected {expected}"),
            )),
            None => Ok(thresholds),
        }
    }

    fn silenced(&self) -> Result<Vec<Kind>, Mistake> {
        let kind = |slug: &String| {
            Kind::from_slug(slug).ok_or_else(|| {
                let known: Vec<String> = Kind::all().map(|it| it.slug().to_owned()).collect();
                let similar = suggestion(slug, known.iter());
                Mistake::at(
                    "diagnosis.silence",
                    format!("there is no kind {slug}{similar}"),
                )
            })
        };
        self.diagnosis.silence.iter().map(kind).collect()
    }

    /// The bindings.
    ///
    /// # Errors
    /// There is no such action or key, or a key would do two things in one
    /// context.
    pub fn keymap(&self) -> Result<Keymap, Mistake> {
        let keymap = Keymap::default().rebound(&self.keys);
        keymap.map_err(|error| Mistake::at(format!("keys.{}", error.place), error.reason))
    }
}

/// Where the file is (XDG Base Directory Specification).
fn path(variable: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let set = |name| variable(name).filter(|value| !value.is_empty());
    let directory = set("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| Some(PathBuf::from(set("HOME")?).join(".config")))?;
    Some(directory.join("nkview/config.toml"))
}

/// The defaults with comments.
#[must_use]
pub fn text_of_defaults() -> String {
    let mut text = DEFAULTS.to_owned();
    let keymap = Keymap::default();
    for context in Context::all() {
        let mut bindings = keymap.of(context).peekable();
        if bindings.peek().is_none() {
            continue;
        }
        // Writing to a string cannot fail.
        let _ = writeln!(text, "\n# {}\n[keys.{}]", context.title(), context.name());
        for binding in bindings {
            let names: Vec<Value> = binding
                .keys
                .iter()
                .map(|key| key.to_string().into())
                .collect();
            let (name, keys) = (binding.name, Value::from(names));
            let _ = writeln!(text, "# {}\n{name} = {keys}", binding.long);
        }
    }
    text
}

/// Lays the user's table over the defaults, whose values show what is expected.
fn overlay(table: &mut Table, own: Table, path: &str) -> Result<(), Mistake> {
    for (key, value) in own {
        let name = if path.is_empty() {
            key.clone()
        } else {
            format!("{path}.{key}")
        };
        match (table.get_mut(&key), value) {
            (Some(Value::Table(inner)), Value::Table(value)) => overlay(inner, value, &name)?,
            (Some(default), value) => {
                mistake::check(&name, default, &value)?;
                *default = value;
            }
            // The only table whose keys are the user's.
            (None, value) if path == "filters" => {
                mistake::check(&name, &Value::String(String::new()), &value)?;
                table.insert(key, value);
            }
            (None, _) => {
                let similar = suggestion(&key, table.keys());
                return Err(Mistake::at(
                    name,
                    format!("there is no such setting{similar}"),
                ));
            }
        }
    }
    Ok(())
}

/// The known word that was probably meant.
fn suggestion<'a>(word: &str, known: impl Iterator<Item = &'a String>) -> String {
    let known: Vec<&str> = known.map(String::as_str).collect();
    let similar = known
        .iter()
        .map(|known| (strsim::jaro_winkler(word, known), *known))
        .max_by(|(a, _), (b, _)| a.total_cmp(b));
    match similar {
        Some((likeness, known)) if likeness > 0.7 => format!("; did you mean {known}?"),
        _ => format!("; there are {}", known.join(", ")),
    }
}
