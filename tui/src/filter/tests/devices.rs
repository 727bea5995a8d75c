use crate::filter::Filter;

#[test]
fn only_devices_can_be_asked_for() {
    let is_about = |text: &str| {
        let filter: Filter = text.parse().unwrap();
        filter.is_about_devices().map_err(|term| term.to_string())
    };
    for text in [
        "",
        "dev lxc*",
        "netns blue or pod web-*",
        "not container api",
    ] {
        assert_eq!(is_about(text), Ok(()), "{text}");
    }
    for (text, term) in [
        ("dev lxc1 and port 80", "port 80"),
        ("dev lxc1 or not tcp", "tcp"),
        ("process nginx", "process nginx"),
    ] {
        assert_eq!(is_about(text), Err(term.to_owned()), "{text}");
    }
}
