//! One key and its name.

use std::fmt;
use std::str::FromStr;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// A key with the modifiers that matter. Shift does not: it is in the
/// character.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    code: KeyCode,
    control: bool,
}

impl Key {
    /// A key without modifiers.
    #[must_use]
    pub const fn new(code: KeyCode) -> Self {
        Self {
            code,
            control: false,
        }
    }

    /// The key of a character.
    #[must_use]
    pub const fn char(character: char) -> Self {
        Self::new(KeyCode::Char(character))
    }

    /// A character with Ctrl.
    #[must_use]
    pub const fn control(character: char) -> Self {
        Self {
            code: KeyCode::Char(character),
            control: true,
        }
    }

    /// The key's name in few cells; in ASCII, if asked for.
    #[must_use]
    pub fn name(self, ascii: bool) -> String {
        match self.code {
            KeyCode::Up if !ascii => "↑".into(),
            KeyCode::Down if !ascii => "↓".into(),
            KeyCode::Left if !ascii => "←".into(),
            KeyCode::Right if !ascii => "→".into(),
            _ => self.to_string(),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.control {
            f.write_str("Ctrl-")?;
        }
        match self.code {
            KeyCode::Char(' ') => f.write_str("Space"),
            KeyCode::Char(c) if self.control => write!(f, "{}", c.to_ascii_uppercase()),
            KeyCode::Char(c) => write!(f, "{c}"),
            KeyCode::PageUp => f.write_str("PgUp"),
            KeyCode::PageDown => f.write_str("PgDn"),
            KeyCode::BackTab => f.write_str("Shift-Tab"),
            KeyCode::Delete => f.write_str("Del"),
            code => write!(f, "{code}"),
        }
    }
}

impl FromStr for Key {
    type Err = String;

    /// Reads a name as it is displayed, whatever the case of its words.
    fn from_str(name: &str) -> Result<Self, String> {
        let functions = (1..=12).map(KeyCode::F);
        let named = [
            KeyCode::Up,
            KeyCode::Down,
            KeyCode::Left,
            KeyCode::Right,
            KeyCode::PageUp,
            KeyCode::PageDown,
            KeyCode::Home,
            KeyCode::End,
            KeyCode::Enter,
            KeyCode::Esc,
            KeyCode::Tab,
            KeyCode::BackTab,
            KeyCode::Backspace,
            KeyCode::Delete,
            KeyCode::Insert,
            KeyCode::Char(' '),
        ];
        let is_name = |key: &Self| key.to_string().eq_ignore_ascii_case(name);
        if let Some(key) = named
            .into_iter()
            .chain(functions)
            .map(Self::new)
            .find(is_name)
        {
            return Ok(key);
        }
        let (control, rest) = match name.get(..5) {
            Some(start) if start.eq_ignore_ascii_case("ctrl-") => (true, &name[5..]),
            _ => (false, name),
        };
        let mut characters = rest.chars();
        match (characters.next(), characters.next()) {
            (Some(character), None) if control => Ok(Self::control(character.to_ascii_lowercase())),
            (Some(character), None) => Ok(Self::char(character)),
            _ => Err(format!(
                "no such key: \"{name}\"; a key is a character, Ctrl- and a letter, F1 to F12, \
                 or Up, Down, Left, Right, PgUp, PgDn, Home, End, Enter, Esc, Tab, Shift-Tab, \
                 Backspace, Del, Insert, Space"
            )),
        }
    }
}

impl From<KeyEvent> for Key {
    fn from(event: KeyEvent) -> Self {
        Self {
            code: event.code,
            control: event.modifiers.contains(KeyModifiers::CONTROL),
        }
    }
}
