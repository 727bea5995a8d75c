//! Dropping packets by rule: the one thing that nkview does to packets.
//!
//! Each rule has maps of its own, which are frozen before a program is loaded, and a
//! copy of the program a hook. So a rule never changes under a packet, and it ends
//! where the first of these happens: its time is over by the kernel's clock, anybody
//! lifts it, its process ends in whatever way, its device goes.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use aya::maps::lpm_trie::LpmTrie;
use aya::maps::{Array, Map, MapData, MapError, PerCpuArray};
use probe_common::block::{self, Label, PORTS, Terms, map, until};
use probe_common::{Attachment, Direction};

use self::compile::Compiled;
use self::elsewhere::Counts;
use super::monotonic::boot_now;
use super::object::{self, ObjectError, Relocation, in_map};
use crate::model::{BLOCK_PROGRAM, BlockId, BlockRule};
use crate::sys;

pub mod compile;
pub mod elsewhere;
pub mod journal;
pub mod tally;

/// The object that `cargo xtask build-ebpf` makes of `probe-ebpf/src/block/`.
static OBJECT: &[u8] = aya::include_bytes_aligned!("../../../assets/block.bpf.o");

/// How long a rule may hold without its process where the kernel does not take the
/// program off with it, as filters of clsact.
const LEASE: Duration = Duration::from_secs(5);

const TERMS_WORDS: usize = size_of::<Terms>() / size_of::<u64>();
const LABEL_WORDS: usize = size_of::<Label>() / size_of::<u64>();

/// Whose a rule is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The process.
    pub pid: u32,
    /// The user who has logged in, as far as that is known.
    pub uid: u32,
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "user {}, process {}", self.uid, self.pid)
    }
}

impl Owner {
    /// This process, and who has logged in before becoming root (`pam_loginuid(8)`).
    #[must_use]
    pub fn this() -> Self {
        let login = std::fs::read_to_string("/proc/self/loginuid").ok();
        let login = login.and_then(|uid| uid.trim().parse().ok());
        Self {
            pid: std::process::id(),
            uid: login
                .filter(|uid| *uid != u32::MAX)
                .unwrap_or_else(|| rustix::process::getuid().as_raw()),
        }
    }
}

/// A rule in the kernel. Nothing is dropped before [`Blocker::begin`].
pub struct Blocker {
    id: BlockId,
    relocations: Vec<Relocation>,
    until: Array<MapData, u64>,
    /// The maps that the relocations refer to, by name.
    kept: Vec<(String, OwnedFd)>,
}

/// A copy of the program.
pub struct BlockProgram {
    fd: OwnedFd,
    attachment: Array<MapData, [u32; 4]>,
    identity: Attachment,
}

impl AsFd for BlockProgram {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl BlockProgram {
    /// What it returns for packets that are not dropped: a number of
    /// [`probe_common::verdict`].
    ///
    /// # Errors
    /// The kernel's.
    pub fn set_verdict(&mut self, verdict: i32) -> Result<(), MapError> {
        self.identity.verdict = verdict;
        self.attachment
            .set(0, bytemuck::cast::<_, [u32; 4]>(self.identity), 0)
    }
}

impl Blocker {
    /// Brings a rule into the kernel.
    ///
    /// # Errors
    /// When it cannot be compiled, or the kernel refuses a map.
    pub fn new(id: BlockId, rule: &BlockRule, owner: Owner) -> Result<Self, ObjectError> {
        let Compiled {
            terms,
            prefixes,
            ports,
        } = compile::compile(rule).map_err(object::unusable)?;
        let mut object = object::parse(OBJECT)?;
        let mut relocations = Vec::new();
        let mut kept = Vec::new();
        let mut create = |name: &str| {
            let definition = object::take_map(&mut object, name)?;
            let data = object::create_map(definition.clone(), name)?;
            let fd = data.fd().as_fd().try_clone_to_owned();
            let fd = fd.map_err(|error| in_map(name)(MapError::IoError(error)))?;
            relocations.push((name.to_owned(), fd.as_raw_fd(), definition));
            kept.push((name.to_owned(), fd));
            Ok::<_, ObjectError>(data)
        };
        let mut values = Array::<_, [u64; TERMS_WORDS]>::try_from(Map::Array(create(map::TERMS)?))
            .map_err(in_map(map::TERMS))?;
        for direction in Direction::BOTH {
            let words: [u64; TERMS_WORDS] = bytemuck::cast(terms[direction as usize]);
            let set = values.set(direction as u32, words, 0);
            set.map_err(in_map(map::TERMS))?;
        }
        let mut trie = LpmTrie::<_, [u8; 16], u32>::try_from(Map::LpmTrie(create(map::ADDRESSES)?))
            .map_err(in_map(map::ADDRESSES))?;
        for (net, sets) in &prefixes {
            let set = trie.insert(&object::trie_key(net), sets, 0);
            set.map_err(in_map(map::ADDRESSES))?;
        }
        let mut values = Array::<_, [u8; PORTS]>::try_from(Map::Array(create(map::PORTS)?))
            .map_err(in_map(map::PORTS))?;
        let mut sets = [0; PORTS];
        sets.copy_from_slice(&ports);
        values.set(0, sets, 0).map_err(in_map(map::PORTS))?;
        let mut values = Array::<_, [u64; LABEL_WORDS]>::try_from(Map::Array(create(map::LABEL)?))
            .map_err(in_map(map::LABEL))?;
        let words: [u64; LABEL_WORDS] = bytemuck::cast(label(rule, owner));
        values.set(0, words, 0).map_err(in_map(map::LABEL))?;
        let until = Array::try_from(Map::Array(create(map::UNTIL)?)).map_err(in_map(map::UNTIL))?;
        for (name, fd) in kept.iter().filter(|(name, _)| name != map::UNTIL) {
            let frozen = sys::freeze(fd.as_fd());
            frozen.map_err(|error| in_map(name)(MapError::IoError(error)))?;
        }
        Ok(Self {
            id,
            relocations,
            until,
            kept,
        })
    }

    /// The rule's number.
    #[must_use]
    pub const fn id(&self) -> BlockId {
        self.id
    }

    /// Loads a copy of the program for a hook, and what it will count.
    ///
    /// # Errors
    /// When the kernel refuses it.
    pub fn load(&self, identity: Attachment) -> Result<(BlockProgram, Counts), ObjectError> {
        let mut object = object::parse(OBJECT)?;
        let mut create = |name: &str| {
            let definition = object::take_map(&mut object, name)?;
            let data = object::create_map(definition.clone(), name)?;
            let relocation = object::relocation(name, &data, definition);
            Ok::<_, ObjectError>((data, relocation))
        };
        let (attachment, first) = create(map::ATTACHMENT)?;
        let (counts, second) = create(map::BLOCKED)?;
        let own = [first, second];
        let maps = self.relocations.iter().chain(&own);
        let fd = object::load_copy(object, BLOCK_PROGRAM, maps)?;
        // Without it others would not know what the rule is, but it would work: it is
        // refused before 5.10.
        if let Some((_, label)) = self.kept.iter().find(|(name, _)| name == map::LABEL) {
            let _ = sys::bind_map(fd.as_fd(), label.as_fd());
        }
        let attachment =
            Array::try_from(Map::Array(attachment)).map_err(in_map(map::ATTACHMENT))?;
        let counts =
            PerCpuArray::try_from(Map::PerCpuArray(counts)).map_err(in_map(map::BLOCKED))?;
        let mut program = BlockProgram {
            fd,
            attachment,
            identity,
        };
        program
            .set_verdict(identity.verdict)
            .map_err(in_map(map::ATTACHMENT))?;
        Ok((program, counts))
    }

    /// Begins to drop packets, for so long.
    ///
    /// # Errors
    /// The kernel's.
    pub fn begin(&mut self, time: Duration, needs_lease: bool) -> Result<(), MapError> {
        self.renew(needs_lease)?;
        let time = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.until
            .set(until::DEADLINE, boot_now().saturating_add(time), 0)
    }

    /// Says that the process is alive, where the kernel would not notice.
    ///
    /// # Errors
    /// The kernel's.
    pub fn renew(&mut self, needs_lease: bool) -> Result<(), MapError> {
        let lease = if needs_lease {
            boot_now() + LEASE.as_nanos() as u64
        } else {
            u64::MAX
        };
        self.until.set(until::LEASE, lease, 0)
    }

    /// Stops dropping packets, at once and on all hooks.
    ///
    /// # Errors
    /// The kernel's.
    pub fn lift(&mut self) -> Result<(), MapError> {
        self.until.set(until::DEADLINE, 0, 0)
    }

    /// Whether it holds, and for how long.
    ///
    /// # Errors
    /// The kernel's.
    pub fn standing(&self) -> Result<Standing, MapError> {
        let deadline = self.until.get(&until::DEADLINE, 0)?;
        Ok(Standing::of(deadline, boot_now()))
    }
}

/// How a rule stands, as the kernel judges it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It holds for so long.
    Holds(Duration),
    /// Its time is over.
    Over,
    /// Somebody has lifted it.
    Lifted,
}

impl Standing {
    const fn of(deadline: u64, now: u64) -> Self {
        match deadline.checked_sub(now) {
            _ if deadline == 0 => Self::Lifted,
            None | Some(0) => Self::Over,
            Some(left) => Self::Holds(Duration::from_nanos(left)),
        }
    }
}

fn label(rule: &BlockRule, owner: Owner) -> Label {
    let mut text = [0; block::TEXT];
    let mut end = rule.text.len().min(text.len());
    while !rule.text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].copy_from_slice(&rule.text.as_bytes()[..end]);
    Label {
        since: boot_now(),
        pid: owner.pid,
        uid: owner.uid,
        text,
    }
}

/// Why a device's hooks did not take a rule.
pub fn refused(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, what.to_owned())
}

#[cfg(test)]
mod tests;
