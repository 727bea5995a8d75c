//! The rules of all processes of this machine, as the kernel knows them. Finding them
//! takes `CAP_SYS_ADMIN`; nothing is written down anywhere else.

use std::collections::BTreeMap;

use anyhow::Context;
use aya::maps::{Array, Map, MapData, MapInfo, PerCpuArray};
use aya::programs::{ProgramInfo, loaded_programs};
use probe_common::Direction;
use probe_common::block::{Label, map, until};

use super::{LABEL_WORDS, Standing};
use crate::model::{BLOCK_PROGRAM, Dropped};
use crate::probe::monotonic::boot_now;

/// A rule of this or another process.
#[derive(Clone, Debug)]
pub struct Found {
    /// By which it can be lifted: the id of the kernel's map with its deadline.
    pub number: u32,
    /// The rule as text, cut off where it is long.
    pub rule: String,
    /// The process that it ends with, in that one's PID namespace.
    pub pid: u32,
    /// The user who asked for it.
    pub uid: u32,
    /// How it stands.
    pub standing: Standing,
    /// Hooks that it is on.
    pub hooks: usize,
    /// What was dropped, by direction.
    pub dropped: [Dropped; 2],
}

/// All rules, by number.
///
/// # Errors
/// When the programs cannot be listed.
pub fn find() -> anyhow::Result<Vec<Found>> {
    let mut found = BTreeMap::<u32, Found>::new();
    for program in loaded_programs() {
        let program = program
            .context("cannot list the eBPF programs of this machine; it needs CAP_SYS_ADMIN")?;
        if program.name_as_str() == Some(BLOCK_PROGRAM) {
            // One that goes meanwhile is no failure.
            let _ = add(&mut found, &program);
        }
    }
    Ok(found.into_values().collect())
}

/// Ends a rule at once, on all hooks: the kernel's programs see it with the next
/// packet. Its process notices and takes them off.
///
/// # Errors
/// When the rule is gone, or the kernel refuses.
pub fn lift(number: u32) -> anyhow::Result<()> {
    let data = MapData::from_id(number).context("the rule has ended already")?;
    let mut until = Array::<_, u64>::try_from(Map::Array(data))?;
    until
        .set(until::DEADLINE, 0, 0)
        .context("the kernel refuses to change its deadline")
}

/// What one copy of the program counts, on each CPU.
pub type Counts = PerCpuArray<MapData, [u64; 2]>;

/// What a program on a hook counts, by its id.
///
/// # Errors
/// When it is gone, or is no program that drops packets by a rule.
pub(super) fn counts_of(program: u32) -> anyhow::Result<Counts> {
    let mut programs = loaded_programs();
    let program = programs
        .find_map(|it| it.ok().filter(|it| it.id() == program))
        .context("it is gone")?;
    for id in program.map_ids()?.unwrap_or_default() {
        if MapInfo::from_id(id)?.name_as_str() == Some(map::BLOCKED) {
            let counts = MapData::from_id(id)?;
            return Ok(PerCpuArray::try_from(Map::PerCpuArray(counts))?);
        }
    }
    anyhow::bail!("it counts nothing")
}

fn add(found: &mut BTreeMap<u32, Found>, program: &ProgramInfo) -> anyhow::Result<()> {
    let mut maps = BTreeMap::new();
    for id in program.map_ids()?.unwrap_or_default() {
        let info = MapInfo::from_id(id)?;
        maps.insert(info.name_as_str().unwrap_or_default().to_owned(), id);
    }
    let id = |name: &str| maps.get(name).copied().context("it has no such map");
    let number = id(map::UNTIL)?;
    let array = |name| Ok::<_, anyhow::Error>(Map::Array(MapData::from_id(id(name)?)?));
    let rule = match found.entry(number) {
        std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
        std::collections::btree_map::Entry::Vacant(entry) => {
            let until = Array::<_, u64>::try_from(array(map::UNTIL)?)?;
            let deadline = until.get(&until::DEADLINE, 0)?;
            let lease = until.get(&until::LEASE, 0)?;
            let label = array(map::LABEL).and_then(|map| {
                let label = Array::<_, [u64; LABEL_WORDS]>::try_from(map)?;
                Ok(bytemuck::cast::<_, Label>(label.get(&0, 0)?))
            });
            let (rule, pid, uid) = match label {
                Ok(label) => (text(&label), label.pid, label.uid),
                Err(_) => (String::new(), 0, 0),
            };
            entry.insert(Found {
                number,
                rule,
                pid,
                uid,
                standing: Standing::of(deadline.min(lease), boot_now()),
                hooks: 0,
                dropped: [Dropped::default(); 2],
            })
        }
    };
    rule.hooks += 1;
    let attachment = Array::<_, [u32; 4]>::try_from(array(map::ATTACHMENT)?)?;
    let [_, direction, ..] = attachment.get(&0, 0)?;
    let direction = Direction::from_number(direction & 1).context("no direction")?;
    let counts = MapData::from_id(id(map::BLOCKED)?)?;
    let counts = PerCpuArray::<_, [u64; 2]>::try_from(Map::PerCpuArray(counts))?;
    for [packets, bytes] in counts.get(&0, 0)?.iter().copied() {
        rule.dropped[direction as usize] += Dropped { packets, bytes };
    }
    Ok(())
}

fn text(label: &Label) -> String {
    let end = label.text.iter().position(|byte| *byte == 0);
    let text = &label.text[..end.unwrap_or(label.text.len())];
    String::from_utf8_lossy(text).into_owned()
}
