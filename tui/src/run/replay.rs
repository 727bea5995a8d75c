//! `nkview replay`: a recording, on the screen.

use std::path::PathBuf;

use super::screen::{self, User};
use super::signals::Signals;
use crate::cli::ScreenArgs;
use crate::replay::Recording;
use crate::source::Source;

/// Opens the recordings that a command is to take instead of this machine, if any are
/// named.
///
/// # Errors
/// When it cannot be read.
pub fn open(paths: &[PathBuf]) -> anyhow::Result<Option<Recording>> {
    let paths = Some(paths).filter(|paths| !paths.is_empty());
    paths.map(Recording::open_all).transpose()
}

/// Shows a recording.
///
/// # Errors
/// When the screen cannot be shown.
pub async fn show(
    recording: Recording,
    speed: f64,
    args: ScreenArgs,
    user: User,
    signals: Signals,
) -> anyhow::Result<()> {
    // The command line takes speeds from 0.01 to 1000.
    let speed = (speed * 100.0).round() as u32;
    let policy = user.config.policy()?;
    let start = async move |_: &mut Signals| -> anyhow::Result<Option<Source>> {
        recording.play(speed, policy).map(Some)
    };
    // All of it is in the file.
    screen::present(start, args, None, user, signals).await
}
