//! The eBPF programs, compiled. The object is committed, so that users need no
//! more than a stable Rust, and is the same whoever compiles it, so that anyone
//! can prove that it is what the sources give.

use std::{
    fs::{self, File},
    path::PathBuf,
};

use anyhow::{Context, ensure};

use crate::{
    process, project,
    toolchain::{TARGET, Toolchain},
};

/// Where the object is committed, relative to the root.
const OBJECT: &str = "assets/nkview.bpf.o";

/// The options of `cargo xtask build-ebpf`.
#[derive(clap::Args)]
pub struct Args {
    /// Change nothing; fail if the committed object is not what the sources give
    #[arg(long)]
    check: bool,
}

/// Compiles the programs into the object that nkview embeds.
///
/// # Errors
/// The toolchain cannot be had, the programs do not compile, or, when
/// checking, the committed object is another.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let workshop = Workshop::set_up()?;
    if args.check {
        workshop.prove()
    } else {
        workshop.replace()
    }
}

/// Lints the programs, and proves that the committed object is what the sources
/// give.
///
/// # Errors
/// The toolchain cannot be had, a lint finds something, or the committed object
/// is another.
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
    object: PathBuf,
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
            object: project::root().join(OBJECT),
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

    fn compile(&self) -> anyhow::Result<Vec<u8>> {
        let Self {
            package,
            target_directory,
            ..
        } = self;
        process::run(&mut self.toolchain.build(package, target_directory))
            .context("compiling the eBPF programs")?;
        let object = target_directory.join(TARGET).join("release/nkview-bpf");
        fs::read(&object).with_context(|| format!("reading {}", object.display()))
    }

    fn replace(&self) -> anyhow::Result<()> {
        let built = self.compile()?;
        let unchanged = fs::read(&self.object).is_ok_and(|committed| committed == built);
        if !unchanged {
            fs::write(&self.object, &built)
                .with_context(|| format!("writing {}", self.object.display()))?;
        }
        let outcome = if unchanged { "unchanged" } else { "new" };
        println!("{OBJECT}: {} bytes, {outcome}", built.len());
        Ok(())
    }

    fn prove(&self) -> anyhow::Result<()> {
        let committed = fs::read(&self.object).with_context(|| {
            format!(
                "reading {}: `cargo xtask build-ebpf` makes it",
                self.object.display()
            )
        })?;
        let built = self.compile()?;
        ensure!(
            committed == built,
            "{OBJECT} ({} bytes) is not what the sources give ({} bytes): \
             run `cargo xtask build-ebpf` and commit the object with the sources",
            committed.len(),
            built.len()
        );
        println!("{OBJECT}: {} bytes, as the sources give", built.len());
        Ok(())
    }
}
