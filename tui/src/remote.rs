//! Other hosts as one source: `nkview stream --wire` runs on each of them, through
//! the user's own `ssh` or any other command, and what it writes is read here.
//!
//! A host that is lost is reported and tried again. What a host reports is put on
//! the clock of this machine, so that the hosts have one time.

mod backoff;
mod child;
mod command;
mod connection;
mod offset;
mod push;
mod shell;

use std::time::Duration;

use anyhow::ensure;
use jiff::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::model::{
    EndReason, Envelope, Event, HostId, Level, Moment, Notice, Reach, Reply, Request, Session,
};
use crate::source::{Producer, Source};
use backoff::Backoff;
use connection::{Ended, Timing};
use offset::Offset;

pub use command::{Access, Host};
pub use push::Program;

#[cfg(test)]
mod tests;

/// Hosts that can be watched together.
pub const MOST: usize = 64;

/// Starts to watch hosts, from within a runtime. That they cannot be reached is
/// reported by the source.
///
/// # Errors
/// When there is none, or there are too many.
pub fn start(hosts: Vec<Host>) -> anyhow::Result<Source> {
    start_with(hosts, Timing::default())
}

fn start_with(hosts: Vec<Host>, timing: Timing) -> anyhow::Result<Source> {
    ensure!(!hosts.is_empty(), "there is no host to watch");
    ensure!(
        hosts.len() <= MOST,
        "{} hosts are more than can be watched together ({MOST})",
        hosts.len()
    );
    let names: Vec<String> = hosts.iter().map(|host| host.name.clone()).collect();
    let (source, producer) = Source::new(session(&names));
    tokio::spawn(watch_all(hosts, timing, producer));
    Ok(source)
}

fn session(names: &[String]) -> Session {
    let (host, hosts) = match names {
        [name] => (name.clone(), Vec::new()),
        [one, other] => (format!("{one}, {other}"), names.to_vec()),
        _ => (format!("{} hosts", names.len()), names.to_vec()),
    };
    Session {
        host,
        hosts,
        started: Timestamp::now(),
        remark: None,
        privileges: None,
    }
}

/// Watches each host on a task of its own until it is asked to stop, or none can be
/// reached any more.
async fn watch_all(hosts: Vec<Host>, timing: Timing, producer: Producer) {
    let Producer {
        events,
        mut requests,
        mut stopping,
    } = producer;
    let (stop, stopped) = watch::channel(false);
    let (number, started) = (hosts.len(), Instant::now());
    let mut watchers = JoinSet::new();
    for (id, host) in (0..).zip(hosts) {
        let watcher = Watcher {
            id: HostId(id),
            prefix: if number > 1 {
                format!("{}: ", host.name)
            } else {
                String::new()
            },
            host,
            started,
            timing,
            events: events.clone(),
            stop: stopped.clone(),
        };
        watchers.spawn(watcher.watch());
    }
    let mut is_asked = true;
    loop {
        tokio::select! {
            biased;
            () = stopping.asked() => break,
            () = events.closed() => break,
            request = requests.recv(), if is_asked => match request {
                Some(Request { id, .. }) => {
                    let result = Err(REFUSAL.to_owned());
                    let reply = Event::Reply(Reply { id, result });
                    // Until then others wait, and so do further requests.
                    tokio::select! {
                        () = stopping.asked() => break,
                        _ = events.send(reply.into()) => {}
                    }
                }
                None => is_asked = false,
            },
            watched = watchers.join_next() => if watched.is_none() {
                let reason = EndReason::Unreachable(u32::try_from(number).unwrap_or(u32::MAX));
                // There may be no receiver, which is the end as well.
                let _ = events.send(Event::Ended(reason).into()).await;
                stopping.ended(Ok(()));
                return;
            }
        }
    }
    stop.send_replace(true);
    // They wait for no receiver any more.
    drop(events);
    while watchers.join_next().await.is_some() {}
    stopping.ended(Ok(()));
}

/// What hosts answer to requests.
const REFUSAL: &str = "the host is watched from another machine, where nothing can be changed";

/// Watches one host.
struct Watcher {
    id: HostId,
    /// What its notices begin with.
    prefix: String,
    host: Host,
    /// Moment 0.
    started: Instant,
    timing: Timing,
    events: mpsc::Sender<Envelope>,
    stop: watch::Receiver<bool>,
}

impl Watcher {
    async fn watch(mut self) {
        let mut backoff = Backoff::new(self.timing.retry);
        let mut is_lost = false;
        if !self.send(Event::Reach(Reach::Connecting)).await {
            return;
        }
        loop {
            let Some((ended, has_reported)) = self.connect(&mut is_lost).await else {
                return;
            };
            if has_reported {
                backoff = Backoff::new(self.timing.retry);
            }
            let delay = backoff.next_delay();
            let reason = ended.reason;
            tracing::info!(retries = delay.is_some(), "a host is lost");
            let notice = match delay {
                Some(delay) if !is_lost => Some(format!(
                    "no connection: {reason}; next try in {} s",
                    delay.as_secs_f64().ceil()
                )),
                Some(_) => None,
                None => Some(format!("given up: {reason}")),
            };
            is_lost = true;
            if let Some(text) = notice
                && !self.notify(Level::Warning, text).await
            {
                return;
            }
            let reach = Reach::Lost {
                reason,
                retries: delay.is_some(),
            };
            if !self.send(Event::Reach(reach)).await {
                return;
            }
            let Some(delay) = delay else {
                return;
            };
            tokio::select! {
                biased;
                () = stopped(&mut self.stop) => return,
                () = sleep(delay) => {}
            }
        }
    }

    /// Connects once and hands on what comes, until it ends: with the reason, and
    /// whether an interval was reported. Nothing when the source is to stop.
    async fn connect(&mut self, is_lost: &mut bool) -> Option<(Ended, bool)> {
        let mut connection = match connection::open(&self.host, self.timing) {
            Ok(connection) => connection,
            Err(reason) => return Some((Ended { reason }, false)),
        };
        let mut offset = Offset::default();
        let (mut has_reported, mut damages) = (false, 0_u32);
        let mut ended = None;
        loop {
            let arrived = tokio::select! {
                biased;
                () = stopped(&mut self.stop) => break,
                arrived = connection.next() => arrived,
            };
            let goes_on = match arrived {
                connection::Arrived::Head(head) => self.greet(&head).await,
                connection::Arrived::Event(Event::Ended(reason)) => {
                    ended = Some(reason.to_string());
                    true
                }
                connection::Arrived::Event(
                    Event::Reply(_) | Event::Playback(_) | Event::Marks { .. } | Event::Reach(_),
                ) => true,
                connection::Arrived::Event(mut event) => {
                    let now = self.started.elapsed();
                    offset.apply(&mut event, now, Timestamp::now());
                    if let Event::Notice(notice) = &mut event {
                        notice.text.insert_str(0, &self.prefix);
                    }
                    let is_interval = matches!(event, Event::Interval(_));
                    if is_interval && !std::mem::replace(&mut has_reported, true) {
                        let again = std::mem::take(is_lost);
                        self.connected(again).await && self.send(event).await
                    } else {
                        self.send(event).await
                    }
                }
                connection::Arrived::Lost(packets) => {
                    let text = format!(
                        "{packets} captured packets are missing: the connection is too slow for them"
                    );
                    self.notify(Level::Warning, text).await
                }
                connection::Arrived::Damage(text) => {
                    damages += 1;
                    damages > 1 || self.notify(Level::Warning, text).await
                }
                connection::Arrived::End(failure) => {
                    let reason = connection.close(failure.or(ended)).await;
                    return Some((Ended { reason }, has_reported));
                }
            };
            if !goes_on {
                break;
            }
        }
        connection.close(None).await;
        None
    }

    async fn connected(&self, again: bool) -> bool {
        self.send(Event::Reach(Reach::Connected)).await
            && (!again || self.notify(Level::Info, "connected again".to_owned()).await)
    }

    /// Reports what is unusual about the nkview that answers.
    async fn greet(&self, head: &crate::recording::Head) -> bool {
        let own = env!("CARGO_PKG_VERSION");
        if head.nkview == own {
            return true;
        }
        let text = format!(
            "the host runs nkview {}, and this is {own}: what only one of them knows is missing",
            head.nkview
        );
        self.notify(Level::Warning, text).await
    }

    async fn notify(&self, level: Level, text: String) -> bool {
        let mut text = format!("{}{text}", self.prefix);
        if self.prefix.is_empty() {
            let first = text.chars().next().map_or(0, char::len_utf8);
            text[..first].make_ascii_uppercase();
        }
        let at: Moment = self.started.elapsed();
        self.send(Event::Notice(Notice { at, level, text })).await
    }

    /// Sends an event of the host. Whether the source goes on.
    async fn send(&self, event: Event) -> bool {
        let envelope = Envelope {
            host: self.id,
            event,
        };
        let mut stop = self.stop.clone();
        tokio::select! {
            biased;
            () = stopped(&mut stop) => false,
            sent = self.events.send(envelope) => sent.is_ok(),
        }
    }
}

/// Waits until the source is to stop.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error is that whoever could ask is gone.
    let _ = stop.wait_for(|stop| *stop).await;
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            retry: backoff::Limits {
                first: Duration::from_secs(1),
                most: Duration::from_secs(30),
                tries: 10,
            },
            silence: Duration::from_secs(30),
            patience: Duration::from_secs(2),
        }
    }
}
