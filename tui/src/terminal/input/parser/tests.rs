use proptest::prelude::*;

use super::*;

fn parse(pieces: &[&[u8]]) -> Vec<Input> {
    let mut parser = Parser::default();
    let mut inputs = Vec::new();
    for piece in pieces {
        parser.feed(piece, &mut inputs);
    }
    inputs
}

fn keys(bytes: &[u8]) -> Vec<(KeyCode, KeyModifiers)> {
    parse(&[bytes])
        .into_iter()
        .map(|input| match input {
            Input::Event(Event::Key(key)) => (key.code, key.modifiers),
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn keys_are_those_of_the_common_terminals() {
    const NONE: KeyModifiers = KeyModifiers::NONE;
    const CONTROL: KeyModifiers = KeyModifiers::CONTROL;
    const ALT: KeyModifiers = KeyModifiers::ALT;
    for (bytes, code, modifiers) in [
        (&b"a"[..], KeyCode::Char('a'), NONE),
        (b"A", KeyCode::Char('A'), KeyModifiers::SHIFT),
        ("ß".as_bytes(), KeyCode::Char('ß'), NONE),
        (b"\r", KeyCode::Enter, NONE),
        (b"\x03", KeyCode::Char('c'), CONTROL),
        (b"\x1a", KeyCode::Char('z'), CONTROL),
        (b"\0", KeyCode::Char(' '), CONTROL),
        (b"\x7f", KeyCode::Backspace, NONE),
        (b"\x1bx", KeyCode::Char('x'), ALT),
        (b"\x1b[A", KeyCode::Up, NONE),
        (b"\x1bOB", KeyCode::Down, NONE),
        (b"\x1b[1;5D", KeyCode::Left, CONTROL),
        (b"\x1b[1;2:1A", KeyCode::Up, KeyModifiers::SHIFT),
        (b"\x1b[H", KeyCode::Home, NONE),
        (b"\x1b[4~", KeyCode::End, NONE),
        (b"\x1b[3;5~", KeyCode::Delete, CONTROL),
        (b"\x1b[6~", KeyCode::PageDown, NONE),
        (b"\x1b[Z", KeyCode::BackTab, KeyModifiers::SHIFT),
        (b"\x1bOP", KeyCode::F(1), NONE),
        (b"\x1b[[A", KeyCode::F(1), NONE),
        (b"\x1b[15~", KeyCode::F(5), NONE),
        (b"\x1b[24~", KeyCode::F(12), NONE),
        (b"\x1b[97;5u", KeyCode::Char('a'), CONTROL),
        (b"\x1bOM", KeyCode::Enter, NONE),
    ] {
        assert_eq!(keys(bytes), [(code, modifiers)], "{bytes:?}");
    }
}

#[test]
fn escape_is_a_key_once_nothing_follows() {
    let mut parser = Parser::default();
    let mut inputs = Vec::new();
    parser.feed(b"\x1b", &mut inputs);
    assert_eq!(inputs, []);
    assert_eq!(parser.delay(), Some(ESCAPE_DELAY));
    parser.timeout(&mut inputs);
    assert_eq!(inputs, [key(KeyCode::Esc)]);
    assert_eq!(parser.delay(), None);
    assert_eq!(keys(b"\x1b\x1b[A")[0].0, KeyCode::Esc);
    assert_eq!(keys(b"\x1b\x1b[A")[1].0, KeyCode::Up);
}

/// What terminals answer, asked or not.
const ANSWERS: &[&[u8]] = &[
    b"\x1b]10;rgb:ffff/ffff/ffff\x1b\\",
    b"\x1b]10;rgb:ffff/ffff/ffff\x07",
    b"\x1b]52;c;cXEK\x07",
    b"\x1b]4;1;rgb:cd/00/00\x1b\\",
    b"\x1bP>|XTerm(370)\x1b\\",
    b"\x1bP1+r544e=787465726d\x1b\\",
    b"\x1b_Gi=31;OK\x1b\\",
    b"\x1b[?62;22c",
    b"\x1b[>41;370;0c",
    b"\x1b[?1u",
    b"\x1b[?2026;2$y",
    b"\x1b[8;24;80t",
    b"\x1b[I",
    b"\x1b[999;999~",
    b"\x1b[;;;;m",
];

proptest! {
    #[test]
    fn answers_are_never_keys_wherever_they_are_cut(
        which in 0..ANSWERS.len(),
        cuts in prop::collection::vec(0..40_usize, 0..5),
    ) {
        let answer = ANSWERS[which];
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(answer.len())).collect();
        cuts.extend([0, answer.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|cut| &answer[cut[0]..cut[1]]).collect();
        prop_assert_eq!(parse(&pieces), []);
    }

    #[test]
    fn whatever_comes_keys_work_afterwards(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut parser = Parser::default();
        let mut inputs = Vec::new();
        parser.feed(&bytes, &mut inputs);
        parser.timeout(&mut inputs);
        inputs.clear();
        parser.feed(b"q", &mut inputs);
        prop_assert_eq!(inputs, [key(KeyCode::Char('q'))]);
    }
}

#[test]
fn a_string_without_an_end_swallows_no_key_but_text() {
    assert_eq!(keys(b"\x1b]11;rgb:\x03")[0].0, KeyCode::Char('c'));
    assert_eq!(keys(b"\x1b]11;rgb:\x1b[A")[0].0, KeyCode::Up);
    assert_eq!(keys(b"\x1b[12\x03")[0].0, KeyCode::Char('c'));
}

#[test]
fn answers_that_are_expected_are_reported() {
    assert_eq!(parse(&[b"\x1b[0n"]), [Input::Ready]);
    let position = Position::new(79, 23);
    assert_eq!(parse(&[b"\x1b[24;80R"]), [Input::Cursor(position)]);
    assert_eq!(parse(&[b"\x1b[0;0R"]), []);
    for (answer, light) in [
        (&b"\x1b]11;rgb:1e1e/1e1e/2e2e\x1b\\"[..], false),
        (b"\x1b]11;rgb:fdfd/f6f6/e3e3\x07", true),
        (b"\x1b]11;rgb:ff/ff/ff\x07", true),
        (b"\x1b]11;rgb:0/0/0\x07", false),
        (b"\x1b]11;rgba:0000/2b2b/3636/ffff\x07", false),
    ] {
        assert_eq!(parse(&[answer]), [Input::Background(light)], "{answer:?}");
    }
    assert_eq!(parse(&[b"\x1b]11;blue\x07"]), []);
    assert_eq!(parse(&[b"\x1b]11;rgb:/00000/\x07"]), []);
}

#[test]
fn the_mouse_is_reported_from_zero() {
    let at = |bytes: &[u8]| match parse(&[bytes])[..] {
        [Input::Event(Event::Mouse(mouse))] => Some((mouse.kind, mouse.column, mouse.row)),
        _ => None,
    };
    let left = MouseButton::Left;
    assert_eq!(
        at(b"\x1b[<0;10;5M"),
        Some((MouseEventKind::Down(left), 9, 4))
    );
    assert_eq!(at(b"\x1b[<0;10;5m"), Some((MouseEventKind::Up(left), 9, 4)));
    assert_eq!(at(b"\x1b[<64;1;1M"), Some((MouseEventKind::ScrollUp, 0, 0)));
    assert_eq!(
        at(b"\x1b[M !!"),
        Some((MouseEventKind::Down(left), 0, 0)),
        "as terminals without SGR reports send it"
    );
    assert_eq!(at(b"\x1b[<0;70000;70000M"), None);
}

#[test]
fn a_paste_is_one_input_in_any_pieces() {
    let pieces: [&[u8]; 4] = [b"\x1b[200~qq", b"q\x03\x1b[2", b"01", b"~"];
    let paste = Input::Event(Event::Paste("qqq\x03".to_owned()));
    assert_eq!(parse(&pieces), [paste]);
    let long = [
        b"\x1b[200~".to_vec(),
        vec![b'a'; 2 * MAX_PASTE],
        PASTE_END.to_vec(),
    ]
    .concat();
    let pasted = parse(&[&long]);
    assert_eq!(pasted, [Input::Event(Event::Paste("a".repeat(MAX_PASTE)))]);
}
