//! Array maps in this process's memory.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;

use aya_obj::generated::bpf_map_type;

use super::map::{map_info, other_map};

/// Bytes that are mapped at a time: a multiple of any page size.
const CHUNK: usize = 256 << 10;

/// An array map in this process's memory, as words that the programs may write to
/// at any time. What is not read is not mapped: a mapping counts as resident
/// memory as a whole (`remap_vmalloc_range()`).
pub struct MappedArray {
    map: OwnedFd,
    chunks: Vec<OnceLock<Chunk>>,
    words: usize,
    elements: usize,
}

impl MappedArray {
    /// The array map, of which each element has `words` words. Nothing is mapped
    /// yet.
    ///
    /// # Errors
    /// The kernel's; `InvalidInput` when the map is another one, cannot be mapped,
    /// or has elements that are no fraction of a chunk.
    pub fn new(map: BorrowedFd<'_>, words: usize) -> io::Result<Self> {
        /// `BPF_F_MMAPABLE`.
        const MMAPABLE: u32 = 1 << 10;
        let info = map_info(map)?;
        let size = words * size_of::<u64>();
        if info.kind != bpf_map_type::BPF_MAP_TYPE_ARRAY as u32
            || info.value_size != size
            || info.flags & MMAPABLE == 0
            || CHUNK.checked_rem(size) != Some(0)
        {
            return Err(other_map(&info));
        }
        let chunks = (info.max_entries * size).div_ceil(CHUNK);
        Ok(Self {
            map: map.try_clone_to_owned()?,
            chunks: std::iter::repeat_with(OnceLock::new).take(chunks).collect(),
            words,
            elements: info.max_entries,
        })
    }

    /// How many elements there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.elements
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.elements == 0
    }

    /// The words of an element.
    ///
    /// # Errors
    /// When it cannot be mapped.
    ///
    /// # Panics
    /// When there is no such element.
    pub fn element(&self, index: usize) -> io::Result<&[AtomicU64]> {
        assert!(
            index < self.elements,
            "element {index} of {}",
            self.elements
        );
        let in_chunk = CHUNK / (self.words * size_of::<u64>());
        let chunk = &self.chunks[index / in_chunk];
        let chunk = match chunk.get() {
            Some(chunk) => chunk,
            None => {
                let mapped = self.map_chunk(index / in_chunk)?;
                chunk.get_or_init(|| mapped)
            }
        };
        let start = index % in_chunk * self.words;
        Ok(&chunk.words()[start..start + self.words])
    }

    fn map_chunk(&self, number: usize) -> io::Result<Chunk> {
        let offset = number * CHUNK;
        let size = self.elements * self.words * size_of::<u64>();
        let length = (size - offset).min(CHUNK);
        // SAFETY: a new mapping at an address of the kernel's choice changes no
        // memory that there is.
        let address = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                length,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                self.map.as_raw_fd(),
                libc::off_t::try_from(offset).map_err(io::Error::other)?,
            )
        };
        if address == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let address =
            NonNull::new(address.cast()).ok_or_else(|| io::Error::other("mapped at 0"))?;
        Ok(Chunk { address, length })
    }
}

/// A part of a map in memory.
struct Chunk {
    address: NonNull<AtomicU64>,
    /// In bytes.
    length: usize,
}

impl Chunk {
    const fn words(&self) -> &[AtomicU64] {
        // SAFETY: the mapping is that long, aligned to a page, and stays until the
        // chunk is dropped. Programs change it at any time, atomically.
        unsafe { std::slice::from_raw_parts(self.address.as_ptr(), self.length / size_of::<u64>()) }
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        // SAFETY: it was mapped with this length, and no reference outlives it.
        // Unmapping what was mapped does not fail.
        unsafe { libc::munmap(self.address.as_ptr().cast(), self.length) };
    }
}

// SAFETY: a mapping belongs to the process, not to a thread.
unsafe impl Send for Chunk {}

// SAFETY: its words are atomic, and nothing else of it can be reached.
unsafe impl Sync for Chunk {}

/// Asks for the cache line of a word, which will be needed soon.
#[inline]
pub fn prefetch(word: &AtomicU64) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint, which changes nothing; every x86-64 has it.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(
            std::ptr::from_ref(word).cast(),
        );
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = word;
}
