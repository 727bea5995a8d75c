//! What users come for: from the keys to the answer on the screen, with no more keys
//! than are given here.

use std::net::IpAddr;

use probe_common::parse::number::{ether, ip, tcp};
use probe_common::{Counters, Direction, FlowKey, FlowValue};

use super::*;
use crate::app::ends::{self, Side};
use crate::app::tab::Tab;

use crate::flow::TcpState;
use crate::model::FlowCounts;
use crate::ui::format;

/// A TCP flow beside those that are made up at random, in each second.
struct Talk {
    local: (&'static str, u16),
    remote: (&'static str, u16),
    /// In and out.
    bytes: [u64; 2],
    flags: [u8; 2],
}

impl Talk {
    fn join(&self, interval: &mut crate::model::Interval) {
        let octets = |text: &str| match text.parse().unwrap() {
            IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
            IpAddr::V6(address) => address.octets(),
        };
        let key = FlowKey {
            local: octets(self.local.0),
            remote: octets(self.remote.0),
            local_port: self.local.1,
            remote_port: self.remote.1,
            ether_type: ether::IPV4,
            protocol: ip::TCP,
            ..FlowKey::default()
        };
        let directions = Direction::BOTH.map(|direction| Counters {
            packets: 10,
            bytes: self.bytes[direction as usize],
            tcp_flags: self.flags[direction as usize],
            ..Counters::default()
        });
        let totals = &mut interval.devices[key.device as usize].directions;
        for (sum, counters) in totals.iter_mut().zip(directions) {
            sum.packets += counters.packets;
            sum.segments += counters.packets;
            sum.bytes += counters.bytes;
        }
        interval.flows.push(FlowCounts {
            key,
            value: FlowValue { directions },
            facts: None,
        });
    }
}

/// The answer to these keys on a screen of each size, to be judged.
async fn answers(talks: &[Talk], keys: &str, most: usize, judge: impl Fn(&Session, &str)) {
    assert!(keys.chars().count() <= most, "{keys} are too many keys");
    for (width, height) in [(80, 24), (140, 45)] {
        let mut events = Synthetic::new(5, 60).story(20);
        for event in &mut events {
            if let Event::Interval(interval) = &mut event.event {
                talks.iter().for_each(|talk| talk.join(interval));
            }
        }
        let mut session = Session::new(width, height).hears(events);
        for character in keys.chars() {
            session = session.presses(key(match character {
                '⏎' => KeyCode::Enter,
                '⇥' => KeyCode::Tab,
                other => KeyCode::Char(other),
            }));
        }
        session.runs().await;
        let screen = session.screen();
        judge(&session, &screen);
    }
}

/// The first row of the table.
fn first_row(screen: &str) -> &str {
    screen.lines().nth(3).unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn who_uses_most_to_port_443() {
    let talk = |remote, bytes| Talk {
        local: ("10.0.1.5", 443),
        remote,
        bytes: [bytes, 2 * bytes],
        flags: [tcp::ACK, tcp::ACK],
    };
    // Alone each is less than the second, together they are more.
    let talks = [
        talk(("198.51.100.7", 40_001), 20_000_000),
        talk(("198.51.100.7", 40_002), 20_000_000),
        talk(("198.51.100.8", 40_001), 30_000_000),
    ];
    answers(&talks, "/port 443⏎l", 11, |session, screen| {
        let row = first_row(screen);
        assert!(
            row.contains("198.51.100.7 tcp 10.0.1.5:443  2 flows"),
            "{screen}"
        );
        // How much that is in all, beside the whole.
        let app = &session.app;
        let sums = app.views.flows.narrowed().unwrap();
        let header = screen.lines().next().unwrap();
        for sum in sums {
            let sum = format::some_amount(sum, app.state.measure(), Units::Bytes);
            assert!(header.contains(&format!("{sum} of ")), "{sum}: {screen}");
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn only_dns_failures() {
    answers(&[], "/dns.r⇥ nx⇥⏎", 12, |session, screen| {
        let rows = session.app.views.flows.keys();
        assert!(!rows.is_empty(), "{screen}");
        // The names whose clients have such ports are unknown.
        assert!(
            rows.iter()
                .all(|key| key.local_port == 53 && key.remote_port % 3 == 2),
            "{screen}"
        );
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_refused_connection() {
    let talks = [Talk {
        local: ("10.0.1.5", 9_999),
        remote: ("198.51.100.7", 40_001),
        bytes: [600, 400],
        flags: [tcp::SYN, tcp::RST | tcp::ACK],
    }];
    answers(&talks, "/state refused⏎", 15, |session, screen| {
        let rows = session.app.views.flows.keys();
        let states = rows.iter().map(|key| {
            let flow = session.app.state.picture().flows.get(key);
            flow.unwrap().tcp
        });
        assert!(!rows.is_empty() && states.into_iter().all(|it| it == Some(TcpState::Refused)));
        let row = first_row(screen);
        assert!(
            row.contains("10.0.1.5:9999") && row.contains("refused"),
            "{screen}"
        );
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn whether_packets_are_dropped() {
    answers(&[], "4j⏎", 3, |session, screen| {
        assert_eq!(session.app.tab(), Tab::Devices);
        // By another program, and by the device.
        assert!(screen.contains("dropped or redirected"), "{screen}");
        assert!(screen.contains(" dropped; sent "), "{screen}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn all_flows_of_a_container() {
    answers(&[], "4jf", 3, |session, screen| {
        let flows = &session.app.state.picture().flows;
        let mut rows = session.app.views.flows.keys();
        let device = rows[0].device;
        let label = session.app.state.picture().devices.names().label(device);
        assert!(
            screen.contains(&format!(" dev {label} ")),
            "{label}: {screen}"
        );
        let mut wanted: Vec<FlowKey> = flows.iter().map(|flow| flow.key).collect();
        wanted.retain(|key| key.device == device);
        wanted.sort_unstable();
        rows.sort_unstable();
        assert_eq!(rows, wanted);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_ends_of_a_flow_for_a_ticket() {
    answers(&[], "jy", 2, |session, _| {
        let key = session.app.views.flows.selected_key().unwrap();
        let copied = CLIPBOARD.take();
        for side in Side::BOTH {
            let end = ends::text(&key, side);
            assert!(copied.contains(&end) && !end.is_empty(), "{copied}");
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_last_minute_of_a_flow_and_its_packets() {
    answers(&[], "j⏎<", 3, |session, screen| {
        let state = &session.app.state;
        let now = state.picture().flows.clock().now();
        let time = state.clock.at(now).to_zoned(state.zone.clone());
        let time = time.strftime("%T").to_string();
        assert!(screen.contains('│') && screen.contains(&time), "{screen}");
    })
    .await;
    answers(&[], "j⏎f", 3, |session, screen| {
        let flow = session.app.views.flows.selected_key().unwrap();
        let state = &session.app.state;
        let rows = session.app.views.packets.list.rows().iter();
        let packets: Vec<_> = rows
            .filter_map(|it| state.picture().packets.get(*it))
            .collect();
        assert_eq!(session.app.tab(), Tab::Packets);
        assert!(packets.iter().all(|packet| packet.key == flow), "{screen}");
    })
    .await;
}

#[test]
fn a_bundle_for_a_colleague() {
    use crate::app::effect::Effect;
    let mut app = App::new(
        synthetic::session(),
        Appearance::default(),
        Filter::everything(),
    );
    for event in story() {
        app.update(Action::Source(event));
    }
    let x = KeyEvent::new(KeyCode::Char('x'), KeyModifiers::NONE);
    let action = Keymap::default().action(app.context(), x).unwrap();
    let effects = app.update(action);
    let problems = effects.iter().find_map(|effect| match effect {
        Effect::Bundle(problems) => Some(problems),
        _ => None,
    });
    assert!(problems.is_some(), "{effects:?}");
    let notice = app.state.notices.fresh().unwrap();
    assert!(notice.text.contains("Writing a bundle"), "{}", notice.text);
}
