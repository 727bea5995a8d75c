use super::{Compression, ensure_bootable, payload};

/// A `bzImage` of two setup sectors whose payload is at 0x20 of what follows.
fn bzimage(compressed: &[u8]) -> Vec<u8> {
    let start = 3 * 512 + 0x20;
    let mut image = vec![0; start];
    image[0x1f1] = 2;
    image[0x202..0x206].copy_from_slice(b"HdrS");
    image[0x248..0x24c].copy_from_slice(&0x20_u32.to_le_bytes());
    let length = u32::try_from(compressed.len() + 4).unwrap();
    image[0x24c..0x250].copy_from_slice(&length.to_le_bytes());
    image.extend(compressed);
    image.extend(0xaabb_ccdd_u32.to_le_bytes());
    image.extend(b"what follows");
    image
}

#[test]
fn the_payload_is_found_by_its_header() {
    for (data, compression) in [
        (&b"\x28\xb5\x2f\xfd data"[..], Compression::Zstd),
        (b"\xfd7zXZ\0 data", Compression::Xz),
        (b"\x02\x21\x4c\x18 data", Compression::Lz4),
    ] {
        let image = bzimage(data);
        let payload = payload(&image).unwrap();
        assert_eq!((payload.compression, payload.data), (compression, data));
    }
}

#[test]
fn what_is_no_bzimage_is_refused() {
    assert!(payload(&[]).is_err());
    assert!(payload(&[0; 4096]).is_err());
    assert!(payload(&bzimage(b"unknown")).is_err());
    let image = bzimage(b"\x28\xb5\x2f\xfd data");
    assert!(payload(&image[..3 * 512 + 0x22]).is_err());
}

#[test]
fn a_kernel_needs_the_entry_point_that_qemu_uses() {
    let mut kernel = b"\x7fELF....".to_vec();
    assert!(ensure_bootable(&kernel).is_err());
    kernel.extend(b"\x04\0\0\0\x08\0\0\0\x12\0\0\0Xen\0\0\0\0\x01\0\0\0\0");
    assert!(ensure_bootable(&kernel).is_ok());
    assert!(ensure_bootable(&kernel[1..]).is_err());
}
