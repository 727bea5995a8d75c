//! Pictures of the program for the README, made from the program itself: it
//! runs in a pseudo-terminal, keys are typed, and what the screen then shows
//! becomes an SVG.

use std::{ffi::OsString, fs, num::NonZero, thread, time::Duration};

use anyhow::Context;

use crate::{program::Program, project};
use pty::Pty;

mod pty;
mod svg;

/// What is shown.
#[derive(clap::Args)]
pub struct Args {
    /// nkview's arguments instead of `demo --faults`: anything that has traffic
    #[arg(last = true)]
    args: Vec<OsString>,
}

/// One picture: its file's name, what is typed before it, and how long the
/// program then has to show it.
struct Shot {
    name: &'static str,
    keys: &'static str,
    after: Duration,
}

const fn shot(name: &'static str, keys: &'static str, seconds: u64) -> Shot {
    Shot {
        name,
        keys,
        after: Duration::from_secs(seconds),
    }
}

/// In this order in one run: each starts from what the one before has left.
const SHOTS: [Shot; 9] = [
    // By then the graphs of a minute are half full.
    shot("flows", "", 45),
    shot("detail", "\x1b[B\x1b[B\r", 2),
    shot("filter", "\r\x1b/not udp and port 80", 2),
    shot("packets", "\x152\x1b2\x1b[F\x1b[A\x1b[A\r", 2),
    shot("hosts", "\r\x1b3l\x1b[B\x1b[C", 2),
    shot("devices", "4", 2),
    shot("problems", "5\r", 2),
    shot("probe", "6", 2),
    shot("help", "1?", 2),
];

/// Columns and rows of the terminal.
const SIZE: (NonZero<u16>, NonZero<u16>) = (NonZero::new(130).unwrap(), NonZero::new(34).unwrap());

/// Makes all pictures.
///
/// # Errors
/// nkview does not build or start, or the pictures cannot be written.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let nkview = Program::build_one(&["build", "--package", "nkview"], "nkview")?;
    let directory = project::root().join("assets/screenshots");
    fs::create_dir_all(&directory)
        .with_context(|| format!("cannot create {}", directory.display()))?;
    let arguments = if args.args.is_empty() {
        vec!["demo".into(), "--faults".into()]
    } else {
        args.args.clone()
    };
    let mut pty = Pty::start(&nkview.path, &arguments, SIZE)?;
    for shot in SHOTS {
        for key in keys(shot.keys) {
            pty.types(key)?;
            // An escape that stands alone must not become part of the next key.
            thread::sleep(Duration::from_millis(200));
        }
        pty.runs_for(shot.after)?;
        let path = directory.join(format!("{}.svg", shot.name));
        fs::write(&path, svg::picture(pty.screen()))
            .with_context(|| format!("cannot write {}", path.display()))?;
        println!("{}", path.display());
    }
    pty.types("\x03")?;
    pty.end()
}

/// Splits what is typed into keys: escape sequences are one.
fn keys(text: &str) -> Vec<&str> {
    let mut keys = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("\x1b[") {
            3
        } else {
            first.len_utf8()
        };
        let (key, after) = rest.split_at(length.min(rest.len()));
        keys.push(key);
        rest = after;
    }
    keys
}
