//! Loading programs and maps of an object: `aya-obj` parses and relocates it, and the
//! kernel gets it as it is.

use std::collections::HashSet;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};

use aya::maps::{MapData, MapError};
use aya_obj::EbpfSectionKind;
use aya_obj::generated::bpf_map_type;
use aya_obj::maps::{LegacyMap, bpf_map_def};

use crate::sys;

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

/// Name, descriptor and definition of a map that the instructions refer to.
pub type Relocation = (String, RawFd, aya_obj::Map);

pub fn parse(object: &[u8]) -> Result<aya_obj::Object, ObjectError> {
    aya_obj::Object::parse(object).map_err(unusable)
}

pub fn relocation(name: &str, data: &MapData, definition: aya_obj::Map) -> Relocation {
    (name.to_owned(), data.fd().as_fd().as_raw_fd(), definition)
}

/// Loads a copy of a program of the object, with these maps.
pub fn load_copy<'a>(
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

pub fn unusable(error: impl std::fmt::Display) -> ObjectError {
    ObjectError::Unusable(error.to_string())
}

pub fn in_map(name: &str) -> impl FnOnce(MapError) -> ObjectError + use<'_> {
    move |source| ObjectError::Map {
        name: name.to_owned(),
        source,
    }
}

pub fn take_map(object: &mut aya_obj::Object, name: &str) -> Result<aya_obj::Map, ObjectError> {
    object
        .maps
        .remove(name)
        .ok_or_else(|| unusable(format!("it has no map {name}")))
}

pub fn create_map(definition: aya_obj::Map, name: &str) -> Result<MapData, ObjectError> {
    MapData::create(definition, name, None).map_err(in_map(name))
}

/// The definition of an array with one value, which is not in the object.
pub fn array(kind: bpf_map_type, value_size: u32) -> aya_obj::Map {
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
