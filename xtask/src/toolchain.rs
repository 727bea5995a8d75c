//! What compiles for the BPF target: a Rust compiler that has the source of its
//! `core`, and bpf-linker. What is missing is fetched into the cache; the Rust
//! of the machine stays as it is.

use std::{
    env,
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, ensure};

use crate::{
    apt::{self, Archive, Area},
    process,
};

/// The BPF target, of the byte order of this machine's CPUs.
pub const TARGET: &str = "bpfel-unknown-none";

/// Where `library/` lies in a compiler's sysroot.
const CORE_SOURCE: &str = "lib/rustlib/src/rust/library/core/src/lib.rs";

/// All LLVMs that are involved must agree: the compiler's, whose bitcode the
/// linker reads, and the linker's.
const LLVM: &str = "22";
const BPF_LINKER: &str = "0.13.0";

/// Debian's Rust for its browsers: a new one for an old release, of which the
/// source is packaged too, always in the same version.
const RUST_SUITE: &str = "bookworm-security";
const RUST_PACKAGES: [&str; 4] = [
    "rustc-web",
    "libstd-rust-web-dev",
    "rust-web-src",
    "rust-web-clippy",
];

/// Compiles for [`TARGET`].
pub struct Toolchain {
    compiler: Compiler,
    sysroot: PathBuf,
    linker: PathBuf,
}

enum Compiler {
    /// The one that compiles the rest of the project.
    Own,
    /// Debian's.
    Debian(Debian),
}

impl Toolchain {
    /// Finds the toolchain; fetches and builds what is missing of it.
    ///
    /// # Errors
    /// Something is missing and cannot be installed: the message says how to get it.
    pub fn set_up(cache: &Path) -> anyhow::Result<Self> {
        // First, for Debian's compiler uses its LLVM.
        let linker = linker(cache)?;
        let own = sysroot(&mut rustc())?;
        if own.join(CORE_SOURCE).is_file() {
            return Ok(Self {
                compiler: Compiler::Own,
                sysroot: own,
                linker,
            });
        }
        let debian = Debian::set_up(cache).context(
            "compiling eBPF needs the source of Rust's core library: \
             `rustup component add rust-src` installs it; without it, Debian's is used",
        )?;
        let sysroot = sysroot(debian.environment(&mut Command::new(debian.rustc())))?;
        ensure!(
            sysroot.join(CORE_SOURCE).is_file(),
            "the compiler in {} lacks its source: remove that directory and try again",
            debian.root.display()
        );
        Ok(Self {
            compiler: Compiler::Debian(debian),
            sysroot,
            linker,
        })
    }

    /// Compiles the package in a directory. What comes of it depends on the
    /// sources alone: not on where they lie, nor on the user's settings.
    pub fn build(&self, package: &Path, target_directory: &Path) -> Command {
        let mut command = process::cargo(&["build"]);
        self.compile(&mut command, package, target_directory);
        command
    }

    /// As [`Toolchain::build`], but only lints.
    pub fn clippy(&self, package: &Path, target_directory: &Path) -> Command {
        let mut command = match &self.compiler {
            Compiler::Own => process::cargo(&["clippy"]),
            Compiler::Debian(debian) => debian.clippy(),
        };
        self.compile(&mut command, package, target_directory);
        command.args(["--", "--deny", "warnings"]);
        command
    }

    fn compile(&self, command: &mut Command, package: &Path, target_directory: &Path) {
        let cargo_home = env::var_os("CARGO_HOME").map_or_else(
            || env::home_dir().unwrap_or_default().join(".cargo"),
            PathBuf::from,
        );
        let remapped = [
            (package.parent().unwrap_or(package), "nkview"),
            (&cargo_home, "cargo"),
            (&self.sysroot, "rust"),
        ]
        .map(|(from, to)| {
            let mut flag = OsString::from("--remap-path-prefix=");
            flag.push(from);
            flag.push("=");
            flag.push(to);
            flag
        });
        command
            .args(["--locked", "--release", "--target", TARGET])
            .args(["-Z", "build-std=core", "--target-dir"])
            .arg(target_directory)
            .current_dir(package)
            // The compiler is a stable one; building core is not a stable feature.
            .env("RUSTC_BOOTSTRAP", "1")
            .env("CARGO_ENCODED_RUSTFLAGS", remapped.join("\u{1f}".as_ref()))
            .env("CARGO_TARGET_BPFEL_UNKNOWN_NONE_LINKER", &self.linker);
        if let Compiler::Debian(debian) = &self.compiler {
            debian.environment(command).env("RUSTC", debian.rustc());
        }
    }
}

/// Debian's compiler, unpacked.
struct Debian {
    root: PathBuf,
}

impl Debian {
    /// Unpacks it into the cache, once.
    fn set_up(cache: &Path) -> anyhow::Result<Self> {
        let debian = Self {
            root: cache.join("debian-rust"),
        };
        let root = &debian.root;
        if debian.rustc().is_file() && debian.cargo_clippy().is_file() {
            return Ok(debian);
        }
        eprintln!(
            "Fetching Debian's Rust compiler with its source into {}",
            root.display()
        );
        let archive = Archive::open(cache.join("apt"), Area::Security, RUST_SUITE)?;
        let mut packages: Vec<_> = RUST_PACKAGES.map(String::from).into();
        // The name of the package of the shared libraries has the version in it.
        packages.extend(archive.dependencies("libstd-rust-web-dev")?);
        let unfinished = cache.join("debian-rust.unfinished");
        for old in [root, &unfinished] {
            remove(old)?;
        }
        archive.unpack(&packages, &unfinished)?;
        fs::rename(&unfinished, root).with_context(|| format!("renaming to {}", root.display()))?;
        Ok(debian)
    }

    fn rustc(&self) -> PathBuf {
        self.root.join("usr/bin/rustc")
    }

    fn cargo_clippy(&self) -> PathBuf {
        self.root.join("usr/bin/cargo-clippy")
    }

    fn clippy(&self) -> Command {
        let mut command = Command::new(self.cargo_clippy());
        // What cargo itself would call it with. It calls cargo in turn.
        command.arg("clippy").env("CARGO", process::cargo_path());
        command
    }

    /// Lets the compiler find its libraries.
    fn environment<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        let libraries = format!("usr/lib/{}-linux-gnu", env::consts::ARCH);
        command.env("LD_LIBRARY_PATH", self.root.join(libraries))
    }
}

/// The compiler that cargo would take.
fn rustc() -> Command {
    Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
}

fn sysroot(rustc: &mut Command) -> anyhow::Result<PathBuf> {
    let path = process::read(rustc.args(["--print", "sysroot"]))?;
    Ok(PathBuf::from(path.trim_end()))
}

fn remove(directory: &Path) -> anyhow::Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing {}", directory.display()))
        }
        _ => Ok(()),
    }
}

/// The linker, built from its source.
fn linker(cache: &Path) -> anyhow::Result<PathBuf> {
    let root = cache.join(format!("bpf-linker-{BPF_LINKER}-llvm-{LLVM}"));
    let linker = root.join("bin/bpf-linker");
    let llvm = env::var_os("LLVM_PREFIX").map_or_else(
        || PathBuf::from(format!("/usr/lib/llvm-{LLVM}")),
        PathBuf::from,
    );
    if !llvm.join("include/llvm-c").is_dir() {
        apt::install(&[&format!("llvm-{LLVM}-dev"), "g++"], "building bpf-linker").with_context(
            || {
                format!(
                    "there is no LLVM {LLVM} in {} (LLVM_PREFIX names another place)",
                    llvm.display()
                )
            },
        )?;
    }
    if linker.is_file() {
        return Ok(linker);
    }
    eprintln!("Building bpf-linker into {}", root.display());
    process::run(
        process::cargo(&["install"])
            .args(["bpf-linker", "--version", BPF_LINKER, "--locked"])
            .args(["--no-default-features", "--features"])
            .arg(format!("llvm-{LLVM}"))
            .arg("--root")
            .arg(&root)
            .env("LLVM_PREFIX", &llvm),
    )
    .context("building bpf-linker")?;
    Ok(linker)
}
