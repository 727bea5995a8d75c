//! `nkview block`: drops the packets of a rule, with consent and for a limited time.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};

use super::in_locale;
use super::print::unless_closed;
use super::signals::Signals;
use super::start::{Period, end, start};
use crate::app::blocking::refusal;
use crate::cli::BlockArgs;
use crate::model::{Command, Envelope, LocalEnd, Request, RequestId};
use crate::probe::Sizes;
use crate::probe::live::{Events, Options};
use crate::probe::preflight::{self, NO_NETKIT};
use crate::source::Source;
use crate::text::{clean, duration};

pub use plan::{Plan, plan};

mod asking;
mod following;
mod plan;
mod standing;

/// For how long it looks before it asks.
const LOOK: Duration = Duration::from_secs(3);

/// Lists the rules, lifts some, or drops packets until the time is over.
///
/// # Errors
/// When it is refused, or cannot be done. Nothing is dropped any more then.
pub async fn block(
    args: BlockArgs,
    plan: Option<Plan>,
    signals: Signals,
) -> anyhow::Result<ExitCode> {
    match plan {
        Some(plan) => drop_packets(plan, signals).await,
        None => {
            match args.lift {
                Some(what) => standing::lift(what)?,
                None => unless_closed(standing::list())?,
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn drop_packets(plan: Plan, mut signals: Signals) -> anyhow::Result<ExitCode> {
    if plan.rule.devices.is_empty() && !preflight::has_netkit() {
        bail!(
            "{NO_NETKIT}; name a device, as in 'eth0: {}'",
            plan.rule.text
        );
    }
    if !plan.yes && !io::stdin().is_terminal() {
        bail!("nobody can be asked, since stdin is no terminal; --yes goes without asking");
    }
    let options = Options {
        devices: plan.rule.devices.clone(),
        attach_first: true,
        create: None,
        interval: Duration::from_secs(1),
        cover_redirect: false,
        local: LocalEnd::Peer,
        uplink: false,
        trace: false,
        events: Events::PerSecond(0),
        sizes: Sizes {
            flows: 131_072,
            ring: 1 << 16,
        },
        remark: None,
    };
    let Some(mut source) = start(options, &mut signals).await? else {
        return Err(interrupted());
    };
    let done = work(&plan, &mut source, &mut signals).await;
    end(source.stop, source.events).await?;
    done
}

async fn work(plan: &Plan, source: &mut Source, signals: &mut Signals) -> anyhow::Result<ExitCode> {
    let mut looked = asking::Looked::default();
    // With --yes nobody reads what it would show. But what a device leads to takes a
    // moment to find out.
    let mut period = Period::of(if plan.yes && !plan.all {
        Duration::ZERO
    } else {
        LOOK
    });
    loop {
        tokio::select! {
            biased;
            () = signals.any() => return Err(interrupted()),
            () = period.over() => break,
            envelope = source.events.recv() => {
                let Envelope { event, .. } = envelope.context("the source has ended")?;
                looked.event(event);
                // The first interval begins when all devices are attached to.
                if looked.is_ready {
                    period.begin();
                }
            }
        }
    }
    let devices = looked.watched();
    if devices.is_empty() {
        bail!("no device could be watched: nothing was blocked");
    }
    plan.allow_at(&devices)?;
    let names: Vec<_> = devices
        .iter()
        .filter(|device| !refusal::is_loopback(device))
        .map(|device| clean(&device.name))
        .collect();
    progress(&format!(
        "this drops, for {}: {}\non {}",
        duration(plan.time),
        clean(&plan.rule.text),
        names.join(", ")
    ));
    if !plan.yes {
        asking::show_flows(plan, source, &mut looked)?;
        asking::ask(plan, signals).await?;
    }
    let request = Request {
        id: RequestId(1),
        command: Command::Block {
            rule: Box::new(plan.rule.clone()),
            time: plan.time,
        },
    };
    source
        .requests
        .send(request)
        .await
        .map_err(|_| anyhow::anyhow!("the source has ended; nothing was blocked"))?;
    following::follow(plan, source, signals).await
}

fn interrupted() -> anyhow::Error {
    anyhow::anyhow!("ended by a signal; nothing was blocked")
}

fn progress(text: &str) {
    // Whoever has closed it does not want to know.
    let _ = writeln!(io::stderr(), "{}", in_locale(text));
}
