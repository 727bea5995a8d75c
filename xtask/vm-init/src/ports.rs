//! The machine's ends of the virtio serial ports.

use std::{
    fs::{self, File, OpenOptions},
    path::PathBuf,
    thread,
    time::Duration,
};

use anyhow::Context;
use vm_init::Port;

/// Opens a port, for reading and writing.
///
/// The host tells the driver about its ports one by one after the driver is
/// loaded, so that this waits until there is one of the name. A host without
/// it is a host that stops waiting and reports it.
pub fn open(port: Port) -> anyhow::Result<File> {
    let device = loop {
        if let Some(device) = find(port) {
            break device;
        }
        thread::sleep(Duration::from_millis(2));
    };
    OpenOptions::new()
        .read(true)
        .write(true)
        .open(&device)
        .with_context(|| format!("cannot open {}", device.display()))
}

fn find(port: Port) -> Option<PathBuf> {
    fs::read_dir("/sys/class/virtio-ports")
        .ok()?
        .flatten()
        .find(|entry| {
            fs::read_to_string(entry.path().join("name"))
                .is_ok_and(|name| name.trim_end() == port.name())
        })
        .map(|entry| PathBuf::from("/dev").join(entry.file_name()))
}
