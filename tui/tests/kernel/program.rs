//! The smallest programs: what becomes of a packet does not depend on it.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use aya_obj::generated::bpf_insn;
use nkview::sys::{
    HookPoint, attach_after, attach_at_head, chain, detach, load_program, test_run_paged,
};

use crate::namespace::Namespace;

/// Leave the packet to the next program.
pub const NEXT: i32 = -1;
/// Let it pass, past all other programs.
pub const PASS: i32 = 0;
/// Drop it.
pub const DROP: i32 = 2;

/// A program on a hook. Dropping it takes it off.
pub struct Attached {
    link: OwnedFd,
}

impl Attached {
    /// The link of it.
    pub const fn link(&self) -> &OwnedFd {
        &self.link
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        // A child that another test is just starting may hold the link for a
        // moment longer. It may have gone with its device.
        let _ = detach(self.link.as_fd());
    }
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
    attach_code(namespace, index, hook, "constant", &constant(verdict))
}

/// Attaches a loaded program at the end of a hook of a device of this namespace.
pub fn attach_at_tail(program: &OwnedFd, index: u32, hook: HookPoint) -> Attached {
    let chain = chain(index, hook).unwrap();
    let last = chain.ids().last().unwrap();
    let link = attach_after(program.as_fd(), index, hook, chain.revision, last).unwrap();
    Attached { link }
}

/// Attaches to tcx ingress of `nic` a program that gives each packet to the peer
/// of the device `index`, as a container's network program does.
pub fn redirect_to_peer(namespace: &Namespace, nic: u32, index: u32) -> Attached {
    const BPF_FUNC_REDIRECT_PEER: i32 = 155;
    let code = redirect(BPF_FUNC_REDIRECT_PEER, index);
    attach_code(namespace, nic, HookPoint::TcxIngress, "redirect", &code).unwrap()
}

/// Attaches a program that sends each packet out of the device `target` instead.
pub fn redirect_to(namespace: &Namespace, index: u32, hook: HookPoint, target: u32) -> Attached {
    const BPF_FUNC_REDIRECT: i32 = 23;
    let code = redirect(BPF_FUNC_REDIRECT, target);
    attach_code(namespace, index, hook, "redirect", &code).unwrap()
}

/// Attaches a program that drops one packet in sixteen, at random.
pub fn drop_some(namespace: &Namespace, index: u32, hook: HookPoint) -> Attached {
    const BPF_FUNC_GET_PRANDOM_U32: i32 = 7;
    // r0 = helper() & 15; if r0 == 0 return DROP; return NEXT
    let jump_if_zero = bpf_insn {
        off: 2,
        ..insn(0x15, 0, 0)
    };
    let code = [
        insn(0x85, 0, BPF_FUNC_GET_PRANDOM_U32),
        insn(0x57, 0, 15),
        jump_if_zero,
        insn(0xb7, 0, NEXT),
        insn(0x95, 0, 0),
        insn(0xb7, 0, DROP),
        insn(0x95, 0, 0),
    ];
    attach_code(namespace, index, hook, "loss", &code).unwrap()
}

/// Loads a program that always returns `verdict`.
pub fn load(verdict: i32) -> OwnedFd {
    load_program("constant", &constant(verdict), c"GPL").unwrap()
}

/// Whether the kernel makes packets that are not linear for a program's test.
pub fn can_be_tested_paged() -> bool {
    test_run_paged(load(NEXT).as_fd(), &[0; 100], 14).is_ok()
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
        let chain = chain(index, hook)?;
        // An empty netkit hook reports another revision than it expects.
        let revision = if chain.programs.is_empty() {
            0
        } else {
            chain.revision
        };
        let link = attach_at_head(program.as_fd(), index, hook, revision)?;
        Ok(Attached { link })
    })
}

/// r0 = verdict; exit
fn constant(verdict: i32) -> [bpf_insn; 2] {
    [insn(0xb7, 0, verdict), insn(0x95, 0, 0)]
}

/// r1 = target; r2 = flags; r0 = helper(r1, r2); exit
fn redirect(helper: i32, target: u32) -> [bpf_insn; 4] {
    [
        insn(0xb7, 1, target.cast_signed()),
        insn(0xb7, 2, 0),
        insn(0x85, 0, helper),
        insn(0x95, 0, 0),
    ]
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
