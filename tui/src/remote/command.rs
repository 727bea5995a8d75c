//! The commands by which hosts are reached.

use std::process::Command;
use std::time::Duration;

use anyhow::bail;

use super::push::Program;
use super::shell::quoted;

#[cfg(test)]
mod tests;

/// What `--via` has in place of the host.
const PLACE: &str = "{}";

/// How `ssh` is called: without a terminal and without questions, for these would be
/// asked on the screen that is shown, and again with each new try. A connection that
/// the user has opened before is shared (`ControlPath`), but none is left behind.
const SSH: [&str; 15] = [
    "-T",
    "-o",
    "BatchMode=yes",
    "-o",
    "ConnectTimeout=10",
    "-o",
    "ServerAliveInterval=5",
    "-o",
    "ServerAliveCountMax=3",
    "-o",
    "ControlMaster=no",
    "-o",
    "ClearAllForwardings=yes",
    "-o",
    "RemoteCommand=none",
];

/// How hosts are reached, and what is called there.
#[derive(Clone, Debug)]
pub struct Access {
    /// A command of the shell that runs another one on the host, whose name is in
    /// place of `{}`; nothing for `ssh`.
    pub via: Option<String>,
    /// What starts nkview there, in words of the shell; nothing for the default.
    pub nkview: Option<String>,
    /// What is sent there to be run, instead of something that is installed.
    pub program: Option<Program>,
    /// What to watch and how, as `nkview stream` takes it.
    pub args: Vec<String>,
}

/// A host, and how to reach it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// What it is called here.
    pub name: String,
    pub(super) program: &'static str,
    pub(super) args: Vec<String>,
    pub(super) program_to_send: Option<Program>,
}

impl Access {
    /// The hosts of these names.
    ///
    /// # Errors
    /// When they cannot be told apart, or cannot be names of hosts.
    pub fn hosts(&self, names: &[String]) -> anyhow::Result<Vec<Host>> {
        let mut hosts: Vec<Host> = Vec::new();
        for name in names {
            if name.is_empty() || name.starts_with('-') || name.contains(char::is_control) {
                bail!("{name:?} is no name of a host");
            }
            let host = self.host(name);
            if hosts.iter().any(|other| other.name == host.name) {
                bail!("the host {} is named twice", host.name);
            }
            hosts.push(host);
        }
        if let Some(via) = &self.via
            && hosts.len() > 1
            && !via.contains(PLACE)
        {
            bail!("--via must contain {PLACE} in place of the host where there are several");
        }
        Ok(hosts)
    }

    fn host(&self, name: &str) -> Host {
        let nkview = self.nkview.as_deref();
        let words = ["stream", "--wire", "--until-eof", "--no-create"];
        let options: String = words
            .into_iter()
            .chain(self.args.iter().map(String::as_str))
            .map(|word| format!(" {}", quoted(word)))
            .collect();
        // Without the user, as far as it is one.
        let short = name.rsplit_once('@').map_or(name, |(_, host)| host);
        let call = |default: &str| match &self.program {
            Some(program) => program.command(&options),
            None => nkview.unwrap_or(default).to_owned() + &options,
        };
        let (program, args) = match &self.via {
            None => {
                let mut args: Vec<String> = SSH.map(str::to_owned).into();
                args.extend(["--".to_owned(), name.to_owned(), call("sudo -n nkview")]);
                ("ssh", args)
            }
            Some(via) => {
                let via = via.replace(PLACE, &quoted(name));
                let line = format!("{via} {}", call("nkview"));
                ("sh", vec!["-c".to_owned(), line])
            }
        };
        Host {
            name: short.to_owned(),
            program,
            args,
            program_to_send: self.program.clone(),
        }
    }
}

impl Host {
    /// The command that connects to it.
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(self.program);
        command.args(&self.args);
        command
    }

    /// How long sending the program may take.
    pub(super) fn sending(&self) -> Duration {
        let program = self.program_to_send.as_ref();
        program.map_or(Duration::ZERO, Program::time)
    }
}
