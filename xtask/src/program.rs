//! The programs that cargo builds, and where it leaves them.

use std::{
    ffi::{OsStr, OsString},
    io::BufReader,
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context, ensure};
use cargo_metadata::Message;

use crate::{apt, process};

/// A program that cargo has built.
pub struct Program {
    /// The name of its target.
    pub name: String,
    /// Where it lies.
    pub path: PathBuf,
}

impl Program {
    /// Builds programs: `arguments` are cargo's.
    ///
    /// # Errors
    /// They do not build.
    pub fn build(arguments: &[&str]) -> anyhow::Result<Vec<Self>> {
        let mut command = process::cargo(arguments);
        command.arg("--message-format=json-render-diagnostics");
        let mut cargo = command
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start cargo")?;
        let output = cargo.stdout.take().context("cargo has no output")?;
        let mut programs = Vec::new();
        for message in Message::parse_stream(BufReader::new(output)) {
            if let Message::CompilerArtifact(artifact) =
                message.context("reading cargo's output")?
                && let Some(path) = artifact.executable
            {
                programs.push(Self {
                    name: artifact.target.name,
                    path: path.into_std_path_buf(),
                });
            }
        }
        let status = cargo.wait().context("waiting for cargo")?;
        ensure!(
            status.success(),
            "cargo {} failed: {status}",
            arguments.join(" ")
        );
        Ok(programs)
    }

    /// Builds the one program of `name`; `arguments` are cargo's.
    ///
    /// # Errors
    /// It does not build, or cargo builds no such program.
    pub fn build_one(arguments: &[&str], name: &str) -> anyhow::Result<Self> {
        Self::build(arguments)?
            .into_iter()
            .find(|program| program.name == name)
            .with_context(|| format!("`cargo {}` builds no program {name}", arguments.join(" ")))
    }

    /// The command that starts it as root, through sudo where this is not root.
    ///
    /// # Errors
    /// This is not root, and there is no sudo.
    pub fn as_root(&self) -> anyhow::Result<Command> {
        self.as_root_with(&[])
    }

    /// As [`Program::as_root`], with more in its environment, which sudo would not let
    /// through.
    ///
    /// # Errors
    /// As for [`Program::as_root`].
    pub fn as_root_with(&self, environment: &[(&str, &OsStr)]) -> anyhow::Result<Command> {
        let mut command = sudo(&self.name)?;
        for (name, value) in environment {
            let mut variable = OsString::from(name);
            variable.push("=");
            variable.push(value);
            command.arg(variable);
        }
        command.arg(&self.path);
        Ok(command)
    }
}

/// What starts a program of this name as root, when its environment and path follow.
fn sudo(name: &str) -> anyhow::Result<Command> {
    if apt::is_root() {
        return Ok(Command::new("env"));
    }
    ensure!(
        process::is_installed("sudo"),
        "{name} must run as root, and there is no sudo: start this task as root, or install sudo"
    );
    let mut sudo = Command::new("sudo");
    sudo.args(["--", "env"]);
    Ok(sudo)
}
