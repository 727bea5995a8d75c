use super::*;

fn told(push_down: &mut PushDown, filter: &str) -> Option<Option<String>> {
    match push_down.follow(&Filter::parse(filter).unwrap())? {
        Command::PushDown(prefixes) => Some(prefixes.map(|prefixes| {
            let prefixes: Vec<_> = prefixes.iter().map(IpNet::to_string).collect();
            prefixes.join(" ")
        })),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_source_is_told_what_changes_and_nothing_twice() {
    let mut push_down = PushDown::new(true);
    let ten = Some(Some("10.0.0.0/8".to_owned()));
    assert_eq!(told(&mut push_down, "tcp"), None, "nothing to push down");
    assert_eq!(told(&mut push_down, "10.0.0.0/8"), ten);
    assert_eq!(told(&mut push_down, "10.0.0.0/8 and tcp"), None);
    assert_eq!(
        told(&mut push_down, "udp"),
        Some(None),
        "all is wanted again"
    );
    assert_eq!(told(&mut push_down, "10.0.0.0/8"), ten);
    push_down.lost();
    assert_eq!(told(&mut push_down, "10.0.0.0/8"), ten, "once more");
    assert_eq!(told(&mut push_down, "10.0.0.0/8"), None);
}

#[test]
fn it_is_not_told_unless_that_is_wanted() {
    assert_eq!(told(&mut PushDown::default(), "10.0.0.0/8"), None);
}
