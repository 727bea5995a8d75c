//! nkview(1) and the pages of its commands, from the definition of the command
//! line and the table of keys.

use anyhow::Context as _;
use clap::Command;
use clap_mangen::{Man, roff::Roff};
use nkview::{app::bindings::Context, diagnosis::Kind, keys::Keymap};

use super::page::{self, Page};

/// The name of the program and of its own page.
const NKVIEW: &str = "nkview";
/// The name of the page with the kinds of problems.
const DIAGNOSE: &str = "nkview-diagnose";

/// What a command ends with, unless it is in [`DIAGNOSE_STATUS`].
const STATUS: &[(&str, &str)] = &[
    (
        "0",
        "Success, also when it was ended by a key, by Ctrl-C, SIGTERM or SIGHUP, or by a reader \
         that closed the pipe.",
    ),
    (
        "1",
        "Failure; a message on stderr says what was tried, why it failed and what to do. \
         nkview-diagnose(1) has statuses of its own.",
    ),
    ("2", "The command line is wrong."),
    ("130", "A second Ctrl-C did not wait for the end."),
];

/// What `nkview diagnose` ends with.
const DIAGNOSE_STATUS: &[(&str, &str)] = &[
    ("0", "No problem, or nothing above the severity info."),
    ("1", "There are problems."),
    (
        "2",
        "It could not look: the command line is wrong, no device could be watched, or the \
         recording could not be read. A message on stderr says why.",
    ),
    ("130", "A second Ctrl-C did not wait for the end."),
];

const ENVIRONMENT: &[(&str, &str)] = &[
    ("NKVIEW_LOG", "As the option --log."),
    (
        "NO_COLOR",
        "If it is set and not empty, no colors are used.",
    ),
    (
        "TERM, COLORTERM",
        "What the terminal can show. COLORTERM is \"truecolor\" or \"24bit\" where it has all \
         colors.",
    ),
    (
        "COLORFGBG",
        "Whether the background is light, for terminals that do not answer when asked.",
    ),
    (
        "LC_ALL, LC_CTYPE, LANG",
        "The first that is set decides whether the terminal shows Unicode, or ASCII alone.",
    ),
    (
        "XDG_CONFIG_HOME, HOME",
        "Where the configuration file is: see nkview-config(5).",
    ),
    (
        "SSH_CONNECTION",
        "Your own SSH session, which the flow table marks. If sudo has removed it, it is read \
         from the processes above nkview.",
    ),
    (
        "SUDO_UID, SUDO_GID",
        "Who owns the files that nkview-record(1) writes.",
    ),
];

/// What a process needs to watch.
const CAPABILITIES: &[(&str, &str)] = &[
    (
        "CAP_BPF, CAP_PERFMON",
        "Needed: to load the programs and to read their maps.",
    ),
    ("CAP_NET_ADMIN", "Needed: to attach to devices."),
    (
        "CAP_SYS_ADMIN, CAP_SYS_PTRACE",
        "Useful: to name other programs, containers and namespaces. Root keeps them; all other \
         capabilities are given up at the start.",
    ),
    (
        "CAP_SYS_ADMIN, CAP_NET_RAW, CAP_NET_BIND_SERVICE",
        "Needed by nkview-demo(1), for its namespaces and traffic.",
    ),
];

const EXAMPLES: &[(&str, &str)] = &[
    (
        "sudo nkview",
        "Watch all netkit pairs, as they come and go.",
    ),
    (
        "sudo nkview 'lxc*' eth0",
        "Watch these devices. Globs are matched as devices come.",
    ),
    (
        "sudo nkview diagnose eth0",
        "Say what is wrong, after ten seconds.",
    ),
    (
        "sudo nkview stream --text --filter 'tcp port 443' eth0",
        "Write packets as tcpdump(8) does.",
    ),
    (
        "sudo nkview stream --pcapng --every-packet eth0 | wireshark -k -i -",
        "Watch all packets in Wireshark.",
    ),
    (
        "sudo nkview record --duration 600 incident.nkv 'lxc*'",
        "Record ten minutes, for nkview-replay(1).",
    ),
];

/// The page of a command: the name of its file, and its text.
///
/// # Errors
/// It cannot be rendered.
pub fn page(command: &Command, date: &str) -> anyhow::Result<(String, Vec<u8>)> {
    let name = command.get_display_name().unwrap_or(command.get_name());
    let man = Man::new(command.clone().subcommand_help_heading("COMMANDS"))
        .date(date)
        .source(page::SOURCE)
        .manual(super::MANUAL);
    let mut text = Vec::new();
    let failing = || format!("the page of {name}");
    man.render_title(&mut text).with_context(failing)?;
    man.render_name_section(&mut text).with_context(failing)?;
    man.render_synopsis_section(&mut text)
        .with_context(failing)?;
    man.render_description_section(&mut text)
        .with_context(failing)?;
    man.render_options_section(&mut text)
        .with_context(failing)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut text)
            .with_context(failing)?;
    }
    text.extend(rest(name).render().into_bytes());
    Ok((man.get_filename(), text))
}

/// What comes behind the options.
fn rest(name: &str) -> Roff {
    let mut page = Page::default();
    if name == NKVIEW {
        keys(&mut page);
    }
    if name == DIAGNOSE {
        problems(&mut page);
    }
    page.section("EXIT STATUS");
    page.terms(if name == DIAGNOSE {
        DIAGNOSE_STATUS
    } else {
        STATUS
    });
    if name == NKVIEW {
        page.section("CAPABILITIES");
        page.terms(CAPABILITIES);
        page.section("ENVIRONMENT");
        page.terms(ENVIRONMENT);
        page.section("EXAMPLES");
        page.terms(EXAMPLES);
    }
    let others = ["nkview(1)", "nkview-filter(7)", "nkview-config(5)"];
    let own = format!("{name}(1)");
    let others: Vec<_> = others.into_iter().filter(|other| *other != own).collect();
    page.finish(&others)
}

/// The kinds of problems.
fn problems(page: &mut Page) {
    page.section("PROBLEMS");
    page.paragraph(
        "These are the kinds of problems by their names in the outputs and in the setting silence \
         of nkview-config(5), causes before symptoms.",
    );
    for kind in Kind::all() {
        let term = format!("{} ({})", kind.slug(), kind.severity().name());
        page.term(&term, kind.summary());
    }
}

/// The keys, as the help on the screen has them.
fn keys(page: &mut Page) {
    page.section("KEYS");
    page.paragraph(
        "These are the defaults; nkview-config(5) says how to change them. The key ? shows those \
         of the current view.",
    );
    let keymap = Keymap::default();
    for context in Context::all() {
        let mut terms: Vec<(String, &str)> = Vec::new();
        for binding in keymap.of(context) {
            let keys: Vec<_> = binding.keys.iter().map(ToString::to_string).collect();
            let keys = keys.join(", ");
            match terms.last_mut() {
                // Numbers choose one of several things alike.
                Some((others, long)) if *long == binding.long => {
                    others.push_str(", ");
                    others.push_str(&keys);
                }
                _ => terms.push((keys, binding.long)),
            }
        }
        if !terms.is_empty() {
            page.part(context.title());
        }
        for (keys, long) in terms {
            page.term(&keys, &format!("{long}."));
        }
    }
}
