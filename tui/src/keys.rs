//! The one table of bindings. Look-up, footer and help are read from it.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::app::action::{Action, Edit, Motion, Side, View};

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
    /// While the help is open.
    Help,
}

impl Context {
    /// All contexts, in the order of the help.
    pub const ALL: [Self; 10] = [
        Self::Main,
        Self::View(View::Flows),
        Self::View(View::Packets),
        Self::View(View::Hosts),
        Self::View(View::Devices),
        Self::View(View::Probe),
        Self::Filter,
        Self::Part,
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

    const fn char(character: char) -> Self {
        Self::new(KeyCode::Char(character))
    }

    const fn control(character: char) -> Self {
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
                "there is no key \"{name}\"; keys are a character, Ctrl- and a letter, F1 to F12, \
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
            bindings: bindings(),
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
        match (bound, key.code) {
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

fn bindings() -> Vec<Binding> {
    use Action as A;
    use Context as C;
    const fn key(code: KeyCode) -> Key {
        Key::new(code)
    }
    const fn ch(character: char) -> Key {
        Key::char(character)
    }
    const fn ctrl(character: char) -> Key {
        Key::control(character)
    }
    let mut table = Vec::new();
    let mut bind = |context, keys: &[Key], action, short, long| {
        table.push(Binding {
            context,
            keys: keys.to_vec(),
            action,
            short,
            long,
        });
    };

    let main = C::Main;
    bind(
        main,
        &[ch('/')],
        A::EditFilter,
        "filter",
        "Type a filter; matches show while you type",
    );
    bind(
        main,
        &[ch('d')],
        A::Direction,
        "direction",
        "Show both directions, only in, only out",
    );
    bind(
        main,
        &[ch('x')],
        A::RemovePart,
        "remove filter",
        "Remove a part of the filter",
    );
    bind(
        main,
        &[ch('X')],
        A::ClearFilter,
        "",
        "Remove the whole filter",
    );
    bind(
        main,
        &[ch(' ')],
        A::Pause,
        "pause",
        "Freeze the picture; counting goes on",
    );
    bind(
        main,
        &[ch('w')],
        A::Window,
        "window",
        "Rates over the last 1, 10 or 60 seconds",
    );
    bind(
        main,
        &[ch('c')],
        A::Closed,
        "",
        "Hide or show flows that are closed",
    );
    bind(
        main,
        &[ch('o')],
        A::OwnSession,
        "",
        "Hide or show your own SSH session",
    );
    bind(
        main,
        &[ch('n')],
        A::Names,
        "",
        "Names of hosts from DNS, or addresses; nothing is asked until then",
    );
    bind(
        main,
        &[ch('y')],
        A::CopySelected,
        "",
        "Copy the selected row to your clipboard (OSC 52)",
    );
    bind(
        main,
        &[ch('Y')],
        A::CopyFilter,
        "",
        "Copy the filter to your clipboard",
    );
    bind(main, &[ch('b')], A::Units, "", "Rates in bits or in bytes");
    bind(main, &[ch('?')], A::Help, "help", "This help");
    bind(
        main,
        &[ch('q')],
        A::Quit,
        "quit",
        "Leave; nothing stays behind",
    );
    bind(
        main,
        &[key(KeyCode::Up), ch('k')],
        A::Move(Motion::Up),
        "",
        "Up",
    );
    bind(
        main,
        &[key(KeyCode::Down), ch('j')],
        A::Move(Motion::Down),
        "",
        "Down",
    );
    bind(
        main,
        &[key(KeyCode::PageUp)],
        A::Move(Motion::PageUp),
        "",
        "A screen up",
    );
    bind(
        main,
        &[key(KeyCode::PageDown)],
        A::Move(Motion::PageDown),
        "",
        "A screen down",
    );
    bind(
        main,
        &[key(KeyCode::Home), ch('g')],
        A::Move(Motion::First),
        "",
        "To the first row",
    );
    bind(
        main,
        &[key(KeyCode::End), ch('G')],
        A::Move(Motion::Last),
        "",
        "To the last row",
    );
    bind(
        main,
        &[key(KeyCode::Esc)],
        A::Back,
        "",
        "Close what is open, then give up the selection",
    );
    bind(main, &[ch('1')], A::Show(View::Flows), "", "Every flow");
    bind(
        main,
        &[ch('2')],
        A::Show(View::Packets),
        "",
        "Packets that deserved a look",
    );
    bind(
        main,
        &[ch('3')],
        A::Show(View::Hosts),
        "",
        "Flows grouped by address",
    );
    bind(
        main,
        &[ch('4')],
        A::Show(View::Devices),
        "",
        "Devices; choose what is watched",
    );
    bind(
        main,
        &[ch('5')],
        A::Show(View::Probe),
        "",
        "Whether the sums add up, and what was said",
    );
    bind(main, &[key(KeyCode::Tab)], A::NextView, "", "Next view");
    bind(
        main,
        &[key(KeyCode::BackTab)],
        A::PreviousView,
        "",
        "Previous view",
    );

    let enter = key(KeyCode::Enter);
    let flows = C::View(View::Flows);
    bind(
        flows,
        &[enter],
        A::Open,
        "detail",
        "Open or close the detail of the selected flow",
    );
    bind(
        flows,
        &[ch('a')],
        A::FilterAddress(Side::Remote),
        "by address",
        "Filter by the remote address; again: by a wider prefix",
    );
    bind(
        flows,
        &[ch('A')],
        A::FilterAddress(Side::Local),
        "",
        "Filter by the local address; again: by a wider prefix",
    );
    bind(
        flows,
        &[ch('s')],
        A::SortNext,
        "sort",
        "Sort by the next column",
    );
    bind(
        flows,
        &[ch('S')],
        A::SortReverse,
        "",
        "Turn the order around",
    );

    let packets = C::View(View::Packets);
    bind(
        packets,
        &[enter],
        A::Open,
        "detail",
        "Open or close the dissected packet",
    );
    bind(
        packets,
        &[ch('f')],
        A::PacketFlow,
        "flow",
        "Show the flow of the selected packet",
    );
    bind(
        packets,
        &[ch('J')],
        A::ScrollDetail(Motion::Down),
        "",
        "Scroll the dissected packet down",
    );
    bind(
        packets,
        &[ch('K')],
        A::ScrollDetail(Motion::Up),
        "",
        "Scroll the dissected packet up",
    );

    let hosts = C::View(View::Hosts);
    bind(
        hosts,
        &[enter],
        A::Open,
        "flows",
        "Show the flows of the selected prefix",
    );
    bind(
        hosts,
        &[key(KeyCode::Right), ch('+')],
        A::Unfold,
        "open",
        "Show what is in the selected prefix",
    );
    bind(
        hosts,
        &[key(KeyCode::Left), ch('-')],
        A::Fold,
        "close",
        "Hide what is in the selected prefix, or go to the one around it",
    );
    bind(
        hosts,
        &[ch('p')],
        A::HostPrefix,
        "prefix",
        "Open all down to wider prefixes, and then down to addresses",
    );
    bind(
        hosts,
        &[ch('l')],
        A::HostSide,
        "side",
        "Group by the remote or by the local address",
    );
    bind(
        hosts,
        &[ch('s')],
        A::SortNext,
        "sort",
        "Sort by the next column",
    );
    bind(
        hosts,
        &[ch('S')],
        A::SortReverse,
        "",
        "Turn the order around",
    );

    let devices = C::View(View::Devices);
    bind(
        devices,
        &[enter],
        A::Open,
        "watch",
        "Watch the selected device, or stop watching it",
    );

    let filter = C::Filter;
    bind(filter, &[enter], A::Accept, "keep", "Keep this filter");
    bind(
        filter,
        &[key(KeyCode::Esc)],
        A::Back,
        "restore",
        "Restore the filter that was there before",
    );
    bind(
        filter,
        &[key(KeyCode::Tab)],
        A::Edit(Edit::Complete),
        "complete",
        "Complete the word; again: with the next proposal",
    );
    bind(
        filter,
        &[key(KeyCode::Up)],
        A::Edit(Edit::Earlier),
        "earlier",
        "An earlier filter",
    );
    bind(
        filter,
        &[key(KeyCode::Down)],
        A::Edit(Edit::Later),
        "",
        "A later filter",
    );
    bind(
        filter,
        &[key(KeyCode::Left)],
        A::Edit(Edit::Left),
        "",
        "Left",
    );
    bind(
        filter,
        &[key(KeyCode::Right)],
        A::Edit(Edit::Right),
        "",
        "Right",
    );
    bind(
        filter,
        &[key(KeyCode::Home), ctrl('a')],
        A::Edit(Edit::Start),
        "",
        "To the start",
    );
    bind(
        filter,
        &[key(KeyCode::End), ctrl('e')],
        A::Edit(Edit::End),
        "",
        "To the end",
    );
    bind(
        filter,
        &[key(KeyCode::Backspace), ctrl('h')],
        A::Edit(Edit::Backspace),
        "",
        "Delete to the left",
    );
    bind(
        filter,
        &[key(KeyCode::Delete), ctrl('d')],
        A::Edit(Edit::Delete),
        "",
        "Delete to the right",
    );
    bind(
        filter,
        &[ctrl('w')],
        A::Edit(Edit::DeleteWord),
        "",
        "Delete a word",
    );
    bind(
        filter,
        &[ctrl('u')],
        A::Edit(Edit::DeleteToStart),
        "clear",
        "Delete to the start",
    );
    bind(
        filter,
        &[ctrl('k')],
        A::Edit(Edit::DeleteToEnd),
        "",
        "Delete to the end",
    );

    let part = C::Part;
    for digit in '1'..='9' {
        let place = digit as usize - '1' as usize;
        bind(
            part,
            &[ch(digit)],
            A::RemovePartAt(place),
            "",
            "Remove the part with this number",
        );
    }
    bind(
        part,
        &[ch('x'), ch('X')],
        A::ClearFilter,
        "remove all",
        "Remove the whole filter",
    );
    bind(
        part,
        &[key(KeyCode::Esc), ch('q')],
        A::Back,
        "keep",
        "Remove nothing",
    );

    let help = C::Help;
    bind(
        help,
        &[key(KeyCode::Esc), ch('?'), ch('q')],
        A::Back,
        "close",
        "Close the help",
    );
    bind(
        help,
        &[key(KeyCode::Up), ch('k')],
        A::Move(Motion::Up),
        "",
        "Up",
    );
    bind(
        help,
        &[key(KeyCode::Down), ch('j')],
        A::Move(Motion::Down),
        "scroll",
        "Down",
    );
    bind(
        help,
        &[key(KeyCode::PageUp)],
        A::Move(Motion::PageUp),
        "",
        "A screen up",
    );
    bind(
        help,
        &[key(KeyCode::PageDown), ch(' ')],
        A::Move(Motion::PageDown),
        "",
        "A screen down",
    );
    bind(
        help,
        &[key(KeyCode::Home), ch('g')],
        A::Move(Motion::First),
        "",
        "To the start",
    );
    bind(
        help,
        &[key(KeyCode::End), ch('G')],
        A::Move(Motion::Last),
        "",
        "To the end",
    );

    bind(
        C::Always,
        &[ctrl('c')],
        A::Quit,
        "",
        "Leave, also while typing",
    );
    bind(
        C::Always,
        &[ctrl('l')],
        A::Redraw,
        "",
        "Draw everything anew",
    );
    table
}
