//! The commands that print something and end.

use std::io::{self, Write};

use anyhow::{Context, bail};

use crate::cli::{DevicesArgs, DoctorArgs};
use crate::model::Device;
use crate::probe::{doctor, inventory};
use crate::{config, listing};

/// Prints the default configuration.
pub fn config() -> anyhow::Result<()> {
    unless_closed(io::stdout().write_all(config::text_of_defaults().as_bytes()))
}

/// Prints the devices. Nothing is attached.
pub async fn devices(args: DevicesArgs) -> anyhow::Result<()> {
    let mut devices = inventory::list().await?;
    devices.sort_by(Device::cmp_by_name);
    let stdout = io::stdout().lock();
    unless_closed(if args.json {
        listing::write_json(&devices, stdout)
    } else {
        listing::write_table(&devices, stdout)
    })
}

/// Prints what the doctor finds; an error if nothing can be watched.
pub async fn doctor(args: DoctorArgs) -> anyhow::Result<()> {
    let findings = doctor::examine().await;
    let mut stdout = io::stdout();
    let written = if args.json {
        findings.iter().try_for_each(|finding| {
            serde_json::to_writer(&mut stdout, finding)?;
            stdout.write_all(b"\n")
        })
    } else {
        findings
            .iter()
            .try_for_each(|finding| write!(stdout, "{finding}"))
    };
    unless_closed(written)?;
    if findings.iter().any(doctor::Finding::is_fatal) {
        bail!("cannot watch any device in this environment");
    }
    Ok(())
}

/// A reader that has seen enough is no error.
fn unless_closed(written: io::Result<()>) -> anyhow::Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to stdout"),
    }
}
