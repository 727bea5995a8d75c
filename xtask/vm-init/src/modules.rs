//! The kernel modules without which there is no port and no file of the host's.

use std::fs::{self, File};

use anyhow::Context;
use vm_init::MODULES_PATH;

/// Loads the modules of the initramfs in the order of their names.
pub fn load_all() -> anyhow::Result<()> {
    let mut modules = fs::read_dir(MODULES_PATH)
        .and_then(|entries| {
            entries
                .map(|entry| Ok(entry?.path()))
                .collect::<std::io::Result<Vec<_>>>()
        })
        .with_context(|| format!("cannot list {MODULES_PATH}"))?;
    modules.sort();
    for module in modules {
        File::open(&module)
            .and_then(|file| Ok(rustix::system::finit_module(file, c"", 0)?))
            .with_context(|| format!("cannot load {}", module.display()))?;
    }
    Ok(())
}
