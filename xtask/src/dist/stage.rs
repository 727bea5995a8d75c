//! The tree that the packages are made from, as it is installed.

use std::{
    env, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context;

use super::{Release, TARGET, create};
use crate::{process, program::Program, project};

/// Where the shells look for the completions of `nkview`.
const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "usr/share/bash-completion/completions/nkview"),
    ("zsh", "usr/share/zsh/site-functions/_nkview"),
    ("fish", "usr/share/fish/vendor_completions.d/nkview.fish"),
];

/// The systemd units: none of them is enabled or started by being installed.
const UNITS: [&str; 2] = ["nkview-record@.service", "nkview-serve.service"];

/// The manifests of Kubernetes.
const MANIFEST: &str = "nkview-daemonset.yaml";

/// The documents that go with the program.
const DOCUMENTS: [&str; 4] = ["README.md", "CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT"];

/// Builds the program and puts all that is installed into the release's tree.
///
/// # Errors
/// Something does not build, or cannot be written.
pub fn stage(release: &Release, target: &Path) -> anyhow::Result<()> {
    let tree = &release.tree;
    let program = tree.join("usr/bin/nkview");
    copy(&build(target)?, &program, 0o755)?;
    for (shell, path) in COMPLETIONS {
        let script = process::read(Command::new(&program).args(["completions", shell]))?;
        write(&tree.join(path), script.as_bytes())?;
    }
    for unit in UNITS {
        let path = tree.join("usr/lib/systemd/system").join(unit);
        copy(&packaging(unit), &path, 0o644)?;
    }
    let pages = tree.join("usr/share/man");
    man_pages(release, &pages)?;
    let documents = tree.join("usr/share/doc/nkview");
    for name in DOCUMENTS {
        copy(&project::root().join(name), &documents.join(name), 0o644)?;
    }
    copy(&packaging("copyright"), &documents.join("copyright"), 0o644)?;
    copy(
        &packaging(MANIFEST),
        &documents.join("examples").join(MANIFEST),
        0o644,
    )?;
    Ok(())
}

/// Builds the static program.
///
/// Rust's target for musl is not available everywhere; with `crt-static` the GNU C
/// library is linked in, and the program runs where there is none. It uses no part
/// of it that would load others at run time (name service, locales, iconv).
fn build(target: &Path) -> anyhow::Result<PathBuf> {
    let cargo_home = env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo")));
    let mut flags = vec!["-Ctarget-feature=+crt-static".to_owned()];
    // Paths of this machine are in the messages of panics.
    let remap = |from: &Path, to: &str| format!("--remap-path-prefix={}={to}", from.display());
    flags.push(remap(project::root(), "/nkview"));
    flags.extend(cargo_home.map(|home| remap(&home, "/cargo")));
    let flags = serde_json::to_string(&flags).context("the flags of the compiler")?;
    let flags = format!("target.{TARGET}.rustflags={flags}");
    let target = target.to_string_lossy();
    let arguments = [
        "build",
        "--locked",
        "--release",
        "--package=nkview",
        "--target",
        TARGET,
        "--target-dir",
        &*target,
        "--config",
        &*flags,
    ];
    Ok(Program::build_one(&arguments, "nkview")?.path)
}

/// Writes the man pages, compressed, each into the directory of its section.
fn man_pages(release: &Release, directory: &Path) -> anyhow::Result<()> {
    let written = release.output.join("pages");
    let mut pages = process::cargo(&["run", "--locked", "--quiet", "--package=pages", "--"]);
    process::run(pages.arg(&written).env("SOURCE_DATE_EPOCH", &release.epoch))?;
    for page in fs::read_dir(&written).context("listing the man pages")? {
        let page = page.context("listing the man pages")?.path();
        let section = page.extension().unwrap_or_default().to_string_lossy();
        let name = page.file_name().unwrap_or_default();
        let path = directory.join(format!("man{section}")).join(name);
        copy(&page, &path, 0o644)?;
        process::run(
            Command::new("gzip")
                .args(["--best", "--no-name"])
                .arg(&path),
        )?;
    }
    fs::remove_dir_all(&written).context("removing the man pages")
}

/// Puts the manifests of Kubernetes next to the packages.
///
/// # Errors
/// They cannot be copied.
pub fn copy_manifests(release: &Release) -> anyhow::Result<()> {
    copy(&packaging(MANIFEST), &release.output.join(MANIFEST), 0o644)
}

/// A file that only packages need.
fn packaging(name: &str) -> PathBuf {
    project::root().join("assets/packaging").join(name)
}

/// Writes a file that everybody may read, and the directories above it.
///
/// # Errors
/// It cannot be written.
pub fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let writing = || format!("writing {}", path.display());
    create(path.parent().unwrap_or(path))?;
    fs::write(path, bytes).with_context(writing)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).with_context(writing)
}

fn copy(from: &Path, to: &Path, mode: u32) -> anyhow::Result<()> {
    let bytes = fs::read(from).with_context(|| format!("reading {}", from.display()))?;
    write(to, &bytes)?;
    fs::set_permissions(to, fs::Permissions::from_mode(mode))
        .with_context(|| format!("setting the mode of {}", to.display()))
}
