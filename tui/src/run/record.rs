//! `nkview record`: what a live source reports, into a file.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::num::NonZero;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::time::sleep;

use super::options;
use super::signals::Signals;
use super::start::{configuration, open};
use super::writing::{Outcome, WAITING, Writing};
use crate::cli::RecordArgs;
use crate::export::{Limits, Narrowed, Next, Output, Recorder, Redacted, Sink, redacted_head};
use crate::files::{self, Files};
use crate::model::Session;
use crate::recording::Head;
use crate::redact::Redaction;
use crate::replay::Recording;
use crate::source::Source;
use progress::{Progress, Watched};

mod progress;

#[cfg(test)]
mod tests;

/// How long all that waits for a slow disk may take, once a signal has come and the
/// source has ended.
const LAST_FRAMES: Duration = Duration::from_secs(20);

/// The files of a recording.
pub struct Target {
    first: File,
    /// Where it is.
    path: PathBuf,
    /// Where there are several, what they are called and who creates the next.
    series: Option<(Series, Files)>,
}

impl Target {
    /// Creates the first file, while files of other users can be created and given
    /// to them.
    ///
    /// # Errors
    /// When it cannot be created, or is the recording that is to be copied.
    pub fn create(args: &RecordArgs) -> anyhow::Result<Self> {
        if args.from.iter().any(|from| is_same_file(from, &args.file)) {
            bail!(
                "{} is the recording to be copied and would be lost; choose another file",
                args.file.display()
            );
        }
        let Some(kept) = args.rotate else {
            return Ok(Self {
                first: files::create(&args.file, args.force)?,
                path: args.file.clone(),
                series: None,
            });
        };
        let mut series = Series::new(args.file.clone(), kept);
        let (path, _) = series.next();
        // By whoever creates the next ones: where that is not possible, it is known now.
        let files = Files::start().context("cannot start a thread")?;
        Ok(Self {
            first: files.create(&path)?,
            path,
            series: Some((series, files)),
        })
    }
}

/// Whether two paths lead to one file.
fn is_same_file(one: &Path, other: &Path) -> bool {
    let identity = |path: &Path| {
        let metadata = std::fs::metadata(path).ok()?;
        Some((metadata.dev(), metadata.ino()))
    };
    identity(one).is_some_and(|it| identity(other) == Some(it))
}

/// The names of files of which only the last ones are kept. What an earlier recording
/// has left is not touched: the numbers go on behind it.
#[derive(Debug)]
pub struct Series {
    base: PathBuf,
    number: u64,
    files: VecDeque<PathBuf>,
    kept: usize,
}

impl Series {
    fn new(base: PathBuf, kept: NonZero<u32>) -> Self {
        let mut series = Self {
            base,
            number: 0,
            files: VecDeque::new(),
            kept: kept.get() as usize,
        };
        series.number = series.last();
        series
    }

    /// The highest number that a file has; 0 without any. A directory that cannot be
    /// read may be one in which files can be created.
    fn last(&self) -> u64 {
        let directory = match self.base.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let Ok(entries) = std::fs::read_dir(directory) else {
            return 0;
        };
        let numbers = entries.flatten().filter_map(|entry| {
            let path = self.base.with_file_name(entry.file_name());
            let stem = path.file_stem()?.to_str()?;
            let number = stem.rsplit_once('-')?.1.parse().ok()?;
            (self.name(number) == path).then_some(number)
        });
        numbers.max().unwrap_or(0)
    }

    /// The file of a number.
    fn name(&self, number: u64) -> PathBuf {
        let part = |part: Option<&std::ffi::OsStr>| {
            part.unwrap_or_default().to_string_lossy().into_owned()
        };
        let mut name = format!("{}-{number:04}", part(self.base.file_stem()));
        if let Some(extension) = self.base.extension() {
            name = format!("{name}.{}", part(Some(extension)));
        }
        self.base.with_file_name(name)
    }

    /// The next file, and one that is to be removed for it.
    fn next(&mut self) -> (PathBuf, Option<PathBuf>) {
        self.number += 1;
        let next = self.name(self.number);
        self.files.push_back(next.clone());
        let is_over = self.files.len() > self.kept;
        (next, is_over.then(|| self.files.pop_front()).flatten())
    }

    /// Opens one file after the other.
    fn opener(mut self, files: Files, progress: Progress) -> Next<BufWriter<Watched<File>>> {
        Box::new(move || {
            let (next, old) = self.next();
            let file = progress.during(|| {
                if let Some(old) = old {
                    files.remove(old).map_err(io::Error::other)?;
                }
                files.create(&next).map_err(io::Error::other)
            })?;
            Ok(BufWriter::new(Watched {
                writer: file,
                progress: progress.clone(),
            }))
        })
    }
}

/// What is recorded.
pub fn head(session: Session) -> Head {
    Head {
        session,
        kernel: rustix::system::uname()
            .release()
            .to_string_lossy()
            .into_owned(),
        nkview: env!("CARGO_PKG_VERSION").to_owned(),
        options: std::env::args().skip(1).collect(),
    }
}

/// Records until the time is over, the file is full or a signal comes.
///
/// # Errors
/// When nothing can be watched, or the file cannot be written.
pub async fn record(
    args: RecordArgs,
    recording: Option<Recording>,
    redaction: Option<Redaction>,
    target: Target,
    mut signals: Signals,
) -> anyhow::Result<()> {
    let is_live = recording.is_none();
    let config = configuration(&args.config)?;
    let filter = args.filter.resolve(&config.named_filters())?;
    let options = options::attached(args.devices.clone(), &args.probe, &args.events);
    let recorded = recording.as_ref().map(|it| it.head());
    let source = open(recording, args.duration, options, &mut signals).await?;
    let Some(source) = source else {
        return Ok(());
    };
    let Source {
        session,
        events,
        // Without requests it goes on, without the channel for them it ends.
        requests: _requests,
        stop,
        ..
    } = source;
    let Target {
        first,
        path,
        series,
    } = target;
    let is_series = series.is_some();
    let path = path.display();
    let cannot = || format!("cannot write {path}; what it holds can be replayed");
    let file_for_size = first.try_clone().with_context(cannot)?;
    let limits = Limits {
        snapshot: args.snapshot.unwrap_or(0).into(),
        bytes: args.max_size.unwrap_or(u64::MAX),
        time: args.max_time.unwrap_or(Duration::MAX),
    };
    let hosts = session.hosts.clone();
    let mut head = recorded.unwrap_or_else(|| head(session));
    if let Some(redaction) = &redaction {
        head = redacted_head(&head, redaction);
    }
    let progress = Progress::default();
    let first = BufWriter::new(Watched {
        writer: first,
        progress: progress.clone(),
    });
    let mut sink = Recorder::new(first, head, limits).with_context(cannot)?;
    if let Some((series, files)) = series {
        sink = sink.followed_by(series.opener(files, progress.clone()));
    }
    let mut sink: Box<dyn Sink> = Box::new(sink);
    if let Some(redaction) = redaction {
        sink = Box::new(Redacted::new(sink, redaction));
    }
    // It asks for the names that there were.
    if !filter.is_everything() {
        sink = Box::new(Narrowed::new(sink, &hosts, filter, config.policy()?));
    }
    let (queue, output) =
        Output::start(sink, WAITING).context("cannot start a thread for the file")?;
    let queue = if is_live { queue } else { queue.keeping_all() };
    if is_live {
        report(&format!("recording to {path}; Ctrl-C ends it"));
    }
    let mut writing = Writing::start(events, queue, output, stop);
    let never = std::future::pending();
    // A recording has a time of its own.
    let duration = args.duration.filter(|_| is_live);
    writing.until_over(&mut signals, duration, never).await;
    let give_up = async {
        tokio::select! {
            () = progress.is_stuck() => {}
            () = sleep(LAST_FRAMES) => {}
        }
    };
    let Outcome { written, reason } = writing.end(&mut signals, give_up).await?;
    let Some(written) = written else {
        bail!("the disk took too long: {path} may lack its end; what it holds can be replayed");
    };
    written.with_context(cannot)?;
    if let Ok(metadata) = file_for_size.metadata()
        && !is_series
    {
        report(&format!("{path} has {} bytes", metadata.len()));
    }
    match reason {
        Some(reason) => bail!(reason),
        None => Ok(()),
    }
}

/// Reports progress on stderr.
fn report(text: &str) {
    if io::stderr().is_terminal() {
        let _ = writeln!(io::stderr(), "nkview: {}", crate::text::clean(text));
    }
}
