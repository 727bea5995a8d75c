//! The bindings in force: the application's defaults, or what the user has set.

mod key;

use std::collections::BTreeMap;

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::app::action::Action;
use crate::app::bindings::{Context, Row};
use crate::app::default_keys;
use crate::app::line::Edit;

pub use key::Key;

#[cfg(test)]
mod tests;

/// What keys do in a context.
#[derive(Clone, Debug, PartialEq)]
pub struct Binding {
    /// Where.
    pub context: Context,
    /// The name in the configuration file.
    pub name: &'static str,
    /// Any of these keys.
    pub keys: Vec<Key>,
    /// What they do.
    pub action: Action,
    /// For the footer, one or two words; empty where it would only crowd it.
    pub short: &'static str,
    /// For the help, a sentence.
    pub long: &'static str,
}

impl Binding {
    fn new(context: Context, row: Row) -> Self {
        // A test ensures that all of them are names of keys.
        let keys = row.keys.split(' ').filter_map(|name| name.parse().ok());
        Self {
            context,
            name: row.name,
            keys: keys.collect(),
            action: row.action,
            short: row.short,
            long: row.long,
        }
    }
}

/// The bindings in force.
#[derive(Clone, Debug, PartialEq)]
pub struct Keymap {
    bindings: Vec<Binding>,
}

impl Default for Keymap {
    fn default() -> Self {
        Self {
            bindings: Context::all()
                .flat_map(|context| {
                    let rows = default_keys(context).into_iter();
                    rows.map(move |row| Binding::new(context, row))
                })
                .collect(),
        }
    }
}

/// A key that an action cannot have.
#[derive(Debug, PartialEq, Eq)]
pub struct BindingError {
    /// The context and the action, with a dot between.
    pub place: String,
    /// Why not.
    pub reason: String,
}

impl BindingError {
    fn new(context: &str, action: &str, reason: impl Into<String>) -> Self {
        Self {
            place: format!("{context}.{action}"),
            reason: reason.into(),
        }
    }
}

impl Keymap {
    /// The bindings with other keys for some actions, by the names of contexts
    /// and actions. Where a default has one of these keys, it loses it: what the user
    /// has chosen holds, also when a later version has new defaults.
    ///
    /// # Errors
    /// There is no such action or key, or the user gave a key two meanings in one
    /// place.
    pub fn rebound(
        mut self,
        changes: &BTreeMap<String, BTreeMap<String, Vec<String>>>,
    ) -> Result<Self, BindingError> {
        // Those that are set to their defaults are not the user's: a configuration may
        // have been copied as a whole.
        let mut chosen: Vec<(Context, Key)> = Vec::new();
        let mut defaults: Vec<bool> = vec![true; self.bindings.len()];
        for (context, actions) in changes {
            for (action, keys) in actions {
                let place = self
                    .bindings
                    .iter()
                    .position(|b| b.context.name() == context && b.name == action)
                    .ok_or_else(|| BindingError::new(context, action, "no such action"))?;
                let keys: Result<Vec<Key>, String> = keys.iter().map(|key| key.parse()).collect();
                let keys = keys.map_err(|error| BindingError::new(context, action, error))?;
                let binding = &mut self.bindings[place];
                if binding.keys != keys {
                    defaults[place] = false;
                    chosen.extend(keys.iter().map(|key| (binding.context, *key)));
                    binding.keys = keys;
                }
            }
        }
        for (binding, _) in self.bindings.iter_mut().zip(defaults).filter(|it| it.1) {
            let context = binding.context;
            binding.keys.retain(|key| {
                let mut chosen = chosen.iter();
                !chosen.any(|(other, taken)| taken == key && context.meets(*other))
            });
        }
        match self.conflict() {
            Some((key, [one, other])) => Err(BindingError::new(
                one.context.name(),
                one.name,
                format!("{key} is both {} and {}", one.name, other.name),
            )),
            None => Ok(self),
        }
    }

    /// A key that does two things in one context, and both of them.
    fn conflict(&self) -> Option<(Key, [&Binding; 2])> {
        Context::all().find_map(|context| {
            let mut known: Vec<(Key, &Binding)> = Vec::new();
            for binding in context.chain().into_iter().flat_map(|c| self.of(c)) {
                for key in &binding.keys {
                    if let Some((_, other)) = known.iter().find(|(known, _)| known == key) {
                        return Some((*key, [*other, binding]));
                    }
                    known.push((*key, binding));
                }
            }
            None
        })
    }

    /// What a key does in a context. While something is typed, characters
    /// without a binding are text.
    #[must_use]
    pub fn action(&self, context: Context, event: KeyEvent) -> Option<Action> {
        if event.kind == KeyEventKind::Release {
            return None;
        }
        let key = Key::from(event);
        let bound = context.chain().into_iter().find_map(|context| {
            self.bindings
                .iter()
                .find(|binding| binding.context == context && binding.keys.contains(&key))
        });
        match (bound, event.code) {
            (Some(binding), _) => Some(binding.action.clone()),
            (None, KeyCode::Char(character))
                if matches!(
                    context,
                    Context::Filter | Context::Time | Context::Find | Context::Block
                ) && !event
                    .modifiers
                    .intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) =>
            {
                Some(Action::Edit(Edit::Insert(character)))
            }
            _ => None,
        }
    }

    /// The bindings of one context, in the order of the table.
    pub fn of(&self, context: Context) -> impl Iterator<Item = &Binding> {
        self.bindings
            .iter()
            .filter(move |binding| binding.context == context)
    }

    /// The first key that does this, in any context.
    #[must_use]
    pub fn key(&self, action: &Action) -> Option<Key> {
        let binding = self.bindings.iter().find(|b| b.action == *action)?;
        binding.keys.first().copied()
    }

    /// The bindings that the footer shows in a context, the most important
    /// first.
    pub fn hints(&self, context: Context) -> impl Iterator<Item = &Binding> {
        context
            .chain()
            .into_iter()
            .flat_map(|context| self.of(context))
            .filter(|binding| !binding.short.is_empty())
    }
}
