use super::rules::Names::Only;
use super::*;

/// What the file's breaches say, with their lines.
fn breaches(file: &str, text: &str) -> Vec<(usize, String)> {
    check_file(Path::new(file), text)
        .expect("the text is Rust")
        .into_iter()
        .map(|breach| (breach.line, breach.message))
        .collect()
}

fn breach(line: usize, message: &str) -> Vec<(usize, String)> {
    vec![(line, message.into())]
}

#[test]
fn a_module_names_itself_and_what_its_row_has() {
    let text = "use crate::flow::Table; use crate::{model::Moment, flow::{Key, Rate}};";
    assert_eq!(breaches("flow/table.rs", text), []);
}

#[test]
fn every_way_to_name_a_module_counts() {
    let app = breach(2, "probe names crate::app");
    for text in [
        "\nuse crate::app::App;",
        "\nuse crate::{model::Moment, app};",
        "\nuse crate::{source, app::{self, App}};",
        "\nfn draw(app: &crate::app::App) {}",
        "\npub(in crate::app) struct App;",
        "\nuse super::app::App;",
        "\nmod tests { use super::super::app; }",
        "\nmod tests { use super::{super::app}; }",
        "\nmod tests { mod more { use super::super::super::app; } }",
        "\nassert_eq!(crate::app::LIMIT, 1);",
    ] {
        assert_eq!(breaches("probe.rs", text), app, "{text}");
    }
    assert_eq!(breaches("probe/mod.rs", "\nuse super::app::App;"), app);
    assert_eq!(breaches("probe/attach.rs", "\nuse super::super::app;"), app);
}

#[test]
fn what_only_looks_like_a_module_does_not_count() {
    for text in [
        "//! See [`crate::app`].\n/// crate::app\nconst TEXT: &str = \"crate::app\";",
        "use super::app;",
        "mod app { use super::super::app; }",
        "pub(crate) use std::app;",
    ] {
        assert_eq!(breaches("flow/table.rs", text), [], "{text}");
    }
}

#[test]
fn all_of_the_crate_is_more_than_a_row_has() {
    assert_eq!(
        breaches("flow.rs", "use super::*;"),
        breach(1, "flow names crate::*")
    );
    assert_eq!(breaches("flow/tests.rs", "use super::*;"), []);
}

#[test]
fn what_only_tests_have_is_for_all_and_has_a_row_itself() {
    assert_eq!(breaches("ui/tests.rs", "use crate::synthetic;"), []);
    assert_eq!(
        breaches("synthetic.rs", "use crate::ui;"),
        breach(1, "synthetic names crate::ui")
    );
}

#[test]
fn a_module_without_a_row_is_reported() {
    let missing = "the module novelty has no rule: give it a row";
    assert_eq!(breaches("novelty/part.rs", ""), breach(1, missing));
}

#[test]
fn what_ties_the_modules_together_names_all() {
    assert_eq!(breaches("runtime.rs", "use crate::{app, probe, ui};"), []);
    assert_eq!(breaches("lib.rs", "use crate::*; use self::app::App;"), []);
}

#[test]
fn rows_name_only_rows_and_themselves_never() {
    for (module, names) in RULES {
        if let Only(names) = names {
            for name in *names {
                assert!(RULES.iter().any(|(row, _)| row == name), "{module}: {name}");
                assert_ne!(name, module);
            }
        }
    }
}

#[test]
fn a_crate_is_read_to_its_depths() {
    let crate_ = tempfile::tempdir().expect("a directory");
    let deep = crate_.path().join("flow/table");
    fs::create_dir_all(&deep).expect("a directory");
    fs::write(crate_.path().join("lib.rs"), "pub mod flow;").expect("a file");
    fs::write(deep.join("tests.rs"), "\n\nuse crate::ui;").expect("a file");
    let error = check(crate_.path()).expect_err("flow may not draw");
    assert!(
        error
            .to_string()
            .ends_with("flow/table/tests.rs:3: flow names crate::ui"),
        "{error}"
    );
}

#[test]
fn a_room_names_itself_and_what_its_row_has() {
    let text = "use super::ends::Side; use crate::app::ends; use crate::flow::Flow;";
    assert_eq!(breaches("app/group.rs", text), []);
    let text =
        "use super::super::list::List; use crate::app::{state::State, views::{Badge, View}};";
    assert_eq!(breaches("app/views/flows.rs", text), []);
}

#[test]
fn every_way_to_name_a_room_counts() {
    let views = breach(2, "app::own names crate::app::views");
    for text in [
        "\nuse crate::app::views::View;",
        "\nuse crate::app::views;",
        "\nuse crate::{flow, app::{ends, views::View}};",
        "\nuse super::views::View;",
        "\nuse super::{ends::Side, views::{self}};",
        "\nmod more { use super::super::views; }",
        "\nfn of(view: &dyn super::views::View) {}",
    ] {
        assert_eq!(breaches("app/own.rs", text), views, "{text}");
    }
    let own = breach(2, "app::ends names crate::app::own");
    assert_eq!(
        breaches("app/ends/more.rs", "\nuse super::super::own;"),
        own
    );
    assert_eq!(
        breaches("app/ends.rs", "use super::*;"),
        breach(1, "app::ends names crate::app::*")
    );
    assert_eq!(
        breaches("app/ends.rs", "use crate::app::App;"),
        breach(1, "app::ends names crate::app::App")
    );
}

#[test]
fn tests_of_a_room_and_the_module_itself_name_all_rooms() {
    assert_eq!(
        breaches("app/own/tests.rs", "use crate::app::{App, views};"),
        []
    );
    assert_eq!(breaches("app.rs", "use self::views::View;"), []);
    assert_eq!(breaches("app/update.rs", "use super::{App, views};"), []);
}

#[test]
fn a_room_without_a_row_is_reported() {
    let missing = "the module app::novelty has no rule: give it a row";
    assert_eq!(breaches("app/novelty.rs", ""), breach(1, missing));
}

#[test]
fn rows_of_rooms_name_only_those_above_them() {
    for (module, rooms) in ROOMS {
        for (place, (room, names)) in rooms.iter().enumerate() {
            if let Only(names) = names {
                for name in *names {
                    let above = rooms[..place].iter().any(|(row, _)| row == name);
                    assert!(above, "{module}::{room}: {name} stands not above it");
                }
            }
        }
    }
}
