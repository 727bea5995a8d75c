//! The compiled programs and their maps.
//!
//! The program that counts is loaded once. What is attached to a hook is a
//! [`stub`], which says who it is and goes on with that one. aya's loader attaches
//! only what it has loaded itself, to hooks that it knows; so the object is
//! relocated with `aya-obj`.

use std::collections::HashSet;
use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::Arc;

use aya::maps::lpm_trie::{Key, LpmTrie};
use aya::maps::{Array, Map, MapData, MapError, PerCpuArray, RingBuf};
use aya_obj::EbpfSectionKind;
use aya_obj::generated::bpf_map_type;
use aya_obj::maps::{LegacyMap, bpf_map_def};
use ipnet::IpNet;
use probe_common::table::Geometry;
use probe_common::{Attachment, Settings, TotalsValue, map};

use super::flow_table::{self, FlowTable};
use super::{stub, sys};
use crate::model::PROGRAM;

/// The object that `cargo xtask build-ebpf` makes of `probe-ebpf/`.
static OBJECT: &[u8] = aya::include_bytes_aligned!("../../../assets/nkview.bpf.o");

/// The name of the array with the program that counts.
const BODY: &str = "BODY";
/// The name of a hook's own array.
const OWN: &str = "OWN";

/// Sizes of the maps that users choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Flows that an epoch can hold.
    pub flows: u32,
    /// Bytes of the ring buffer; a power of two and a multiple of the page.
    pub ring: u32,
}

/// Why the programs could not be made ready.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// The embedded object is not what this code expects.
    #[error("the embedded eBPF object is unusable: {0}")]
    Unusable(String),
    /// A map was refused.
    #[error("cannot create the eBPF map {name}")]
    Map {
        /// Its name.
        name: String,
        /// The kernel's answer.
        source: MapError,
    },
    /// The program was refused.
    #[error("cannot load the eBPF program")]
    Load(#[from] sys::LoadError),
}

impl ObjectError {
    /// The kernel's error behind it, if it was the kernel that refused.
    #[must_use]
    pub fn os_error(&self) -> Option<&io::Error> {
        match self {
            Self::Map {
                source:
                    MapError::CreateError { io_error, .. }
                    | MapError::SyscallError(aya::sys::SyscallError { io_error, .. }),
                ..
            } => Some(io_error),
            Self::Load(error) => Some(&error.error),
            _ => None,
        }
    }
}

/// A map with integers of one width as its value, as bytes of that layout.
type Words<const N: usize> = Array<MapData, [u32; N]>;

/// The maps of the program that counts.
pub struct Maps {
    /// The flow table.
    pub table: FlowTable,
    /// Socket records from the programs.
    pub sockets: RingBuf<MapData>,
    geometry: Array<MapData, [u64; GEOMETRY_WORDS]>,
    settings: Words<SETTINGS_WORDS>,
    totals: PerCpuArray<MapData, [u64; TOTALS_WORDS]>,
    prefixes: LpmTrie<MapData, [u8; 16], u32>,
    /// The events' budgets and the maps of the table: the programs' while they live.
    _private: [MapData; 4],
}

const SETTINGS_WORDS: usize = size_of::<Settings>() / size_of::<u32>();
const GEOMETRY_WORDS: usize = size_of::<Geometry>() / size_of::<u64>();
const TOTALS_WORDS: usize = size_of::<TotalsValue>() / size_of::<u64>();

impl Maps {
    /// Sets them for all hooks.
    ///
    /// # Errors
    /// The kernel's.
    pub fn set_settings(&mut self, settings: Settings) -> Result<(), MapError> {
        self.settings
            .set(0, bytemuck::cast::<_, [u32; SETTINGS_WORDS]>(settings), 0)
    }

    /// Sets where flows are looked for, which [`FlowTable`] has decided.
    ///
    /// # Errors
    /// The kernel's.
    pub fn set_geometry(&mut self) -> Result<(), MapError> {
        let geometry = self.table.geometry();
        self.geometry
            .set(0, bytemuck::cast::<_, [u64; GEOMETRY_WORDS]>(geometry), 0)
    }

    /// Replaces the prefixes. The programs must not be looking at them.
    ///
    /// # Errors
    /// The kernel's.
    pub fn set_prefixes(&mut self, prefixes: &[IpNet]) -> Result<(), MapError> {
        let old: Vec<_> = self.prefixes.keys().collect::<Result<_, _>>()?;
        for key in old {
            self.prefixes.remove(&key)?;
        }
        for prefix in prefixes {
            self.prefixes.insert(&trie_key(prefix), 0, 0)?;
        }
        Ok(())
    }

    /// One entry of TOTALS, summed over the CPUs.
    ///
    /// # Errors
    /// The kernel's.
    pub fn totals(&self, index: u32) -> Result<TotalsValue, MapError> {
        Ok(sum(&self.totals_by_cpu(index)?))
    }

    /// One entry of TOTALS, by the number of the CPU.
    ///
    /// # Errors
    /// The kernel's.
    pub fn totals_by_cpu(&self, index: u32) -> Result<Vec<TotalsValue>, MapError> {
        let cpus = self.totals.get(&index, 0)?;
        Ok(cpus.iter().map(|words| bytemuck::cast(*words)).collect())
    }
}

/// Bytes of the ring for sockets: a record of each flow within bounds. It is
/// emptied once an interval, and what finds no room is reported in the next.
fn socket_bytes(flows: u32) -> u32 {
    const RANGE: [u32; 2] = [1 << 16, 1 << 22];
    let bytes = flows.saturating_mul(72).min(RANGE[1]);
    bytes.next_power_of_two().max(RANGE[0])
}

/// All CPUs together.
#[must_use]
pub fn sum(cpus: &[TotalsValue]) -> TotalsValue {
    let mut sum = [0; TOTALS_WORDS];
    for cpu in cpus {
        let words: [u64; TOTALS_WORDS] = bytemuck::cast(*cpu);
        for (sum, word) in sum.iter_mut().zip(words) {
            *sum += word;
        }
    }
    bytemuck::cast(sum)
}

/// The program that counts, loaded, and what the programs of hooks need of it.
pub struct Object {
    /// ATTACHMENT.
    current: MapData,
    /// An array with the program. The kernel empties it when its last descriptor is closed, so each
    /// program of a hook does.
    body: Arc<MapData>,
    counting: OwnedFd,
    license: CString,
}

/// Name, descriptor and definition of a map that the instructions refer to.
pub(super) type Relocation = (String, RawFd, aya_obj::Map);

/// The program of a hook.
pub struct Program {
    fd: OwnedFd,
    attachment: Words<4>,
    identity: Attachment,
    _body: Arc<MapData>,
}

impl AsFd for Program {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Object {
    /// Creates the maps and loads the program that counts.
    ///
    /// # Errors
    /// When the kernel refuses one of them.
    pub fn new(sizes: Sizes) -> Result<(Self, Maps, RingBuf<MapData>), ObjectError> {
        let mut object = parse(OBJECT)?;
        let mut relocations = Vec::new();
        let mut create = |name: &str| {
            let mut definition = take_map(&mut object, name)?;
            match name {
                map::TABLE | map::TCP | map::DIRTY => {
                    definition.set_max_entries(flow_table::pages_for(sizes.flows));
                }
                map::SOCKETS => definition.set_max_entries(socket_bytes(sizes.flows)),
                map::PACKETS => definition.set_max_entries(sizes.ring),
                _ => {}
            }
            let data = create_map(definition.clone(), name)?;
            relocations.push(relocation(name, &data, definition));
            Ok::<_, ObjectError>(data)
        };
        let current = create(map::ATTACHMENT)?;
        let settings = create(map::SETTINGS)?;
        let prefixes = create(map::PREFIXES)?;
        let totals = create(map::TOTALS)?;
        let packets = create(map::PACKETS)?;
        let sockets = create(map::SOCKETS)?;
        let [slots, tcp, dirty] = [create(map::TABLE)?, create(map::TCP)?, create(map::DIRTY)?];
        let table = FlowTable::new(slots.fd().as_fd(), tcp.fd().as_fd(), dirty.fd().as_fd())
            .map_err(|error| ObjectError::Map {
                name: map::TABLE.to_owned(),
                source: MapError::IoError(error),
            })?;
        let geometry = create(map::GEOMETRY)?;
        let mut maps = Maps {
            table,
            sockets: RingBuf::try_from(Map::RingBuf(sockets)).map_err(in_map(map::SOCKETS))?,
            geometry: Array::try_from(Map::Array(geometry)).map_err(in_map(map::GEOMETRY))?,
            _private: [slots, tcp, dirty, create(map::BUDGET)?],
            settings: Array::try_from(Map::Array(settings)).map_err(in_map(map::SETTINGS))?,
            prefixes: LpmTrie::try_from(Map::LpmTrie(prefixes)).map_err(in_map(map::PREFIXES))?,
            totals: PerCpuArray::try_from(Map::PerCpuArray(totals)).map_err(in_map(map::TOTALS))?,
        };
        maps.set_geometry().map_err(in_map(map::GEOMETRY))?;
        let ring = RingBuf::try_from(Map::RingBuf(packets)).map_err(in_map(map::PACKETS))?;
        let license = object.programs.get(PROGRAM).map(|it| it.license.clone());
        let license = license.ok_or_else(|| unusable("it has no program of the expected name"))?;
        let counting = load_copy(object, PROGRAM, relocations.iter())?;
        let body = create_map(array(bpf_map_type::BPF_MAP_TYPE_PROG_ARRAY, 4), BODY)?;
        sys::set_program(body.fd().as_fd(), 0, counting.as_fd())
            .map_err(MapError::IoError)
            .map_err(in_map(BODY))?;
        let object = Self {
            current,
            body: Arc::new(body),
            counting,
            license,
        };
        Ok((object, maps, ring))
    }

    /// The program that counts, which the kernel has verified.
    #[must_use]
    pub fn counting(&self) -> BorrowedFd<'_> {
        self.counting.as_fd()
    }

    /// Loads a program for a hook, which knows who it is.
    ///
    /// # Errors
    /// When the kernel refuses it.
    pub fn load(&self, identity: Attachment) -> Result<Program, ObjectError> {
        let definition = array(
            bpf_map_type::BPF_MAP_TYPE_ARRAY,
            size_of::<Attachment>() as u32,
        );
        let own = create_map(definition, OWN)?;
        let code = stub::code(&stub::Maps {
            own: own.fd().as_fd(),
            current: self.current.fd().as_fd(),
            body: self.body.fd().as_fd(),
        });
        let fd = sys::load_program(PROGRAM, &code, &self.license)?;
        let attachment = Array::try_from(Map::Array(own)).map_err(in_map(OWN))?;
        let mut program = Program {
            fd,
            attachment,
            identity,
            _body: Arc::clone(&self.body),
        };
        program.set_verdict(identity.verdict).map_err(in_map(OWN))?;
        Ok(program)
    }
}

impl Program {
    /// Which hook it is on.
    pub(super) const fn identity(&self) -> Attachment {
        self.identity
    }

    /// What it returns from now on: a number of [`probe_common::verdict`].
    ///
    /// # Errors
    /// The kernel's.
    pub fn set_verdict(&mut self, verdict: i32) -> Result<(), MapError> {
        self.identity.verdict = verdict;
        self.attachment
            .set(0, bytemuck::cast::<_, [u32; 4]>(self.identity), 0)
    }
}

/// A prefix of addresses as flow keys have them: IPv4 as mapped into IPv6. A
/// short IPv6 prefix then holds IPv4 addresses, too; the filter that comes behind
/// knows better.
pub(super) fn trie_key(prefix: &IpNet) -> Key<[u8; 16]> {
    /// Bits before a mapped IPv4 address (RFC 4291, 2.5.5.2).
    const MAPPED: u32 = 96;
    match prefix {
        IpNet::V4(v4) => Key::new(
            MAPPED + u32::from(v4.prefix_len()),
            v4.network().to_ipv6_mapped().octets(),
        ),
        IpNet::V6(v6) => Key::new(u32::from(v6.prefix_len()), v6.network().octets()),
    }
}

pub(super) fn parse(object: &[u8]) -> Result<aya_obj::Object, ObjectError> {
    aya_obj::Object::parse(object).map_err(unusable)
}

pub(super) fn relocation(name: &str, data: &MapData, definition: aya_obj::Map) -> Relocation {
    (name.to_owned(), data.fd().as_fd().as_raw_fd(), definition)
}

/// Loads a copy of a program of the object, with these maps.
pub(super) fn load_copy<'a>(
    mut object: aya_obj::Object,
    name: &str,
    maps: impl Iterator<Item = &'a Relocation>,
) -> Result<OwnedFd, ObjectError> {
    let text_sections: HashSet<usize> = object
        .functions
        .keys()
        .map(|&(section, _)| section)
        .collect();
    let maps = maps.map(|(name, fd, map)| (name.as_str(), *fd, map));
    object
        .relocate_maps(maps, &text_sections)
        .map_err(unusable)?;
    object.relocate_calls(&text_sections).map_err(unusable)?;
    let program = object
        .programs
        .get(name)
        .ok_or_else(|| unusable("it has no program of the expected name"))?;
    let function = object
        .functions
        .get(&program.function_key())
        .ok_or_else(|| unusable("its program has no code"))?;
    Ok(sys::load_program(
        name,
        &function.instructions,
        &program.license,
    )?)
}

pub(super) fn unusable(error: impl std::fmt::Display) -> ObjectError {
    ObjectError::Unusable(error.to_string())
}

pub(super) fn in_map(name: &str) -> impl FnOnce(MapError) -> ObjectError + use<'_> {
    move |source| ObjectError::Map {
        name: name.to_owned(),
        source,
    }
}

pub(super) fn take_map(
    object: &mut aya_obj::Object,
    name: &str,
) -> Result<aya_obj::Map, ObjectError> {
    object
        .maps
        .remove(name)
        .ok_or_else(|| unusable(format!("it has no map {name}")))
}

pub(super) fn create_map(definition: aya_obj::Map, name: &str) -> Result<MapData, ObjectError> {
    MapData::create(definition, name, None).map_err(in_map(name))
}

/// The definition of an array with one value, which is not in the object.
fn array(kind: bpf_map_type, value_size: u32) -> aya_obj::Map {
    aya_obj::Map::Legacy(LegacyMap {
        def: bpf_map_def {
            map_type: kind as u32,
            key_size: 4,
            value_size,
            max_entries: 1,
            ..bpf_map_def::default()
        },
        inner_def: None,
        section_index: 0,
        section_kind: EbpfSectionKind::Maps,
        symbol_index: None,
        data: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_object_has_the_program_and_no_data_of_its_own() {
        let object = parse(OBJECT).unwrap();
        assert!(object.programs.contains_key(PROGRAM));
        let mut names: Vec<_> = object.maps.keys().map(String::as_str).collect();
        names.sort_unstable();
        // Read-only data would be one more map, to be filled and frozen.
        let mut expected = [
            map::ATTACHMENT,
            map::BUDGET,
            map::DIRTY,
            map::GEOMETRY,
            map::SOCKETS,
            map::TABLE,
            map::TCP,
            map::PACKETS,
            map::PREFIXES,
            map::SETTINGS,
            map::TOTALS,
        ];
        expected.sort_unstable();
        assert_eq!(names, expected);
    }
}
