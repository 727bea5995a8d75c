//! DNS (RFC 1035) and its multicast sisters (RFC 6762, 4795).
//!
//! Read here and not with a library, for those want whole messages, and the
//! capture rarely has one.

use std::borrow::Cow;

use super::cursor::{Cursor, Read, Stop};
use crate::text::clean;

/// Bytes of the header.
pub(super) const HEADER_LEN: usize = 12;

const RESPONSE: u16 = 0x8000;

/// A message. `kind` is what it is called.
pub(super) fn message(cursor: &mut Cursor<'_>, kind: &'static str) -> Read {
    cursor.open(kind);
    let start = cursor.offset();
    let id = cursor.u16("id")?;
    let flags = cursor.field("flags", |bytes| flags_text(u16::from_be_bytes(bytes)))?;
    let flags = u16::from_be_bytes(flags);
    let questions = cursor.u16("questions")?;
    let answers = cursor.u16("answers")?;
    let authorities = cursor.u16("authorities")?;
    let additional = cursor.u16("additional records")?;
    let mut words = Vec::new();
    let counts = [questions, answers, authorities, additional];
    let result = sections(cursor, start, flags, counts, &mut words);
    // What failed, or else what a person asks, comes first; the number that ties an answer to its
    // query last, also where the rest is cut.
    words.push(match id {
        0 => message_name(flags).into_owned(),
        _ => format!("{} {id}", message_name(flags)),
    });
    cursor.say(format!("{kind} {}", words.join(", ")));
    result?;
    cursor.close(message_name(flags));
    cursor.rest("data");
    Ok(())
}

/// Reads what follows the header by its counts; `words` names the questions
/// and their outcome.
fn sections(
    cursor: &mut Cursor<'_>,
    start: usize,
    flags: u16,
    [questions, answers, authorities, additional]: [u16; 4],
    words: &mut Vec<String>,
) -> Read {
    let is_response = flags & RESPONSE != 0;
    let result = flags & 15;
    let mut read = Ok(());
    for _ in 0..questions {
        read = question(cursor, start, words);
        if read.is_err() {
            break;
        }
    }
    // That it failed is not to be cut off behind a long name.
    if is_response && result != 0 {
        words.insert(0, result_name(result).into_owned());
    }
    read?;
    if is_response && result == 0 && answers == 0 && questions > 0 {
        words.insert(0, "no record".to_owned());
    }
    for _ in 0..answers {
        words.push(record(cursor, "answer", start)?);
    }
    for _ in 0..authorities {
        record(cursor, "authority", start)?;
    }
    for _ in 0..additional {
        record(cursor, "additional record", start)?;
    }
    Ok(())
}

fn question(cursor: &mut Cursor<'_>, start: usize, words: &mut Vec<String>) -> Read {
    cursor.open("question");
    let mut text = String::new();
    let kind = match name(cursor, "name", start, &mut text).and_then(|()| record_type(cursor)) {
        Ok(kind) => kind,
        Err(stop) => {
            // What there is of a long name is better than nothing.
            words.push(format!("{text}..."));
            return Err(stop);
        }
    };
    class(cursor)?;
    let text = format!("{}? {text}", type_name(kind));
    cursor.close(&text);
    words.push(text);
    Ok(())
}

/// Reads a resource record, and gives its type and value.
fn record(cursor: &mut Cursor<'_>, label: &'static str, start: usize) -> Read<String> {
    cursor.open(label);
    let mut owner = String::new();
    name(cursor, "name", start, &mut owner)?;
    let kind = record_type(cursor)?;
    class(cursor)?;
    cursor.u32("time to live, s")?;
    let len = usize::from(cursor.u16("length")?);
    if len > cursor.remaining() {
        return Err(Stop::Short);
    }
    let end = cursor.limit(cursor.offset() + len);
    let value = record_data(cursor, kind, start)?;
    cursor.skip("rest", cursor.remaining())?;
    cursor.restore(end);
    let text = match value.as_str() {
        "" => type_name(kind).into_owned(),
        value => format!("{} {value}", type_name(kind)),
    };
    cursor.close(format!("{owner} {text}"));
    Ok(text)
}

fn record_data(cursor: &mut Cursor<'_>, kind: u16, start: usize) -> Read<String> {
    let mut text = String::new();
    match (kind, cursor.remaining()) {
        (1, 4) => text = cursor.ipv4("address")?.to_string(),
        (28, 16) => text = cursor.ipv6("address")?.to_string(),
        // NS, CNAME, SOA (its primary server), PTR, DNAME.
        (2 | 5 | 6 | 12 | 39, 1..) => name(cursor, "target", start, &mut text)?,
        (15, 3..) => {
            cursor.u16("preference")?;
            name(cursor, "exchange", start, &mut text)?;
        }
        (16, 1..) => {
            let len = usize::from(cursor.u8("length of the text")?);
            text = cursor.text("text", len)?;
        }
        (33, 7..) => {
            cursor.u16("priority")?;
            cursor.u16("weight")?;
            let port = cursor.u16("port")?;
            name(cursor, "target", start, &mut text)?;
            text += &format!(":{port}");
        }
        _ => {}
    }
    Ok(text)
}

fn record_type(cursor: &mut Cursor<'_>) -> Read<u16> {
    cursor
        .field("type", |bytes| {
            type_name(u16::from_be_bytes(bytes)).into_owned()
        })
        .map(u16::from_be_bytes)
}

fn class(cursor: &mut Cursor<'_>) -> Read {
    // Multicast DNS has another meaning for the highest bit (RFC 6762, 5.4).
    cursor.field("class", |bytes| match u16::from_be_bytes(bytes) & 0x7fff {
        1 => "IN".to_owned(),
        3 => "CH".to_owned(),
        255 => "ANY".to_owned(),
        other => other.to_string(),
    })?;
    Ok(())
}

/// Reads a name, possibly compressed (RFC 1035, 4.1.4), into `text`: as far as
/// it goes when it is cut.
fn name(cursor: &mut Cursor<'_>, label: &'static str, start: usize, text: &mut String) -> Read {
    let from = cursor.offset();
    let mut at = from;
    // Where the name ends in place: after the first pointer, if there is one.
    let mut after = None;
    let result = loop {
        let byte = match cursor.peek(at, 1) {
            Ok(bytes) => usize::from(bytes[0]),
            Err(stop) => break Err(stop),
        };
        match byte {
            0 => {
                after.get_or_insert(at + 1);
                break Ok(());
            }
            len @ 1..=63 => match cursor.peek(at + 1, len) {
                Ok(label) if text.len() <= NAME_LEN => {
                    push_label(text, label);
                    at += 1 + len;
                }
                Ok(_) => break Err(Stop::Malformed),
                Err(stop) => break Err(stop),
            },
            192.. => {
                let low = match cursor.peek(at + 1, 1) {
                    Ok(bytes) => usize::from(bytes[0]),
                    Err(stop) => break Err(stop),
                };
                after.get_or_insert(at + 2);
                let target = start + ((byte & 63) << 8 | low);
                // Only backwards, so that it comes to an end.
                if target >= at {
                    break Err(Stop::Malformed);
                }
                at = target;
            }
            _ => break Err(Stop::Malformed),
        }
    };
    cursor.go_to(after.unwrap_or(at));
    if text.is_empty() && result.is_ok() {
        text.push('.');
    }
    cursor.note(label, text.as_str(), from..cursor.offset());
    result
}

/// Bytes of a name at most (RFC 1035, 2.3.4), more than are shown of any.
const NAME_LEN: usize = 255;

fn push_label(text: &mut String, label: &[u8]) {
    if !text.is_empty() {
        text.push('.');
    }
    let label = clean(&String::from_utf8_lossy(label));
    text.push_str(&label.replace('.', "\\."));
}

fn message_name(flags: u16) -> Cow<'static, str> {
    let is_response = flags & RESPONSE != 0;
    Cow::Borrowed(match (flags >> 11 & 15, is_response) {
        (0, false) => "query",
        (0, true) => "answer",
        (4, false) => "notify",
        (4, true) => "notify answer",
        (5, false) => "update",
        (5, true) => "update answer",
        (other, _) => return Cow::Owned(format!("operation {other}")),
    })
}

fn flags_text(flags: u16) -> String {
    const NAMES: [(u16, &str); 6] = [
        (0x0400, "authoritative"),
        (0x0200, "truncated"),
        (0x0100, "recursion desired"),
        (0x0080, "recursion available"),
        (0x0020, "authentic"),
        (0x0010, "checking disabled"),
    ];
    let mut text = message_name(flags).into_owned();
    for (bit, name) in NAMES {
        if flags & bit != 0 {
            text = text + ", " + name;
        }
    }
    if flags & RESPONSE != 0 {
        text = text + ", " + &result_name(flags & 15);
    }
    text
}

/// IANA, "DNS RCODEs".
fn result_name(code: u16) -> Cow<'static, str> {
    Cow::Borrowed(match code {
        0 => "NoError",
        1 => "FormErr",
        2 => "ServFail",
        3 => "NXDomain",
        4 => "NotImp",
        5 => "Refused",
        6 => "YXDomain",
        7 => "YXRRSet",
        8 => "NXRRSet",
        9 => "NotAuth",
        10 => "NotZone",
        _ => return Cow::Owned(format!("result {code}")),
    })
}

/// IANA, "Resource Record (RR) TYPEs".
fn type_name(kind: u16) -> Cow<'static, str> {
    Cow::Borrowed(match kind {
        1 => "A",
        2 => "NS",
        5 => "CNAME",
        6 => "SOA",
        12 => "PTR",
        13 => "HINFO",
        15 => "MX",
        16 => "TXT",
        28 => "AAAA",
        29 => "LOC",
        33 => "SRV",
        35 => "NAPTR",
        39 => "DNAME",
        41 => "OPT",
        43 => "DS",
        44 => "SSHFP",
        46 => "RRSIG",
        47 => "NSEC",
        48 => "DNSKEY",
        50 => "NSEC3",
        52 => "TLSA",
        64 => "SVCB",
        65 => "HTTPS",
        99 => "SPF",
        250 => "TSIG",
        251 => "IXFR",
        252 => "AXFR",
        255 => "ANY",
        257 => "CAA",
        _ => return Cow::Owned(format!("TYPE{kind}")),
    })
}
