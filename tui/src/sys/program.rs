//! Loading programs, and what the kernel knows of them.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use aya_obj::generated::{bpf_cmd, bpf_insn, bpf_prog_info, bpf_prog_type};

use super::{bpf, bpf_fd, empty_attr, raw};

/// Room for the verifier's explanation; the kernel truncates a longer one from
/// its start on when it can.
const LOG_SIZE: usize = 1 << 18;
/// Lines of it that are shown.
const LOG_LINES: usize = 6;

/// Why a program was not loaded.
#[derive(Debug, thiserror::Error)]
#[error("{error}{}", if log.is_empty() { String::new() } else { format!("; the verifier's log: {log}") })]
pub struct LoadError {
    /// The kernel's answer.
    pub error: io::Error,
    /// The last lines of the verifier's log, when it wrote one.
    pub log: String,
}

/// Loads a program of the type that all our hooks take (`SCHED_CLS`).
///
/// # Errors
/// The kernel's, with the verifier's log when it refuses the program.
pub fn load_program(
    name: &str,
    instructions: &[bpf_insn],
    license: &CStr,
) -> Result<OwnedFd, LoadError> {
    let load = |log: &mut [u8]| {
        let mut attr = empty_attr();
        // SAFETY: all members of the union are plain integers.
        let load = unsafe { &mut attr.__bindgen_anon_3 };
        load.prog_type = bpf_prog_type::BPF_PROG_TYPE_SCHED_CLS as u32;
        load.insns = instructions.as_ptr() as u64;
        load.insn_cnt = u32::try_from(instructions.len()).unwrap_or(u32::MAX);
        load.license = license.as_ptr() as u64;
        // The last byte stays 0.
        for (to, from) in load.prog_name[..15].iter_mut().zip(name.bytes()) {
            *to = from.cast_signed();
        }
        if !log.is_empty() {
            load.log_level = 1;
            load.log_buf = log.as_mut_ptr() as u64;
            load.log_size = u32::try_from(log.len()).unwrap_or(u32::MAX);
        }
        // SAFETY: the instructions, the license and the log outlive the call, and
        // their lengths are given; a log of no length is not given.
        unsafe { bpf_fd(bpf_cmd::BPF_PROG_LOAD, &mut attr) }
    };
    // Without a log first: it makes the verifier slower.
    load(&mut []).or_else(|_| {
        let mut log = vec![0; LOG_SIZE];
        load(&mut log).map_err(|error| {
            let text = CStr::from_bytes_until_nul(&log).map_or_else(
                |_| String::new(),
                |text| text.to_string_lossy().trim_end().to_owned(),
            );
            LoadError {
                error,
                log: last_lines(&text, LOG_LINES),
            }
        })
    })
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

/// What the kernel knows of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramInfo {
    /// Its id.
    pub id: u32,
    /// Its name, which the kernel cuts at 15 bytes.
    pub name: String,
    /// The start of the hash of its instructions (`BPF_TAG_SIZE`).
    pub tag: [u8; 8],
    /// Instructions that the verifier followed to accept it (5.16 and later).
    pub verified_instructions: u32,
    /// How often it ran while the kernel measured that.
    pub runs: u64,
    /// How long those runs took.
    pub run_time: Duration,
}

/// What the kernel knows of the program behind a file descriptor.
///
/// # Errors
/// The kernel's.
pub fn program_info(program: BorrowedFd<'_>) -> io::Result<ProgramInfo> {
    let mut info = empty_info();
    let mut attr = empty_attr();
    // SAFETY: all members of the union are plain integers.
    let get = unsafe { &mut attr.info };
    get.bpf_fd = raw(program);
    get.info = std::ptr::from_mut(&mut info) as u64;
    get.info_len = size_of_val(&info) as u32;
    // SAFETY: `info` is written up to the length given, and outlives the call.
    unsafe { bpf(bpf_cmd::BPF_OBJ_GET_INFO_BY_FD, &mut attr) }?;
    let name: Vec<u8> = info.name.iter().map(|&byte| byte.cast_unsigned()).collect();
    let name = CStr::from_bytes_until_nul(&name).map_err(io::Error::other)?;
    Ok(ProgramInfo {
        id: info.id,
        name: name.to_string_lossy().into_owned(),
        tag: info.tag,
        verified_instructions: info.verified_insns,
        runs: info.run_cnt,
        run_time: Duration::from_nanos(info.run_time_ns),
    })
}

/// What the kernel knows of the program with an id.
///
/// # Errors
/// The kernel's: `EPERM` without `CAP_SYS_ADMIN`, `ENOENT` when it is gone.
pub fn program_info_of(id: u32) -> io::Result<ProgramInfo> {
    let mut attr = empty_attr();
    attr.__bindgen_anon_6.__bindgen_anon_1.prog_id = id;
    // SAFETY: no pointers are given.
    let program = unsafe { bpf_fd(bpf_cmd::BPF_PROG_GET_FD_BY_ID, &mut attr) }?;
    program_info(program.as_fd())
}

fn empty_info() -> bpf_prog_info {
    // SAFETY: a structure of integers, for which zero is a value.
    unsafe { std::mem::zeroed() }
}

/// What a program did with a packet that it was given for a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TestRun {
    /// What it returned.
    pub verdict: i32,
    /// How long one run took, on average over the repetitions.
    pub duration: Duration,
}

/// Gives a program a packet, again and again, without any device
/// (`BPF_PROG_TEST_RUN`). The packet starts with its Ethernet header.
///
/// # Errors
/// The kernel's: `EINVAL` for a packet of less than 14 bytes, or without the
/// whole IP header that its ethertype announces (6.18).
pub fn test_run(program: BorrowedFd<'_>, packet: &[u8], repeat: u32) -> io::Result<TestRun> {
    run_with(program, packet, repeat, &[])
}

/// As [`test_run`], once, with a packet of which only `linear` bytes lie where a
/// program can read them directly (6.18 and later; `bpf_prog_test_run_skb()` in
/// `net/bpf/test_run.c`).
///
/// # Errors
/// As there; `EINVAL` also for less than 14 linear bytes, and from kernels that
/// do not know it.
pub fn test_run_paged(program: BorrowedFd<'_>, packet: &[u8], linear: u32) -> io::Result<TestRun> {
    // A `struct __sk_buff` with only `data_end` set; all else must be zero.
    let mut context = [0u32; 48];
    context[20] = linear;
    run_with(program, packet, 1, &context)
}

fn run_with(
    program: BorrowedFd<'_>,
    packet: &[u8],
    repeat: u32,
    context: &[u32],
) -> io::Result<TestRun> {
    let mut attr = empty_attr();
    // SAFETY: all members of the union are plain integers.
    let test = unsafe { &mut attr.test };
    test.prog_fd = raw(program);
    test.data_in = packet.as_ptr() as u64;
    test.data_size_in = u32::try_from(packet.len()).unwrap_or(u32::MAX);
    test.repeat = repeat;
    if !context.is_empty() {
        test.ctx_in = context.as_ptr() as u64;
        test.ctx_size_in = size_of_val(context) as u32;
    }
    // SAFETY: packet and context are only read, up to the lengths given.
    unsafe { bpf(bpf_cmd::BPF_PROG_TEST_RUN, &mut attr) }?;
    // SAFETY: as above; the kernel has written the answer there.
    let test = unsafe { attr.test };
    Ok(TestRun {
        verdict: test.retval.cast_signed(),
        duration: Duration::from_nanos(test.duration.into()),
    })
}
