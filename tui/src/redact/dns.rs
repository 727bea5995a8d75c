//! DNS messages (RFC 1035).

use super::{Domain, Redaction};

/// Bytes of the header.
const HEADER: usize = 12;
/// Type and class of a question.
const QUESTION: usize = 4;
/// What labels are made of, less the letters that read as digits.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

impl Redaction {
    /// Replaces the name of the question, label by label and each by one as long;
    /// returns how many bytes may be kept: the header and the question. Names below
    /// one domain stay below one.
    pub(super) fn dns(&self, message: &mut [u8]) -> usize {
        let Some(labels) = question(message) else {
            return 0;
        };
        let end = labels.last().map_or(HEADER, |(_, end)| *end) + 1;
        message[HEADER..end].make_ascii_lowercase();
        let original = message[..end].to_vec();
        for (start, label_end) in labels {
            // The label with what is above it.
            let mut drawn = Vec::new();
            for piece in 0_u8..8 {
                let mut bytes = vec![piece];
                bytes.extend(&original[start..end]);
                drawn.extend(self.draw(Domain::Label, &bytes).to_be_bytes());
            }
            for (byte, drawn) in message[start..label_end].iter_mut().zip(drawn) {
                *byte = ALPHABET[usize::from(drawn) % ALPHABET.len()];
            }
        }
        end + QUESTION
    }
}

/// The labels of the only question, each from its first byte to behind its last;
/// nothing where the message is none, or cut.
fn question(message: &[u8]) -> Option<Vec<(usize, usize)>> {
    if message.get(4..6)? != [0, 1] {
        return None;
    }
    let mut labels = Vec::new();
    let mut at = HEADER;
    loop {
        let length = usize::from(*message.get(at)?);
        at += 1;
        match length {
            0 => break,
            1..=63 => labels.push((at, at + length)),
            _ => return None,
        }
        at += length;
    }
    message.get(at..at + QUESTION)?;
    Some(labels)
}
