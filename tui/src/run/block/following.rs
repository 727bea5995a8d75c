//! A rule in force: the countdown, what was dropped, and how it ends.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use tokio::time::Instant;

use super::plan::Plan;
use super::progress;
use crate::model::{Block, Envelope, Event, Level};
use crate::run::in_locale;
use crate::run::signals::Signals;
use crate::source::Source;
use crate::text::{clean, duration, plural};

/// How often progress is written where nobody sees it move.
const SELDOM: Duration = Duration::from_secs(60);

/// Follows the rule until it has ended. A signal lifts it.
pub async fn follow(
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
