//! Pictures of the program for the README, made from the program itself: it
//! runs in a pseudo-terminal, keys are typed, and what the screen then shows
//! becomes an SVG.

use std::{
    ffi::OsString,
    fs,
    num::NonZero,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use anyhow::Context;

use crate::{program::Program, project};
use pty::Pty;

mod namespaces;
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
const LIVE: [Shot; 9] = [
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

/// The demo's two namespaces as two hosts, while the demo records.
const NODES: [Shot; 1] = [shot("nodes", "/tcp and port 80\rg\r", 2)];
/// How long these run before: flows that are shown then have begun meanwhile.
const TOGETHER: Duration = Duration::from_secs(45);

/// What was recorded.
const REPLAY: [Shot; 1] = [shot("replay", "5)", 3)];

/// Makes all pictures.
///
/// # Errors
/// nkview does not build or start, or the pictures cannot be written.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let nkview = Program::build_one(&["build", "--package", "nkview"], "nkview")?;
    let pictures = project::root().join("assets/screenshots");
    fs::create_dir_all(&pictures)
        .with_context(|| format!("cannot create {}", pictures.display()))?;
    let directory = tempfile::tempdir().context("cannot create a directory for a recording")?;
    let start =
        |arguments: &[OsString]| Pty::start(&nkview.path, arguments, directory.path(), SIZE);
    let is_demo = args.args.is_empty();
    let mut live = if is_demo {
        start(&["demo".into(), "--faults".into()])?
    } else {
        start(&args.args)?
    };
    take(&mut live, &LIVE, &pictures)?;
    // The help is closed.
    type_all(&mut live, "?R")?;
    if is_demo {
        let via = namespaces::via(live.pid()?)?;
        let mut arguments: Vec<OsString> = vec!["ssh".into(), "--via".into(), via.into()];
        arguments.extend(["--nkview".into(), nkview.path.clone().into()]);
        arguments.extend(namespaces::NAMES.map(Into::into));
        arguments.extend(["--", "demo*", "eth*"].map(Into::into));
        let mut nodes = start(&arguments)?;
        nodes.runs_for(TOGETHER)?;
        take(&mut nodes, &NODES, &pictures)?;
        end(nodes)?;
    }
    type_all(&mut live, "R")?;
    live.runs_for(Duration::from_secs(1))?;
    end(live)?;
    let mut replay = start(&["replay".into(), recording(directory.path())?.into()])?;
    // Until it has been searched for marks.
    replay.runs_for(Duration::from_secs(5))?;
    take(&mut replay, &REPLAY, &pictures)?;
    end(replay)
}

/// Takes pictures of a program that runs.
fn take(pty: &mut Pty, shots: &[Shot], directory: &Path) -> anyhow::Result<()> {
    for shot in shots {
        type_all(pty, shot.keys)?;
        pty.runs_for(shot.after)?;
        let path = directory.join(format!("{}.svg", shot.name));
        fs::write(&path, svg::picture(pty.screen()))
            .with_context(|| format!("cannot write {}", path.display()))?;
        println!("{}", path.display());
    }
    Ok(())
}

fn type_all(pty: &mut Pty, text: &str) -> anyhow::Result<()> {
    for key in keys(text) {
        pty.types(key)?;
        // An escape that stands alone must not become part of the next key.
        thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}

fn end(mut pty: Pty) -> anyhow::Result<()> {
    pty.types("\x03")?;
    pty.end()
}

/// The file that was recorded to.
fn recording(directory: &Path) -> anyhow::Result<PathBuf> {
    let entries = fs::read_dir(directory).context("cannot look for the recording")?;
    let mut files = entries.filter_map(|entry| Some(entry.ok()?.path()));
    files
        .find(|path| path.extension().is_some_and(|it| it == "nkv"))
        .context("nothing was recorded")
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
