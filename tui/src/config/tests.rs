use super::*;
use crate::app::{App, Appearance};
use crate::filter::Filter;

fn error(text: &str) -> String {
    format!("{:#}", Config::parse(text).unwrap_err())
}

#[test]
fn what_is_printed_is_what_the_program_does_without_it() {
    let defaults = Config::parse("").unwrap();
    assert_eq!(Config::parse(&text_of_defaults()).unwrap(), defaults);
    let session = crate::synthetic::session();
    let bare = App::new(session, Appearance::default(), Filter::everything());
    let preferences = defaults.preferences().unwrap();
    assert_eq!(defaults.keymap().unwrap(), Keymap::default());
    assert!(
        preferences
            .columns
            .into_iter()
            .eq(bare.views.flows.columns.shown())
    );
    assert_eq!(preferences.sort, bare.views.flows.order.column);
    assert_eq!(preferences.window, bare.state.window());
    assert_eq!(preferences.closed, bare.state.filtering.closed());
}

#[test]
fn the_defaults_are_these() {
    insta::assert_snapshot!(text_of_defaults());
}

#[test]
fn a_file_changes_what_it_names() {
    let config = Config::parse(
        "[screen]\nunits = 'bits'\n[flows]\ncolumns = ['remote', 'in']\n\
         [filters]\nweb = 'tcp port 80 or 443'\n[keys.main]\npause = ['F5', 'Ctrl-P']",
    )
    .unwrap();
    assert_eq!(config.screen.units, Units::Bits);
    assert_eq!(config.screen.window, 10);
    let preferences = config.preferences().unwrap();
    assert_eq!(preferences.columns, [Column::Remote, Column::In]);
    let keymap = config.keymap().unwrap();
    let pause = keymap
        .of(Context::Main)
        .find(|binding| binding.name == "pause");
    let names: Vec<String> = pause
        .unwrap()
        .keys
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(names, ["F5", "Ctrl-P"]);
}

#[test]
fn what_cannot_be_meant_is_an_error_that_helps() {
    for (text, part) in [
        (
            "[screen]\nunit = 'bits'",
            "screen.unit: there is no such setting; did you mean units?",
        ),
        (
            "[scren]",
            "scren: there is no such setting; did you mean screen?",
        ),
        (
            "[keys.flows]\nopn = ['o']",
            "keys.flows.opn: there is no such setting; did you mean open?",
        ),
        (
            "[screen]\nunits = 'nibbles'",
            "screen.units: there is no \"nibbles\"; there are ",
        ),
        (
            "[screen]\nwindow = 'ten'",
            "screen.window: expected a whole number, found the text \"ten\"",
        ),
        (
            "[screen]\nwindow = 1.5",
            "screen.window: expected a whole number, found 1.5",
        ),
        (
            "[screen]\nwindow = -1",
            "screen.window: expected a whole number, 0 or more, found -1",
        ),
        (
            "[screen]\nmax-draw-rate = 0",
            "screen.max-draw-rate: expected a whole number from 1 to 4294967295, found 0",
        ),
        (
            "[screen]\nallow-block = 'yes'",
            "screen.allow-block: expected true or false, found the text \"yes\"",
        ),
        ("screen = 5", "screen: expected a section, found 5"),
        (
            "[flows]\nsort = ['in']",
            "flows.sort: expected a text in quotes, found a list",
        ),
        (
            "[flows]\ncolumns = 'in'",
            "flows.columns: expected a list of texts in quotes, found the text \"in\"",
        ),
        (
            "[flows]\ncolumns = ['in', 3]",
            "flows.columns: expected a list of texts in quotes, found 3 in it",
        ),
        (
            "[flows]\ncolumns = ['inn']",
            "flows.columns: there is no \"inn\"; there are ",
        ),
        (
            "[diagnosis.thresholds]\nslow-dns = -5",
            "diagnosis.thresholds.slow-dns: expected a whole number from 0 to 4294967295",
        ),
        (
            "[diagnosis.thresholds]\nloss = true",
            "diagnosis.thresholds.loss: expected a number, found true",
        ),
        (
            "[filters]\nweb = 80",
            "filters.web: expected a text in quotes, found 80",
        ),
        (
            "[keys.main]\npause = 'F5'",
            "keys.main.pause: expected a list of texts in quotes, found the text \"F5\"",
        ),
        ("[screen]\nwindow = 7", "1, 10 or 60"),
        ("[flows]\ncolumns = []", "at least one"),
        ("[filters]\nweb = 'tcp porx 1'", "filters.web: "),
        ("[filters]\n'a b' = 'tcp'", "letters, digits"),
        (
            "[keys.main]\npause = ['Hyper-X']",
            "keys.main.pause: no such key: \"Hyper-X\"",
        ),
        (
            "[keys.main]\npause = ['q']\nwindow = ['q']",
            "keys.main.pause: q is both pause and window",
        ),
        (
            "[keys.flows]\nopen = ['F9']\n[keys.main]\npause = ['F9']",
            "keys.flows.open: F9 is both open and pause",
        ),
        ("[screen", "unclosed table, expected `]`"),
    ] {
        let error = error(text);
        assert!(error.contains(part), "{text}: {error}");
    }
}

#[test]
fn the_file_is_where_xdg_says() {
    let at = |variables: &'static [(&str, &str)]| {
        path(move |name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    };
    let file = |path: &str| Some(PathBuf::from(path));
    assert_eq!(at(&[("HOME", "/h")]), file("/h/.config/nkview/config.toml"));
    let both = at(&[("HOME", "/h"), ("XDG_CONFIG_HOME", "/x")]);
    assert_eq!(both, file("/x/nkview/config.toml"));
    let relative = at(&[("HOME", "/h"), ("XDG_CONFIG_HOME", "x")]);
    assert_eq!(relative, file("/h/.config/nkview/config.toml"));
    assert_eq!(at(&[]), None);
}

#[test]
fn the_setting_is_read_back_as_the_columns_that_are_shown() {
    let mut columns = crate::app::columns::Columns::new([Column::Remote, Column::In]);
    columns.choose(Column::Age);
    columns.toggle();
    let text = format!("[flows]\n{}", columns.setting());
    let config = Config::parse(&text).unwrap();
    assert_eq!(config.flows.columns, columns.shown().collect::<Vec<_>>());
    for column in Column::ALL {
        let value = Value::try_from(column).unwrap();
        assert_eq!(value.as_str(), Some(column.name()));
    }
}

#[test]
fn a_kind_that_is_silenced_must_exist() {
    let config = Config::parse("[diagnosis]\nsilence = [\"http-5xx\"]").unwrap();
    let slugs: Vec<_> = config
        .silenced()
        .unwrap()
        .iter()
        .map(|it| it.slug())
        .collect();
    assert_eq!(slugs, ["http-5xx"]);
    let error = Config::parse("[diagnosis]\nsilence = [\"http-5x\"]").unwrap_err();
    assert_eq!(
        error.to_string(),
        "diagnosis.silence: there is no kind http-5x; did you mean http-5xx?"
    );
}

#[test]
fn thresholds_are_those_of_the_code_and_their_values_are_checked() {
    let config = Config::parse("").unwrap();
    assert_eq!(config.thresholds().unwrap(), Thresholds::default());
    let config = Config::parse("[diagnosis.thresholds]\nslow-dns = 50").unwrap();
    assert_eq!(config.thresholds().unwrap().slow_dns, 50);
    for (line, message) in [
        (
            "loss = 0.0",
            "diagnosis.thresholds.loss: expected a percentage above 0 and at most 100",
        ),
        (
            "loss = \"x\"",
            "diagnosis.thresholds.loss: expected a number, found the text \"x\"",
        ),
        (
            "slow-dns = 0",
            "diagnosis.thresholds.slow-dns: expected 1 or more",
        ),
    ] {
        let text = format!("[diagnosis.thresholds]\n{line}");
        assert_eq!(Config::parse(&text).unwrap_err().to_string(), message);
    }
}

#[test]
fn a_mistake_has_its_file_and_line() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config.toml");
    let error = |text: &str| {
        std::fs::write(&file, text).unwrap();
        let error = Config::load(Some(&file), |_| None).unwrap_err().to_string();
        let path = format!("{}:", file.display());
        error.strip_prefix(&path).unwrap().to_owned()
    };
    for (text, expected) in [
        ("[screen]\n\nunit = 'bits'", "3: screen.unit: there is no"),
        (
            "[screen]\nwindow = 7",
            "2: screen.window: expected 1, 10 or 60",
        ),
        (
            "screen.window = 7",
            "1: screen.window: expected 1, 10 or 60",
        ),
        (
            "\n[flows]\nsort = 'in'\ncolumns = []",
            "4: flows.columns: expected",
        ),
        (
            "[keys.main]\nquit = ['F3']\npause = ['F2', 'Hyper-X']",
            "3: keys.main.pause: no",
        ),
        (
            "[filters]\nweb = 'tcp'\n\ndns = 'porx 53'",
            "4: filters.dns: ",
        ),
        (
            "[diagnosis]\nsilence = [\n  'all',\n]",
            "2: diagnosis.silence: ",
        ),
        ("[flows]\n\n[screen", "3: unclosed table"),
        ("[screen]\nwindow = 10\nwindow = 60", "3: duplicate key"),
    ] {
        let error = error(text);
        assert!(error.starts_with(expected), "{text}: {error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[test]
fn a_file_that_is_named_must_be_there() {
    let missing = Path::new("/nonexistent/nkview.toml");
    let error = Config::load(Some(missing), |_| None)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("/nonexistent/nkview.toml: No such file"),
        "{error}"
    );
    // The usual one need not.
    let home = |name: &str| (name == "HOME").then(|| "/nonexistent".to_owned());
    assert_eq!(
        Config::load(None, home).unwrap(),
        (Config::parse("").unwrap(), None)
    );
}
