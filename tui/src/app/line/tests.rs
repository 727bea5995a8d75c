use super::*;

#[test]
fn edits_count_in_characters() {
    let mut line = Line::new("añb");
    assert_eq!(line.cursor(), 3);
    line.edit(Edit::Left);
    assert!(line.edit(Edit::Backspace));
    assert_eq!((line.text(), line.cursor()), ("ab", 1));
    assert!(line.edit(Edit::Insert('ü')));
    assert_eq!((line.text(), line.cursor()), ("aüb", 2));
    assert!(line.edit(Edit::Delete));
    assert!(!line.edit(Edit::Delete));
    assert_eq!(line.text(), "aü");
}

#[test]
fn words_and_ends() {
    let mut line = Line::new("src 10.0.0.0/8 and  ");
    line.edit(Edit::DeleteWord);
    assert_eq!(line.text(), "src 10.0.0.0/8 ");
    line.edit(Edit::DeleteWord);
    assert_eq!(line.text(), "src ");
    line.edit(Edit::Start);
    assert!(!line.edit(Edit::DeleteToStart));
    line.edit(Edit::Right);
    assert!(line.edit(Edit::DeleteToEnd));
    assert_eq!(line.text(), "s");
}

#[test]
fn a_paste_is_one_line_of_bounded_length() {
    let mut line = Line::default();
    line.insert("a\r\nb\x1b[31m\tc");
    assert_eq!(line.text(), "a  b[31m c");
    line.insert(&"x".repeat(100_000));
    assert_eq!(line.text().chars().count(), LENGTH);
    assert!(!line.edit(Edit::Insert('y')));
}
