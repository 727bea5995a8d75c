//! Running the command.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read, Write},
    os::{fd::OwnedFd, unix::process::ExitStatusExt},
    process::{Child, Command, ExitStatus, Stdio},
    thread::{self, JoinHandle},
};

use anyhow::Context;
use rustix::{
    process::{Pid, Signal, WaitOptions},
    pty::{OpenptFlags, grantpt, openpt, unlockpt},
    termios::{InputModes, OptionalActions, Winsize, tcgetattr, tcsetattr, tcsetwinsize},
};
use vm_init::{Port, Size, Spec};

use crate::ports;

/// Runs the command to its end, ends what it has left running, and returns its
/// status as a shell would report it. All that was written has reached the host.
pub fn run(spec: &Spec, control: &File) -> anyhow::Result<i32> {
    let started = match spec.terminal {
        Some(size) => in_terminal(spec, size, control)?,
        None => in_pipes(spec)?,
    };
    let status = match started.child {
        Ok(child) => wait_for(&child)?,
        Err(status) => status,
    };
    // To all processes but this; without them the output ends.
    let _ = rustix::process::kill_process_group(Pid::INIT, Signal::KILL);
    for copy in started.output {
        let _ = copy.join();
    }
    Ok(status)
}

struct Started {
    /// The command, or the status of one that cannot be started.
    child: Result<Child, i32>,
    /// What copies its output to the host.
    output: Vec<JoinHandle<()>>,
}

fn in_pipes(spec: &Spec) -> anyhow::Result<Started> {
    let (output, output_end) = io::pipe().context("cannot create a pipe")?;
    let (errors, errors_end) = io::pipe().context("cannot create a pipe")?;
    let copies = vec![
        copy_to_end(output, ports::open(Port::Output)?),
        copy_to_end(errors, ports::open(Port::Errors)?),
    ];
    let ends = Ends {
        input: Stdio::null(),
        output: output_end.into(),
        errors: errors_end.into(),
    };
    Ok(Started {
        child: spawn(spec, ends)?,
        output: copies,
    })
}

fn in_terminal(spec: &Spec, size: Size, control: &File) -> anyhow::Result<Started> {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)
        .context("cannot open a pseudo-terminal")?;
    grantpt(&master).context("cannot own the pseudo-terminal")?;
    unlockpt(&master).context("cannot unlock the pseudo-terminal")?;
    resize(&master, size).context("cannot size the pseudo-terminal")?;
    // This process leads a session of its own, so that the first terminal that
    // it opens becomes the session's and hence the command's.
    let _ = rustix::process::setsid();
    let name = rustix::pty::ptsname(&master, Vec::new())
        .context("cannot name the pseudo-terminal")?
        .to_string_lossy()
        .into_owned();
    let slave = File::options()
        .read(true)
        .write(true)
        .open(&name)
        .with_context(|| format!("cannot open {name}"))?;
    let mut modes = tcgetattr(&slave).context("cannot read the terminal's modes")?;
    modes.input_modes |= InputModes::IUTF8;
    tcsetattr(&slave, OptionalActions::Now, &modes).context("cannot set the terminal's modes")?;

    let clone = || slave.try_clone().context("cannot share the terminal");
    let ends = Ends {
        input: clone()?.into(),
        output: clone()?.into(),
        errors: slave
            .try_clone()
            .context("cannot share the terminal")?
            .into(),
    };
    drop(slave);
    let master = File::from(master);
    let share = || master.try_clone().context("cannot share the terminal");
    let port = ports::open(Port::Output)?;
    let keys = port.try_clone().context("cannot share the output port")?;
    let sizes = BufReader::new(
        control
            .try_clone()
            .context("cannot share the control port")?,
    );
    let output = vec![copy_to_end(share()?, port)];
    // These two last as long as the machine.
    copy_to_end(keys, share()?);
    let resized: OwnedFd = share()?.into();
    thread::spawn(move || {
        for size in sizes.lines().map_while(Result::ok) {
            if let Ok(size) = size.parse() {
                let _ = resize(&resized, size);
            }
        }
    });
    Ok(Started {
        child: spawn(spec, ends)?,
        output,
    })
}

fn resize(terminal: &OwnedFd, size: Size) -> rustix::io::Result<()> {
    let size = Winsize {
        ws_col: size.columns,
        ws_row: size.rows,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(terminal, size)
}

/// The command's ends of what it reads and writes.
struct Ends {
    input: Stdio,
    output: OwnedFd,
    errors: OwnedFd,
}

fn spawn(spec: &Spec, ends: Ends) -> anyhow::Result<Result<Child, i32>> {
    let (program, arguments) = spec.command.split_first().context("there is no command")?;
    std::env::set_current_dir(&spec.directory)
        .with_context(|| format!("cannot enter {}", spec.directory.display()))?;
    let complaints = ends.errors.try_clone().context("cannot share a pipe")?;
    let spawned = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(spec.environment.iter().map(|(name, value)| (name, value)))
        .stdin(ends.input)
        .stdout(ends.output)
        .stderr(ends.errors)
        .spawn();
    Ok(spawned.map_err(|error| {
        let _ = writeln!(
            File::from(complaints),
            "cannot start {}: {error}",
            program.display()
        );
        // As a shell has them.
        match error.kind() {
            io::ErrorKind::NotFound => 127,
            _ => 126,
        }
    }))
}

/// Waits for the command, and on the way for every orphan that ends.
fn wait_for(child: &Child) -> anyhow::Result<i32> {
    let id = i32::try_from(child.id()).context("a process has an impossible number")?;
    loop {
        let ended = rustix::process::wait(WaitOptions::empty()).context("cannot wait")?;
        if let Some((pid, status)) = ended
            && pid.as_raw_nonzero().get() == id
        {
            let status = ExitStatus::from_raw(status.as_raw());
            return Ok(status
                .code()
                .or_else(|| Some(128 + status.signal()?))
                .unwrap_or(-1));
        }
    }
}

/// Copies until the end or an error: the last process on a pseudo-terminal ends
/// it with EIO.
fn copy_to_end(
    mut from: impl Read + Send + 'static,
    mut to: impl Write + Send + 'static,
) -> JoinHandle<()> {
    thread::spawn(move || {
        // `io::copy` would splice, which virtio ports and terminals do not like.
        let mut buffer = vec![0; 32 * 1024];
        loop {
            match from.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) if to.write_all(&buffer[..length]).is_ok() => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                _ => break,
            }
        }
    })
}
