//! `nkview block`: drops the packets of a rule, with consent and for a limited time.

use std::io::{self, BufRead, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use jiff::tz::TimeZone;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

use super::print::unless_closed;
use super::signals::Signals;
use super::start::{finish, start};
use super::{in_locale, own};
use crate::app::blocking::{LONG, refusal};
use crate::cli::{BlockArgs, Lift};
use crate::export::{Selection, Sink, Top};
use crate::filter::{self, Filter, FilterError};
use crate::model::{
    Block, BlockRule, Command, Device, Envelope, Event, HostId, Level, LocalEnd, Merged, Request,
    RequestId, Watch,
};
use crate::probe::Sizes;
use crate::probe::block::{Standing, elsewhere, journal};
use crate::probe::live::{Events, Options};
use crate::probe::preflight::{self, NO_NETKIT};
use crate::source::Source;
use crate::text::{clean, duration, is_glob, plural};

/// For how long it looks before it asks.
const LOOK: Duration = Duration::from_secs(3);
/// Flows that are shown before it asks.
const FLOWS: usize = 10;
/// How often progress is written where nobody sees it move.
const SELDOM: Duration = Duration::from_secs(60);

/// What is asked for, and how it could harm who asks.
pub struct Plan {
    rule: BlockRule,
    /// The rule as a filter, with its devices.
    filter: Filter,
    time: Duration,
    yes: bool,
    all: bool,
}

/// Reads what is asked for, while files of other users may be read.
///
/// # Errors
/// When it is no rule, or one that must not be.
pub fn plan(args: &BlockArgs) -> anyhow::Result<Option<Plan>> {
    let (Some(text), Some(time)) = (&args.rule, args.time) else {
        return Ok(None);
    };
    let explain = |error: FilterError| pointed(text, &error);
    let rule = filter::parse_rule(text).map_err(|error| anyhow::anyhow!(explain(error)))?;
    let filter = filter::filter_of_rule(text).map_err(|error| anyhow::anyhow!(explain(error)))?;
    let anywhere =
        filter::filter_of_addresses(text).map_err(|error| anyhow::anyhow!(explain(error)))?;
    if time > LONG && args.yes {
        bail!("--for above an hour is asked for twice, which --yes does not answer");
    }
    let plan = Plan {
        rule,
        filter,
        time,
        yes: args.yes,
        all: args.all,
    };
    refuse(refusal::of_sessions(&anywhere, &own::sessions()))?;
    Ok(Some(plan))
}

/// The rule with a mark below what is wrong.
fn pointed(text: &str, error: &FilterError) -> String {
    format!(
        "cannot block this: {error}\n  {}\n  {}{}",
        clean(text),
        " ".repeat(error.column),
        "^".repeat(error.length.max(1))
    )
}

fn refuse(refused: Result<(), String>) -> anyhow::Result<()> {
    refused.map_err(|reason| anyhow::anyhow!("refused to block this: {reason}"))
}

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
                Some(what) => lift(what)?,
                None => unless_closed(list())?,
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn list() -> io::Result<()> {
    let rules = elsewhere::find().map_err(io::Error::other)?;
    let mut text = String::new();
    if rules.is_empty() {
        text.push_str("nothing is blocked by nkview on this machine\n");
    }
    for rule in rules {
        let state = match rule.standing {
            Standing::Holds(left) => format!("{} left", duration(left)),
            Standing::Over => "over".to_owned(),
            Standing::Lifted => "lifted".to_owned(),
        };
        let [inward, outward] = rule.dropped.map(|it| plural(it.packets, "packet"));
        text += &format!(
            "{}  {}\n    {state}; on {}; dropped: {inward} in, {outward} out; \
             process {}, user {}\n",
            rule.number,
            clean(&rule.rule),
            plural(rule.hooks as u64, "hook"),
            rule.pid,
            rule.uid
        );
    }
    io::stdout().lock().write_all(in_locale(&text).as_bytes())
}

fn lift(what: Lift) -> anyhow::Result<()> {
    let rules = elsewhere::find()?;
    let meant: Vec<_> = rules
        .into_iter()
        .filter(|rule| matches!(rule.standing, Standing::Holds(_)))
        .filter(|rule| match what {
            Lift::All => true,
            Lift::Number(number) => rule.number == number,
        })
        .collect();
    if let (Lift::Number(number), true) = (what, meant.is_empty()) {
        bail!("there is no rule {number}; `nkview block --list` shows those there are");
    }
    for rule in meant {
        elsewhere::lift(rule.number)
            .with_context(|| format!("cannot lift rule {}", rule.number))?;
        let text = format!("lifted {}: {}", rule.number, rule.rule);
        journal::write(&text);
        tracing::info!(number = rule.number, "lifted a rule");
        progress(&text);
    }
    Ok(())
}

/// What is known while nothing is dropped yet.
#[derive(Default)]
struct Looked {
    devices: Vec<Device>,
    traffic: Option<Merged>,
    is_ready: bool,
}

impl Looked {
    fn event(&mut self, event: Event) {
        match event {
            Event::Devices(devices) => self.devices = devices,
            Event::Interval(interval) => {
                self.is_ready = true;
                match &mut self.traffic {
                    Some(merged) => merged.add(interval),
                    None => self.traffic = Some(Merged::new(interval)),
                }
            }
            Event::Notice(notice) if notice.level == Level::Warning => progress(&notice.text),
            _ => {}
        }
    }

    fn watched(&self) -> Vec<&Device> {
        let devices = self.devices.iter();
        devices
            .filter(|device| matches!(device.watch, Watch::Yes { .. }))
            .collect()
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
        bail!("ended by a signal; nothing was blocked");
    };
    let done = work(&plan, &mut source, &mut signals).await;
    let Source {
        mut events, stop, ..
    } = source;
    let ended = stop.ask();
    // What is left to say is of no interest; but it must not wait.
    let rest = async { while events.recv().await.is_some() {} };
    let (ended, ()) = tokio::join!(finish(ended), rest);
    ended?;
    done
}

async fn work(plan: &Plan, source: &mut Source, signals: &mut Signals) -> anyhow::Result<ExitCode> {
    let mut looked = Looked::default();
    // The first interval begins when all devices are attached to.
    let mut until: Option<Instant> = None;
    let interrupted = || anyhow::anyhow!("ended by a signal; nothing was blocked");
    loop {
        let over = async {
            match until {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = signals.any() => return Err(interrupted()),
            () = over => break,
            envelope = source.events.recv() => {
                let Envelope { event, .. } = envelope.context("the source has ended")?;
                looked.event(event);
                if looked.is_ready && until.is_none() {
                    // With --yes nobody reads what it would show.
                    // But what a device leads to takes a moment to find out.
                    let look = if plan.yes && !plan.all {
                        Duration::ZERO
                    } else {
                        LOOK
                    };
                    until = Some(Instant::now() + look);
                }
            }
        }
    }
    let devices = looked.watched();
    if devices.is_empty() {
        bail!("no device could be watched: nothing was blocked");
    }
    refuse(refusal::of_everything(
        &plan.rule,
        plan.all,
        &loopback_only_if_named(plan, &devices),
    ))?;
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
        show_flows(plan, source, &mut looked)?;
        let answers = Answers;
        let mut questions = vec!["Type block to go on: "];
        if plan.time > LONG {
            questions.push("This is for more than an hour. Type block once more: ");
        }
        for question in questions {
            let answer = answers.ask(question);
            let answer = tokio::select! {
                biased;
                () = signals.any() => return Err(interrupted()),
                answer = answer => answer?,
            };
            if answer.trim() != "block" {
                bail!("the answer was not \"block\": nothing was blocked");
            }
        }
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
    follow(plan, source, signals).await
}

/// A loopback device that a glob matches is left out; one that is named is refused.
fn loopback_only_if_named<'a>(plan: &Plan, devices: &[&'a Device]) -> Vec<&'a Device> {
    let is_named = |device: &Device| {
        let mut patterns = plan.rule.devices.iter();
        patterns.any(|pattern| !is_glob(pattern) && *pattern == device.name)
    };
    let devices = devices.iter().copied();
    devices
        .filter(|device| !refusal::is_loopback(device) || is_named(device))
        .collect()
}

/// Shows the flows of the last seconds that the rule matches.
fn show_flows(plan: &Plan, source: &Source, looked: &mut Looked) -> anyhow::Result<()> {
    let selection = Selection {
        filter: plan.filter.clone(),
        ..Selection::default()
    };
    let mut table = Vec::new();
    let mut top = Top::new(
        &source.session,
        &mut table,
        selection,
        TimeZone::system(),
        FLOWS,
    );
    let envelope = |event| Envelope {
        host: HostId::default(),
        event,
    };
    top.event(&envelope(Event::Devices(looked.devices.clone())))?;
    if let Some(merged) = looked.traffic.take() {
        top.event(&envelope(Event::Interval(merged.into_interval())))?;
    }
    top.finish()?;
    drop(top);
    progress(&format!(
        "what it matches now, of flows of any direction:\n{}",
        String::from_utf8_lossy(&table).trim_end()
    ));
    Ok(())
}

/// Follows the rule until it has ended. A signal lifts it.
async fn follow(
    plan: &Plan,
    source: &mut Source,
    signals: &mut Signals,
) -> anyhow::Result<ExitCode> {
    let mut line = Progress::default();
    let mut last: Option<Block> = None;
    loop {
        let envelope = tokio::select! {
            biased;
            () = signals.any() => {
                let text = format!("lifted by a signal: {}", plan.rule.text);
                line.end(&summary(&text, last.as_ref()));
                return Ok(ExitCode::SUCCESS);
            }
            envelope = source.events.recv() => envelope,
        };
        let Envelope { event, .. } = envelope.context("the source has ended: the rule with it")?;
        match event {
            Event::Reply(reply) => {
                reply
                    .result
                    .map_err(|reason| anyhow::anyhow!("nothing is blocked: {reason}"))?;
            }
            Event::Notice(notice) if notice.level == Level::Warning => {
                line.end(&clean(&notice.text));
            }
            Event::Blocks(blocks) => match blocks.into_iter().next() {
                Some(block) if block.end.is_none() => {
                    line.show(&block);
                    last = Some(block);
                }
                // Its notice has given the reason.
                _ => return Ok(ExitCode::SUCCESS),
            },
            _ => {}
        }
    }
}

fn summary(text: &str, block: Option<&Block>) -> String {
    let packets: u64 = block.map_or(0, |block| block.dropped.iter().map(|it| it.packets).sum());
    format!(
        "{}; at least {} dropped",
        clean(text),
        plural(packets, "packet")
    )
}

/// What is left and what was dropped: a line that changes, or one a minute.
#[derive(Default)]
struct Progress {
    is_open: bool,
    last: Option<Instant>,
}

impl Progress {
    fn show(&mut self, block: &Block) {
        let left = block.left.unwrap_or_default();
        let [inward, outward] = block.dropped.map(|it| plural(it.packets, "packet"));
        let text = format!(
            "blocking for {} more; dropped {inward} in, {outward} out; Ctrl-C lifts it",
            duration(left)
        );
        let mut stderr = io::stderr();
        if stderr.is_terminal() {
            let _ = write!(stderr, "\r\x1b[K{}", in_locale(&text));
            self.is_open = true;
        } else if self.last.is_none_or(|last| last.elapsed() >= SELDOM) {
            progress(&text);
            self.last = Some(Instant::now());
        }
    }

    /// Writes a line of its own.
    fn end(&mut self, text: &str) {
        if std::mem::take(&mut self.is_open) {
            let _ = writeln!(io::stderr());
        }
        progress(text);
    }
}

fn progress(text: &str) {
    // Whoever has closed it does not want to know.
    let _ = writeln!(io::stderr(), "{}", in_locale(text));
}

/// Lines from stdin, read by a thread, so that a signal need not wait for one.
struct Answers;

impl Answers {
    async fn ask(&self, question: &str) -> anyhow::Result<String> {
        let mut stderr = io::stderr();
        write!(stderr, "{question}").and_then(|()| stderr.flush())?;
        let (sender, answer) = oneshot::channel();
        std::thread::Builder::new()
            .name("answer".to_owned())
            .spawn(move || {
                let mut line = String::new();
                let read = io::stdin().lock().read_line(&mut line);
                // Whoever has asked may have gone.
                let _ = sender.send(read.map(|_| line));
            })
            .context("cannot start a thread")?;
        Ok(answer.await.context("nothing was answered")??)
    }
}
