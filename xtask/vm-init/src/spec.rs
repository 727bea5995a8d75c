//! What is to be run in the machine.

use std::{
    ffi::{OsStr, OsString},
    fmt,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::PathBuf,
    str::FromStr,
};

/// The size of a terminal in cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Its width.
    pub columns: u16,
    /// Its height.
    pub rows: u16,
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.columns, self.rows)
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split_once('x')
            .and_then(|(columns, rows)| {
                Some(Self {
                    columns: columns.parse().ok().filter(|&columns| columns > 0)?,
                    rows: rows.parse().ok().filter(|&rows| rows > 0)?,
                })
            })
            .ok_or_else(|| format!("{text:?} is no size: columns x rows, such as 120x40"))
    }
}

/// The command to run, and what it sees around it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spec {
    /// The program and its arguments.
    pub command: Vec<OsString>,
    /// All of its environment.
    pub environment: Vec<(OsString, OsString)>,
    /// Its working directory.
    pub directory: PathBuf,
    /// Gives it a terminal of this size; without, it has pipes.
    pub terminal: Option<Size>,
    /// The host's directory that the machine shows as `/lib/modules`.
    pub modules: PathBuf,
    /// The program with which the kernel loads modules on demand.
    pub modprobe: PathBuf,
}

impl Spec {
    /// The spec as bytes: fields of a letter and a value, each ended by a zero,
    /// which none of the values can contain.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut field = |letter: u8, parts: &[&OsStr]| {
            bytes.push(letter);
            parts.iter().for_each(|part| bytes.extend(part.as_bytes()));
            bytes.push(0);
        };
        for argument in &self.command {
            field(b'c', &[argument]);
        }
        for (name, value) in &self.environment {
            field(b'e', &[name, OsStr::new("="), value]);
        }
        field(b'd', &[self.directory.as_os_str()]);
        if let Some(size) = self.terminal {
            field(b't', &[OsStr::new(&size.to_string())]);
        }
        field(b'm', &[self.modules.as_os_str()]);
        field(b'p', &[self.modprobe.as_os_str()]);
        bytes
    }

    /// The spec that [`Spec::encode`] made these bytes of.
    ///
    /// # Errors
    /// There is a field that it never writes.
    pub fn decode(bytes: &[u8]) -> Result<Self, String> {
        let mut spec = Self::default();
        for field in bytes.split(|&byte| byte == 0) {
            let Some((letter, value)) = field.split_first() else {
                continue;
            };
            let text = || OsString::from_vec(value.to_vec());
            match letter {
                b'c' => spec.command.push(text()),
                b'e' => {
                    let mut halves = value.splitn(2, |&byte| byte == b'=');
                    let mut half =
                        || OsString::from_vec(halves.next().unwrap_or_default().to_vec());
                    spec.environment.push((half(), half()));
                }
                b'd' => spec.directory = text().into(),
                b't' => {
                    let size = text().to_string_lossy().parse()?;
                    spec.terminal = Some(size);
                }
                b'm' => spec.modules = text().into(),
                b'p' => spec.modprobe = text().into(),
                _ => return Err(format!("a spec has no field {:?}", char::from(*letter))),
            }
        }
        Ok(spec)
    }
}

#[cfg(test)]
mod tests;
