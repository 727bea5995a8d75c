use clap::CommandFactory;
use nkview::cli::Cli;

use super::*;

const DAY: &str = "2026-01-02";

#[test]
fn every_option_has_its_place_in_a_page() {
    let mut cli = Cli::command();
    cli.build();
    for command in std::iter::once(&cli).chain(cli.get_subcommands()) {
        let (name, text) = command::page(command, DAY).expect("a page");
        let text = String::from_utf8(text).expect("UTF-8");
        assert!(name.ends_with(".1"), "{name}");
        for option in command.get_arguments().filter_map(clap::Arg::get_long) {
            let option = option.replace('-', r"\-");
            assert!(text.contains(&option), "{name} has no --{option}:\n{text}");
        }
    }
}

#[test]
fn every_setting_is_in_the_page_of_the_configuration() {
    let page = config::page(DAY).render();
    let defaults = nkview::config::text_of_defaults();
    let settings = defaults.lines().filter(|line| !line.starts_with('#'));
    for name in settings.filter_map(|line| Some(line.split_once(" = ")?.0)) {
        let name = name.replace('-', r"\-");
        assert!(
            page.contains(&format!("\\fB{name} = ")),
            "no {name}:\n{page}"
        );
    }
}

#[test]
fn every_keyword_is_in_the_page_of_filters() {
    let page = filter::page(DAY).render();
    for (keyword, _) in nkview::filter::keywords() {
        assert!(page.contains(&format!("\\fB{keyword}\\fR")), "no {keyword}");
    }
}

#[test]
fn every_key_is_in_the_page_of_the_screen() {
    let (_, text) = command::page(&Cli::command(), DAY).expect("a page");
    let text = String::from_utf8(text).expect("UTF-8");
    // As roff writes apostrophes and hyphens.
    let text = text.replace(r"\*(Aq", "'").replace(r"\-", "-");
    let keymap = nkview::keys::Keymap::default();
    for binding in nkview::app::bindings::Context::all().flat_map(|it| keymap.of(it)) {
        let long = binding.long;
        assert!(text.contains(long), "no key for \"{long}\"");
    }
}

#[test]
fn a_diagnosis_has_its_problems_and_exit_statuses() {
    let mut cli = Cli::command();
    cli.build();
    let diagnose = cli.find_subcommand("diagnose").expect("the command");
    let (_, text) = command::page(diagnose, DAY).expect("a page");
    let text = String::from_utf8(text).expect("UTF-8");
    assert!(text.contains("There are problems."), "{text}");
    for kind in nkview::diagnosis::Kind::all() {
        let slug = kind.slug().replace('-', r"\-");
        assert!(text.contains(&slug), "no {slug}");
    }
}

#[test]
fn the_foot_has_the_day_of_the_sources() {
    assert_eq!(date(Some("1767312000")).expect("a day"), "2026-01-02");
    assert!(date(Some("yesterday")).is_err());
    let page = config::page(DAY).render();
    assert!(
        page.lines()
            .any(|line| line.starts_with(".TH") && line.contains(DAY)),
        "{page}"
    );
}
