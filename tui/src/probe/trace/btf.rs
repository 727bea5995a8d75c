//! Just enough of BTF, the kernel's description of its own types: where members
//! of structures are, what the values of enumerations are called, and how many
//! arguments a tracepoint has (`Documentation/bpf/btf.rst`).

use std::collections::{HashMap, HashSet};

#[cfg(test)]
mod tests;

/// Where the running kernel has it.
pub const VMLINUX: &str = "/sys/kernel/btf/vmlinux";

const MAGIC: [u8; 2] = 0xeb9f_u16.to_ne_bytes();
/// Bytes of a type before what its kind adds (`struct btf_type`).
const TYPE: usize = 12;
/// How deep anonymous members and typedefs are followed; the kernel's are not as
/// deep, so that what is deeper is damaged.
const DEPTH: usize = 32;

/// The kinds of types that matter here.
mod kind {
    pub const POINTER: u8 = 2;
    pub const STRUCT: u8 = 4;
    pub const UNION: u8 = 5;
    pub const ENUM: u8 = 6;
    pub const TYPEDEF: u8 = 8;
    pub const VOLATILE: u8 = 9;
    pub const CONST: u8 = 10;
    pub const RESTRICT: u8 = 11;
    pub const TYPE_TAG: u8 = 18;
}

/// Why something could not be found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BtfError {
    /// The data is not BTF of this machine's byte order, or damaged.
    #[error("the kernel's type information (BTF) cannot be read: {0}")]
    Malformed(&'static str),
    /// The kernel has no such type or member.
    #[error("this kernel has no {0}")]
    Missing(String),
}

const TRUNCATED: BtfError = BtfError::Malformed("it ends early");

/// Types by their number, and by their name as far as they were asked for.
pub struct Btf<'a> {
    types: &'a [u8],
    strings: &'a [u8],
    /// Where each type starts, by its number. Number 0 is `void`.
    starts: Vec<usize>,
    named: HashMap<(u8, &'a [u8]), u32>,
}

/// A type's fixed part.
struct Type {
    name: u32,
    info: u32,
    /// Its size, or the type that it refers to.
    size_or_type: u32,
    /// Where what its kind adds starts.
    rest: usize,
}

impl Type {
    const fn kind(&self) -> u8 {
        (self.info >> 24 & 0x1f) as u8
    }

    /// How many members, values or parameters.
    const fn count(&self) -> usize {
        (self.info & 0xffff) as usize
    }
}

impl<'a> Btf<'a> {
    /// Reads the types, and remembers those with one of these names.
    ///
    /// # Errors
    /// The data is not BTF.
    pub fn parse(data: &'a [u8], wanted: &[&str]) -> Result<Self, BtfError> {
        if data.get(..2) != Some(&MAGIC) {
            return Err(BtfError::Malformed("it does not start as BTF does"));
        }
        let header = word(data, 4)? as usize;
        let section = |at: usize| {
            let start = header.checked_add(word(data, at)? as usize);
            let start = start.ok_or(TRUNCATED)?;
            let end = start.checked_add(word(data, at + 4)? as usize);
            data.get(start..end.ok_or(TRUNCATED)?).ok_or(TRUNCATED)
        };
        let mut btf = Self {
            types: section(8)?,
            strings: section(16)?,
            starts: vec![0],
            named: HashMap::new(),
        };
        let wanted: HashSet<&[u8]> = wanted.iter().map(|name| name.as_bytes()).collect();
        let mut start = 0;
        while start < btf.types.len() {
            let number = u32::try_from(btf.starts.len()).unwrap_or(u32::MAX);
            btf.starts.push(start);
            let found = btf.get(number)?;
            let count = found.count();
            let added = match found.kind() {
                // Integers, variables and tags.
                1 | 14 | 17 => 4,
                // Arrays.
                3 => 12,
                // Structures, unions, sections of data and wide enumerations.
                kind::STRUCT | kind::UNION | 15 | 19 => count * 12,
                // Enumerations and prototypes of functions.
                kind::ENUM | 13 => count * 8,
                0 | 20.. => return Err(BtfError::Malformed("it has a type of unknown kind")),
                _ => 0,
            };
            let name = btf.string(found.name);
            if wanted.contains(name) {
                btf.named.entry((found.kind(), name)).or_insert(number);
            }
            start = found.rest + added;
        }
        Ok(btf)
    }

    /// Where a member is, in bytes from the start of the structure: of
    /// `sk_buff.dev`, or of members of members, such as `net.ns.inum`. The members
    /// of anonymous ones count as the structure's.
    ///
    /// # Errors
    /// There is no such structure or member.
    pub fn offset(&self, path: &str) -> Result<u32, BtfError> {
        let missing = || BtfError::Missing(path.to_owned());
        let (root, members) = path.split_once('.').ok_or_else(missing)?;
        let root = self.named.get(&(kind::STRUCT, root.as_bytes()));
        let mut number = *root.ok_or_else(missing)?;
        let mut offset = 0;
        for member in members.split('.') {
            let found = self.member(number, member.as_bytes(), DEPTH);
            let (bits, of_type) = found.ok_or_else(missing)?;
            offset += bits;
            number = of_type;
        }
        Ok(offset / 8)
    }

    /// The names of an enumeration's values; none where there is none.
    pub fn values(&self, name: &str) -> HashMap<u32, String> {
        let found = self.named.get(&(kind::ENUM, name.as_bytes()));
        let Some(found) = found.and_then(|number| self.get(*number).ok()) else {
            return HashMap::new();
        };
        let value = |index: usize| {
            let at = found.rest + index * 8;
            let name = self.string(word(self.types, at).ok()?);
            let name = String::from_utf8_lossy(name).into_owned();
            Some((word(self.types, at + 4).ok()?, name))
        };
        (0..found.count()).filter_map(value).collect()
    }

    /// How many arguments programs on a tracepoint get; nothing where there is no
    /// such tracepoint.
    pub fn arguments(&self, tracepoint: &str) -> Option<usize> {
        let name = format!("btf_trace_{tracepoint}");
        let definition = self.get(*self.named.get(&(kind::TYPEDEF, name.as_bytes()))?);
        let pointer = self.get(definition.ok()?.size_or_type).ok()?;
        if pointer.kind() != kind::POINTER {
            return None;
        }
        let prototype = self.get(pointer.size_or_type).ok()?;
        // The first one is the tracepoint's own data.
        prototype.count().checked_sub(1)
    }

    fn get(&self, number: u32) -> Result<Type, BtfError> {
        if number == 0 {
            return Err(BtfError::Malformed(
                "it has no type where there must be one",
            ));
        }
        let start = *self.starts.get(number as usize).ok_or(TRUNCATED)?;
        Ok(Type {
            name: word(self.types, start)?,
            info: word(self.types, start + 4)?,
            size_or_type: word(self.types, start + 8)?,
            rest: start + TYPE,
        })
    }

    /// A name; empty where there is none.
    fn string(&self, at: u32) -> &'a [u8] {
        let rest = self.strings.get(at as usize..).unwrap_or_default();
        rest.split(|byte| *byte == 0).next().unwrap_or_default()
    }

    /// What a name or qualifier stands for.
    fn resolve(&self, mut number: u32) -> Option<u32> {
        for _ in 0..DEPTH {
            let found = self.get(number).ok()?;
            match found.kind() {
                kind::TYPEDEF | kind::VOLATILE | kind::CONST | kind::RESTRICT | kind::TYPE_TAG => {
                    number = found.size_or_type
                }
                _ => return Some(number),
            }
        }
        None
    }

    /// A member's offset in bits, and its type.
    fn member(&self, number: u32, name: &[u8], depth: usize) -> Option<(u32, u32)> {
        let depth = depth.checked_sub(1)?;
        let number = self.resolve(number)?;
        let parent = self.get(number).ok()?;
        if !matches!(parent.kind(), kind::STRUCT | kind::UNION) {
            return None;
        }
        let has_bit_fields = parent.info >> 31 == 1;
        for index in 0..parent.count() {
            let at = parent.rest + index * 12;
            let its_name = self.string(word(self.types, at).ok()?);
            let its_type = word(self.types, at + 4).ok()?;
            let mut bits = word(self.types, at + 8).ok()?;
            if has_bit_fields {
                bits &= 0x00ff_ffff;
            }
            if its_name == name {
                return Some((bits, its_type));
            }
            if its_name.is_empty()
                && let Some((inner, of_type)) = self.member(its_type, name, depth)
            {
                return Some((bits + inner, of_type));
            }
        }
        None
    }
}

fn word(data: &[u8], at: usize) -> Result<u32, BtfError> {
    let bytes = data.get(at..).and_then(|rest| rest.first_chunk());
    Ok(u32::from_ne_bytes(*bytes.ok_or(TRUNCATED)?))
}
