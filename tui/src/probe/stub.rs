//! The program that is attached to a hook: it says who it is and goes on with the
//! one that counts, which the kernel has to verify only once.

use std::os::fd::{AsRawFd, BorrowedFd};

use aya_obj::generated::bpf_insn;
use probe_common::Attachment;

/// Register of a helper's result and of the verdict.
const R0: u8 = 0;
/// Registers of a helper's arguments; the first one has the packet at the start.
const R1: u8 = 1;
const R2: u8 = 2;
const R3: u8 = 3;
/// Registers that helpers keep.
const PACKET: u8 = 6;
const OWN: u8 = 7;
/// The end of the stack.
const FRAME: u8 = 10;

/// The source register of a load that names a map, or a map's first value
/// (`BPF_PSEUDO_MAP_FD`, `BPF_PSEUDO_MAP_VALUE`).
const MAP: u8 = 1;
const VALUE: u8 = 2;

/// Helpers, by their numbers (`enum bpf_func_id`).
const MAP_LOOKUP_ELEM: i32 = 1;
const TAIL_CALL: i32 = 12;

/// Opcodes (`include/uapi/linux/bpf.h`).
mod op {
    pub const LOAD_WIDE: u8 = 0x18;
    pub const LOAD_32: u8 = 0x61;
    pub const LOAD_64: u8 = 0x79;
    pub const STORE_NUMBER_32: u8 = 0x62;
    pub const STORE_64: u8 = 0x7b;
    pub const ADD_NUMBER: u8 = 0x07;
    pub const MOVE_NUMBER: u8 = 0xb7;
    pub const MOVE: u8 = 0xbf;
    pub const JUMP_IF_NUMBER: u8 = 0x15;
    pub const CALL: u8 = 0x85;
    pub const EXIT: u8 = 0x95;
}

/// What the program of a hook refers to.
pub struct Maps<'a> {
    /// An array with the [`Attachment`] of this hook.
    pub own: BorrowedFd<'a>,
    /// ATTACHMENT, where the counting program reads it: a value for each CPU, since a
    /// CPU is done with a packet before it has the next one (softirqs are off).
    pub current: BorrowedFd<'a>,
    /// An array of programs with the counting one.
    pub body: BorrowedFd<'a>,
}

/// The code. Without the counting program, as after a `kill -9` with filters that
/// stay, it returns the verdict all the same.
pub fn code(maps: &Maps<'_>) -> Vec<bpf_insn> {
    const HALF: i16 = 8;
    const VERDICT: i16 = std::mem::offset_of!(Attachment, verdict) as i16;
    const { assert!(size_of::<Attachment>() == 2 * HALF as usize) };
    let mut code = vec![insn(op::MOVE, PACKET, R1, 0, 0)];
    code.extend(wide(OWN, VALUE, maps.own));
    code.extend([
        insn(op::STORE_NUMBER_32, FRAME, 0, -4, 0),
        insn(op::MOVE, R2, FRAME, 0, 0),
        insn(op::ADD_NUMBER, R2, 0, 0, -4),
    ]);
    code.extend(wide(R1, MAP, maps.current));
    code.push(insn(op::CALL, 0, 0, 0, MAP_LOOKUP_ELEM));
    let mut count = vec![
        insn(op::LOAD_64, R1, OWN, 0, 0),
        insn(op::STORE_64, R0, R1, 0, 0),
        insn(op::LOAD_64, R1, OWN, HALF, 0),
        insn(op::STORE_64, R0, R1, HALF, 0),
        insn(op::MOVE, R1, PACKET, 0, 0),
    ];
    count.extend(wide(R2, MAP, maps.body));
    count.extend([
        insn(op::MOVE_NUMBER, R3, 0, 0, 0),
        insn(op::CALL, 0, 0, 0, TAIL_CALL),
    ]);
    // The verifier wants to see the pointer checked; an array has its first value.
    code.push(insn(op::JUMP_IF_NUMBER, R0, 0, count.len() as i16, 0));
    code.extend(count);
    code.extend([
        insn(op::LOAD_32, R0, OWN, VERDICT, 0),
        insn(op::EXIT, 0, 0, 0, 0),
    ]);
    code
}

fn insn(code: u8, to: u8, from: u8, off: i16, imm: i32) -> bpf_insn {
    bpf_insn {
        code,
        _bitfield_align_1: [],
        _bitfield_1: bpf_insn::new_bitfield_1(to, from),
        off,
        imm,
    }
}

/// A load of 64 bits, which takes two instructions.
fn wide(to: u8, kind: u8, map: BorrowedFd<'_>) -> [bpf_insn; 2] {
    [
        insn(op::LOAD_WIDE, to, kind, 0, map.as_raw_fd()),
        insn(0, 0, 0, 0, 0),
    ]
}
