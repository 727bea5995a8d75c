use crate::filter::{REFERENCE, keywords};

#[test]
fn every_keyword_is_in_the_reference() {
    let is_word = |c: char| c.is_alphanumeric() || c == '.';
    let words: Vec<&str> = REFERENCE
        .iter()
        .flat_map(|(term, meaning)| [term, meaning])
        .flat_map(|text| text.split(|c| !is_word(c)))
        .collect();
    for (keyword, _) in keywords() {
        assert!(words.contains(&keyword), "nothing says {keyword}");
    }
}
