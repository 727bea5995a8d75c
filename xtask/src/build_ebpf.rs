//! The eBPF programs, compiled. The objects are committed, so that users need no
//! more than a stable Rust, and are the same whoever compiles them, so that anyone
//! can prove that they are what the sources give.

use std::{
    fs::{self, File},
    path::PathBuf,
};

use anyhow::{Context, ensure};

use crate::{
    process, project,
    toolchain::{TARGET, Toolchain},
};

/// A binary of the package, and where its object is committed, relative to the
/// root.
struct Object {
    binary: &'static str,
    path: &'static str,
}

const OBJECTS: [Object; 3] = [
    Object {
        binary: "nkview-bpf",
        path: "assets/nkview.bpf.o",
    },
    Object {
        binary: "nkview-signals",
        path: "assets/signals.bpf.o",
    },
    Object {
        binary: "nkview-block",
        path: "assets/block.bpf.o",
    },
];

/// The options of `cargo xtask build-ebpf`.
#[derive(clap::Args)]
pub struct Args {
    /// Change nothing; fail if the committed objects are not what the sources give
    #[arg(long)]
    check: bool,
}

/// Compiles the programs into the objects that nkview embeds.
///
/// # Errors
/// The toolchain cannot be installed, the programs do not compile, or, when
/// checking, a committed object is another.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let workshop = Workshop::set_up()?;
    if args.check {
        workshop.prove()
    } else {
        workshop.replace()
    }
}

/// Lints the programs, and proves that the committed objects are what the sources
/// give.
///
/// # Errors
/// The toolchain cannot be installed, a lint finds something, or a committed object is
/// another.
pub fn check() -> anyhow::Result<()> {
    let workshop = Workshop::set_up()?;
    workshop.lint()?;
    workshop.prove()
}

/// All that the programs are compiled with. As long as it lives, no other task
/// changes the cache.
struct Workshop {
    toolchain: Toolchain,
    package: PathBuf,
    target_directory: PathBuf,
    _lock: File,
}

impl Workshop {
    fn set_up() -> anyhow::Result<Self> {
        let cache = project::cache()?;
        let lock = project::lock(&cache)?;
        Ok(Self {
            toolchain: Toolchain::set_up(&cache)?,
            package: project::root().join("probe-ebpf"),
            target_directory: cache.join("ebpf-target"),
            _lock: lock,
        })
    }

    fn lint(&self) -> anyhow::Result<()> {
        let Self {
            package,
            target_directory,
            ..
        } = self;
        process::run(&mut self.toolchain.clippy(package, target_directory))
            .context("linting the eBPF programs")
    }

    /// Compiles all objects.
    fn compile(&self) -> anyhow::Result<()> {
        let Self {
            package,
            target_directory,
            ..
        } = self;
        process::run(&mut self.toolchain.build(package, target_directory))
            .context("compiling the eBPF programs")
    }

    fn built(&self, object: &Object) -> anyhow::Result<Vec<u8>> {
        let directory = self.target_directory.join(TARGET).join("release");
        let built = directory.join(object.binary);
        fs::read(&built).with_context(|| format!("reading {}", built.display()))
    }

    fn replace(&self) -> anyhow::Result<()> {
        self.compile()?;
        for object in &OBJECTS {
            let built = self.built(object)?;
            let committed = project::root().join(object.path);
            let unchanged = fs::read(&committed).is_ok_and(|bytes| bytes == built);
            if !unchanged {
                fs::write(&committed, &built)
                    .with_context(|| format!("writing {}", committed.display()))?;
            }
            let outcome = if unchanged { "unchanged" } else { "new" };
            println!("{}: {} bytes, {outcome}", object.path, built.len());
        }
        Ok(())
    }

    fn prove(&self) -> anyhow::Result<()> {
        self.compile()?;
        for object in &OBJECTS {
            let path = object.path;
            let committed = fs::read(project::root().join(path))
                .with_context(|| format!("reading {path}: `cargo xtask build-ebpf` makes it"))?;
            let built = self.built(object)?;
            ensure!(
                committed == built,
                "{path} ({} bytes) is not what the sources give ({} bytes): \
                 run `cargo xtask build-ebpf` and commit the object with the sources",
                committed.len(),
                built.len()
            );
            println!("{path}: {} bytes, as the sources give", built.len());
        }
        Ok(())
    }
}
