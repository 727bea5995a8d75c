//! What is shown before packets are dropped, and the question.

use std::io::{self, BufRead, Write};

use anyhow::{Context, bail};
use jiff::tz::TimeZone;
use tokio::sync::oneshot;

use super::plan::Plan;
use super::{interrupted, progress};
use crate::app::blocking::LONG;
use crate::export::{Selection, Sink, Top};
use crate::model::{Device, Envelope, Event, HostId, Level, Merged, Watch};
use crate::run::signals::Signals;
use crate::source::Source;

/// Flows that are shown before it asks.
const FLOWS: usize = 10;

/// What is known while nothing is dropped yet.
#[derive(Default)]
pub struct Looked {
    devices: Vec<Device>,
    traffic: Option<Merged>,
    /// Whether there has been an interval.
    pub is_ready: bool,
}

impl Looked {
    pub fn event(&mut self, event: Event) {
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

    pub fn watched(&self) -> Vec<&Device> {
        let devices = self.devices.iter();
        devices
            .filter(|device| matches!(device.watch, Watch::Yes { .. }))
            .collect()
    }
}

/// Asks whether it is meant. It is, unless this fails.
pub async fn ask(plan: &Plan, signals: &mut Signals) -> anyhow::Result<()> {
    let mut questions = vec!["Type block to go on: "];
    if plan.time > LONG {
        questions.push("This is for more than an hour. Type block once more: ");
    }
    for question in questions {
        let answer = tokio::select! {
            biased;
            () = signals.any() => return Err(interrupted()),
            answer = answer(question) => answer?,
        };
        if answer.trim() != "block" {
            bail!("the answer was not \"block\": nothing was blocked");
        }
    }
    Ok(())
}

/// Shows the flows of the last seconds that the rule matches.
pub fn show_flows(plan: &Plan, source: &Source, looked: &mut Looked) -> anyhow::Result<()> {
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

/// A line from stdin, read by a thread, so that a signal need not wait for one.
async fn answer(question: &str) -> anyhow::Result<String> {
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
