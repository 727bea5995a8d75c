//! TCP (RFC 9293) and its options.

use probe_common::parse::number::port;

use super::{
    cursor::{Cursor, Read, Stop},
    dns,
    name::tcp_flags_text,
};

const ACK: u8 = 0x10;
const URG: u8 = 0x20;

pub(super) fn segment(cursor: &mut Cursor<'_>) -> Read {
    cursor.open("TCP");
    let start = cursor.offset();
    let source = cursor.u16("source port")?;
    let destination = cursor.u16("destination port")?;
    let sequence = cursor.u32("sequence number")?;
    let acknowledged = cursor.u32("acknowledgment number")?;
    let [first] = cursor.field("header length", |[byte]| {
        format!("{} bytes", byte >> 4 << 2)
    })?;
    let header_len = usize::from(first >> 4) * 4;
    let [flags] = cursor.field("flags", |[flags]| tcp_flags_text(flags))?;
    if header_len < 20 {
        cursor.say(format!("TCP [{}]", tcp_flags_text(flags)));
        return Err(Stop::Malformed);
    }
    let length = cursor.end().saturating_sub(start + header_len);
    let flags_text = format!("[{}]", tcp_flags_text(flags));
    let mut text = format!("{flags_text} seq {sequence}");
    if length > 0 {
        let next = sequence.wrapping_add(u32::try_from(length).unwrap_or(u32::MAX));
        text += &format!(":{next}");
    }
    cursor.say_or(text, flags_text);
    if flags & ACK != 0 {
        cursor.say_or(format!("ack {acknowledged}"), "");
    }
    let window = cursor.u16("window")?;
    match format!("win {window}") {
        // The other end must not send.
        closed if window == 0 => cursor.say(closed),
        open => cursor.say_or(open, ""),
    }
    cursor.hex("checksum")?;
    let urgent = cursor.u16("urgent pointer")?;
    if flags & URG != 0 {
        cursor.say(format!("urg {urgent}"));
    }
    let end = cursor.limit(start + header_len);
    let options = match end.checked_sub(start + header_len) {
        Some(_) => options(cursor),
        None => Err(Stop::Short),
    };
    cursor.restore(end);
    // The length is known, whatever the options are.
    cursor.say(format!("length {length}"));
    options?;
    cursor.close(format!("{source} > {destination}"));
    if [source, destination].contains(&port::DNS) && length > dns::HEADER_LEN + 2 {
        cursor.u16("length of the DNS message")?;
        return dns::message(cursor, "DNS");
    }
    cursor.rest("data");
    Ok(())
}

fn options(cursor: &mut Cursor<'_>) -> Read {
    if cursor.remaining() == 0 {
        return Ok(());
    }
    cursor.open("options");
    while cursor.remaining() > 0 {
        option(cursor)?;
    }
    cursor.close("");
    Ok(())
}

/// Kinds: IANA, "TCP Option Kind Numbers".
fn option(cursor: &mut Cursor<'_>) -> Read {
    const END: u8 = 0;
    const PADDING: u8 = 1;
    let kind = cursor.peek(cursor.offset(), 1)?[0];
    cursor.open(option_name(kind));
    let [_] = cursor.field("kind", |[kind]| kind.to_string())?;
    if kind == END {
        cursor.skip("padding", cursor.remaining())?;
    }
    if matches!(kind, END | PADDING) {
        cursor.close("");
        return Ok(());
    }
    let len = cursor.u8("length")?;
    let Some(len) = usize::from(len).checked_sub(2) else {
        return Err(Stop::Malformed);
    };
    if len > cursor.remaining() {
        return Err(Stop::Malformed);
    }
    let value = match (kind, len) {
        (2, 2) => {
            let size = cursor.u16("value")?;
            cursor.say(format!("mss {size}"));
            size.to_string()
        }
        (3, 1) => {
            let shift = cursor.u8("shift")?;
            cursor.say(format!("wscale {shift}"));
            shift.to_string()
        }
        (4, 0) => {
            cursor.say("sackOK");
            String::new()
        }
        (5, 8 | 16 | 24 | 32) => {
            let mut blocks = Vec::new();
            for _ in 0..len / 8 {
                let from = cursor.u32("from")?;
                let to = cursor.u32("to")?;
                blocks.push(format!("{{{from}:{to}}}"));
            }
            let blocks = blocks.concat();
            cursor.say(format!("sack {blocks}"));
            blocks
        }
        (8, 8) => {
            let value = cursor.u32("value")?;
            let echo = cursor.u32("echo reply")?;
            cursor.say_or(format!("TS val {value} ecr {echo}"), "");
            format!("{value}, echo reply {echo}")
        }
        (known, _) => {
            cursor.skip("value", len)?;
            cursor.say(option_name(known));
            String::new()
        }
    };
    cursor.close(value);
    Ok(())
}

fn option_name(kind: u8) -> &'static str {
    match kind {
        0 => "end of options",
        1 => "padding",
        2 => "maximum segment size",
        3 => "window scale",
        4 => "selective acknowledgments permitted",
        5 => "selective acknowledgment",
        8 => "timestamps",
        19 => "MD5 signature",
        29 => "authentication",
        30 => "multipath TCP",
        34 => "fast open",
        _ => "unknown option",
    }
}
