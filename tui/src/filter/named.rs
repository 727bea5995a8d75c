//! Named filters: `@web` stands for a filter of the configuration.

use std::collections::BTreeMap;

use super::{Completion, Filter, FilterError};

#[cfg(test)]
mod tests;

/// Filters by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamedFilters(BTreeMap<String, String>);

impl NamedFilters {
    /// Takes over filters by name.
    #[must_use]
    pub const fn new(filters: BTreeMap<String, String>) -> Self {
        Self(filters)
    }

    /// Whether a filter can have this name.
    #[must_use]
    pub fn is_name(text: &str) -> bool {
        !text.is_empty() && text.chars().all(is_part)
    }

    /// Reads a filter in which names may stand. Names that are not known are
    /// left to the parser, which reports where they are.
    ///
    /// # Errors
    /// When it is no filter; the place is one in `text`.
    pub fn parse(&self, text: &str) -> Result<Filter, FilterError> {
        let mut whole = String::with_capacity(text.len());
        // For each character of `whole`, the one that it comes from.
        let mut origins = Vec::with_capacity(text.len());
        let characters: Vec<char> = text.chars().collect();
        let mut place = 0;
        while place < characters.len() {
            let length = characters[place + 1..]
                .iter()
                .take_while(|c| is_part(**c))
                .count();
            let name: String = characters[place + 1..][..length].iter().collect();
            match self.0.get(&name).filter(|_| characters[place] == '@') {
                Some(filter) => {
                    let filter = format!("({})", self.spelt_out(filter, &mut vec![&name]));
                    origins.resize(origins.len() + filter.chars().count(), place);
                    whole.push_str(&filter);
                    place += 1 + length;
                }
                None => {
                    origins.push(place);
                    whole.push(characters[place]);
                    place += 1;
                }
            }
        }
        origins.push(place);
        Filter::parse(&whole).map_err(|mut error| {
            let at = |column: usize| origins.get(column).copied().unwrap_or(place);
            let end = at(error.column + error.length);
            error.column = at(error.column);
            error.length = end.saturating_sub(error.column);
            error
        })
    }

    /// A named filter with the filters that it names. A name that is not known,
    /// or one of those `above` it, is left as it is, which is no filter.
    fn spelt_out<'a>(&'a self, filter: &'a str, above: &mut Vec<&'a str>) -> String {
        let mut parts = filter.split('@');
        let mut whole = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let end = part.find(|c| !is_part(c)).unwrap_or(part.len());
            let (name, rest) = part.split_at(end);
            match self.0.get(name).filter(|_| !above.contains(&name)) {
                Some(inner) => {
                    above.push(name);
                    whole.push_str(&format!("({})", self.spelt_out(inner, above)));
                    above.pop();
                }
                None => whole.push_str(&format!("@{name}")),
            }
            whole.push_str(rest);
        }
        whole
    }

    /// The names that complete what is before the cursor.
    #[must_use]
    pub fn complete(&self, text: &str, cursor: usize) -> Vec<Completion> {
        let before: Vec<char> = text.chars().take(cursor).collect();
        let length = before.iter().rev().take_while(|c| is_part(**c)).count();
        let Some(start) = (cursor - length)
            .checked_sub(1)
            .filter(|at| before[*at] == '@')
        else {
            return Vec::new();
        };
        let typed: String = before[start + 1..].iter().collect();
        let fitting = self.0.iter().filter(|(name, _)| name.starts_with(&typed));
        fitting
            .map(|(name, filter)| Completion {
                range: start..cursor,
                text: format!("@{name}"),
                meaning: filter.clone(),
            })
            .collect()
    }
}

/// Whether a character can be part of a name.
fn is_part(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '-' | '_')
}
