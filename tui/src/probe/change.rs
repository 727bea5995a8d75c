//! What has changed on a hook, as text.

use std::fmt;

use crate::model::{BLOCK_PROGRAM, HookPoint, Level, PROGRAM};
use crate::sys;

#[cfg(test)]
mod tests;

/// A program of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    id: u32,
    name: String,
}

impl Program {
    /// A program with a name, which is empty where it is not known.
    #[must_use]
    pub fn new(id: u32, name: impl Into<String>) -> Self {
        let name = name.into();
        Self { id, name }
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> u32 {
        self.id
    }

    /// Whether it is known to count for an nkview, this one or another.
    #[must_use]
    pub fn is_nkview(&self) -> bool {
        self.name == PROGRAM
    }

    /// Whether it is known to drop packets by a rule of an nkview.
    #[must_use]
    pub fn is_block(&self) -> bool {
        self.name == BLOCK_PROGRAM
    }

    /// The programs with these ids, in their order. Names of those that are in
    /// `known` are not asked for; a name that the kernel does not disclose, as to
    /// those without `CAP_SYS_ADMIN`, is empty.
    pub fn all(ids: impl IntoIterator<Item = u32>, known: &[Self]) -> Vec<Self> {
        let named = |id| {
            let known = known.iter().find(|program| program.id == id);
            known.cloned().unwrap_or_else(|| {
                let info = sys::program_info_of(id);
                Self::new(id, info.map_or_else(|_| String::new(), |info| info.name))
            })
        };
        ids.into_iter().map(named).collect()
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name.as_str() {
            "" => write!(f, "program {}", self.id),
            name => write!(f, "{name} (program {})", self.id),
        }
    }
}

/// What has changed on a hook that a program of ours is, or was, attached to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    point: HookPoint,
    came: Vec<Program>,
    left: Vec<Program>,
    place: Place,
}

/// Where our program is now.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// At the head, before this many others.
    First(usize),
    /// Behind these, whose packets it only sees when they leave them to it.
    Behind(Vec<Program>),
    /// It is not there any more.
    Gone,
}

impl Change {
    /// From one chain to another, of which `ours` was a program.
    #[must_use]
    pub fn between(point: HookPoint, before: &[Program], now: &[Program], ours: u32) -> Self {
        let only_in = |these: &[Program], those: &[Program]| -> Vec<Program> {
            let other = |program: &&Program| program.id != ours && !those.contains(program);
            these.iter().filter(other).cloned().collect()
        };
        let place = match now.iter().position(|program| program.id == ours) {
            None => Place::Gone,
            Some(0) => Place::First(now.len() - 1),
            Some(place) => Place::Behind(now[..place].to_vec()),
        };
        Self {
            point,
            came: only_in(now, before),
            left: only_in(before, now),
            place,
        }
    }

    /// The hook.
    #[must_use]
    pub const fn point(&self) -> HookPoint {
        self.point
    }

    /// Whether our program is not there any more.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.place == Place::Gone
    }

    /// How bad it is.
    #[must_use]
    pub fn level(&self) -> Level {
        match &self.place {
            Place::Behind(programs) if programs.iter().all(Program::is_nkview) => Level::Info,
            Place::First(_) => Level::Info,
            Place::Behind(_) | Place::Gone => Level::Warning,
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let point = self.point;
        for (programs, what) in [(&self.came, "came"), (&self.left, "left")] {
            if !programs.is_empty() {
                write!(f, "{} {what}; ", list(programs))?;
            }
        }
        match &self.place {
            Place::First(0) => write!(f, "nkview is alone on {point} now"),
            Place::First(1) => write!(f, "another program is on {point} now, behind nkview"),
            Place::First(others) => {
                write!(
                    f,
                    "{others} other programs are on {point} now, behind nkview"
                )
            }
            Place::Behind(programs) if programs.iter().all(Program::is_nkview) => write!(
                f,
                "before this nkview on {point} now: {}, which keeps no packets",
                list(programs)
            ),
            Place::Behind(programs) => {
                let (verb, them) = match programs.len() {
                    1 => ("runs", "it keeps"),
                    _ => ("run", "they keep"),
                };
                write!(
                    f,
                    "{} {verb} before nkview on {point} now; packets that {them} are not counted",
                    list(programs)
                )
            }
            Place::Gone => write!(f, "nkview's program was taken off {point}"),
        }
    }
}

fn list(programs: &[Program]) -> String {
    let programs: Vec<String> = programs.iter().map(ToString::to_string).collect();
    programs.join(", ")
}
