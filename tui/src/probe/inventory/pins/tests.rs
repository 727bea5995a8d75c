use super::*;

const START: &str = "pos:\t0\nflags:\t02000002\nmnt_id:\t15\nino:\t2061\n";

#[test]
fn programs_and_links_are_told_apart() {
    let program = "prog_type:\t3\nprog_jited:\t1\nprog_tag:\ta04f5eef06a7f555\nmemlock:\t4096\nprog_id:\t12\n";
    let link =
        "link_type:\tnetkit\nlink_id:\t5\nprog_tag:\ta04f5eef06a7f555\nprog_id:\t12\nifindex:\t3\n";
    let map = "map_type:\t1\nkey_size:\t4\nvalue_size:\t4\nmap_id:\t7\n";
    let of = |text: &str| object_of(&format!("{START}{text}"));
    assert_eq!(of(program), Some(Object::Program(12)));
    assert_eq!(of(link), Some(Object::Link(5)));
    assert_eq!(of(map), None);
    assert_eq!(of(""), None);
}
