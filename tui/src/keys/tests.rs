use std::collections::HashMap;

use super::*;
use crate::app::tab::Tab;

fn press(code: KeyCode, modifiers: KeyModifiers) -> KeyEvent {
    KeyEvent::new(code, modifiers)
}

#[test]
fn no_key_has_two_meanings() {
    let keymap = Keymap::default();
    for context in Context::all() {
        let mut meanings: HashMap<Key, &Binding> = HashMap::new();
        for binding in context.chain().into_iter().flat_map(|c| keymap.of(c)) {
            for key in &binding.keys {
                if let Some(other) = meanings.insert(*key, binding) {
                    panic!(
                        "{context:?}: {key} means {:?} and {:?}",
                        other.action, binding.action
                    );
                }
            }
        }
    }
}

#[test]
fn every_binding_is_explained_and_reachable() {
    let keymap = Keymap::default();
    assert_eq!(
        Context::all().map(|c| keymap.of(c).count()).sum::<usize>(),
        keymap.bindings.len(),
        "the help goes through all contexts"
    );
    for binding in &keymap.bindings {
        assert!(!binding.keys.is_empty(), "{:?}", binding.action);
        assert!(!binding.long.is_empty(), "{:?}", binding.action);
        assert!(binding.short.chars().count() <= 14, "{}", binding.short);
    }
}

#[test]
fn the_table_names_keys() {
    for context in Context::all() {
        for row in default_keys(context) {
            for name in row.keys.split(' ') {
                let key: Key = name.parse().unwrap();
                assert_eq!(key.to_string(), name);
            }
        }
    }
}

#[test]
fn characters_are_text_only_while_typing() {
    let keymap = Keymap::default();
    let q = press(KeyCode::Char('q'), KeyModifiers::NONE);
    assert_eq!(keymap.action(Context::Main, q), Some(Action::Quit));
    assert_eq!(
        keymap.action(Context::Filter, q),
        Some(Action::Edit(Edit::Insert('q')))
    );
    let alt = press(KeyCode::Char('q'), KeyModifiers::ALT);
    assert_eq!(keymap.action(Context::Filter, alt), None);
    let unknown = press(KeyCode::F(5), KeyModifiers::NONE);
    assert_eq!(keymap.action(Context::View(Tab::Flows), unknown), None);
}

#[test]
fn quit_and_redraw_hold_everywhere() {
    let keymap = Keymap::default();
    for context in Context::all() {
        let ctrl = |c| press(KeyCode::Char(c), KeyModifiers::CONTROL);
        assert_eq!(keymap.action(context, ctrl('c')), Some(Action::Quit));
        assert_eq!(keymap.action(context, ctrl('l')), Some(Action::Redraw));
    }
}

#[test]
fn a_key_that_is_let_go_does_nothing() {
    let mut event = press(KeyCode::Char('q'), KeyModifiers::NONE);
    event.kind = KeyEventKind::Release;
    assert_eq!(Keymap::default().action(Context::Main, event), None);
}

#[test]
fn keys_have_the_names_people_know() {
    for (key, name) in [
        (Key::control('c'), "Ctrl-C"),
        (Key::char(' '), "Space"),
        (Key::new(KeyCode::PageDown), "PgDn"),
        (Key::new(KeyCode::Enter), "Enter"),
        (Key::new(KeyCode::Esc), "Esc"),
        (Key::char('G'), "G"),
    ] {
        assert_eq!(key.name(true), name);
    }
    assert_eq!(Key::new(KeyCode::Up).name(false), "↑");
}

#[test]
fn actions_have_names_of_their_own_in_each_context() {
    let keymap = Keymap::default();
    for context in Context::all() {
        let mut names: Vec<&str> = keymap.of(context).map(|binding| binding.name).collect();
        names.sort_unstable();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all, "{context:?}: {names:?}");
    }
}

/// Users' configuration files have these names. One may be added, but none may
/// change or go.
#[test]
fn the_names_in_the_configuration_file_stay() {
    let keymap = Keymap::default();
    let names: Vec<String> = Context::all()
        .map(|context| {
            let names: Vec<&str> = keymap.of(context).map(|binding| binding.name).collect();
            format!("{}: {}", context.name(), names.join(" "))
        })
        .collect();
    insta::assert_snapshot!(names.join("\n"));
}

#[test]
fn a_name_is_read_as_the_key_that_has_it() {
    for binding in Keymap::default().bindings {
        for key in binding.keys {
            assert_eq!(key.to_string().parse(), Ok(key));
        }
    }
    assert_eq!("ctrl-c".parse(), Ok(Key::control('c')));
    assert_eq!("pgdn".parse(), Ok(Key::new(KeyCode::PageDown)));
    assert_eq!("G".parse(), Ok(Key::char('G')));
    for nothing in ["", "Ctrl-", "Hyper-X", "ab"] {
        assert!(nothing.parse::<Key>().is_err(), "{nothing}");
    }
}

fn rebound(changes: &[(&str, &str, &[&str])]) -> Result<Keymap, BindingError> {
    let mut table: BTreeMap<String, BTreeMap<String, Vec<String>>> = BTreeMap::new();
    for (context, action, keys) in changes {
        let keys = keys.iter().map(|key| (*key).to_owned()).collect();
        let context = table.entry((*context).to_owned()).or_default();
        context.insert((*action).to_owned(), keys);
    }
    Keymap::default().rebound(&table)
}

fn keys_of(keymap: &Keymap, context: Context, name: &str) -> Vec<String> {
    let mut bindings = keymap.of(context);
    let binding = bindings.find(|binding| binding.name == name).unwrap();
    binding.keys.iter().map(ToString::to_string).collect()
}

#[test]
fn what_the_user_has_chosen_takes_the_key_from_a_default() {
    let flows = Context::View(Tab::Flows);
    // In the same place, in one that is nearer, and in one that is farther.
    let keymap = rebound(&[
        ("main", "pause", &["F1", "F9"]),
        ("flows", "open", &["q"]),
        ("main", "window", &["s"]),
    ])
    .unwrap();
    assert_eq!(keys_of(&keymap, Context::Main, "help"), ["?"]);
    assert_eq!(keys_of(&keymap, Context::Main, "quit"), [""; 0]);
    assert_eq!(keys_of(&keymap, flows, "sort-next"), [""; 0]);
    assert_eq!(keys_of(&keymap, Context::Main, "pause"), ["F1", "F9"]);
    // Where the user's key does nothing, the default stays.
    assert_eq!(
        keys_of(&keymap, Context::Columns, "column-sort"),
        ["s"],
        "columns are chosen in a place of their own"
    );
    let f1 = press(KeyCode::F(1), KeyModifiers::NONE);
    assert_eq!(keymap.action(flows, f1), Some(Action::Pause));
}

#[test]
fn a_default_that_is_written_down_is_still_a_default() {
    let keymap = rebound(&[("main", "help", &["?", "F1"]), ("main", "pause", &["F1"])]);
    assert_eq!(keys_of(&keymap.unwrap(), Context::Main, "help"), ["?"]);
}

#[test]
fn a_key_that_the_user_gives_two_meanings_is_refused() {
    let refused = rebound(&[("main", "pause", &["F9"]), ("flows", "open", &["F9"])]);
    let error = refused.unwrap_err();
    let error = (error.place.as_str(), error.reason.as_str());
    assert_eq!(error, ("flows.open", "F9 is both open and pause"));
}
