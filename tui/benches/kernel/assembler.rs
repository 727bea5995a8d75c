//! The few instructions that the comparison's programs need, by their codes in
//! `include/uapi/linux/bpf.h`.

use std::os::fd::{AsRawFd, BorrowedFd};

use aya_obj::generated::bpf_insn;

/// The frame pointer.
pub const FRAME: u8 = 10;

/// A program that is being written.
#[derive(Default)]
pub struct Code(Vec<bpf_insn>);

impl Code {
    pub fn instructions(&self) -> &[bpf_insn] {
        &self.0
    }

    fn push(&mut self, code: u8, to: u8, from: u8, off: i16, imm: i32) -> &mut Self {
        self.0.push(bpf_insn {
            code,
            _bitfield_align_1: [],
            _bitfield_1: bpf_insn::new_bitfield_1(to, from),
            off,
            imm,
        });
        self
    }

    /// `to = value`
    pub fn set(&mut self, to: u8, value: i32) -> &mut Self {
        self.push(0xb7, to, 0, 0, value)
    }

    /// `to &= mask`, with the mask's sign extended
    pub fn mask(&mut self, to: u8, mask: i32) -> &mut Self {
        self.push(0x57, to, 0, 0, mask)
    }

    /// `to = r10 + off`
    pub fn stack_address(&mut self, to: u8, off: i16) -> &mut Self {
        self.push(0xbf, to, FRAME, 0, 0);
        self.push(0x07, to, 0, 0, off.into())
    }

    /// So many bytes, a multiple of 8, of the stack from `off` on are 0.
    pub fn zero_stack(&mut self, off: i16, bytes: i16) -> &mut Self {
        for word in (0..bytes).step_by(8) {
            self.push(0x7a, FRAME, 0, off + word, 0);
        }
        self
    }

    /// `*(u32 *)(r10 + off) = from`
    pub fn store_stack(&mut self, off: i16, from: u8) -> &mut Self {
        self.push(0x63, FRAME, from, off, 0)
    }

    /// `to` = the map.
    pub fn map(&mut self, to: u8, map: BorrowedFd<'_>) -> &mut Self {
        // BPF_PSEUDO_MAP_FD
        self.push(0x18, to, 1, 0, map.as_raw_fd());
        self.push(0, 0, 0, 0, 0)
    }

    /// Calls a helper by its number.
    pub fn call(&mut self, helper: i32) -> &mut Self {
        self.push(0x85, 0, 0, 0, helper)
    }

    /// `*(u64 *)(r0 + off) += value`, at once or in three steps. Uses r1 and r2.
    pub fn add(&mut self, off: i16, value: i32, atomic: bool) -> &mut Self {
        self.set(1, value);
        if atomic {
            return self.push(0xdb, 0, 1, off, 0);
        }
        self.push(0x79, 2, 0, off, 0);
        self.push(0x0f, 2, 1, 0, 0);
        self.push(0x7b, 0, 2, off, 0)
    }

    /// What `body` does, unless r0 is 0.
    pub fn if_found(&mut self, body: impl FnOnce(&mut Self)) -> &mut Self {
        self.branch(0x15, body)
    }

    /// What `body` does, if r0 is 0.
    pub fn if_missing(&mut self, body: impl FnOnce(&mut Self)) -> &mut Self {
        self.branch(0x55, body)
    }

    fn branch(&mut self, skip: u8, body: impl FnOnce(&mut Self)) -> &mut Self {
        let at = self.0.len();
        self.push(skip, 0, 0, 0, 0);
        body(self);
        self.0[at].off = (self.0.len() - at - 1) as i16;
        self
    }

    /// `return value`
    pub fn returns(&mut self, value: i32) -> &mut Self {
        self.set(0, value);
        self.push(0x95, 0, 0, 0, 0)
    }
}
