//! The virtual machine: QEMU, and virtiofsd that shows it the host's files.
//!
//! QEMU emulates the processor (TCG) everywhere, though a host may have KVM:
//! that a host has it does not mean that it works, an emulated machine is up in
//! seconds, and so all see the same machine.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::Write,
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
        unix::{
            net::{UnixListener, UnixStream},
            process::CommandExt,
        },
    },
    path::Path,
    process::{Child, ChildStderr, ChildStdout, Command, Stdio},
};

use anyhow::Context;
use rustix::{
    fs::{MemfdFlags, memfd_create},
    io::{FdFlags, fcntl_setfd},
};
use vm_init::{Port, ROOT_TAG, SPEC_PATH, Spec};

use crate::{
    tools::Tools,
    vm::{cpio, image::Image, kernel},
};

/// Two processors, so that what is kept per processor is tested.
const PROCESSORS: &str = "2";

/// What can be written in the machine is in its memory; the host gives it as it
/// is used.
const MEMORY: &str = "2G";

/// All processors that x86-64 Linux programs are built for, and random numbers
/// from the start, without which the boot waits for them.
const PROCESSOR: &str = "qemu64,+rdrand,+rdseed";

const KERNEL_COMMAND_LINE: &str = "\
    console=ttyS0 quiet panic=-1 oops=panic mitigations=off nokaslr audit=0 \
    tsc=reliable no_timer_check";

/// A running machine. It ends when this is dropped, and when the thread that
/// started it ends in whatever way.
pub struct Machine {
    _processes: [Process; 2],
}

/// The ends of what the machine writes and reads.
pub struct Channels {
    /// [`Port::Control`].
    pub control: UnixStream,
    /// [`Port::Output`].
    pub output: UnixStream,
    /// [`Port::Errors`].
    pub errors: UnixStream,
    /// The console of the machine's kernel.
    pub console: ChildStdout,
    /// The output of the programs that run the machine.
    pub messages: [ChildStderr; 2],
}

impl Machine {
    /// Starts a machine that will run what the spec describes.
    ///
    /// # Errors
    /// What it needs cannot be written or started.
    pub fn start(image: &Image, spec: &Spec) -> anyhow::Result<(Self, Channels)> {
        let Image {
            tools,
            kernel,
            init,
        } = image;
        let initramfs = initramfs(kernel, init, spec)?;
        let (mut virtiofsd, root) = share_root(tools)?;
        let pair = || UnixStream::pair().context("cannot create a pair of sockets");
        let (control, control_end) = pair()?;
        let (output, output_end) = pair()?;
        let (errors, errors_end) = pair()?;
        let ports = [
            (Port::Control, control_end.as_fd()),
            (Port::Output, output_end.as_fd()),
            (Port::Errors, errors_end.as_fd()),
        ];
        let mut command = tools.command("bin/qemu-system-x86_64");
        command.args(arguments(
            tools,
            &kernel.image,
            initramfs.as_fd(),
            root.as_fd(),
            &ports,
        ));
        let mut inherited = vec![initramfs.as_fd(), root.as_fd()];
        inherited.extend(ports.map(|(_, end)| end));
        let mut qemu = Process::start(&command, &inherited).context("cannot start QEMU")?;
        let channels = Channels {
            control,
            output,
            errors,
            console: qemu.0.stdout.take().context("QEMU has no output")?,
            messages: [qemu.messages()?, virtiofsd.messages()?],
        };
        let machine = Self {
            _processes: [qemu, virtiofsd],
        };
        Ok((machine, channels))
    }
}

/// The first file system of the machine, in memory: there is nothing to remove
/// afterwards.
fn initramfs(kernel: &kernel::Files, init: &Path, spec: &Spec) -> anyhow::Result<OwnedFd> {
    let read =
        |path: &Path| fs::read(path).with_context(|| format!("cannot read {}", path.display()));
    let mut archive = cpio::Archive::default();
    for directory in ["dev", "proc", "sys"] {
        archive.directory(directory);
    }
    archive.file("init", &read(init)?);
    archive.file(SPEC_PATH.trim_start_matches('/'), &spec.encode());
    let archives = [read(&kernel.first_modules)?, archive.finish()].concat();
    let failed = "cannot write the initramfs to memory";
    let memory = memfd_create("initramfs", MemfdFlags::CLOEXEC).context(failed)?;
    let mut file = File::from(memory);
    file.write_all(&archives).context(failed)?;
    Ok(file.into())
}

/// Starts virtiofsd, which serves its one client and ends; gives the client's
/// socket.
fn share_root(tools: &Tools) -> anyhow::Result<(Process, OwnedFd)> {
    // It takes no socket but one that listens, and such a socket needs a name:
    // for no longer than it takes to connect to it.
    let failed = "cannot create a socket for virtiofsd";
    let directory = tempfile::tempdir().context(failed)?;
    let path = directory.path().join("socket");
    let listener = UnixListener::bind(&path).context(failed)?;
    let client = UnixStream::connect(&path).context(failed)?;
    directory.close().context(failed)?;

    let mut command = tools.command("libexec/virtiofsd");
    command
        .arg(format!("--fd={}", listener.as_raw_fd()))
        // Overlayfs does not look below what the machine would see as mounts.
        .args(["--shared-dir=/", "--readonly", "--no-announce-submounts"])
        .args(["--sandbox=none", "--cache=always", "--log-level=error"]);
    let process =
        Process::start(&command, &[listener.as_fd()]).context("cannot start virtiofsd")?;
    Ok((process, client.into()))
}

/// What QEMU is started with. Of its defaults it has none: what is here is all
/// of the machine.
fn arguments(
    tools: &Tools,
    image: &Path,
    initramfs: BorrowedFd<'_>,
    root: BorrowedFd<'_>,
    ports: &[(Port, BorrowedFd<'_>)],
) -> Vec<OsString> {
    let mut arguments = Vec::<OsString>::new();
    let mut add = |option: &str, value: OsString| {
        arguments.push(option.into());
        arguments.push(value);
    };
    for firmware in ["share/qemu", "share/seabios"] {
        add("-L", tools.usr(firmware).into());
    }
    add("-machine", "q35,memory-backend=memory".into());
    add("-accel", "tcg,thread=multi".into());
    add("-cpu", PROCESSOR.into());
    add("-smp", PROCESSORS.into());
    add("-m", MEMORY.into());
    // virtiofsd reads and writes the machine's memory.
    let memory = format!("memory-backend-memfd,id=memory,size={MEMORY},share=on");
    add("-object", memory.into());
    add("-kernel", image.into());
    add(
        "-initrd",
        format!("/proc/self/fd/{}", initramfs.as_raw_fd()).into(),
    );
    add("-append", KERNEL_COMMAND_LINE.into());
    add("-display", "none".into());
    add("-serial", "stdio".into());
    add(
        "-chardev",
        format!("socket,id=root,fd={}", root.as_raw_fd()).into(),
    );
    add(
        "-device",
        format!("vhost-user-fs-pci,chardev=root,tag={ROOT_TAG}").into(),
    );
    add("-device", "virtio-serial-pci".into());
    for (port, end) in ports {
        let name = port.name();
        add(
            "-chardev",
            format!("socket,id={name},fd={}", end.as_raw_fd()).into(),
        );
        add(
            "-device",
            format!("virtserialport,chardev={name},name={name}").into(),
        );
    }
    for option in ["-nodefaults", "-no-user-config", "-no-reboot"] {
        arguments.push(option.into());
    }
    arguments
}

/// A process that is killed when this is dropped.
struct Process(Child);

impl Process {
    /// Starts a process that is also killed when this thread ends, and inherits
    /// the descriptors.
    fn start(command: &Command, inherited: &[BorrowedFd<'_>]) -> anyhow::Result<Self> {
        for descriptor in inherited {
            fcntl_setfd(descriptor, FdFlags::empty()).context("cannot share a descriptor")?;
        }
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .arg(command.get_program())
            .args(command.get_args())
            // A Ctrl-C is this task's, which then ends the process.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start setpriv (of util-linux)");
        for descriptor in inherited {
            fcntl_setfd(descriptor, FdFlags::CLOEXEC).context("cannot keep a descriptor")?;
        }
        Ok(Self(child?))
    }

    fn messages(&mut self) -> anyhow::Result<ChildStderr> {
        self.0.stderr.take().context("a process has no messages")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself, which is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
