use super::*;

fn named() -> NamedFilters {
    let filters = [("web", "tcp port 80 or 443"), ("ours", "10.0.0.0/8")];
    NamedFilters::new(filters.map(|(n, f)| (n.to_owned(), f.to_owned())).into())
}

#[test]
fn a_name_is_what_it_stands_for_wherever_it_stands() {
    let named = named();
    for (text, meaning) in [
        ("@ours", "10.0.0.0/8"),
        (
            "not @web and @ours",
            "not (tcp port 80 or 443) and 10.0.0.0/8",
        ),
        ("udp", "udp"),
    ] {
        assert_eq!(named.parse(text), Filter::parse(meaning), "{text}");
    }
}

#[test]
fn errors_are_where_the_user_typed_them() {
    let error = named().parse("@web and porx 1").unwrap_err();
    assert_eq!((error.column, error.length), (9, 4));
    let error = named().parse("tcp and @nothing").unwrap_err();
    assert_eq!(error.column, 8);
}

#[test]
fn names_are_completed() {
    let texts = |text: &str| -> Vec<String> {
        let all = named().complete(text, text.chars().count());
        all.into_iter().map(|completion| completion.text).collect()
    };
    assert_eq!(texts("udp or @w"), ["@web"]);
    assert_eq!(texts("@"), ["@ours", "@web"]);
    assert!(texts("w").is_empty() && texts("").is_empty());
}

#[test]
fn named_filters_may_name_others_but_not_themselves() {
    let filters = [
        ("web", "tcp port 80"),
        ("site", "@web or 10.0.0.0/8"),
        ("mine", "not (@site) and @web"),
        ("a", "udp or @b"),
        ("b", "@a"),
        ("lost", "tcp and @nowhere"),
    ];
    let named = NamedFilters::new(filters.map(|(n, f)| (n.to_owned(), f.to_owned())).into());
    let meaning = "not (tcp port 80 or 10.0.0.0/8) and tcp port 80";
    assert_eq!(named.parse("@mine"), Filter::parse(meaning));
    for (text, column) in [("@a", 0), ("tcp and @lost", 8)] {
        let error = named.parse(text).unwrap_err();
        assert_eq!(error.column, column, "{text}");
        let hint = "no such filter is configured, or it refers to itself";
        assert_eq!(error.hint.as_deref(), Some(hint), "{text}");
    }
}
