//! Debian's kernels.

use std::{
    ffi::OsStr,
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context, bail, ensure};

use crate::{
    apt::{Archive, Area},
    process,
    store::Store,
    tools::Tools,
    vm::cpio,
};

mod image;
mod version;

/// The modules without which there is no port to the host and no file of it;
/// those that they need come with them.
const FIRST_MODULES: [&str; 4] = ["virtio_pci", "virtio_console", "virtiofs", "overlay"];

/// A series of kernels that the project is tested on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// The oldest: no netkit and no tcx.
    V6_1,
    /// The usual one: Debian 13's.
    V6_12,
    /// A newer one.
    V6_18,
    /// The newest.
    V7_3,
}

impl Kernel {
    /// All of them, the usual one first.
    pub const ALL: [Self; 4] = [Self::V6_12, Self::V6_1, Self::V6_18, Self::V7_3];

    /// The first two numbers of its version.
    pub fn series(self) -> &'static str {
        match self {
            Self::V6_1 => "6.1",
            Self::V6_12 => "6.12",
            Self::V6_18 => "6.18",
            Self::V7_3 => "7.3",
        }
    }

    /// What it has and has not, in the words of the kernel tests: there a test
    /// that needs it must not be ignored.
    pub const fn required(self) -> &'static str {
        match self {
            Self::V6_1 => "no-netkit,no-tcx,vlan",
            Self::V6_12 | Self::V6_18 | Self::V7_3 => "netkit,tcx,vlan",
        }
    }

    fn suite(self) -> &'static str {
        match self {
            Self::V6_1 => "bookworm",
            Self::V6_12 => "trixie",
            Self::V6_18 | Self::V7_3 => "trixie-backports",
        }
    }
}

/// A kernel that is ready to be booted.
pub struct Files {
    /// The kernel as an ELF file, which needs no unpacking in the machine.
    pub image: PathBuf,
    /// An archive of the modules to load first.
    pub first_modules: PathBuf,
    /// The directory that is to be `/lib/modules`.
    pub modules: PathBuf,
}

impl Files {
    /// Fetches the newest kernel of the series where the cache has none.
    ///
    /// # Errors
    /// It cannot be fetched, or is not as expected.
    pub fn prepare(kernel: Kernel, store: &Store, tools: &Tools) -> anyhow::Result<Self> {
        let series = kernel.series();
        let root = store.get(&format!("linux-{series}"), |directory| {
            eprintln!("Fetching Linux {series} for the virtual machine (25 to 50 MB)");
            fetch(kernel, store, directory)
                .and_then(|()| convert(directory, tools))
                .with_context(|| format!("cannot prepare Linux {series}"))
        })?;
        Ok(Self {
            image: root.join(IMAGE),
            first_modules: root.join(MODULES_ARCHIVE),
            modules: root.join(MODULES),
        })
    }
}

// Where these are in a kernel's directory of the cache.
const IMAGE: &str = "vmlinux";
const MODULES_ARCHIVE: &str = "modules.cpio";
const MODULES: &str = "lib/modules";

fn fetch(kernel: Kernel, store: &Store, into: &Path) -> anyhow::Result<()> {
    let suite = kernel.suite();
    let archive = Archive::open(store.path(&format!("apt-{suite}")), Area::Main, suite)?;
    let names = archive.names("linux-")?;
    let packages = version::newest(kernel.series(), &names).with_context(|| {
        format!(
            "Debian's {suite} has no linux-image-{}…-cloud-amd64",
            kernel.series()
        )
    })?;
    let unpacked = into.join("unpacked");
    archive.unpack(&packages, &unpacked)?;

    // Debian moved /lib to /usr/lib between these kernels.
    let usr_modules = unpacked.join("usr").join(MODULES);
    let modules = if usr_modules.exists() {
        usr_modules
    } else {
        unpacked.join(MODULES)
    };
    let failed = || format!("cannot find the kernel in {}", packages.join(" "));
    let release = only_entry(&modules).with_context(failed)?;
    let name = release.file_name().unwrap_or_default().to_string_lossy();
    let image = [
        unpacked.join(format!("boot/vmlinuz-{name}")),
        release.join("vmlinuz"),
    ];
    let image = image
        .iter()
        .find(|path| path.exists())
        .with_context(failed)?;
    rename(image, &into.join(COMPRESSED_IMAGE))?;
    create_directory(&into.join("lib"))?;
    rename(&modules, &into.join(MODULES))?;
    fs::remove_dir_all(&unpacked).with_context(|| format!("cannot remove {}", unpacked.display()))
}

const COMPRESSED_IMAGE: &str = "vmlinuz";

/// Makes of what was fetched what can be booted.
fn convert(directory: &Path, tools: &Tools) -> anyhow::Result<()> {
    let compressed = read(&directory.join(COMPRESSED_IMAGE))?;
    let payload = image::payload(&compressed)?;
    let mut unpack = tools.command(payload.compression.program());
    let image = filter(unpack.args(["-d", "-c"]), payload.data)?;
    image::ensure_bootable(&image)?;
    write(&directory.join(IMAGE), &image)?;

    let modules = only_entry(&directory.join(MODULES))?;
    let release = modules.file_name().unwrap_or_default();
    process::run(
        tools
            .command("sbin/depmod")
            .arg("--basedir")
            .arg(directory)
            .arg(release),
    )?;
    let archive = archive_of_first_modules(&modules, tools)?;
    write(&directory.join(MODULES_ARCHIVE), &archive)
}

fn archive_of_first_modules(modules: &Path, tools: &Tools) -> anyhow::Result<Vec<u8>> {
    let dependencies = read_text(&modules.join("modules.dep"))?;
    let builtin = read_text(&modules.join("modules.builtin"))?;
    let mut archive = cpio::Archive::default();
    let directory = vm_init::MODULES_PATH.trim_start_matches('/');
    archive.directory(directory);
    for (order, path) in loading_order(&FIRST_MODULES, &dependencies, &builtin)?
        .iter()
        .enumerate()
    {
        let path = modules.join(path);
        let data = read(&path)?;
        let data = if path.extension() == Some(OsStr::new("xz")) {
            filter(tools.command("bin/xz").args(["-d", "-c"]), &data)?
        } else {
            data
        };
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        archive.file(&format!("{directory}/{order:02}-{name}"), &data);
    }
    Ok(archive.finish())
}

/// The files of the modules and of all that they need, each after what it needs.
/// `dependencies` and `builtin` are the texts of `modules.dep` and
/// `modules.builtin`.
fn loading_order<'a>(
    names: &[&str],
    dependencies: &'a str,
    builtin: &str,
) -> anyhow::Result<Vec<&'a str>> {
    let mut order = Vec::new();
    for name in names {
        let line = dependencies
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(path, _)| module_name(path) == *name);
        let Some((path, needed)) = line else {
            let is_builtin = builtin.lines().any(|path| module_name(path) == *name);
            ensure!(is_builtin, "the kernel has no module {name}");
            continue;
        };
        // depmod lists what is needed last first.
        for path in needed.split_whitespace().rev().chain([path]) {
            if !order.contains(&path) {
                order.push(path);
            }
        }
    }
    Ok(order)
}

/// The name that the kernel has for the module in this file.
fn module_name(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.split('.').next().unwrap_or(file).replace('-', "_")
}

/// What a program makes of the data.
fn filter(command: &mut std::process::Command, data: &[u8]) -> anyhow::Result<Vec<u8>> {
    let shown = format!("{command:?}");
    let failed = || format!("{shown} failed");
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(failed)?;
    let Some(mut input) = child.stdin.take() else {
        bail!("{shown} has no input");
    };
    let output = std::thread::scope(|scope| {
        // A program that ends early prints the reason itself.
        scope.spawn(move || input.write_all(data));
        child.wait_with_output()
    })
    .with_context(failed)?;
    ensure!(output.status.success(), "{shown} failed: {}", output.status);
    Ok(output.stdout)
}

fn only_entry(directory: &Path) -> anyhow::Result<PathBuf> {
    let failed = || format!("cannot list {}", directory.display());
    let mut entries = fs::read_dir(directory).with_context(failed)?;
    match (entries.next(), entries.next()) {
        (Some(entry), None) => Ok(entry.with_context(failed)?.path()),
        _ => bail!("{} should have one entry", directory.display()),
    }
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

fn read_text(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

fn write(path: &Path, data: &[u8]) -> anyhow::Result<()> {
    fs::write(path, data).with_context(|| format!("cannot write {}", path.display()))
}

fn rename(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::rename(from, to)
        .with_context(|| format!("cannot move {} to {}", from.display(), to.display()))
}

fn create_directory(path: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(path).with_context(|| format!("cannot create {}", path.display()))
}

#[cfg(test)]
mod tests;
