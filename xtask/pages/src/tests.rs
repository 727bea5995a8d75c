use clap::CommandFactory;
use nkview::cli::Cli;

use super::*;

#[test]
fn every_option_has_its_place_in_a_page() {
    let mut cli = Cli::command();
    cli.build();
    for command in std::iter::once(&cli).chain(cli.get_subcommands()) {
        let (name, text) = command_page(command).expect("a page");
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
    let page = config::page().render();
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
    let page = filter::page().render();
    for (keyword, _) in nkview::filter::keywords() {
        assert!(page.contains(&format!("\\fB{keyword}\\fR")), "no {keyword}");
    }
}
