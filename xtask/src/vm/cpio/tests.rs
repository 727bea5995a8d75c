use super::Archive;

/// The name, mode and data of each entry up to the trailer.
fn entries(mut bytes: &[u8]) -> Vec<(String, u32, Vec<u8>)> {
    let mut entries = Vec::new();
    loop {
        let header = std::str::from_utf8(&bytes[..110]).unwrap();
        assert_eq!(&header[..6], "070701");
        let field = |index: usize| {
            let start = 6 + 8 * index;
            u32::from_str_radix(&header[start..start + 8], 16).unwrap()
        };
        let (mode, size, name_size) = (field(1), field(6) as usize, field(11) as usize);
        let name = std::str::from_utf8(&bytes[110..110 + name_size - 1]).unwrap();
        assert_eq!(bytes[110 + name_size - 1], 0);
        let data = (110 + name_size).next_multiple_of(4);
        if name == "TRAILER!!!" {
            assert_eq!(bytes.len(), data);
            return entries;
        }
        entries.push((name.into(), mode, bytes[data..data + size].into()));
        bytes = &bytes[(data + size).next_multiple_of(4)..];
    }
}

#[test]
fn what_was_added_is_there_whatever_its_length() {
    let mut archive = Archive::default();
    archive.directory("modules");
    let contents = ["", "a", "ab", "abc", "abcd", "abcde"];
    for content in contents {
        archive.file(&format!("modules/{content}"), content.as_bytes());
    }
    let entries = entries(&archive.finish());
    assert_eq!(entries[0], ("modules".into(), 0o040_755, vec![]));
    for (entry, content) in entries[1..].iter().zip(contents) {
        let name = format!("modules/{content}");
        assert_eq!(*entry, (name, 0o100_755, content.as_bytes().into()));
    }
    assert_eq!(entries.len(), 7);
}

#[test]
fn archives_can_be_joined() {
    assert_eq!(Archive::default().finish().len() % 4, 0);
}
