//! The programs that the machine needs on its host and inside, from Debian,
//! with all their libraries: what they can do does not depend on the host.

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
    vm::store::Store,
};

/// The release that they are from. Its QEMU and its iproute2, which knows
/// netkit, are what the kernel tests were proven with.
const SUITE: &str = "trixie";

const PACKAGES: [&str; 8] = [
    "iproute2",
    "iputils-ping",
    "kmod",
    "lz4",
    "qemu-system-x86",
    "virtiofsd",
    "xz-utils",
    "zstd",
];

/// What goes before the host's own programs in the machine.
const GUEST_PROGRAMS: [&str; 10] = [
    "sbin/bridge",
    "sbin/depmod",
    "sbin/insmod",
    "sbin/modprobe",
    "sbin/rmmod",
    "sbin/tc",
    "bin/ip",
    "bin/lsmod",
    "bin/ping",
    "bin/ss",
];

const GUEST_DIRECTORY: &str = "guest";

// Where Debian has its loader and its libraries, below `/usr`.
const LOADER: &str = "lib64/ld-linux-x86-64.so.2";
const LIBRARIES: &str = "lib/x86_64-linux-gnu";

/// Another list of programs is another directory.
fn directory_name() -> String {
    let mut hasher = DefaultHasher::new();
    (SUITE, PACKAGES, GUEST_PROGRAMS).hash(&mut hasher);
    format!("tools-{:016x}", hasher.finish())
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
    pub fn prepare(store: &Store) -> anyhow::Result<Self> {
        let root = store.get(&directory_name(), |directory| {
            eprintln!("Fetching QEMU and other tools for the virtual machine (45 MB)");
            let archive = Archive::open(store.path(&format!("apt-{SUITE}")), Area::Main, SUITE)?;
            archive.unpack_whole(&PACKAGES.map(String::from), directory)?;
            write_guest_programs(&directory.join(GUEST_DIRECTORY))
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

    /// The directory of the programs that go before the host's in the machine.
    pub fn guest_programs(&self) -> PathBuf {
        self.root.join(GUEST_DIRECTORY)
    }
}

/// Writes scripts that start the programs as [`Tools::command`] does.
fn write_guest_programs(directory: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(directory)
        .with_context(|| format!("cannot create {}", directory.display()))?;
    for program in GUEST_PROGRAMS {
        let name = program.rsplit('/').next().unwrap_or(program);
        // kmod is many programs in one, selected by argument zero.
        let script = format!(
            "#!/bin/sh\n\
             usr=${{0%/*}}/../usr\n\
             exec \"$usr/{LOADER}\" --library-path \"$usr/{LIBRARIES}\" --argv0 {name} \"$usr/{program}\" \"$@\"\n"
        );
        let path = directory.join(name);
        fs::write(&path, script)
            .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o755)))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}
