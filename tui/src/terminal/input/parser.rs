//! Bytes from the terminal as keys, mouse events, pasted text and answers.
//!
//! A terminal writes its answers (OSC, DCS, CSI) among the keys, when it likes
//! and in as many pieces as the line makes of them. All control sequences are
//! therefore parsed by their grammar (ECMA-48), and those that no key sends are
//! dropped, whatever they say.

use std::time::Duration;

use crossterm::event::{
    Event, KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind,
};

use ratatui::layout::Position;

use super::Input;

#[cfg(test)]
mod tests;

const ESC: u8 = 0x1b;
const BEL: u8 = 0x07;
/// What follows within this time belongs to an Esc. Without more it is the key.
const ESCAPE_DELAY: Duration = Duration::from_millis(50);
/// The same while an answer is expected, which may be cut anywhere.
const ESCAPE_DELAY_ANSWER: Duration = Duration::from_millis(400);
/// Pause after which a sequence that has no end is given up.
const SEQUENCE_DELAY: Duration = Duration::from_secs(2);
/// Longest control string. A longer one is not an answer to anything asked.
const MAX_STRING: usize = 4096;
/// Longest control sequence.
const MAX_SEQUENCE: usize = 64;
/// Most bytes of one paste.
const MAX_PASTE: usize = 1 << 16;
const PASTE_END: &[u8] = b"\x1b[201~";

/// The parser, between any two bytes.
#[derive(Debug, Default)]
pub struct Parser {
    state: State,
    /// Whether a question to the terminal has no answer yet.
    pub expects_answer: bool,
}

#[derive(Debug, Default)]
enum State {
    /// Between two keys.
    #[default]
    Ground,
    /// The first bytes of a character in UTF-8, and whether Alt was held.
    Character(Vec<u8>, bool),
    /// ESC.
    Escape,
    /// ESC O.
    Ss3,
    /// ESC [ and parameters.
    Csi(Vec<u8>),
    /// ESC [ M and the bytes of an X10 mouse report.
    X10(Vec<u8>),
    /// ESC [ [, a function key of the Linux console.
    Console,
    /// A string (OSC, DCS, APC, PM or SOS) and the byte that started it.
    String(u8, Vec<u8>),
    /// The same after an ESC, which begins its terminator.
    StringEscape(u8, Vec<u8>),
    /// Pasted text.
    Paste(Vec<u8>),
}

impl Parser {
    /// Parses bytes as they were read.
    pub fn feed(&mut self, bytes: &[u8], out: &mut impl Extend<Input>) {
        for byte in bytes {
            self.byte(*byte, out);
        }
    }

    /// How long to wait for the rest of what has begun.
    pub const fn delay(&self) -> Option<Duration> {
        match self.state {
            State::Ground => None,
            State::Escape if self.expects_answer => Some(ESCAPE_DELAY_ANSWER),
            State::Escape => Some(ESCAPE_DELAY),
            _ => Some(SEQUENCE_DELAY),
        }
    }

    /// The rest has not come.
    pub fn timeout(&mut self, out: &mut impl Extend<Input>) {
        match std::mem::take(&mut self.state) {
            State::Escape => emit(out, key(KeyCode::Esc)),
            State::Paste(text) => emit(out, paste(&text)),
            _ => {}
        }
    }

    fn byte(&mut self, byte: u8, out: &mut impl Extend<Input>) {
        self.state = match std::mem::take(&mut self.state) {
            State::Ground => self.ground(byte, false, out),
            State::Character(mut bytes, alt) => {
                if byte & 0xc0 == 0x80 {
                    bytes.push(byte);
                    character(bytes, alt, out)
                } else {
                    self.ground(byte, false, out)
                }
            }
            State::Escape => match byte {
                b'[' => State::Csi(Vec::new()),
                b'O' => State::Ss3,
                b']' | b'P' | b'_' | b'^' | b'X' => State::String(byte, Vec::new()),
                ESC => {
                    emit(out, key(KeyCode::Esc));
                    State::Escape
                }
                _ => self.ground(byte, true, out),
            },
            State::Ss3 => {
                emit(out, ss3(byte).map(key));
                State::Ground
            }
            State::Csi(parameters) => self.csi(parameters, byte, out),
            State::X10(mut bytes) => {
                bytes.push(byte);
                match bytes[..] {
                    [button, column, row] => {
                        let [button, column, row] =
                            [button, column, row].map(|it| u16::from(it.saturating_sub(32)));
                        emit(out, mouse(button, column, row, button & 3 == 3));
                        State::Ground
                    }
                    _ => State::X10(bytes),
                }
            }
            State::Console => {
                if let b'A'..=b'E' = byte {
                    emit(out, key(KeyCode::F(byte - b'A' + 1)));
                }
                State::Ground
            }
            State::String(kind, text) => self.string(kind, text, byte, out),
            State::StringEscape(kind, text) => {
                if byte == b'\\' {
                    self.answer(kind, &text, out);
                    State::Ground
                } else {
                    // The string was cut, and this is another sequence.
                    self.state = State::Escape;
                    return self.byte(byte, out);
                }
            }
            State::Paste(mut text) => {
                text.push(byte);
                if text.ends_with(PASTE_END) {
                    text.truncate(text.len() - PASTE_END.len());
                    emit(out, paste(&text));
                    State::Ground
                } else {
                    if text.len() > MAX_PASTE + PASTE_END.len() {
                        // Only the end of it matters from here on.
                        text.remove(MAX_PASTE);
                    }
                    State::Paste(text)
                }
            }
        };
    }

    /// A byte outside of any sequence.
    fn ground(&self, byte: u8, alt: bool, out: &mut impl Extend<Input>) -> State {
        let modifiers = if alt {
            KeyModifiers::ALT
        } else {
            KeyModifiers::NONE
        };
        let control = |letter: u8| {
            let code = KeyCode::Char(char::from(letter));
            KeyEvent::new(code, modifiers | KeyModifiers::CONTROL)
        };
        let event = match byte {
            ESC => return State::Escape,
            b'\r' => KeyEvent::new(KeyCode::Enter, modifiers),
            b'\t' => KeyEvent::new(KeyCode::Tab, modifiers),
            0x7f => KeyEvent::new(KeyCode::Backspace, modifiers),
            0 => control(b' '),
            0x01..=0x1a => control(byte - 1 + b'a'),
            0x1c..=0x1f => control(byte - 0x1c + b'4'),
            _ => return character(vec![byte], alt, out),
        };
        emit(out, Some(Input::Event(Event::Key(event))));
        State::Ground
    }

    fn csi(&mut self, mut parameters: Vec<u8>, byte: u8, out: &mut impl Extend<Input>) -> State {
        match byte {
            b'[' if parameters.is_empty() => State::Console,
            b'M' if parameters.is_empty() => State::X10(Vec::new()),
            // Parameters and intermediate bytes.
            0x20..=0x3f if parameters.len() < MAX_SEQUENCE => {
                parameters.push(byte);
                State::Csi(parameters)
            }
            b'~' if parameters == b"200" => State::Paste(Vec::new()),
            0x40..=0x7e => {
                let input = sequence(&parameters, byte);
                if matches!(input, Some(Input::Ready)) {
                    self.expects_answer = false;
                }
                emit(out, input);
                State::Ground
            }
            // Cut: what follows starts over.
            _ => self.ground(byte, false, out),
        }
    }

    fn string(
        &mut self,
        kind: u8,
        mut text: Vec<u8>,
        byte: u8,
        out: &mut impl Extend<Input>,
    ) -> State {
        match byte {
            BEL => {
                self.answer(kind, &text, out);
                State::Ground
            }
            ESC => State::StringEscape(kind, text),
            // No answer has such bytes: its end is lost, and these are keys.
            0..0x20 | 0x7f => self.ground(byte, false, out),
            _ => {
                if text.len() < MAX_STRING {
                    text.push(byte);
                }
                State::String(kind, text)
            }
        }
    }

    fn answer(&mut self, kind: u8, text: &[u8], out: &mut impl Extend<Input>) {
        self.expects_answer = false;
        if kind == b']'
            && let Some(color) = text.strip_prefix(b"11;")
        {
            emit(out, is_light(color).map(Input::Background));
        }
    }
}

fn emit(out: &mut impl Extend<Input>, input: impl Into<Option<Input>>) {
    out.extend(input.into());
}

fn key(code: KeyCode) -> Input {
    Input::Event(Event::Key(code.into()))
}

/// The character that these bytes are, once they are all there. What is no
/// UTF-8 is no key.
fn character(bytes: Vec<u8>, alt: bool, out: &mut impl Extend<Input>) -> State {
    match std::str::from_utf8(&bytes) {
        Ok(text) => {
            out.extend(text.chars().map(|character| {
                let mut modifiers = KeyModifiers::NONE;
                modifiers.set(KeyModifiers::SHIFT, character.is_uppercase());
                modifiers.set(KeyModifiers::ALT, alt);
                let event = KeyEvent::new(KeyCode::Char(character), modifiers);
                Input::Event(Event::Key(event))
            }));
            State::Ground
        }
        Err(error) if error.error_len().is_none() => State::Character(bytes, alt),
        Err(_) => State::Ground,
    }
}

fn paste(text: &[u8]) -> Input {
    let text = &text[..text.len().min(MAX_PASTE)];
    Input::Event(Event::Paste(String::from_utf8_lossy(text).into_owned()))
}

fn ss3(byte: u8) -> Option<KeyCode> {
    match byte {
        b'P'..=b'S' => Some(KeyCode::F(byte - b'P' + 1)),
        b'M' => Some(KeyCode::Enter),
        _ => cursor_key(byte),
    }
}

const fn cursor_key(byte: u8) -> Option<KeyCode> {
    Some(match byte {
        b'A' => KeyCode::Up,
        b'B' => KeyCode::Down,
        b'C' => KeyCode::Right,
        b'D' => KeyCode::Left,
        b'F' => KeyCode::End,
        b'H' => KeyCode::Home,
        _ => return None,
    })
}

/// What a complete control sequence stands for: a key, the mouse, or an answer
/// that is expected; nothing for all else.
fn sequence(parameters: &[u8], end: u8) -> Option<Input> {
    let text = std::str::from_utf8(parameters).ok()?;
    if let Some(report) = text.strip_prefix('<') {
        let mut numbers = report.split(';').map(str::parse::<u16>);
        let mut next = || numbers.next()?.ok();
        let (button, column, row) = (next()?, next()?, next()?);
        let is_release = match end {
            b'M' => false,
            b'm' => true,
            _ => return None,
        };
        return mouse(button, column, row, is_release);
    }
    if (text, end) == ("0", b'n') {
        return Some(Input::Ready);
    }
    if end == b'R' {
        let (row, column) = text.split_once(';')?;
        let [row, column]: [u16; 2] = [row.parse().ok()?, column.parse().ok()?];
        let position = Position::new(column.checked_sub(1)?, row.checked_sub(1)?);
        return Some(Input::Cursor(position));
    }
    let mut numbers = text.split(';').map(|number| {
        // Some add sub-parameters, such as whether the key was released.
        let mut parts = number.split(':').map(str::parse::<u32>);
        (parts.next().and_then(Result::ok), parts.next())
    });
    let (first, _) = numbers.next()?;
    let (mask, kind) = numbers.next().unwrap_or((None, None));
    if let Some(Ok(3)) = kind {
        return None;
    }
    let code = match end {
        b'~' => tilde_key(first?)?,
        b'u' => match char::from_u32(first?)? {
            '\r' => KeyCode::Enter,
            '\t' => KeyCode::Tab,
            '\u{7f}' | '\u{8}' => KeyCode::Backspace,
            '\u{1b}' => KeyCode::Esc,
            character if character.is_control() => return None,
            character => KeyCode::Char(character),
        },
        b'Z' => KeyCode::BackTab,
        // F3 with a modifier would be the answer to "where is the cursor".
        b'P' | b'Q' | b'S' if first.is_none() || first == Some(1) => KeyCode::F(end - b'P' + 1),
        _ if first.is_none() || first == Some(1) => cursor_key(end)?,
        _ => return None,
    };
    if first.is_none() && !text.is_empty() {
        return None;
    }
    let mut modifiers = modifiers(mask.unwrap_or(1));
    if code == KeyCode::BackTab {
        modifiers |= KeyModifiers::SHIFT;
    }
    Some(Input::Event(Event::Key(KeyEvent::new(code, modifiers))))
}

/// The keys of the VT220 and of xterm (`CSI number ~`).
fn tilde_key(number: u32) -> Option<KeyCode> {
    Some(match number {
        1 | 7 => KeyCode::Home,
        2 => KeyCode::Insert,
        3 => KeyCode::Delete,
        4 | 8 => KeyCode::End,
        5 => KeyCode::PageUp,
        6 => KeyCode::PageDown,
        11..=15 => KeyCode::F((number - 10) as u8),
        17..=21 => KeyCode::F((number - 11) as u8),
        23..=26 => KeyCode::F((number - 12) as u8),
        _ => return None,
    })
}

/// Modifiers as xterm encodes them: one more than the sum of their bits.
fn modifiers(mask: u32) -> KeyModifiers {
    let bits = mask.saturating_sub(1);
    let mut modifiers = KeyModifiers::NONE;
    modifiers.set(KeyModifiers::SHIFT, bits & 1 != 0);
    modifiers.set(KeyModifiers::ALT, bits & 2 != 0);
    modifiers.set(KeyModifiers::CONTROL, bits & 4 != 0);
    modifiers
}

/// A mouse report. Its places count from 1.
fn mouse(button: u16, column: u16, row: u16, is_release: bool) -> Option<Input> {
    let kind = match (button & 0b1100_0011, button & 0b10_0000 != 0, is_release) {
        (0x40, _, false) => MouseEventKind::ScrollUp,
        (0x41, _, false) => MouseEventKind::ScrollDown,
        (number @ 0..=2, is_motion, _) => {
            let which = [MouseButton::Left, MouseButton::Middle, MouseButton::Right];
            let which = which[usize::from(number)];
            match (is_motion, is_release) {
                (_, true) => MouseEventKind::Up(which),
                (true, false) => MouseEventKind::Drag(which),
                (false, false) => MouseEventKind::Down(which),
            }
        }
        _ => return None,
    };
    let mut modifiers = KeyModifiers::NONE;
    modifiers.set(KeyModifiers::SHIFT, button & 4 != 0);
    modifiers.set(KeyModifiers::ALT, button & 8 != 0);
    modifiers.set(KeyModifiers::CONTROL, button & 16 != 0);
    Some(Input::Event(Event::Mouse(MouseEvent {
        kind,
        column: column.saturating_sub(1),
        row: row.saturating_sub(1),
        modifiers,
    })))
}

/// Whether a color as X11 writes it (`rgb:RRRR/GGGG/BBBB`, with one to four
/// digits each) is light: whether black on it has more contrast than white.
fn is_light(color: &[u8]) -> Option<bool> {
    let text = std::str::from_utf8(color).ok()?;
    let channels = text
        .strip_prefix("rgba:")
        .or_else(|| text.strip_prefix("rgb:"))?;
    let mut channels = channels.split('/').map(|digits| {
        let number = u32::from_str_radix(digits, 16).ok()?;
        let largest = 16_u32.pow(digits.len().try_into().ok()?) - 1;
        (1..=4)
            .contains(&digits.len())
            .then(|| f64::from(number) / f64::from(largest))
    });
    let mut next = || channels.next()?;
    let linear = |channel: f64| {
        if channel <= 0.04045 {
            channel / 12.92
        } else {
            ((channel + 0.055) / 1.055).powf(2.4)
        }
    };
    // Relative luminance and contrast as in WCAG 2.
    let luminance = 0.2126 * linear(next()?) + 0.7152 * linear(next()?) + 0.0722 * linear(next()?);
    Some(luminance > 0.179)
}
