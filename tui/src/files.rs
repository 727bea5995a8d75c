//! Files that nkview creates for its user: private, and never behind a link.

use std::fs::{File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::mpsc;

use anyhow::{Context, anyhow, bail, ensure};
use rustix::fs::{Gid, OFlags, Uid, fchown};
use rustix::io::Errno;
use rustix::thread::{
    CapabilitySet, CapabilitySets, set_capabilities, set_thread_groups, set_thread_res_gid,
    set_thread_res_uid,
};

#[cfg(test)]
mod tests;

/// Creates a file for its owner alone; under sudo that is the user
/// who called it. Links are not followed, and nothing is overwritten without `force`.
///
/// # Errors
/// When it cannot be created.
pub fn create(path: &Path, force: bool) -> anyhow::Result<File> {
    let file = create_as_we_are(path, force)?;
    if let Some((user, group)) = caller() {
        fchown(&file, Some(user), Some(group))
            .with_context(|| format!("cannot give {} to the user of sudo", path.display()))?;
    }
    Ok(file)
}

fn create_as_we_are(path: &Path, force: bool) -> anyhow::Result<File> {
    let cannot = || format!("cannot create {}", path.display());
    let mut options = OpenOptions::new();
    options.write(true).mode(0o600);
    // Without O_NONBLOCK, opening a named pipe would wait for its reader.
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    options.custom_flags(flags);
    if force {
        options.create(true);
    } else {
        options.create_new(true);
    }
    let file = match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            bail!("{} exists; --force overwrites it", path.display())
        }
        // By O_NOFOLLOW.
        Err(error) if Errno::from_io_error(&error) == Some(Errno::LOOP) => {
            bail!("{} is a symbolic link; choose another file", path.display())
        }
        opened => opened.with_context(cannot)?,
    };
    let metadata = file.metadata().with_context(cannot)?;
    ensure!(
        metadata.is_file() && metadata.nlink() == 1,
        "{} is not a regular file with a single name; choose another file",
        path.display()
    );
    file.set_permissions(Permissions::from_mode(0o600))
        .with_context(cannot)?;
    file.set_len(0).with_context(cannot)?;
    Ok(file)
}

/// The user that called sudo, if this process is root by it.
fn caller() -> Option<(Uid, Gid)> {
    let id = |name| std::env::var(name).ok()?.parse().ok();
    let is_root = rustix::process::geteuid().is_root();
    is_root.then_some(())?;
    Some((
        Uid::from_raw(id("SUDO_UID")?),
        Gid::from_raw(id("SUDO_GID")?),
    ))
}

/// Makes this thread the user's own, and gives up all of its capabilities.
fn become_user(caller: Option<(Uid, Gid)>) -> rustix::io::Result<()> {
    if let Some((user, group)) = caller {
        set_thread_groups(&[group])?;
        set_thread_res_gid(group, group, group)?;
        set_thread_res_uid(user, user, user)?;
    }
    let none = CapabilitySet::empty();
    let sets = CapabilitySets {
        effective: none,
        permitted: none,
        inheritable: none,
    };
    set_capabilities(None, sets)
}

/// Creates files later, when this process has given up the privileges that it would
/// take to create them where the user may: a thread does that as the user.
#[derive(Clone, Debug)]
pub struct Files {
    tasks: mpsc::Sender<Task>,
}

type Task = Box<dyn FnOnce() + Send>;

impl Files {
    /// Starts the thread, before privileges are given up. It has no capabilities, and
    /// under sudo it becomes the user that called it.
    ///
    /// # Errors
    /// When no thread can be started, or it cannot become that user.
    pub fn start() -> io::Result<Self> {
        let (tasks, waiting) = mpsc::channel::<Task>();
        let caller = caller();
        let (ready, is_ready) = mpsc::channel();
        std::thread::Builder::new()
            .name("files".to_owned())
            .spawn(move || {
                let became = become_user(caller);
                // Whoever waits for it has not gone.
                let _ = ready.send(became);
                if became.is_ok() {
                    waiting.iter().for_each(|task| task());
                }
            })?;
        is_ready.recv().unwrap_or(Err(Errno::CANCELED))?;
        Ok(Self { tasks })
    }

    /// Creates a file that does not exist.
    ///
    /// # Errors
    /// When it cannot be created, or exists.
    pub fn create(&self, path: &Path) -> anyhow::Result<File> {
        let path = path.to_owned();
        self.run(move || create_as_we_are(&path, false))?
    }

    /// Removes a file.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove(&self, path: PathBuf) -> anyhow::Result<()> {
        let cannot = format!("cannot remove {}", path.display());
        self.run(move || std::fs::remove_file(path))?
            .context(cannot)
    }

    fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> anyhow::Result<T> {
        let (sender, receiver) = mpsc::channel();
        let task = Box::new(move || {
            // Whoever waits for it has not gone.
            let _ = sender.send(work());
        });
        let gone = || anyhow!("the thread that creates files has ended");
        self.tasks.send(task).map_err(|_| gone())?;
        receiver.recv().map_err(|_| gone())
    }
}
