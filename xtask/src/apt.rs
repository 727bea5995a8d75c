//! Debian packages: installed where that is allowed, or unpacked to the side,
//! which needs no rights and leaves the machine as it is.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, bail, ensure};

use crate::process;

/// Debian's own keys; package `debian-archive-keyring`.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Installs packages on this machine.
///
/// # Errors
/// There is no apt, the user is not root, or apt fails. The message names the
/// packages and what they are wanted for.
pub fn install(packages: &[&str], purpose: &str) -> anyhow::Result<()> {
    let wanted = packages.join(" ");
    if !process::is_installed("apt-get") {
        bail!("{purpose} needs the Debian packages {wanted} or their like: install them");
    }
    if !is_root() {
        bail!("{purpose} needs packages: sudo apt-get install {wanted}");
    }
    eprintln!("Installing {wanted}: {purpose} needs them");
    let apt = |arguments: &[&str]| {
        process::run(
            Command::new("apt-get")
                .args(["--quiet", "--yes", "-o=DPkg::Lock::Timeout=300"])
                .args(arguments)
                .env("DEBIAN_FRONTEND", "noninteractive"),
        )
    };
    apt(&["update"])?;
    apt(&[&["install", "--no-install-recommends"], packages].concat())
        .with_context(|| format!("installing what {purpose} needs"))
}

/// Whether this process may do everything.
pub fn is_root() -> bool {
    // The owner of a process's directory is the process's effective user.
    std::os::unix::fs::MetadataExt::uid(&match fs::metadata("/proc/self") {
        Ok(metadata) => metadata,
        Err(_) => return false,
    }) == 0
}

/// The two parts that Debian's archive is published in.
#[derive(Clone, Copy)]
pub enum Area {
    /// The releases and their backports.
    Main,
    /// The security updates.
    Security,
}

/// The mirror that this machine takes an area of Debian's archive from.
fn mirror(area: Area) -> anyhow::Result<String> {
    let ending = match area {
        Area::Main => "/debian",
        Area::Security => "/debian-security",
    };
    let sources = process::read(Command::new("apt-get").args([
        "indextargets",
        "--format",
        "$(REPO_URI)",
        "Created-By: Packages",
    ]))?;
    sources
        .lines()
        .map(|uri| uri.trim_end_matches('/'))
        .find(|uri| uri.ends_with(ending))
        .map(String::from)
        .with_context(|| format!("apt on this machine has no source that ends in {ending}"))
}

/// A Debian archive that is read with lists and a cache of its own. Signatures
/// are checked as apt does.
pub struct Archive {
    directory: PathBuf,
}

impl Archive {
    /// Fetches the list of an archive's packages.
    ///
    /// # Errors
    /// apt or Debian's keys are missing, or the list cannot be fetched.
    pub fn open(directory: PathBuf, area: Area, suite: &str) -> anyhow::Result<Self> {
        for program in ["apt-get", "apt-cache", "dpkg-deb"] {
            ensure!(
                process::is_installed(program),
                "Debian's packages are read with {program}, which is not installed"
            );
        }
        ensure!(
            Path::new(KEYRING).is_file(),
            "{KEYRING} is missing: apt-get install debian-archive-keyring"
        );
        for part in ["state/lists/partial", "cache"] {
            create_directory(&directory.join(part))?;
        }
        let uri = mirror(area)?;
        let archive = Self { directory };
        archive.write(
            "sources.list",
            &format!("deb [signed-by={KEYRING}] {uri} {suite} main\n"),
        )?;
        archive.write("status", "")?;
        process::run(
            archive
                .apt("apt-get")
                .args(["--quiet", "update"])
                .stdout(io::stderr()),
        )
        .with_context(|| format!("fetching the list of packages of {uri} {suite}"))?;
        Ok(archive)
    }

    /// The packages that a package depends on, not theirs in turn.
    ///
    /// # Errors
    /// There is no such package.
    pub fn dependencies(&self, package: &str) -> anyhow::Result<Vec<String>> {
        let lines = process::read(self.apt("apt-cache").args(["depends", package]))?;
        Ok(lines
            .lines()
            .filter_map(|line| line.trim_start().strip_prefix("Depends: "))
            .map(String::from)
            .collect())
    }

    /// The names of the packages that start with `prefix`.
    ///
    /// # Errors
    /// The list cannot be read.
    pub fn names(&self, prefix: &str) -> anyhow::Result<Vec<String>> {
        let names = process::read(self.apt("apt-cache").args(["pkgnames", prefix]))?;
        Ok(names.lines().map(String::from).collect())
    }

    /// Unpacks packages, one over the other, into a directory.
    ///
    /// # Errors
    /// A package cannot be fetched, is not signed, or does not unpack.
    pub fn unpack(&self, packages: &[String], into: &Path) -> anyhow::Result<()> {
        self.fetch_and_unpack(&["download"], packages, into)
    }

    /// Unpacks packages and all that they depend on, down to the C library, so
    /// that nothing of this machine is needed to run them.
    ///
    /// # Errors
    /// As for [`Archive::unpack`].
    pub fn unpack_whole(&self, packages: &[String], into: &Path) -> anyhow::Result<()> {
        let verb = [
            "install",
            "--yes",
            "--download-only",
            "--no-install-recommends",
        ];
        self.fetch_and_unpack(&verb, packages, into)
    }

    fn fetch_and_unpack(
        &self,
        verb: &[&str],
        packages: &[String],
        into: &Path,
    ) -> anyhow::Result<()> {
        let downloads = self.directory.join("downloads");
        create_directory(&downloads.join("partial"))?;
        process::run(
            self.apt("apt-get")
                .arg("-qq")
                .args(verb)
                .args(packages)
                .current_dir(&downloads)
                .stdout(io::stderr()),
        )
        .with_context(|| format!("fetching {}", packages.join(" ")))?;
        create_directory(into)?;
        let reading = || format!("reading {}", downloads.display());
        for file in fs::read_dir(&downloads).with_context(reading)? {
            let file = file.with_context(reading)?.path();
            if file.extension().is_some_and(|extension| extension == "deb") {
                process::run(
                    Command::new("dpkg-deb")
                        .arg("--extract")
                        .arg(&file)
                        .arg(into),
                )?;
            }
        }
        fs::remove_dir_all(&downloads).with_context(|| format!("removing {}", downloads.display()))
    }

    fn write(&self, name: &str, text: &str) -> anyhow::Result<()> {
        let path = self.directory.join(name);
        fs::write(&path, text).with_context(|| format!("writing {}", path.display()))
    }

    fn apt(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let mut set = |option: &str, value: &Path| {
            command
                .arg("-o")
                .arg(format!("{option}={}", value.display()));
        };
        let in_directory = |name| self.directory.join(name);
        set("Dir::State", &in_directory("state"));
        set("Dir::State::status", &in_directory("status"));
        set("Dir::Cache", &in_directory("cache"));
        set("Dir::Cache::archives", &in_directory("downloads"));
        set("Dir::Etc::sourcelist", &in_directory("sources.list"));
        set("Dir::Etc::sourceparts", Path::new("/dev/null"));
        set("Dir::Etc::preferences", Path::new("/dev/null"));
        set("Dir::Etc::preferencesparts", Path::new("/dev/null"));
        // The user that apt would change to cannot write into our directories.
        command.args(["-o", "APT::Sandbox::User=root"]);
        // Nothing but the packages' list is wanted, whatever this machine wants.
        command.args(["-o", "Acquire::Languages=none"]);
        command.args([
            "-o",
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false",
        ]);
        command.args(["-o", "Acquire::Retries=3"]);
        command
    }
}

fn create_directory(path: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(path).with_context(|| format!("creating {}", path.display()))
}
