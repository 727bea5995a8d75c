//! The one table of bindings. Look-up, footer and help are read from it.

mod key;
mod table;

use std::collections::BTreeMap;

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::app::action::{Action, Edit, View};

pub use key::Key;

#[cfg(test)]
mod tests;

/// Where a binding holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Context {
    /// Everywhere.
    Always,
    /// Wherever nothing is typed and no overlay is open.
    Main,
    /// In this view.
    View(View),
    /// While a filter is typed.
    Filter,
    /// While it is asked which part of the filter is to go.
    Part,
    /// While the columns are chosen.
    Columns,
    /// While the help is open.
    Help,
}

impl Context {
    /// All contexts, in the order of the help.
    pub const ALL: [Self; 11] = [
        Self::Main,
        Self::View(View::Flows),
        Self::View(View::Packets),
        Self::View(View::Hosts),
        Self::View(View::Devices),
        Self::View(View::Probe),
        Self::Filter,
        Self::Part,
        Self::Columns,
        Self::Help,
        Self::Always,
    ];

    /// The headline in the help.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Always => "Always",
            Self::Main => "In every view",
            Self::View(view) => view.name(),
            Self::Filter => "While typing a filter",
            Self::Part => "While removing a part of the filter",
            Self::Columns => "While choosing columns",
            Self::Help => "In this help",
        }
    }

    /// The name in the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Main => "main",
            Self::View(View::Flows) => "flows",
            Self::View(View::Packets) => "packets",
            Self::View(View::Hosts) => "hosts",
            Self::View(View::Devices) => "devices",
            Self::View(View::Probe) => "probe",
            Self::Filter => "filter",
            Self::Part => "part",
            Self::Columns => "columns",
            Self::Help => "help",
        }
    }

    /// The contexts that hold together with this one, nearest first.
    #[must_use]
    pub fn chain(self) -> Vec<Self> {
        match self {
            Self::View(_) => vec![self, Self::Main, Self::Always],
            Self::Always => vec![self],
            _ => vec![self, Self::Always],
        }
    }
}

/// What keys do, and in which words that is told.
#[derive(Clone, Debug, PartialEq)]
pub struct Binding {
    /// Where it holds.
    pub context: Context,
    /// Any of these keys.
    pub keys: Vec<Key>,
    /// What they do.
    pub action: Action,
    /// For the footer, one or two words; empty where it would only crowd it.
    pub short: &'static str,
    /// For the help, a sentence.
    pub long: &'static str,
}

/// The bindings in force.
#[derive(Clone, Debug, PartialEq)]
pub struct Keymap {
    bindings: Vec<Binding>,
}

impl Default for Keymap {
    fn default() -> Self {
        Self {
            bindings: table::bindings(),
        }
    }
}

impl Keymap {
    /// The bindings with other keys for some actions, by the names of contexts
    /// and actions.
    ///
    /// # Errors
    /// When there is no such action or key, or a key has two meanings in one
    /// place.
    pub fn rebound(
        mut self,
        changes: &BTreeMap<String, BTreeMap<String, Vec<String>>>,
    ) -> Result<Self, String> {
        for (context, actions) in changes {
            for (action, keys) in actions {
                let binding = self
                    .bindings
                    .iter_mut()
                    .find(|b| b.context.name() == context && b.action.name() == *action)
                    .ok_or_else(|| format!("{context}.{action}: there is no such action"))?;
                let keys: Result<Vec<Key>, String> = keys.iter().map(|key| key.parse()).collect();
                binding.keys = keys.map_err(|error| format!("{context}.{action}: {error}"))?;
            }
        }
        match self.conflict() {
            Some((key, [one, other])) => Err(format!(
                "{}: {key} is both {} and {}",
                one.context.name(),
                one.action.name(),
                other.action.name()
            )),
            None => Ok(self),
        }
    }

    /// A key that means two things in one place, and both of them.
    fn conflict(&self) -> Option<(Key, [&Binding; 2])> {
        Context::ALL.into_iter().find_map(|context| {
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
                if context == Context::Filter
                    && !event
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

    /// The first key that does this, wherever.
    #[must_use]
    pub fn key(&self, action: &Action) -> Option<Key> {
        let binding = self.bindings.iter().find(|b| b.action == *action)?;
        binding.keys.first().copied()
    }

    /// The bindings that the footer tells in a context, what matters most
    /// first.
    pub fn hints(&self, context: Context) -> impl Iterator<Item = &Binding> {
        context
            .chain()
            .into_iter()
            .flat_map(|context| self.of(context))
            .filter(|binding| !binding.short.is_empty())
    }
}
