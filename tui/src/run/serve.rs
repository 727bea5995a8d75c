//! `nkview serve`: counters and findings for Prometheus, over HTTP.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use futures::FutureExt;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::{interval, timeout};

use super::options;
use super::signals::Signals;
use super::start::{configuration, finish, open};
use super::writing::WAITING;
use crate::cli::ServeArgs;
use crate::diagnosis::Diagnoses;
use crate::export::openmetrics::classic;
use crate::export::{Ipfix, Metrics, Output, Queue, Sink, Tcp, Udp};
use crate::model::{Envelope, Event, HostId};
use crate::probe::live::Options;
use crate::replay::Recording;
use crate::source::Source;
use crate::traffic::Traffic;

/// Bytes of a request's head.
const HEAD: usize = 8192;
/// How long a request and its answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Requests at once; further ones wait to be accepted.
const AT_ONCE: usize = 16;
/// How often the text file is written.
const TEXT_FILE: Duration = Duration::from_secs(10);
/// What OpenMetrics is announced as.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// The older format, for those that do not ask for OpenMetrics.
const CLASSIC: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Somebody who wants the metrics as they are now.
type Question = oneshot::Sender<String>;

/// Serves until a signal comes or counting ends. A recording is served to the end, and
/// its last state after that.
///
/// # Errors
/// When it cannot listen or watch, with what to do.
pub async fn serve(
    args: ServeArgs,
    recording: Option<Recording>,
    mut signals: Signals,
) -> anyhow::Result<()> {
    let is_live = recording.is_none();
    let config = configuration(&args.config)?;
    let policy = config.policy()?;
    // Before anything is attached: an address in use is the commonest mistake.
    let (ask, mut questions) = mpsc::channel::<Question>(AT_ONCE);
    let listens = listen(&args, &ask).await?;
    let mut records = args
        .ipfix
        .map(|to| Records::start(to, args.ipfix_tcp))
        .transpose()?;
    let options = Options {
        devices: args.devices,
        ..options::live(&args.probe, &args.events)
    };
    let Some(source) = open(recording, None, options, &mut signals).await? else {
        return Ok(());
    };
    let Source {
        session,
        mut events,
        // Without requests it goes on, without the channel for them it ends.
        requests: _requests,
        stop,
        ..
    } = source;
    let mut metrics = Metrics::new(&session, args.top);
    let mut traffic = Traffic::default();
    let mut diagnoses = Diagnoses::new(policy, &session.hosts);
    let mut write = interval(TEXT_FILE);
    let mut reason = None;
    let mut is_over = false;
    loop {
        tokio::select! {
            () = signals.any() => break,
            envelope = events.recv(), if !is_over => {
                let Some(envelope) = envelope else {
                    if is_live || !listens {
                        break;
                    }
                    is_over = true;
                    continue;
                };
                if let Some(records) = &mut records {
                    records.send(&envelope, is_live).await;
                }
                traffic.apply(&envelope);
                diagnoses.observe(&envelope, &traffic.host(envelope.host).flows);
                metrics.event(&envelope, &traffic, &diagnoses);
                if let Event::Ended(ended) = envelope.event {
                    reason = Some(ended.to_string());
                }
            }
            question = questions.recv() => {
                if let Some(answer) = question {
                    // An error means that there is no receiver any more.
                    let _ = answer.send(metrics.encode().context("cannot encode the metrics")?);
                }
            }
            _ = write.tick(), if args.textfile.is_some() => {
                if let Some(path) = args.textfile.clone() {
                    let text = metrics.encode().context("cannot encode the metrics")?;
                    let text = classic(&text);
                    let written = tokio::task::spawn_blocking(move || replace(&path, &text));
                    written.await.context("writing the text file has panicked")??;
                }
            }
        }
    }
    let ended = stop.ask();
    drop(events);
    finish(ended).await?;
    if let Some(records) = records {
        records.end().await;
    }
    match reason {
        Some(reason) => bail!(reason),
        None => Ok(()),
    }
}

/// Flow records for a collector.
struct Records {
    queue: Queue,
    output: Output,
    /// Lists of devices that are still to be handed over, by host: without them octets
    /// would be wrong.
    devices: BTreeMap<HostId, Envelope>,
    /// Intervals that found no room, because the collector is slow.
    dropped: u64,
}

impl Records {
    fn start(to: SocketAddr, over_tcp: bool) -> anyhow::Result<Self> {
        let sink: Box<dyn Sink> = if over_tcp {
            Box::new(Ipfix::new(Tcp::new(to)))
        } else {
            Box::new(Ipfix::new(Udp::new(to)))
        };
        let (queue, output) = Output::start(sink, WAITING)
            .context("cannot start a thread for the IPFIX collector")?;
        eprintln!("nkview: sending flow records to {to}");
        Ok(Self {
            queue,
            output,
            devices: BTreeMap::new(),
            dropped: 0,
        })
    }

    /// Hands over an interval, and the devices before it. Where that is counted live,
    /// nothing waits for the collector.
    async fn send(&mut self, envelope: &Envelope, is_live: bool) {
        match &envelope.event {
            Event::Devices(_) => {
                self.devices.insert(envelope.host, envelope.clone());
            }
            Event::Interval(_) => {
                let is_taken = self.hand_over(envelope, is_live).await;
                if !is_taken {
                    if self.dropped == 0 {
                        eprintln!(
                            "nkview: the IPFIX collector is too slow; flow records are missing"
                        );
                    }
                    self.dropped += 1;
                    tracing::warn!(self.dropped, "the collector is too slow");
                }
            }
            _ => {}
        }
    }

    /// Returns whether there was room for all of it.
    async fn hand_over(&mut self, interval: &Envelope, is_live: bool) -> bool {
        if let Some(devices) = self.devices.get(&interval.host) {
            if !has_room(self.queue.send(devices.clone()), is_live).await {
                return false;
            }
            self.devices.remove(&interval.host);
        }
        has_room(self.queue.send(interval.clone()), is_live).await
    }

    /// Sends what is waiting, unless the collector is stuck.
    async fn end(mut self) {
        drop(self.queue);
        let _ = timeout(PATIENCE, self.output.ended()).await;
    }
}

/// Whether something was taken: at once where it is live. The sink does not end before
/// its queue.
async fn has_room<E>(sent: impl Future<Output = Result<(), E>>, is_live: bool) -> bool {
    if is_live {
        sent.now_or_never().is_some()
    } else {
        sent.await.is_ok()
    }
}

/// Starts to listen wherever it was asked for; returns whether that is anywhere.
async fn listen(args: &ServeArgs, ask: &mpsc::Sender<Question>) -> anyhow::Result<bool> {
    let address = match (args.listen, &args.unix, &args.textfile) {
        (None, None, None) if args.ipfix.is_none() => {
            Some(SocketAddr::from(([127, 0, 0, 1], 9911)))
        }
        (listen, ..) => listen,
    };
    if let Some(address) = address {
        let listener = TcpListener::bind(address).await.with_context(|| {
            format!("cannot listen on {address}; --listen ADDRESS:PORT chooses another")
        })?;
        eprintln!("nkview: serving http://{address}/metrics");
        tokio::spawn(accept(Listener::Tcp(listener), ask.clone()));
    }
    if let Some(path) = &args.unix {
        // What a killed nkview has left; anything but a dead socket stays.
        let dead = std::os::unix::net::UnixStream::connect(path)
            .is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused);
        if dead {
            let _ = std::fs::remove_file(path);
        }
        let listener = UnixListener::bind(path)
            .with_context(|| format!("cannot listen on {}", path.display()))?;
        eprintln!("nkview: serving /metrics on {}", path.display());
        let listener = Listener::Unix {
            listener,
            _file: Removed(path.clone()),
        };
        tokio::spawn(accept(listener, ask.clone()));
    }
    Ok(address.is_some() || args.unix.is_some())
}

/// Accepts connections and has each answered, a bounded number at once.
async fn accept(listener: Listener, ask: mpsc::Sender<Question>) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    while let Ok(place) = places.clone().acquire_owned().await {
        let Ok(stream) = listener.accept().await else {
            // There may be no descriptors left; later there are.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let ask = ask.clone();
        tokio::spawn(async move {
            let _ = timeout(PATIENCE, answer(stream, ask)).await;
            drop(place);
        });
    }
}

/// Where connections come from.
enum Listener {
    Tcp(TcpListener),
    Unix {
        listener: UnixListener,
        /// Removes the file at the end.
        _file: Removed,
    },
}

impl Listener {
    async fn accept(&self) -> io::Result<Box<dyn Stream>> {
        Ok(match self {
            Self::Tcp(listener) => Box::new(listener.accept().await?.0),
            Self::Unix { listener, .. } => Box::new(listener.accept().await?.0),
        })
    }
}

/// A connection.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// Removes a socket's file at the end.
struct Removed(PathBuf);

impl Drop for Removed {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Answers one request. The connection is closed after it.
async fn answer(mut stream: Box<dyn Stream>, ask: mpsc::Sender<Question>) -> io::Result<()> {
    let mut head = Vec::with_capacity(1024);
    let wanted = loop {
        if stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
        if let Some(wanted) = wanted(&head) {
            break wanted;
        }
        if head.len() >= HEAD {
            break Wanted::Nonsense;
        }
    };
    let (status, kind, body) = match wanted {
        Wanted::Metrics { is_open } => {
            let (send, answer) = oneshot::channel();
            let asked = ask.send(send).await.is_ok();
            match answer.await {
                Ok(text) if asked && is_open => ("200 OK", OPENMETRICS, text),
                Ok(text) if asked => ("200 OK", CLASSIC, classic(&text)),
                _ => (
                    "503 Service Unavailable",
                    "text/plain",
                    "ending\n".to_owned(),
                ),
            }
        }
        Wanted::Health => ("200 OK", "text/plain", "ok\n".to_owned()),
        Wanted::Other => (
            "404 Not Found",
            "text/plain",
            "there are /metrics and /healthz\n".to_owned(),
        ),
        Wanted::Method => (
            "405 Method Not Allowed",
            "text/plain",
            "only GET\n".to_owned(),
        ),
        Wanted::Nonsense => (
            "400 Bad Request",
            "text/plain",
            "not a request\n".to_owned(),
        ),
    };
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.shutdown().await
}

/// What a request asks for.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    Metrics {
        /// As OpenMetrics.
        is_open: bool,
    },
    Health,
    Other,
    Method,
    Nonsense,
}

/// Reads a request's head; nothing while it is not complete.
fn wanted(head: &[u8]) -> Option<Wanted> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(head) {
        Ok(httparse::Status::Partial) => None,
        Err(_) => Some(Wanted::Nonsense),
        Ok(httparse::Status::Complete(_)) => Some(match (request.method, request.path) {
            (Some("GET"), Some("/metrics")) => Wanted::Metrics {
                is_open: request.headers.iter().any(|header| {
                    let value = String::from_utf8_lossy(header.value);
                    header.name.eq_ignore_ascii_case("accept")
                        && value.contains("application/openmetrics-text")
                }),
            },
            (Some("GET"), Some("/healthz")) => Wanted::Health,
            (Some("GET"), _) => Wanted::Other,
            _ => Wanted::Method,
        }),
    }
}

/// Replaces a file as a whole, so that no reader sees half of it.
fn replace(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let new = PathBuf::from(name);
    std::fs::write(&new, text)
        .and_then(|()| std::fs::rename(&new, path))
        .with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_told_apart() {
        assert_eq!(wanted(b"GET /metrics HT"), None);
        assert_eq!(
            wanted(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"),
            Some(Wanted::Metrics { is_open: false })
        );
        // As Prometheus asks.
        let accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.3,*/*;q=0.1";
        let request = format!("GET /metrics HTTP/1.1\r\naccept: {accept}\r\n\r\n");
        assert_eq!(
            wanted(request.as_bytes()),
            Some(Wanted::Metrics { is_open: true })
        );
        assert_eq!(
            wanted(b"GET /healthz HTTP/1.1\r\n\r\n"),
            Some(Wanted::Health)
        );
        assert_eq!(wanted(b"GET / HTTP/1.1\r\n\r\n"), Some(Wanted::Other));
        assert_eq!(
            wanted(b"POST /metrics HTTP/1.1\r\n\r\n"),
            Some(Wanted::Method)
        );
        assert_eq!(wanted(b"\x16\x03\x01\x02"), Some(Wanted::Nonsense));
    }
}
