//! The packages: one static program, its manual and its completions, as an
//! archive, for Debian and Red Hat, and as a container image.
//!
//! All of them are made from one tree ([`stage`]), with the tools that
//! distributions make their own packages with. Times are those of the commit
//! (`SOURCE_DATE_EPOCH`), paths of this machine are left out, so the same sources
//! give the same bytes.

mod bill;
mod image;
mod packages;
mod stage;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, ensure};

use crate::{apt, process, project};

/// What the packages are built for. The C library is inside: see
/// [`stage::build`].
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// The options of `cargo xtask dist`.
#[derive(clap::Args)]
pub struct Args {
    /// Where to put the packages [default: target/dist]
    #[arg(long)]
    output: Option<PathBuf>,
    /// Build everything a second time, in a target directory of its own, and
    /// compare the bytes
    #[arg(long)]
    verify: bool,
}

/// What is packed, and where to.
struct Release {
    version: String,
    /// Seconds since 1970 that all files are dated with.
    epoch: String,
    /// Where the packages go.
    output: PathBuf,
    /// The tree that is packed, as it is installed.
    tree: PathBuf,
}

impl Release {
    /// The command with the time that all files are dated with.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env("SOURCE_DATE_EPOCH", &self.epoch)
            .env("LC_ALL", "C");
        command
    }

    /// Packs what is in `directory`, always into the same bytes.
    fn tar(&self, directory: &Path, archive: &Path) -> anyhow::Result<()> {
        process::run(
            self.command("tar")
                .args(["--create", "--format=gnu", "--sort=name", "--numeric-owner"])
                .args(["--owner=0", "--group=0", "--mode=go-w"])
                .arg(format!("--mtime=@{}", self.epoch))
                .arg("--file")
                .arg(archive)
                .arg("--directory")
                .arg(directory)
                .arg("."),
        )
    }
}

/// Makes all packages.
///
/// # Errors
/// A tool is missing, or something does not build.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let missing: Vec<&str> = [("dpkg-deb", "dpkg"), ("rpmbuild", "rpm")]
        .into_iter()
        .filter(|(program, _)| !process::is_installed(program))
        .map(|(_, package)| package)
        .collect();
    if !missing.is_empty() {
        apt::install(&missing, "making packages")?;
    }
    let target = project::root().join("target");
    let output = args.output.clone().unwrap_or_else(|| target.join("dist"));
    let output = std::path::absolute(&output).context("where to put the packages")?;
    let sums = make(&output, &target)?;
    if args.verify {
        let again = target.join("dist-again");
        let sums_again = make(&again.join("dist"), &again)?;
        ensure!(
            sums == sums_again,
            "two builds differ:\n{sums}\n{sums_again}"
        );
        println!("Two builds gave the same bytes.");
    }
    print!("{sums}");
    println!("in {}", output.display());
    Ok(())
}

/// Makes all packages from a build in `target`; returns their checksums.
fn make(output: &Path, target: &Path) -> anyhow::Result<String> {
    let release = Release {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        epoch: epoch()?,
        tree: output.join("tree"),
        output: output.to_owned(),
    };
    if output.exists() {
        fs::remove_dir_all(output).with_context(|| format!("removing {}", output.display()))?;
    }
    create(output)?;
    stage::stage(&release, target)?;
    bill::write(&release)?;
    packages::archive(&release)?;
    packages::deb(&release)?;
    packages::rpm(&release)?;
    image::write(&release)?;
    stage::copy_manifests(&release)?;
    fs::remove_dir_all(&release.tree).context("removing the staged tree")?;
    checksums(output)
}

/// When the sources were last changed, from the environment or git.
fn epoch() -> anyhow::Result<String> {
    if let Ok(epoch) = env::var("SOURCE_DATE_EPOCH") {
        return Ok(epoch);
    }
    let mut git = Command::new("git");
    git.args(["log", "-1", "--format=%ct"])
        .current_dir(project::root());
    let time = process::read(&mut git)
        .context("the date of the sources is unknown: set SOURCE_DATE_EPOCH")?;
    Ok(time.trim().to_owned())
}

fn create(directory: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(directory).with_context(|| format!("creating {}", directory.display()))
}

/// Writes `SHA256SUMS` and returns it.
fn checksums(output: &Path) -> anyhow::Result<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(output).context("listing the packages")? {
        names.push(entry.context("listing the packages")?.file_name());
    }
    names.sort();
    let sums = process::read(Command::new("sha256sum").args(&names).current_dir(output))?;
    fs::write(output.join("SHA256SUMS"), &sums).context("writing the checksums")?;
    Ok(sums)
}

#[cfg(test)]
mod tests;
