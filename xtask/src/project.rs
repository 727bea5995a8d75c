//! Where things are.

use std::{
    env,
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
    sync::LazyLock,
};

use anyhow::{Context, anyhow};

/// The root of the sources.
pub fn root() -> &'static Path {
    static XTASK: LazyLock<PathBuf> = LazyLock::new(|| {
        // Cargo sets where it runs this. Where it was compiled may be another
        // checkout, if they share a target directory.
        let running = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
        running.unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into())
    });
    XTASK.parent().unwrap_or(&XTASK)
}

/// The directory for what is downloaded and built on the side, outside of the
/// sources: `$NKVIEW_CACHE`, else `$XDG_CACHE_HOME/nkview`, else
/// `~/.cache/nkview`. It is created where it is missing.
///
/// # Errors
/// No such directory can be named or created.
pub fn cache() -> anyhow::Result<PathBuf> {
    let directory = |variable| {
        env::var_os(variable)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let path = directory("NKVIEW_CACHE")
        .or_else(|| Some(directory("XDG_CACHE_HOME")?.join("nkview")))
        .or_else(|| Some(directory("HOME")?.join(".cache/nkview")))
        .ok_or_else(|| {
            anyhow!("no directory for the cache: set NKVIEW_CACHE or HOME to an absolute path")
        })?;
    fs::create_dir_all(&path).with_context(|| {
        format!(
            "creating the cache {} (NKVIEW_CACHE names another)",
            path.display()
        )
    })?;
    Ok(path)
}

/// Keeps other tasks that use the same cache away for as long as the file that
/// is returned lives.
///
/// # Errors
/// The lock's file cannot be created or locked.
pub fn lock(cache: &Path) -> anyhow::Result<File> {
    let path = cache.join("lock");
    let locking = || format!("locking the cache by {}", path.display());
    let file = File::create(&path).with_context(locking)?;
    match file.try_lock() {
        Ok(()) => return Ok(file),
        Err(TryLockError::WouldBlock) => {
            eprintln!("Waiting for the task that holds {}", path.display());
        }
        Err(TryLockError::Error(error)) => return Err(error).with_context(locking),
    }
    file.lock().with_context(locking)?;
    Ok(file)
}
