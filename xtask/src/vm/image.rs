//! All that a machine is started from.

use std::path::PathBuf;

use anyhow::Context;

use crate::{
    process,
    store::Store,
    tools::{Set, Tool, Tools},
    vm::kernel::{Files, Kernel},
};

/// QEMU and what goes before the host's own programs in the machine. Debian's iproute2
/// knows netkit.
const TOOLS: Set = Set {
    what: "QEMU and other tools for the virtual machine (45 MB)",
    packages: &[
        "iproute2",
        "iputils-ping",
        "kmod",
        "lz4",
        "qemu-system-x86",
        "virtiofsd",
        "xz-utils",
        "zstd",
    ],
    tools: &[
        Tool::new("sbin/bridge"),
        Tool::new("sbin/depmod"),
        Tool::new("sbin/insmod"),
        Tool::new("sbin/modprobe"),
        Tool::new("sbin/rmmod"),
        Tool::new("sbin/tc"),
        Tool::new("bin/ip"),
        Tool::new("bin/lsmod"),
        Tool::new("bin/ping"),
        Tool::new("bin/ss"),
    ],
};

/// A kernel and what it takes to boot it.
pub struct Image {
    /// The programs around it.
    pub tools: Tools,
    /// The kernel.
    pub kernel: Files,
    /// The machine's first process.
    pub init: PathBuf,
}

impl Image {
    /// Fetches and builds what is missing.
    ///
    /// # Errors
    /// Something cannot be fetched or built.
    pub fn prepare(kernel: Kernel) -> anyhow::Result<Self> {
        let init = build_init().context("cannot build the machine's first process")?;
        let store = Store::open("vm")?;
        let tools = Tools::prepare(&store, &TOOLS)?;
        let kernel = Files::prepare(kernel, &store, &tools)?;
        Ok(Self {
            tools,
            kernel,
            init,
        })
    }
}

/// Builds `vm-init`, statically, for in the machine's first file system there
/// is no library.
fn build_init() -> anyhow::Result<PathBuf> {
    let messages = process::read(&mut process::cargo(&[
        "rustc",
        "--quiet",
        "--release",
        "--package=vm-init",
        "--bin=vm-init",
        "--message-format=json-render-diagnostics",
        "--",
        "-Ctarget-feature=+crt-static",
    ]))?;
    messages
        .lines()
        .filter_map(|message| serde_json::from_str::<serde_json::Value>(message).ok())
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .context("cargo names no program that it has built")
}
