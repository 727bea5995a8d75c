//! Text for a screen or a table: made safe for a terminal, and numbers that are
//! read at a glance.

/// The text with every character that a terminal might obey, or that might
/// make what is around it read differently, replaced by U+FFFD: control
/// characters, bidirectional formatting, invisible characters and line breaks.
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
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// A count with its thousands apart: `1,204,331`.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
