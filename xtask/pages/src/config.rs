//! nkview-config(5), from the defaults that `nkview config` prints.

use clap_mangen::roff::Roff;

use super::page::Page;

pub fn page(date: &str) -> Roff {
    let mut page = Page::new("nkview-config", "5", "nkview's configuration file", date);
    page.section("DESCRIPTION");
    page.paragraph("The file is in TOML. Below are all settings with their defaults.");
    settings(&mut page, &nkview::config::text_of_defaults());
    page.section("KEYS");
    page.paragraph(
        "A key that you give to an action is taken from the default that has it. An action can so \
         be left without a key: the help (?) shows (no key), and a line here gives it another. \
         A key that the file gives to two actions of one place is an error.",
    );
    page.section("FILES");
    page.term(
        "$XDG_CONFIG_HOME/nkview/config.toml, ~/.config/nkview/config.toml",
        "The first if XDG_CONFIG_HOME is set, else the second; neither with --config FILE.",
    );
    page.section("EXAMPLES");
    page.example(
        "[flows]\n\
         columns = [\"remote\", \"in\", \"out\", \"graph\", \"seen\"]\n\n\
         [filters]\n\
         web = \"tcp port 80 or 443\"\n\n\
         [keys.main]\n\
         pause = [\"F5\"]",
    );
    page.finish(&["nkview(1)", "nkview-filter(7)"])
}

/// Writes each setting with the comment in front of it. A comment that an empty
/// line follows, or a table, is a paragraph.
fn settings(page: &mut Page, text: &str) {
    let mut comment = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(words) = line.strip_prefix('#') {
            if !comment.is_empty() {
                comment.push(' ');
            }
            comment.push_str(words.trim());
        } else if line.starts_with('[') {
            page.part(line);
            flush(page, &mut comment);
        } else if line.is_empty() {
            flush(page, &mut comment);
        } else {
            let mut setting = line.to_owned();
            // A list over several lines ends with the bracket.
            while setting.contains(" = [") && !setting.ends_with(']') {
                let Some(line) = lines.next() else { break };
                let line = line.trim();
                if !setting.ends_with('[') && line != "]" {
                    setting.push(' ');
                }
                setting.push_str(line);
            }
            page.term(&setting, &comment);
            comment.clear();
        }
    }
    flush(page, &mut comment);
}

fn flush(page: &mut Page, comment: &mut String) {
    if !comment.is_empty() {
        page.paragraph(comment);
        comment.clear();
    }
}
