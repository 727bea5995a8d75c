//! Recordings out of arbitrary bytes.

/// Bytes of a frame's header; its length is at 12, the checksums are at 16 and 20.
const HEADER: usize = 24;

/// The input behind a valid signature. Each frame's checksums are put right, so that
/// the fuzzer gets behind them.
pub fn recording(input: &[u8]) -> Vec<u8> {
    let mut recording = b"\x89nkv\r\n\x1a\n\x01\x00".to_vec();
    let mut rest = input;
    while let Some((header, behind)) = rest.split_at_checked(HEADER) {
        let mut header = header.to_vec();
        let length = usize::from(header[12]) | usize::from(header[13]) << 8;
        let (payload, behind) = behind.split_at(length.min(behind.len()));
        header[..4].copy_from_slice(b"\x9enkf");
        header[14..16].fill(0);
        header[16..20].copy_from_slice(&crc32fast::hash(payload).to_le_bytes());
        let checksum = crc32fast::hash(&header[..20]);
        header[20..].copy_from_slice(&checksum.to_le_bytes());
        recording.extend(header);
        recording.extend(payload);
        rest = behind;
    }
    recording.extend(rest);
    recording
}
