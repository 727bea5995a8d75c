//! The eBPF programs, compiled. The object is committed, so that users need no
//! more than a stable Rust, and is the same whoever compiles it, so that anyone
//! can prove that it is what the sources give.

use std::{fs, path::Path};

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
    pub check: bool,
}

/// Compiles the programs into the object that nkview embeds.
///
/// # Errors
/// The toolchain cannot be had, the programs do not compile, or, when
/// checking, the committed object is another.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let committed = project::root().join(OBJECT);
    let object = compile()?;
    if args.check {
        return compare(&committed, &object);
    }
    let up_to_date = fs::read(&committed).is_ok_and(|old| old == object);
    if !up_to_date {
        let writing = || format!("writing {}", committed.display());
        fs::create_dir_all(committed.parent().unwrap_or(project::root())).with_context(writing)?;
        fs::write(&committed, &object).with_context(writing)?;
    }
    let outcome = if up_to_date { "unchanged" } else { "new" };
    println!("{OBJECT}: {} bytes, {outcome}", object.len());
    Ok(())
}

fn compile() -> anyhow::Result<Vec<u8>> {
    let cache = project::cache()?;
    let _lock = project::lock(&cache)?;
    let toolchain = Toolchain::set_up(&cache)?;
    let target_directory = cache.join("ebpf-target");
    process::run(&mut toolchain.cargo(
        "build",
        &project::root().join("probe-ebpf"),
        &target_directory,
    ))
    .context("compiling the eBPF programs")?;
    let object = target_directory.join(TARGET).join("release/nkview-bpf");
    fs::read(&object).with_context(|| format!("reading {}", object.display()))
}

fn compare(committed: &Path, built: &[u8]) -> anyhow::Result<()> {
    let object = fs::read(committed).with_context(|| {
        format!(
            "reading {}: `cargo xtask build-ebpf` makes it",
            committed.display()
        )
    })?;
    ensure!(
        object == built,
        "{OBJECT} ({} bytes) is not what the sources give ({} bytes): \
         run `cargo xtask build-ebpf` and commit the object with the sources",
        object.len(),
        built.len()
    );
    println!("{OBJECT}: {} bytes, as the sources give", built.len());
    Ok(())
}
