//! The smallest programs: each packet's fate is a constant.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use aya_obj::generated::bpf_insn;
use nkview::probe::sys::{HookPoint, attach_at_head, chain, load_program};

use crate::namespace::Namespace;

/// Leave the packet to the next program.
pub const NEXT: i32 = -1;
/// Let it pass, past all other programs.
pub const PASS: i32 = 0;
/// Drop it.
pub const DROP: i32 = 2;

/// A program on a hook. Dropping it takes it off.
pub struct Attached {
    _link: OwnedFd,
}

/// Attaches a program that always returns `verdict` at the head of a hook.
pub fn attach(namespace: &Namespace, index: u32, hook: HookPoint, verdict: i32) -> Attached {
    try_attach(namespace, index, hook, verdict).unwrap()
}

/// As [`attach`], on a hook that may refuse it.
pub fn try_attach(
    namespace: &Namespace,
    index: u32,
    hook: HookPoint,
    verdict: i32,
) -> io::Result<Attached> {
    // mov64 r0, verdict; exit
    let code = [insn(0xb7, 0, verdict), insn(0x95, 0, 0)];
    attach_code(namespace, index, hook, "constant", &code)
}

/// Attaches to tcx ingress of `nic` a program that gives each packet to the peer
/// of the device `index`, as a container's network program does.
pub fn redirect_to_peer(namespace: &Namespace, nic: u32, index: u32) -> Attached {
    let index = index.cast_signed();
    let code = [
        // mov64 r1, index; mov64 r2, flags; call bpf_redirect_peer; exit
        insn(0xb7, 1, index),
        insn(0xb7, 2, 0),
        insn(0x85, 0, 155),
        insn(0x95, 0, 0),
    ];
    attach_code(namespace, nic, HookPoint::TcxIngress, "redirect", &code).unwrap()
}

fn attach_code(
    namespace: &Namespace,
    index: u32,
    hook: HookPoint,
    name: &str,
    code: &[bpf_insn],
) -> io::Result<Attached> {
    let program = load_program(name, code, c"GPL").unwrap();
    namespace.enter(|| {
        let revision = chain(index, hook)?.revision;
        let link = attach_at_head(program.as_fd(), index, hook, revision)?;
        Ok(Attached { _link: link })
    })
}

fn insn(code: u8, register: u8, imm: i32) -> bpf_insn {
    bpf_insn {
        code,
        _bitfield_align_1: [],
        _bitfield_1: bpf_insn::new_bitfield_1(register, 0),
        off: 0,
        imm,
    }
}
