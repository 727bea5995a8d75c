//! What is fetched or made once and kept in the cache.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;

use crate::project;

/// A part of the cache, with a lock of its own.
pub struct Store {
    directory: PathBuf,
}

impl Store {
    /// Opens the part of this name.
    ///
    /// # Errors
    /// There is no cache, or it cannot be written.
    pub fn open(part: &str) -> anyhow::Result<Self> {
        Self::at(project::cache()?.join(part))
    }

    fn at(directory: PathBuf) -> anyhow::Result<Self> {
        create(&directory)?;
        Ok(Self { directory })
    }

    /// A path below it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// The directory of this name. Where it is missing, `fill` is given an empty
    /// one that takes its place once it is complete; so what is there is whole,
    /// and tasks that find it need not wait for each other.
    ///
    /// # Errors
    /// Those of `fill`, and of creating the directory.
    pub fn get(
        &self,
        name: &str,
        fill: impl FnOnce(&Path) -> anyhow::Result<()>,
    ) -> anyhow::Result<PathBuf> {
        let path = self.path(name);
        if path.exists() {
            return Ok(path);
        }
        let _lock = project::lock(&self.directory)?;
        if path.exists() {
            return Ok(path);
        }
        let partial = self.path(&format!("{name}.partial"));
        let failed = || format!("cannot make {}", path.display());
        if partial.exists() {
            fs::remove_dir_all(&partial).with_context(failed)?;
        }
        create(&partial)?;
        fill(&partial)?;
        fs::rename(&partial, &path).with_context(failed)?;
        Ok(path)
    }
}

fn create(directory: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(directory).with_context(|| format!("cannot create {}", directory.display()))
}

#[cfg(test)]
mod tests;
