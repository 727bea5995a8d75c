use super::*;
use crate::synthetic::Synthetic;
use crate::traffic::{Host, Traffic};

/// Half a minute of traffic.
pub(super) fn traffic() -> Traffic {
    let mut traffic = Traffic::default();
    for envelope in Synthetic::new(3, 60).story(30) {
        traffic.apply(&envelope);
    }
    traffic
}

pub(super) fn host(traffic: &Traffic) -> &Host {
    traffic.host(crate::model::HostId::default())
}

#[test]
fn times_have_units_and_an_end() {
    for (text, seconds) in [
        ("90s", Some(90)),
        ("10m", Some(600)),
        ("24h", Some(86_400)),
        ("25h", None),
        ("0s", None),
        ("10", None),
        ("", None),
        ("99999999999999999999h", None),
        ("-5m", None),
    ] {
        assert_eq!(time(text).ok().map(|it| it.as_secs()), seconds, "{text}");
    }
}
