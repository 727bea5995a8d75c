//! The tracing programs, loaded and attached. They are an object of their own:
//! it is loaded once, and its read-only data is what the running kernel's BTF says.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;

use aya::maps::{Array, Map, MapData, MapError, PerCpuArray, RingBuf};
use aya::programs::{BtfTracePoint, Iter, ProgramError};
use aya::{Btf, Ebpf, EbpfError, EbpfLoader};
use bytemuck::Zeroable;
use probe_common::signal::{HeldSocket, Layout, PlaceName, Reasons, Tally, name};

use super::layout::Kernel;
use crate::process;

/// The object that `cargo xtask build-ebpf` makes of `probe-ebpf/src/signals/`.
static OBJECT: &[u8] = aya::include_bytes_aligned!("../../../../assets/signals.bpf.o");

/// The iterator over sockets.
const SOCKETS: &str = "nkview_sockets";
/// Descriptors of sockets that one run of the iterator reads at most.
const SOCKETS_MAX: usize = 1 << 18;

/// A program on a tracepoint.
struct Program {
    name: &'static str,
    tracepoint: &'static str,
    /// Arguments that the tracepoint must have.
    arguments: usize,
    /// What it sees, for the user.
    sees: &'static str,
    /// The reason given where the tracepoint is missing or has fewer arguments.
    absent: &'static str,
}

const PROGRAMS: [Program; 5] = [
    Program {
        name: "nkview_drop",
        tracepoint: "kfree_skb",
        arguments: 3,
        sees: "drops",
        absent: "the kernel gives reasons for them since Linux 5.17",
    },
    Program {
        name: "nkview_error",
        tracepoint: "inet_sk_error_report",
        arguments: 1,
        sees: "errors of sockets",
        absent: "the kernel has the tracepoint since Linux 5.15",
    },
    Program {
        name: "nkview_neigh",
        tracepoint: "neigh_timer_handler",
        arguments: 2,
        sees: "neighbors that do not answer",
        absent: "the kernel lacks the tracepoint",
    },
    Program {
        name: "nkview_reset",
        tracepoint: "tcp_send_reset",
        arguments: 2,
        sees: "resets that are sent",
        absent: "the kernel lacks the tracepoint",
    },
    Program {
        name: "nkview_refused",
        tracepoint: "tcp_receive_reset",
        arguments: 1,
        sees: "resets that are received",
        absent: "the kernel lacks the tracepoint",
    },
];

/// Why nothing can be traced.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The embedded object is not what this code expects.
    #[error("the embedded object is unusable: {0}")]
    Unusable(String),
    /// aya or the kernel refused it.
    #[error("cannot load the tracing programs")]
    Load(#[source] Box<EbpfError>),
    /// The kernel's types could not be read.
    #[error("cannot read the kernel's type information (BTF)")]
    Btf(#[from] aya::BtfError),
    /// Every program was refused.
    #[error("cannot load the tracing programs: {0}")]
    Refused(String),
}

/// The programs, attached. Dropping this detaches them.
pub struct Programs {
    ebpf: Ebpf,
    /// What cannot be seen on this kernel, and why.
    pub missing: Vec<String>,
    /// See [`name::DROPS`].
    pub drops: Map,
    /// See [`name::FLOW_DROPS`].
    pub flow_drops: MapData,
    places: Map,
    /// See [`name::SIGNALS`].
    pub signals: RingBuf<MapData>,
    tally: PerCpuArray<MapData, [u64; TALLY_WORDS]>,
    period: Array<MapData, u32>,
    /// What the programs alone look at.
    _budget: Map,
}

const TALLY_WORDS: usize = size_of::<Tally>() / size_of::<u64>();
const LAYOUT_WORDS: usize = size_of::<Layout>() / size_of::<u32>();
const NOISE_WORDS: usize = size_of::<Reasons>() / size_of::<u64>();

impl Programs {
    /// Loads and attaches all that this kernel takes.
    ///
    /// # Errors
    /// When nothing can be traced.
    pub fn load(kernel: &Kernel) -> Result<Self, LoadError> {
        let layout: [u32; LAYOUT_WORDS] = bytemuck::cast(kernel.layout);
        let noise: [u64; NOISE_WORDS] = bytemuck::cast(kernel.noise);
        let mut ebpf = EbpfLoader::new()
            .override_global(name::LAYOUT, &layout, true)
            .override_global(name::NOISE, &noise, true)
            .load(OBJECT)
            .map_err(|error| LoadError::Load(Box::new(error)))?;
        // The maps first: programs fill them from the moment they are attached.
        let drops = take(&mut ebpf, name::DROPS)?;
        let Map::HashMap(flow_drops) = take(&mut ebpf, name::FLOW_DROPS)? else {
            return Err(unusable("a map is of another kind"));
        };
        let places = take(&mut ebpf, name::PLACES)?;
        let signals = RingBuf::try_from(take(&mut ebpf, name::SIGNALS)?).map_err(unusable)?;
        let tally = PerCpuArray::try_from(take(&mut ebpf, name::TALLY)?).map_err(unusable)?;
        let mut period = Array::try_from(take(&mut ebpf, name::PERIOD)?).map_err(unusable)?;
        // The budgets are empty in period 0.
        period.set(0, 1, 0).map_err(unusable)?;
        let budget = take(&mut ebpf, name::BUDGET)?;
        let btf = Btf::from_sys_fs()?;
        let mut missing = Vec::new();
        let mut refused = Vec::new();
        for program in &PROGRAMS {
            if kernel.arguments(program.tracepoint) < Some(program.arguments) {
                missing.push(format!("{} are not seen: {}", program.sees, program.absent));
                continue;
            }
            if let Err(error) = attach(&mut ebpf, program, &btf) {
                refused.push(format!("{} are not seen: {}", program.sees, reason(&error)));
            }
        }
        if let Err(error) = load_iterator(&mut ebpf, &btf) {
            refused.push(format!(
                "owners of sockets are not known: {}",
                reason(&error)
            ));
        }
        if refused.len() + missing.len() > PROGRAMS.len() {
            let first = refused.into_iter().chain(missing).next();
            return Err(LoadError::Refused(first.unwrap_or_default()));
        }
        missing.extend(refused);
        Ok(Self {
            ebpf,
            missing,
            drops,
            flow_drops,
            places,
            signals,
            tally,
            period,
            _budget: budget,
        })
    }

    /// Begins a period: all CPUs have their budgets again.
    ///
    /// # Errors
    /// The kernel's.
    pub fn begin(&mut self, period: u32) -> Result<(), MapError> {
        self.period.set(0, period, 0)
    }

    /// What was counted outside the maps, by all CPUs.
    ///
    /// # Errors
    /// The kernel's.
    pub fn tally(&self) -> Result<Tally, MapError> {
        let mut sum = [0; TALLY_WORDS];
        for cpu in self.tally.get(&0, 0)?.iter() {
            for (sum, word) in sum.iter_mut().zip(cpu) {
                *sum += word;
            }
        }
        Ok(bytemuck::cast(sum))
    }

    /// The kernel's name for a place, with its offset.
    #[must_use]
    pub fn place(&self, address: u64) -> Option<String> {
        let places: aya::maps::HashMap<_, u64, [u8; size_of::<PlaceName>()]> =
            aya::maps::HashMap::try_from(&self.places).ok()?;
        let text = places.get(&address, 0).ok()?;
        let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
        (!text.is_empty()).then(|| String::from_utf8_lossy(text).into_owned())
    }

    /// Runs of programs that the kernel has skipped since one was already running on
    /// that CPU.
    #[must_use]
    pub fn skipped(&self) -> u64 {
        let skipped = |(_, program): (&str, &aya::programs::Program)| {
            let report = process::descriptor(program.fd().ok()?.as_fd())?;
            process::number_in(&report, "recursion_misses")
        };
        self.ebpf.programs().filter_map(skipped).sum()
    }

    /// Reads all descriptors of IP sockets in all namespaces.
    ///
    /// # Errors
    /// The kernel's.
    pub fn sockets(&mut self) -> io::Result<Vec<HeldSocket>> {
        let mut records = self.open_iterator().map_err(io::Error::other)?;
        let mut bytes = vec![0; 1 << 16];
        let mut sockets = Vec::new();
        let mut filled = 0;
        loop {
            let read = records.read(&mut bytes[filled..])?;
            if read == 0 || sockets.len() >= SOCKETS_MAX {
                return Ok(sockets);
            }
            filled += read;
            let chunks = bytes[..filled].chunks_exact(size_of::<HeldSocket>());
            let rest = chunks.remainder().len();
            sockets.extend(chunks.map(|chunk| {
                let mut socket = HeldSocket::zeroed();
                bytemuck::bytes_of_mut(&mut socket).copy_from_slice(chunk);
                socket
            }));
            bytes.copy_within(filled - rest..filled, 0);
            filled = rest;
        }
    }

    fn open_iterator(&mut self) -> Result<File, ProgramError> {
        let iterator = iterator(&mut self.ebpf)?;
        let link = iterator.attach()?;
        let link = iterator.take_link(link)?;
        Ok(link.into_file().map_err(io::Error::other)?)
    }
}

fn iterator(ebpf: &mut Ebpf) -> Result<&mut Iter, ProgramError> {
    let program = ebpf.program_mut(SOCKETS);
    program.ok_or(ProgramError::NotLoaded)?.try_into()
}

fn load_iterator(ebpf: &mut Ebpf, btf: &Btf) -> Result<(), ProgramError> {
    iterator(ebpf)?.load("task_file", btf)
}

fn attach(ebpf: &mut Ebpf, program: &Program, btf: &Btf) -> Result<(), ProgramError> {
    let loaded = ebpf.program_mut(program.name);
    let loaded: &mut BtfTracePoint = loaded.ok_or(ProgramError::NotLoaded)?.try_into()?;
    loaded.load(program.tracepoint, btf)?;
    loaded.attach()?;
    Ok(())
}

fn take(ebpf: &mut Ebpf, name: &str) -> Result<Map, LoadError> {
    ebpf.take_map(name)
        .ok_or_else(|| unusable(format!("it has no map {name}")))
}

fn unusable(error: impl std::fmt::Display) -> LoadError {
    LoadError::Unusable(error.to_string())
}

/// The kernel's error, with the end of the verifier's log.
fn reason(error: &ProgramError) -> String {
    match error {
        ProgramError::LoadError {
            io_error,
            verifier_log,
        } => {
            let log = verifier_log.to_string();
            let last = log
                .lines()
                .rev()
                .find(|line| !line.starts_with("processed"));
            match last.filter(|line| !line.is_empty()) {
                Some(line) => format!("{io_error} ({line})"),
                None => io_error.to_string(),
            }
        }
        ProgramError::SyscallError(error) => error.io_error.to_string(),
        other => other.to_string(),
    }
}
