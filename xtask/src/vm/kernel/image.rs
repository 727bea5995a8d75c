//! The kernel's own file in the file that boot loaders load.
//!
//! The header is that of the kernel's Documentation/arch/x86/boot.rst.

use anyhow::{Context, ensure};

/// The compressed kernel in a `bzImage`.
pub struct Payload<'a> {
    /// How it is compressed.
    pub compression: Compression,
    /// The compressed file and nothing after it.
    pub data: &'a [u8],
}

/// What Debian's kernels are compressed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// The legacy format of LZ4.
    Lz4,
    /// XZ.
    Xz,
    /// Zstandard.
    Zstd,
}

impl Compression {
    const ALL: [Self; 3] = [Self::Lz4, Self::Xz, Self::Zstd];

    /// The program that unpacks it, below `/usr`.
    pub fn program(self) -> &'static str {
        match self {
            Self::Lz4 => "bin/lz4",
            Self::Xz => "bin/xz",
            Self::Zstd => "bin/zstd",
        }
    }

    fn magic(self) -> &'static [u8] {
        match self {
            Self::Lz4 => &[0x02, 0x21, 0x4c, 0x18],
            Self::Xz => &[0xfd, b'7', b'z', b'X', b'Z', 0],
            Self::Zstd => &[0x28, 0xb5, 0x2f, 0xfd],
        }
    }
}

/// The payload of a `bzImage`.
///
/// # Errors
/// This is none, or it is compressed in another way.
pub fn payload(image: &[u8]) -> anyhow::Result<Payload<'_>> {
    ensure!(
        image.get(0x202..0x206) == Some(b"HdrS"),
        "this is no bzImage"
    );
    let truncated = "the bzImage is cut off";
    let number = |offset: usize| {
        let bytes = image.get(offset..offset + 4)?.try_into().ok()?;
        usize::try_from(u32::from_le_bytes(bytes)).ok()
    };
    let setup_sectors = match image.get(0x1f1).context(truncated)? {
        0 => 4,
        &sectors => usize::from(sectors),
    };
    let offset = number(0x248).context(truncated)?;
    let length = number(0x24c).context(truncated)?;
    let start = (setup_sectors + 1) * 512 + offset;
    // The size of the unpacked file is appended in four bytes.
    let end = (start + length).saturating_sub(4);
    let data = image.get(start..end).context(truncated)?;
    let compression = Compression::ALL
        .into_iter()
        .find(|compression| data.starts_with(compression.magic()))
        .context("the kernel is compressed in an unknown way")?;
    Ok(Payload { compression, data })
}

/// Fails for what QEMU cannot boot directly: an ELF file without the entry
/// point of `CONFIG_PVH`, which its `Xen` notes name.
///
/// # Errors
/// As the name says.
pub fn ensure_bootable(kernel: &[u8]) -> anyhow::Result<()> {
    ensure!(kernel.starts_with(b"\x7fELF"), "the kernel is no ELF file");
    /// Name size, description size, type `XEN_ELFNOTE_PHYS32_ENTRY` and name.
    const NOTE: &[u8] = b"\x04\0\0\0\x08\0\0\0\x12\0\0\0Xen\0";
    ensure!(
        kernel.windows(NOTE.len()).any(|window| window == NOTE),
        "the kernel was built without CONFIG_PVH"
    );
    Ok(())
}

#[cfg(test)]
mod tests;
