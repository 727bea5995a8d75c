//! The archive, the Debian package and the RPM.

use std::{fs, path::Path, process::Command};

use anyhow::Context;

use super::{Release, create, stage::write};
use crate::{process, project};

/// How packages describe nkview, besides its name and version.
const SUMMARY: &str = "live view of all network flows, counted exactly with eBPF";
const MAINTAINER: &str = "The nkview developers <nkview@users.noreply.github.com>";
const HOMEPAGE: &str = "https://github.com/nkview/nkview";

/// A compressed archive of the tree.
///
/// # Errors
/// It cannot be written.
pub fn archive(release: &Release) -> anyhow::Result<()> {
    let name = format!("nkview-{}-x86_64-linux.tar", release.version);
    let path = release.output.join(name);
    release.tar(&release.tree, &path)?;
    process::run(
        Command::new("gzip")
            .args(["--best", "--no-name"])
            .arg(&path),
    )
}

/// The package for Debian and Ubuntu.
///
/// # Errors
/// `dpkg-deb` fails.
pub fn deb(release: &Release) -> anyhow::Result<()> {
    let size = kibibytes(&release.tree)?;
    let control = control(&release.version, size);
    let control_directory = release.tree.join("DEBIAN");
    write(&control_directory.join("control"), control.as_bytes())?;
    let package = release
        .output
        .join(format!("nkview_{}_amd64.deb", release.version));
    process::run(
        release
            .command("dpkg-deb")
            // Debian 11 and Ubuntu 20.04 do not read zstd.
            .args(["--root-owner-group", "-Zxz", "--build"])
            .arg(&release.tree)
            .arg(package),
    )?;
    fs::remove_dir_all(control_directory).context("removing the control file")
}

fn control(version: &str, kibibytes: u64) -> String {
    format!(
        "Package: nkview\n\
         Version: {version}\n\
         Architecture: amd64\n\
         Maintainer: {MAINTAINER}\n\
         Installed-Size: {kibibytes}\n\
         Section: net\n\
         Priority: optional\n\
         Homepage: {HOMEPAGE}\n\
         Description: {SUMMARY}\n \
         nkview attaches eBPF programs to netkit, veth and other network devices, counts\n \
         every flow exactly and shows them in the terminal, with what is wrong with them.\n \
         The program is static; it needs Linux 5.12 or later.\n"
    )
}

/// The package for Fedora, Red Hat and SUSE.
///
/// # Errors
/// `rpmbuild` fails.
pub fn rpm(release: &Release) -> anyhow::Result<()> {
    let work = release.output.join("rpmbuild");
    create(&work)?;
    let spec = project::root().join("assets/packaging/nkview.spec");
    let define = |name: &str, value: &str| format!("--define={name} {value}");
    process::run(
        release
            .command("rpmbuild")
            .args(["-bb", "--quiet", "--target=x86_64-linux"])
            .arg(define("_topdir", &work.to_string_lossy()))
            .arg(define("_rpmdir", &release.output.to_string_lossy()))
            .arg(define(
                "_rpmfilename",
                "%{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}.rpm",
            ))
            .arg(define("_dbpath", &work.join("db").to_string_lossy()))
            .arg(define("nkview_version", &release.version))
            .arg(define("nkview_summary", SUMMARY))
            .arg(define("nkview_url", HOMEPAGE))
            .arg(define("nkview_tree", &release.tree.to_string_lossy()))
            .arg(spec),
    )?;
    fs::remove_dir_all(work).context("removing what rpmbuild leaves")
}

/// The space that the files below a directory take.
fn kibibytes(directory: &Path) -> anyhow::Result<u64> {
    let reading = || format!("reading {}", directory.display());
    let mut sum = 0;
    for entry in fs::read_dir(directory).with_context(reading)? {
        let entry = entry.with_context(reading)?;
        let metadata = entry.metadata().with_context(reading)?;
        sum += if metadata.is_dir() {
            kibibytes(&entry.path())?
        } else {
            metadata.len().div_ceil(1024)
        };
    }
    Ok(sum)
}
