use std::fs;

use super::*;

fn texts(candidates: &[CompletionCandidate]) -> Vec<&str> {
    let texts = candidates.iter().map(|c| c.get_value().to_str());
    texts.collect::<Option<_>>().unwrap()
}

#[test]
fn devices_are_those_of_the_kernel() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["lxc2", "lxc1", "eth0"] {
        fs::create_dir(directory.path().join(name)).unwrap();
    }
    fs::write(directory.path().join("lxc_file"), "").unwrap();
    let found = devices_in(directory.path(), OsStr::new("lxc"));
    assert_eq!(texts(&found), ["lxc1", "lxc2"]);
    let found = devices_in(&directory.path().join("absent"), OsStr::new(""));
    assert!(found.is_empty());
}

#[test]
fn filters_go_on_a_word_at_a_time() {
    assert_eq!(texts(&filter(OsStr::new("vl"))), ["vlan"]);
    assert_eq!(
        texts(&filter(OsStr::new("tcp port https or not vl"))),
        ["tcp port https or not vlan"]
    );
    assert!(filter(OsStr::new("tcp port )")).is_empty());
}

#[test]
fn each_shell_has_a_script_that_asks_nkview() {
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        let mut script = Vec::new();
        write_script(shell, &mut script).unwrap();
        let script = String::from_utf8(script).unwrap();
        assert!(script.contains(VARIABLE), "{shell:?}: {script}");
    }
}

#[test]
fn a_filter_of_several_words_begins_with_a_quote() {
    for typed in ["'tcp po", "\"tcp po"] {
        assert_eq!(
            texts(&filter(OsStr::new(typed))),
            ["tcp port", "tcp portrange"],
            "{typed}"
        );
    }
}
