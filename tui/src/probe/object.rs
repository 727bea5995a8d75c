//! The compiled programs and their maps.
//!
//! The program that counts is loaded once. What is attached to a hook is a
//! [`stub`], which says who it is and goes on with that one. aya's loader attaches
//! only what it has loaded itself, to hooks that it knows; so the object is
//! relocated with `aya-obj`.

use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use aya::maps::lpm_trie::LpmTrie;
use aya::maps::{Array, Map, MapData, MapError, PerCpuArray, RingBuf};
use aya_obj::generated::bpf_map_type;
use probe_common::{Attachment, map};

pub use self::loading::ObjectError;
use self::loading::array;
pub(super) use self::loading::{
    Relocation, create_map, in_map, load_copy, parse, relocation, take_map, unusable,
};
pub(super) use self::maps::trie_key;
pub use self::maps::{Maps, sum};
use self::maps::{Words, socket_bytes};
use super::flow_table::{self, FlowTable};
use super::stub;
use crate::model::PROGRAM;
use crate::sys;

mod loading;
mod maps;
#[cfg(test)]
mod tests;

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
