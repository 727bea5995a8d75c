use super::*;

#[test]
fn nothing_is_asked_until_the_user_wants_names_and_nothing_twice() {
    let mut names = HostNames::default();
    let address = || std::iter::once(IpAddr::from([10, 0, 0, 7]));
    assert!(names.ask(address()).is_empty());
    names.toggle();
    assert_eq!(names.ask(address()), address().collect::<Vec<_>>());
    assert!(names.ask(address()).is_empty());
    assert_eq!(names.name([10, 0, 0, 7].into()), None);
    names.learn([10, 0, 0, 7].into(), Some("seven.example".to_owned()));
    assert_eq!(names.name([10, 0, 0, 7].into()), Some("seven.example"));
    names.toggle();
    assert_eq!(names.name([10, 0, 0, 7].into()), None, "addresses again");
}
