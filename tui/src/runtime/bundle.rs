//! A bundle to take home: what is remembered, as a recording and as packets, and
//! what is known beside, in one archive.

use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::{Timestamp, Zoned};
use serde_json::json;
use tokio::task::JoinHandle;

use crate::diagnosis::{Diagnoses, Policy};
use crate::export::{Limits, Pcapng, Recorder, Redacted, Selection, Sink};
use crate::files::Files;
use crate::listing;
use crate::model::{Device, Envelope, Event};
use crate::probe::doctor;
use crate::recording::{Head, Item, Past, without_payload};
use crate::redact::Redaction;
use crate::traffic::Traffic;

#[cfg(test)]
mod tests;

/// Bytes of a record of a tar archive.
const RECORD: u64 = 512;

/// What goes into a bundle.
pub(super) struct Contents {
    /// What a recording begins with, redacted if the rest is to be.
    pub head: Head,
    /// What replaces names and addresses.
    pub redaction: Option<Redaction>,
    /// The devices as they are now.
    pub devices: Vec<Device>,
    /// The problems, in words.
    pub problems: String,
    /// By what they are judged.
    pub policy: Policy,
    /// What is remembered: two of the files are written twice, first to learn their
    /// size, and problems are found anew under other names.
    pub pasts: [Past; 5],
}

/// Writes bundles, one at a time.
#[derive(Default)]
pub(super) struct Bundles {
    running: Option<JoinHandle<anyhow::Result<String>>>,
}

impl Bundles {
    /// Starts to write one.
    ///
    /// # Errors
    /// When another is being written.
    pub(super) fn start(&mut self, files: Files, contents: Contents) -> Result<(), String> {
        if self.running.is_some() {
            return Err("another one is being written".to_owned());
        }
        let is_redacted = contents.redaction.is_some();
        self.running = Some(tokio::spawn(async move {
            let findings = doctor::examine().await;
            let doctor: String = findings.iter().map(ToString::to_string).collect();
            tokio::task::spawn_blocking(move || {
                let name = contents.head.file_name(&Zoned::now());
                let path = format!("{name}.tar.gz");
                let file = files.create(Path::new(&path))?;
                write(BufWriter::new(file), &name, contents, &doctor)
                    .with_context(|| format!("cannot write {path}"))?;
                Ok(if is_redacted {
                    format!("{path} is complete. Names and addresses are replaced in it.")
                } else {
                    format!("{path} is complete. Names and addresses are in it.")
                })
            })
            .await?
        }));
        Ok(())
    }

    /// Waits until one is written; returns a sentence about it. It may be cancelled.
    pub(super) async fn written(&mut self) -> Result<String, String> {
        let Some(running) = &mut self.running else {
            return std::future::pending().await;
        };
        let written = running.await;
        self.running = None;
        match written {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(error)) => Err(format!("{error:#}")),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// Writes a bundle whose files are in a directory of this name.
fn write(to: impl Write + Send, name: &str, contents: Contents, doctor: &str) -> io::Result<()> {
    let Contents {
        head,
        mut redaction,
        mut devices,
        mut problems,
        policy,
        pasts: [recording, recording_again, packets, packets_again, past],
    } = contents;
    let is_redacted = redaction.is_some();
    if let Some(redaction) = &mut redaction {
        devices = redaction.devices(devices);
        problems = find(past, redaction.clone(), &policy)?;
    }
    let gz = GzEncoder::new(to, Compression::default());
    let mut archive = Archive {
        tar: tar::Builder::new(gz),
        name,
        time: Timestamp::now(),
    };
    archive.text("manifest.json", manifest(&head, is_redacted).as_bytes())?;
    archive.text("problems.txt", problems.as_bytes())?;
    let mut table = Vec::new();
    listing::write_table(&devices, &mut table)?;
    archive.text("devices.txt", &table)?;
    let mut objects = Vec::new();
    listing::write_json(&devices, &mut objects)?;
    archive.text("devices.json", &objects)?;
    // What the kernel and this user can do is said in words, with names in them.
    if !is_redacted {
        archive.text("doctor.txt", doctor.as_bytes())?;
    }

    let size = counted(|to| record(recording, &head, redaction.clone(), to))?;
    archive.start("recording.nkv", size)?;
    record(
        recording_again,
        &head,
        redaction.clone(),
        archive.tar.get_mut(),
    )?;
    archive.end(size)?;
    let size = counted(|to| write_packets(packets, &head, redaction.clone(), policy.clone(), to))?;
    archive.start("packets.pcapng", size)?;
    write_packets(
        packets_again,
        &head,
        redaction,
        policy,
        archive.tar.get_mut(),
    )?;
    archive.end(size)?;
    archive.tar.into_inner()?.finish()?.flush()
}

/// An archive that is being written.
struct Archive<'a, W: Write> {
    tar: tar::Builder<W>,
    name: &'a str,
    time: Timestamp,
}

impl<W: Write> Archive<'_, W> {
    fn text(&mut self, name: &str, text: &[u8]) -> io::Result<()> {
        self.start(name, text.len() as u64)?;
        self.tar.get_mut().write_all(text)?;
        self.end(text.len() as u64)
    }

    /// The header of a file whose contents follow.
    fn start(&mut self, name: &str, size: u64) -> io::Result<()> {
        let mut header = tar::Header::new_gnu();
        header.set_path(format!("{}/{name}", self.name))?;
        header.set_size(size);
        header.set_mode(0o600);
        header.set_mtime(self.time.as_second().unsigned_abs());
        header.set_cksum();
        self.tar.get_mut().write_all(header.as_bytes())
    }

    /// Fills up the last record.
    fn end(&mut self, size: u64) -> io::Result<()> {
        let rest = (RECORD - size % RECORD) % RECORD;
        self.tar
            .get_mut()
            .write_all(&[0; RECORD as usize][..rest as usize])
    }
}

/// Counts what is written.
#[derive(Default)]
struct Counter(u64);

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn counted(write: impl FnOnce(&mut Counter) -> io::Result<()>) -> io::Result<u64> {
    let mut counter = Counter::default();
    write(&mut counter)?;
    Ok(counter.0)
}

fn record(
    past: Past,
    head: &Head,
    redaction: Option<Redaction>,
    to: impl Write + Send,
) -> io::Result<()> {
    let limits = Limits {
        snapshot: 0,
        bytes: u64::MAX,
        time: Duration::MAX,
    };
    feed(past, redaction, Recorder::new(to, head.clone(), limits)?)
}

fn write_packets(
    past: Past,
    head: &Head,
    redaction: Option<Redaction>,
    policy: Policy,
    to: impl Write + Send,
) -> io::Result<()> {
    let selection = Selection {
        packets: true,
        policy,
        ..Selection::default()
    };
    feed(past, redaction, Pcapng::new(&head.session, to, selection)?)
}

/// Lets a format write what is remembered, without payload.
fn feed(mut past: Past, redaction: Option<Redaction>, sink: impl Sink) -> io::Result<()> {
    let mut sink: Box<dyn Sink + '_> = Box::new(sink);
    if let Some(redaction) = redaction {
        sink = Box::new(Redacted::new(sink, redaction));
    }
    while let Some(item) = past.reader.next_item()? {
        match item {
            Item::Event(Envelope {
                event: Event::Ended(_),
                ..
            }) => {}
            Item::Event(envelope) => sink.event(&without_payload(&envelope, 0))?,
            Item::Lost(packets) => sink.lost(packets)?,
            Item::Damage(text) => return Err(io::Error::other(text)),
        }
    }
    sink.finish()
}

/// What was wrong, by other names than it was.
fn find(mut past: Past, mut redaction: Redaction, policy: &Policy) -> io::Result<String> {
    let mut traffic = Traffic::default();
    let session = redaction.session(&past.reader.head().session);
    let mut diagnoses = Diagnoses::new(policy.clone(), &session.hosts);
    while let Some(item) = past.reader.next_item()? {
        if let Item::Event(envelope) = item {
            let envelope = redaction.envelope(envelope);
            traffic.apply(&envelope);
            diagnoses.observe(&envelope, &traffic.host(envelope.host).flows);
        }
    }
    let findings = diagnoses.findings().into_iter();
    let text: String = findings.map(|it| it.to_text() + "\n").collect();
    Ok(if text.is_empty() {
        "No problems found.\n".to_owned()
    } else {
        text
    })
}

fn manifest(head: &Head, is_redacted: bool) -> String {
    let mut manifest = json!({
        "nkview": head.nkview,
        "kernel": head.kernel,
        "host": head.session.host,
        "created": Timestamp::now().to_string(),
        "options": head.options,
        "redacted": is_redacted,
        "files": {
            "problems.txt": "what was wrong, with evidence",
            "devices.txt": "the network devices, as `nkview devices` lists them",
            "devices.json": "the same as JSON Lines",
            "doctor.txt": "what this kernel and user can do, as `nkview doctor` reports",
            "recording.nkv": "the last minutes: nkview replay recording.nkv",
            "packets.pcapng": "the headers of the packets that were captured, for Wireshark",
        },
    });
    if is_redacted && let Some(files) = manifest["files"].as_object_mut() {
        files.remove("doctor.txt");
    }
    format!("{manifest:#}\n")
}
