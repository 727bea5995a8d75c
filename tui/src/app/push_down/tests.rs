use super::*;

fn requested(push_down: &mut PushDown, filter: &str) -> Option<Option<String>> {
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
    assert_eq!(
        requested(&mut push_down, "tcp"),
        None,
        "nothing to push down"
    );
    assert_eq!(requested(&mut push_down, "10.0.0.0/8"), ten);
    assert_eq!(requested(&mut push_down, "10.0.0.0/8 and tcp"), None);
    assert_eq!(
        requested(&mut push_down, "udp"),
        Some(None),
        "all is wanted again"
    );
    assert_eq!(requested(&mut push_down, "10.0.0.0/8"), ten);
    assert_eq!(requested(&mut push_down, "10.0.0.0/8"), None);
}

#[test]
fn it_is_not_told_unless_that_is_wanted() {
    assert_eq!(requested(&mut PushDown::default(), "10.0.0.0/8"), None);
}

#[test]
fn what_is_in_force_is_what_the_source_has_done() {
    let mut push_down = PushDown::new(true);
    let ask = |push_down: &mut PushDown, filter| match push_down
        .follow(&Filter::parse(filter).unwrap())
    {
        Some(Command::PushDown(prefixes)) => prefixes,
        other => panic!("{other:?}"),
    };
    let ten = ask(&mut push_down, "10.0.0.0/8");
    assert_eq!(push_down.prefixes(), None, "not yet");
    push_down.replied(ten.as_deref(), true);
    assert_eq!(push_down.prefixes(), ten.as_deref());
    let eleven = ask(&mut push_down, "11.0.0.0/8");
    assert_eq!(push_down.prefixes(), ten.as_deref(), "not yet");
    push_down.replied(eleven.as_deref(), false);
    assert_eq!(push_down.prefixes(), None, "a refusal keeps all flows");
}
