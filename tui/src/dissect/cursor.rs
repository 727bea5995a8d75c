//! Reading fields and writing down what they are, in one step.

use std::{
    net::{Ipv4Addr, Ipv6Addr},
    ops::Range,
};

use super::Node;
use crate::text::{clean, mac};

/// Why reading stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The packet goes on, but the capture does not.
    Cut,
    /// The packet, or the header that it is in, ends too early.
    Short,
    /// A header contradicts itself.
    Malformed,
}

impl Stop {
    const fn mark(self) -> &'static str {
        match self {
            Self::Cut => "(cut)",
            Self::Short => "(ends early)",
            Self::Malformed => "(malformed)",
        }
    }
}

/// The result of reading.
pub(super) type Read<T = ()> = Result<T, Stop>;

/// A part of the summary.
struct Noted {
    whole: String,
    /// The same where there is little room; empty where it is left out.
    brief: String,
}

/// A place in a packet, and what was found before it.
pub(super) struct Cursor<'a> {
    data: &'a [u8],
    offset: usize,
    /// The end of the innermost header that has a length; beyond the data
    /// when the packet is longer than its capture.
    end: usize,
    /// Headers within headers that were entered.
    pub(super) depth: u8,
    noted: Vec<Noted>,
    /// Headers that are not complete yet, innermost last.
    open: Vec<Node>,
    roots: Vec<Node>,
}

impl<'a> Cursor<'a> {
    /// At the start of a packet of `len` bytes of which `data` was captured.
    pub(super) fn new(data: &'a [u8], len: usize) -> Self {
        Self {
            data,
            offset: 0,
            end: len.max(data.len()),
            depth: 0,
            noted: Vec::new(),
            open: Vec::new(),
            roots: Vec::new(),
        }
    }

    /// The summary, the brief one, and the tree.
    pub(super) fn finish(mut self, result: Read) -> ([String; 2], Vec<Node>) {
        let mark = result.err().map(Stop::mark);
        while !self.open.is_empty() {
            self.close(mark.unwrap_or_default());
        }
        let join = |part: fn(&Noted) -> &str| {
            let parts = self.noted.iter().map(part).filter(|it| !it.is_empty());
            let mut summary = parts.collect::<Vec<_>>().join(", ");
            if let Some(mark) = mark {
                if !summary.is_empty() {
                    summary.push(' ');
                }
                summary.push_str(mark);
            }
            summary
        };
        ([join(|it| &it.whole), join(|it| &it.brief)], self.roots)
    }

    /// Adds to the summary.
    pub(super) fn say(&mut self, text: impl Into<String>) {
        let whole = text.into();
        let brief = whole.clone();
        self.noted.push(Noted { whole, brief });
    }

    /// Adds to the summary, and something else or nothing to the brief one.
    pub(super) fn say_or(&mut self, whole: impl Into<String>, brief: impl Into<String>) {
        let (whole, brief) = (whole.into(), brief.into());
        self.noted.push(Noted { whole, brief });
    }

    /// Where the next field begins.
    pub(super) const fn offset(&self) -> usize {
        self.offset
    }

    /// Bytes up to the end of what is being read, captured or not.
    pub(super) const fn remaining(&self) -> usize {
        self.end.saturating_sub(self.offset)
    }

    /// The end of what is being read, to come back to.
    pub(super) const fn end(&self) -> usize {
        self.end
    }

    /// Has reading end at an offset, if it would not end before; gives the
    /// former end.
    pub(super) fn limit(&mut self, end: usize) -> usize {
        let before = self.end;
        self.end = end.min(before);
        before
    }

    /// Takes back a [`limit`](Self::limit).
    pub(super) const fn restore(&mut self, end: usize) {
        self.end = end;
    }

    /// Goes one header deeper, if that is not too deep.
    pub(super) fn enter(&mut self) -> Read {
        const DEEPEST: u8 = 4;
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(Stop::Malformed);
        }
        Ok(())
    }

    /// Whether this is a packet within another.
    pub(super) const fn is_inside(&self) -> bool {
        self.depth > 0
    }

    /// Begins a header: the fields up to its [`close`](Self::close) are its.
    pub(super) fn open(&mut self, label: &'static str) {
        self.open.push(Node {
            label,
            value: String::new(),
            range: self.offset..self.offset,
            children: Vec::new(),
        });
    }

    /// Ends the header begun last.
    pub(super) fn close(&mut self, value: impl Into<String>) {
        if let Some(mut node) = self.open.pop() {
            node.value = value.into();
            node.range.end = self.offset.min(self.data.len()).max(node.range.start);
            self.push(node);
        }
    }

    /// Adds a field that is part of bytes that were read.
    pub(super) fn note(
        &mut self,
        label: &'static str,
        value: impl Into<String>,
        range: Range<usize>,
    ) {
        self.push(Node {
            label,
            value: value.into(),
            range,
            children: Vec::new(),
        });
    }

    /// Reads `N` bytes that form a field.
    pub(super) fn field<const N: usize>(
        &mut self,
        label: &'static str,
        show: impl FnOnce([u8; N]) -> String,
    ) -> Read<[u8; N]> {
        let start = self.offset;
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.take(label, N)?);
        self.note(label, show(bytes), start..start + N);
        Ok(bytes)
    }

    /// A number of one byte.
    pub(super) fn u8(&mut self, label: &'static str) -> Read<u8> {
        self.field(label, |[byte]| byte.to_string())
            .map(|[byte]| byte)
    }

    /// A number of two bytes.
    pub(super) fn u16(&mut self, label: &'static str) -> Read<u16> {
        self.field(label, |bytes| u16::from_be_bytes(bytes).to_string())
            .map(u16::from_be_bytes)
    }

    /// A number of four bytes.
    pub(super) fn u32(&mut self, label: &'static str) -> Read<u32> {
        self.field(label, |bytes| u32::from_be_bytes(bytes).to_string())
            .map(u32::from_be_bytes)
    }

    /// A number of two bytes that is read in hexadecimal.
    pub(super) fn hex(&mut self, label: &'static str) -> Read<u16> {
        self.field(label, |bytes| format!("{:#06x}", u16::from_be_bytes(bytes)))
            .map(u16::from_be_bytes)
    }

    /// A number of one byte that is read in hexadecimal.
    pub(super) fn hex_u8(&mut self, label: &'static str) -> Read<u8> {
        self.field(label, |[byte]| format!("{byte:#04x}"))
            .map(|[byte]| byte)
    }

    /// An IPv4 address.
    pub(super) fn ipv4(&mut self, label: &'static str) -> Read<Ipv4Addr> {
        self.field(label, |bytes: [u8; 4]| Ipv4Addr::from(bytes).to_string())
            .map(Ipv4Addr::from)
    }

    /// An IPv6 address.
    pub(super) fn ipv6(&mut self, label: &'static str) -> Read<Ipv6Addr> {
        self.field(label, |bytes: [u8; 16]| Ipv6Addr::from(bytes).to_string())
            .map(Ipv6Addr::from)
    }

    /// A hardware address, as text.
    pub(super) fn mac(&mut self, label: &'static str) -> Read<String> {
        self.field(label, |octets: [u8; 6]| mac(&octets))
            .map(|octets| mac(&octets))
    }

    /// Bytes that are not interpreted.
    pub(super) fn skip(&mut self, label: &'static str, len: usize) -> Read {
        if len > 0 {
            let start = self.offset;
            self.take(label, len)?;
            self.note(label, format!("{len} bytes"), start..start + len);
        }
        Ok(())
    }

    /// Bytes of text.
    pub(super) fn text(&mut self, label: &'static str, len: usize) -> Read<String> {
        let start = self.offset;
        let text = clean(&String::from_utf8_lossy(self.take(label, len)?));
        self.note(label, &text, start..start + len);
        Ok(text)
    }

    /// All that remains, captured or not.
    pub(super) fn rest(&mut self, label: &'static str) {
        let len = self.remaining();
        if len == 0 {
            return;
        }
        let end = self.end.min(self.data.len()).max(self.offset);
        let captured = end - self.offset;
        let value = if captured == len {
            format!("{len} bytes")
        } else {
            format!("{len} bytes, {captured} captured (cut)")
        };
        self.note(label, value, self.offset..end);
        self.offset = end;
    }

    /// Bytes at an offset that was passed or is next, without a field.
    pub(super) fn peek(&self, offset: usize, len: usize) -> Read<&'a [u8]> {
        let end = offset.checked_add(len).ok_or(Stop::Short)?;
        if end > self.end {
            return Err(Stop::Short);
        }
        self.data.get(offset..end).ok_or(Stop::Cut)
    }

    /// Goes on to an offset, of bytes that were peeked at.
    pub(super) fn go_to(&mut self, offset: usize) {
        self.offset = offset.clamp(self.offset, self.data.len());
    }

    fn take(&mut self, label: &'static str, len: usize) -> Read<&'a [u8]> {
        let bytes = self.peek(self.offset, len);
        match bytes {
            Ok(_) => self.offset += len,
            Err(stop) => {
                let end = self.end.min(self.data.len()).max(self.offset);
                self.note(label, stop.mark(), self.offset..end);
                self.offset = end;
            }
        }
        bytes
    }

    fn push(&mut self, node: Node) {
        match self.open.last_mut() {
            Some(parent) => parent.children.push(node),
            None => self.roots.push(node),
        }
    }
}
