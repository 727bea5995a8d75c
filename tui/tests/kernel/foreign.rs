//! Programs of others, which `PATH` has: installed, or unpacked by `cargo xtask test`.

use std::env;
use std::path::PathBuf;

/// Whether they are there.
pub fn are_there(programs: &[&str]) -> bool {
    programs.iter().all(|program| find(program).is_some())
}

/// Where the first program of this name is.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let files = env::split_paths(&path).map(|directory| directory.join(program));
    files
        .filter(|file| file.is_absolute())
        .find(|file| file.is_file())
}
