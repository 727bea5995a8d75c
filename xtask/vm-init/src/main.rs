//! PID 1 of the virtual machine: shows the host's files, runs one command and
//! reports to the host how it ended.
//!
//! It is linked statically and so needs nothing but the kernel.

mod loopback;
mod modules;
mod ports;
mod root;
mod session;

use std::{fs, io::Write};

use anyhow::Context;
use rustix::system::{sethostname, uname};
use vm_init::{Port, Report, SPEC_PATH, Spec};

const HOST_NAME: &[u8] = b"nkview-vm";

fn main() -> anyhow::Result<()> {
    // What fails before there is a port is printed on the console, where the
    // kernel's panic over the death of its first process follows it.
    root::mount_kernel_interfaces("/")?;
    modules::load_all()?;
    let control = ports::open(Port::Control)?;
    let report = run(&control).unwrap_or_else(|error| Report::Failed(format!("{error:#}")));
    say(&control, &report)?;
    // The host has it, for a write to a port returns when the host has read it.
    // It switches the machine off.
    loop {
        std::thread::park();
    }
}

fn run(control: &fs::File) -> anyhow::Result<Report> {
    let spec = fs::read(SPEC_PATH).with_context(|| format!("cannot read {SPEC_PATH}"))?;
    let spec = Spec::decode(&spec).map_err(anyhow::Error::msg)?;
    root::enter_view_of_host(&spec.modules)?;
    fs::write(
        "/proc/sys/kernel/modprobe",
        spec.modprobe.as_os_str().as_encoded_bytes(),
    )
    .context("cannot set how the kernel loads modules")?;
    loopback::up().context("cannot switch the loopback device on")?;
    sethostname(HOST_NAME).context("cannot name the machine")?;
    let release = uname().release().to_string_lossy().into();
    say(control, &Report::Ready(release))?;
    session::run(&spec, control).map(Report::Ended)
}

fn say(mut control: &fs::File, report: &Report) -> anyhow::Result<()> {
    control
        .write_all(format!("{report}\n").as_bytes())
        .context("cannot write to the control port")
}
