//! Text for a screen or a table: made safe for a terminal, cut to the cells that
//! there are, and numbers that are read at a glance.

mod cut;
mod number;
mod units;

use probe_common::Reason;

pub use cut::{shorten, truncate};
pub use number::{age, below, duration, grouped, plural, short_count};
pub use units::{Units, bytes, bytes_width, rate, rate_width, rounded, scaled};

#[cfg(test)]
mod tests;

/// The text with every character that a terminal might obey, that might make
/// what is around it read differently, or that terminals draw in different
/// widths, replaced by U+FFFD: control characters, bidirectional formatting,
/// invisible characters and line breaks; variation selectors, flags and the
/// modifiers of emoji.
#[must_use]
pub fn clean(text: &str) -> String {
    text.chars()
        .map(|c| {
            if is_safe(c) {
                c
            } else {
                char::REPLACEMENT_CHARACTER
            }
        })
        .collect()
}

fn is_safe(c: char) -> bool {
    !c.is_control()
        && !matches!(c,
            // Soft hyphen, Arabic letter mark, Mongolian vowel separator.
            '\u{ad}' | '\u{61c}' | '\u{180e}'
            // Zero widths, marks of direction, line breaks, embeddings.
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            // Invisible operators, isolates and deprecated formatting.
            | '\u{2060}'..='\u{206f}'
            // Byte order mark, interlinear annotation, tags.
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
            // Variation selectors, keycaps, flags, skin tones.
            | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' | '\u{20e3}'
            | '\u{1f1e6}'..='\u{1f1ff}' | '\u{1f3fb}'..='\u{1f3ff}')
}

/// Breaks text between words into lines of at most `width` characters.
#[must_use]
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        if let Some(last) = lines.last_mut() {
            if last.is_empty() {
                last.push_str(word);
            } else if last.chars().count() + 1 + word.chars().count() <= width {
                last.push(' ');
                last.push_str(word);
            } else {
                lines.push(word.to_owned());
            }
        }
    }
    lines
}

/// The text in ASCII, for where the locale has no more: typographic signs as they
/// are typed on a keyboard, all else as question marks.
#[must_use]
pub fn ascii(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '→' => plain.push_str("->"),
            '←' => plain.push_str("<-"),
            '↔' => plain.push_str("<->"),
            '…' => plain.push_str("..."),
            '≥' => plain.push_str(">="),
            '≤' => plain.push_str("<="),
            '–' | '—' | '─' => plain.push('-'),
            '×' => plain.push('x'),
            'µ' => plain.push('u'),
            '·' => plain.push('.'),
            '●' => plain.push('*'),
            '‘' | '’' => plain.push('\''),
            '“' | '”' => plain.push('"'),
            _ if c.is_ascii() => plain.push(c),
            _ => plain.push('?'),
        }
    }
    plain
}

/// Text of several lines, each of them [`clean`].
#[must_use]
pub fn clean_lines(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(clean).collect();
    lines.join("\n")
}

/// A hardware address as `ip link` writes it: `02:42:ac:11:00:02`.
#[must_use]
pub fn mac(octets: &[u8]) -> String {
    let octets: Vec<String> = octets.iter().map(|it| format!("{it:02x}")).collect();
    octets.join(":")
}

/// Whether a name of devices is a glob for several of them.
#[must_use]
pub fn is_glob(text: &str) -> bool {
    text.contains(['*', '?', '[', ']', '{', '}', '\\'])
}

/// Why a packet was captured, in a word.
#[must_use]
pub const fn reason(reason: Reason) -> &'static str {
    match reason {
        Reason::First => "first",
        Reason::TcpFlags => "flags",
        Reason::Control => "control",
        Reason::Dns => "dns",
        Reason::Sample => "sample",
        Reason::FirstData => "first-data",
        Reason::ZeroWindow => "zero-window",
        Reason::HandshakeAck => "handshake",
    }
}
