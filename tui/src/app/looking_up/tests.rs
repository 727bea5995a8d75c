use super::*;

fn key(port: u16) -> FlowKey {
    FlowKey {
        local_port: port,
        ..FlowKey::default()
    }
}

#[test]
fn a_flow_is_asked_for_at_once_and_now_and_then() {
    let mut looking = LookingUp::default();
    let mut asked = |seconds, shown: Option<u16>| {
        let shown = shown.map(|port| (key(port), 7));
        let command = looking.follow(shown, Duration::from_secs(seconds));
        command.map(|command| match command {
            Command::LookUp { device: 7, tuple } => tuple.source_port,
            other => panic!("{other:?}"),
        })
    };
    assert_eq!(asked(1, None), None);
    assert_eq!(asked(1, Some(1)), Some(1));
    assert_eq!(asked(5, Some(1)), None);
    assert_eq!(asked(6, Some(1)), Some(1));
    assert_eq!(asked(6, Some(2)), Some(2));
    assert_eq!(asked(7, None), None);
    assert_eq!(asked(7, Some(2)), Some(2));
}

#[test]
fn a_source_that_refuses_is_asked_once() {
    let mut looking = LookingUp::default();
    let shown = Some((key(1), 7));
    assert!(looking.follow(shown, Duration::ZERO).is_some());
    looking.replied(&Err("this source cannot do that".to_owned()));
    assert_eq!(looking.refused(), Some("this source cannot do that"));
    assert_eq!(looking.follow(shown, Duration::from_secs(60)), None);
}
