//! Programs from Debian that are not installed but unpacked, with all their libraries:
//! what they can do does not depend on this machine, and no daemon is started.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context;

use crate::{
    apt::{Archive, Area},
    store::Store,
};

/// The release that they are from, with which the tests were proven.
const SUITE: &str = "trixie";

/// Where the scripts are that start the programs.
const SCRIPTS: &str = "scripts";

// Where Debian has its loader and its libraries, below `/usr`.
const LOADER: &str = "lib64/ld-linux-x86-64.so.2";
const LIBRARIES: &str = "lib/x86_64-linux-gnu";

/// Programs that are needed together.
#[derive(Hash)]
pub struct Set {
    /// What they are and how much is fetched.
    pub what: &'static str,
    /// The packages that have them.
    pub packages: &'static [&'static str],
    /// Those that are called by name.
    pub tools: &'static [Tool],
}

/// A program that is called by its name.
#[derive(Hash)]
pub struct Tool {
    /// Its path below `/usr`.
    path: &'static str,
    /// Arguments that it needs where it is not installed, as the shell reads them;
    /// `$scripts` is the directory of the scripts.
    arguments: &'static str,
}

impl Tool {
    /// A program by its path below `/usr`.
    pub const fn new(path: &'static str) -> Self {
        Self::with(path, "")
    }

    /// A program and the arguments that it needs where it is not installed.
    pub const fn with(path: &'static str, arguments: &'static str) -> Self {
        Self { path, arguments }
    }

    /// Starts it as [`Tools::command`] does. Argument zero is the script's path: kmod is
    /// many programs in one, and sshd starts itself again.
    fn script(&self) -> String {
        let Self { path, arguments } = self;
        format!(
            "#!/bin/sh\n\
             scripts=${{0%/*}}\n\
             usr=$scripts/../usr\n\
             exec \"$usr/{LOADER}\" --library-path \"$usr/{LIBRARIES}\" --argv0 \"$0\" \"$usr/{path}\" {arguments} \"$@\"\n"
        )
    }
}

/// The unpacked programs.
pub struct Tools {
    root: PathBuf,
}

impl Tools {
    /// Fetches them where the cache has not got them.
    ///
    /// # Errors
    /// They cannot be fetched or written.
    pub fn prepare(store: &Store, set: &Set) -> anyhow::Result<Self> {
        // Another set is another directory.
        let mut hasher = DefaultHasher::new();
        (SUITE, set).hash(&mut hasher);
        let name = format!("tools-{:016x}", hasher.finish());
        let root = store.get(&name, |directory| {
            eprintln!("Fetching {}", set.what);
            let archive = Archive::open(store.path(&format!("apt-{SUITE}")), Area::Main, SUITE)?;
            let packages: Vec<_> = set.packages.iter().map(|&it| it.into()).collect();
            archive.unpack_whole(&packages, directory)?;
            write_scripts(set.tools, &directory.join(SCRIPTS))
        })?;
        Ok(Self { root })
    }

    /// A program of the unpacked packages, by its path below `/usr`.
    ///
    /// Debian's loader starts it with Debian's libraries, whatever C library
    /// this host has.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.usr(LOADER));
        command
            .arg("--library-path")
            .arg(self.usr(LIBRARIES))
            .arg(self.usr(program));
        command
    }

    /// A file of the unpacked packages, by its path below `/usr`.
    pub fn usr(&self, path: &str) -> PathBuf {
        self.root.join("usr").join(path)
    }

    /// The directory to have first in `PATH`: the set's programs by their names.
    pub fn scripts(&self) -> PathBuf {
        self.root.join(SCRIPTS)
    }
}

fn write_scripts(tools: &[Tool], directory: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(directory)
        .with_context(|| format!("cannot create {}", directory.display()))?;
    for tool in tools {
        let name = tool.path.rsplit('/').next().unwrap_or(tool.path);
        let path = directory.join(name);
        fs::write(&path, tool.script())
            .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o755)))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}
