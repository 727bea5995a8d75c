//! `nkview ssh`: other hosts, on the screen.

use super::screen::{self, Keeping, User};
use super::signals::Signals;
use crate::cli::{ScreenArgs, SshArgs};
use crate::remote::{self, Access, Host, Program};
use crate::source::Source;

/// The hosts that are asked for.
///
/// # Errors
/// When they are not to be told apart, or this program cannot be sent there.
pub fn hosts(args: &SshArgs) -> anyhow::Result<Vec<Host>> {
    let access = Access {
        via: args.via.clone(),
        nkview: args.nkview.clone(),
        program: args.push.then(Program::own).transpose()?,
        args: args.args.clone(),
    };
    access.hosts(&args.hosts)
}

/// Shows what hosts report.
///
/// # Errors
/// When the screen cannot be shown.
pub async fn show(
    hosts: Vec<Host>,
    args: ScreenArgs,
    keeping: Keeping,
    user: User,
    signals: Signals,
) -> anyhow::Result<()> {
    let start = async move |_: &mut Signals| -> anyhow::Result<Option<Source>> {
        remote::start(hosts).map(Some)
    };
    screen::present(start, args, Some(keeping), user, signals).await
}
