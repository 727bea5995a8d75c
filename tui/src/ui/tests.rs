use std::time::Duration;

use probe_common::parse::number::ether;
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use crate::app::action::Action;
use crate::app::columns::ColumnEdit;
use crate::app::columns::{Column, Shift};
use crate::app::effect::Effect;
use crate::app::ends::Side;
use crate::app::filtering::Subject;
use crate::app::item::Item;
use crate::app::line::Edit;
use crate::app::list::Motion;
use crate::app::tab::Tab;
use crate::app::usage::Usage;
use crate::app::{App, Appearance};
use crate::diagnosis::{Finding, Kind, Severity};
use crate::filter::Filter;
use crate::keys::Keymap;
use crate::model::signal::Signals;
use crate::model::stack::{
    FlowRoute, FlowSocket, FlowState, NatPair, Neighbor, NeighborState, Qdisc, Route, SocketState,
    Stack,
};
use crate::model::{Command, EndReason, Event, Level, Moment, Notice, Watch};
use crate::synthetic::{self, Synthetic};
use crate::text::Units;

mod block;
mod graphs;
mod views;

fn empty(appearance: Appearance) -> App {
    App::new(synthetic::session(), appearance, Filter::everything())
}

/// The application after half a minute of 40 flows, whose made-up packets are
/// no matter for a diagnosis.
fn busy(appearance: Appearance) -> App {
    let mut app = empty(appearance);
    for event in Synthetic::new(3, 40).story(30) {
        app.update(Action::Source(event));
    }
    app.state.show_problems(Vec::new());
    app
}

fn typed(app: &mut App, text: &str) {
    app.update(Action::EditFilter);
    for character in text.chars() {
        app.update(Action::Edit(Edit::Insert(character)));
    }
}

/// A screen of this size, once the application knows the size.
fn terminal(app: &mut App, width: u16, height: u16) -> Terminal<TestBackend> {
    let keymap = Keymap::default();
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    for _ in 0..2 {
        let mut geometry = None;
        terminal
            .draw(|frame| geometry = Some(super::draw(app, &keymap, frame)))
            .unwrap();
        for action in geometry.unwrap().feedback() {
            app.update(action);
        }
    }
    terminal
}

/// What is on it.
fn screen(app: &mut App, width: u16, height: u16) -> String {
    let terminal = terminal(app, width, height);
    let buffer = terminal.backend().buffer();
    let lines = buffer.content().chunks(usize::from(width)).map(|cells| {
        let line: String = cells.iter().map(|cell| cell.symbol()).collect();
        line.trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn flows_wide() {
    insta::assert_snapshot!(screen(&mut busy(Appearance::default()), 140, 45));
}

#[test]
fn flows_at_the_usual_size() {
    insta::assert_snapshot!(screen(&mut busy(Appearance::default()), 80, 24));
}

#[test]
fn flows_narrow() {
    insta::assert_snapshot!(screen(&mut busy(Appearance::default()), 60, 15));
}

#[test]
fn columns_are_chosen() {
    let mut app = busy(Appearance::default());
    for action in [
        Action::Columns,
        Action::Move(Motion::Down),
        Action::Column(ColumnEdit::Toggle),
        Action::Move(Motion::Down),
        Action::Column(ColumnEdit::Move(Shift::Right)),
    ] {
        app.update(action);
    }
    insta::assert_snapshot!("columns_wide", screen(&mut app, 140, 45));
    insta::assert_snapshot!(screen(&mut app, 80, 24));
    app.update(Action::Column(ColumnEdit::Sort));
    assert_eq!(app.views.flows.order.column, Column::Local);
    app.update(Action::Back);
    assert!(!screen(&mut app, 80, 24).contains("To keep it"));
}

#[test]
fn too_small_says_so() {
    insta::assert_snapshot!(screen(&mut busy(Appearance::default()), 20, 5));
}

#[test]
fn no_size_is_too_small_to_survive() {
    let mut app = busy(Appearance::default());
    for &view in Tab::ALL {
        app.update(Action::Show(view));
        app.update(Action::Move(Motion::Down));
        app.update(Action::Open);
        app.update(Action::HostDetail);
        for (width, height) in [(1, 1), (40, 10), (41, 11), (300, 10), (40, 100)] {
            screen(&mut app, width, height);
        }
        for overlay in [Action::Help, Action::Columns, Action::Whole] {
            app.update(overlay);
            screen(&mut app, 40, 10);
            app.update(Action::Back);
        }
        typed(&mut app, &"or".repeat(100));
        screen(&mut app, 40, 10);
        app.update(Action::Back);
    }
}

#[test]
fn before_the_first_event() {
    insta::assert_snapshot!(screen(&mut empty(Appearance::default()), 80, 24));
}

#[test]
fn before_the_first_packet() {
    let mut app = empty(Appearance::default());
    app.update(Action::Source(Event::Devices(synthetic::devices()).into()));
    insta::assert_snapshot!(screen(&mut app, 80, 24));
}

#[test]
fn nothing_to_watch_opens_the_devices() {
    let mut app = empty(Appearance::default());
    app.update(Action::Source(
        Event::Notice(Notice {
            at: Moment::ZERO,
            level: Level::Warning,
            text: "This kernel has no netkit (CONFIG_NETKIT is not set).".to_owned(),
        })
        .into(),
    ));
    let mut devices = synthetic::devices();
    devices.retain(|device| ["lo", "br0", "wg0"].contains(&device.name.as_str()));
    app.update(Action::Source(Event::Devices(devices).into()));
    insta::assert_snapshot!(screen(&mut app, 80, 24));
}

#[test]
fn what_the_devices_view_says_is_said_once() {
    let mut app = empty(Appearance::default());
    app.state.session.remark = Some("this kernel has no netkit: choose devices".to_owned());
    let text = "This kernel has no netkit: name other devices.";
    app.update(Action::Source(
        Event::Notice(Notice {
            at: Moment::ZERO,
            level: Level::Info,
            text: text.to_owned(),
        })
        .into(),
    ));
    let mut devices = synthetic::devices();
    devices.retain(|device| device.name == "lo");
    app.update(Action::Source(Event::Devices(devices).into()));
    for width in [80, 140] {
        let screen = screen(&mut app, width, 24);
        assert_eq!(screen.matches("no netkit").count(), 1, "{screen}");
    }
    // Elsewhere it is still news.
    app.update(Action::Show(Tab::Flows));
    assert!(screen(&mut app, 80, 24).contains(text));
}

#[test]
fn both_policies_are_told_where_it_is_narrow() {
    let mut app = busy(Appearance::default());
    app.update(Action::Show(Tab::Devices));
    let narrow = screen(&mut app, 80, 24);
    assert!(narrow.contains(" fwd/black "), "{narrow}");
    let wide = screen(&mut app, 140, 24);
    assert!(wide.contains(" forward/blackhole "), "{wide}");
}

#[test]
fn the_probe_view_says_how_much_is_below() {
    for ascii in [false, true] {
        let mut app = busy(Appearance {
            ascii,
            ..Appearance::default()
        });
        app.update(Action::Show(Tab::Probe));
        let first = screen(&mut app, 80, 24);
        assert!(first.contains(" lines below\n"), "{first}");
        assert!(!first.contains("newest first"), "{first}");
        app.update(Action::Move(Motion::Last));
        let last = screen(&mut app, 80, 24);
        assert!(last.contains("newest first"), "{last}");
        app.update(Action::Move(Motion::Up));
        let text = screen(&mut app, 80, 24);
        assert!(
            !last.contains("below") && text.contains(" 1 line below\n"),
            "{text}"
        );
        assert!(!screen(&mut app, 80, 60).contains("below"));
    }
}

#[test]
fn a_filter_while_it_is_typed() {
    let mut app = busy(Appearance::default());
    typed(&mut app, "10.2.0.0/16 and tcp");
    insta::assert_snapshot!(screen(&mut app, 80, 24));
}

#[test]
fn a_filter_with_an_error_keeps_the_last_good_one() {
    let mut app = busy(Appearance::default());
    typed(&mut app, "tcp and porx 22");
    insta::assert_snapshot!(screen(&mut app, 80, 24));
}

#[test]
fn a_filter_that_is_kept_shows_its_parts() {
    let mut app = busy(Appearance::default());
    typed(&mut app, "10.0.0.0/8 and not port 22");
    app.update(Action::Accept);
    app.update(Action::Direction);
    app.update(Action::Closed);
    app.update(Action::Closed);
    app.update(Action::RemovePart);
    insta::assert_snapshot!(screen(&mut app, 100, 24));
}

#[test]
fn an_address_is_offered_with_its_widening_prefixes() {
    let mut app = busy(Appearance::default());
    let of = |app: &App, version: u16| {
        let mut rows = app.views.flows.keys().into_iter();
        rows.find(|key| key.ether_type == version)
    };
    let by = Action::FilterBy(Subject::Address(Side::Remote));
    for (version, line) in [
        (
            ether::IPV4,
            " filter  10.1.200.139 ×   a again: 10.1.200.0/24, /16, /8  1 of 33 flows",
        ),
        (
            ether::IPV6,
            " filter  2001:db8:0:11:75a9:b727:8000:0 ×   a again: 2001:db8:0:11::/64, /48",
        ),
    ] {
        app.update(Action::Select(Item::Flow(of(&app, version).unwrap())));
        app.update(by.clone());
        let text = screen(&mut app, 80, 24);
        assert_eq!(filter_line(&text), Some(line));
        app.update(Action::ClearFilter);
    }
}

/// The line that says what is filtered.
fn filter_line(screen: &str) -> Option<&str> {
    screen.lines().find(|line| line.starts_with(" filter "))
}

#[test]
fn a_filter_that_nothing_passes() {
    let mut app = busy(Appearance::default());
    typed(&mut app, "port 9");
    app.update(Action::Accept);
    insta::assert_snapshot!(screen(&mut app, 80, 24));
}

#[test]
fn completion() {
    let mut app = busy(Appearance::default());
    typed(&mut app, "tcp and p");
    app.update(Action::Edit(Edit::Complete));
    app.update(Action::Edit(Edit::Complete));
    insta::assert_snapshot!(screen(&mut app, 80, 12));
}

#[test]
fn paused() {
    let mut source = Synthetic::new(3, 40);
    let mut app = empty(Appearance::default());
    for event in source.story(30) {
        app.update(Action::Source(event));
    }
    app.state.problems.clear();
    app.update(Action::Pause);
    let before = screen(&mut app, 80, 24);
    for _ in 0..12 {
        let interval = source.interval();
        app.update(Action::Source(Event::Interval(interval).into()));
    }
    let after = screen(&mut app, 80, 24);
    let rest = |screen: &str| -> Vec<String> {
        let lines = screen.lines().filter(|line| !line.contains("PAUSED"));
        lines.map(str::to_owned).collect()
    };
    assert_eq!(rest(&before), rest(&after));
    assert!(after.contains("PAUSED 12s ago"));
    insta::assert_snapshot!(after);
}

/// Two problems and one that is over.
fn with_problems() -> App {
    let mut app = busy(Appearance::default());
    let problem = |id: &str, severity, sentence: &str, past| Finding {
        id: id.to_owned(),
        severity,
        kind: Kind::POLICY_DROP,
        sentence: sentence.to_owned(),
        since: Moment::from_secs(14),
        last: Moment::from_secs(28),
        count: 14,
        subjects: Vec::new(),
        evidence: vec![
            "14 SYNs of 3 connections to 10.0.9.21:5432 in 12 s, no answer".to_owned(),
            "the same 14 packets were seen on web-7d9f and on eth0: they left this node".to_owned(),
        ],
        not_looked_at: vec!["the network namespace of the peer: permission denied".to_owned()],
        advice: "on 10.0.9.21, check that a process listens: ss -ltn 'sport = 5432'".to_owned(),
        past,
    };
    app.state.problems = vec![
        problem(
            "a",
            Severity::Error,
            "web-7d9f cannot reach 10.0.9.21:5432: 14 SYNs in 12 s, no answer; they left the node on eth0.",
            false,
        ),
        problem(
            "b",
            Severity::Warning,
            "The name server 10.0.0.10 answers slowly: 2.1 s at the median.",
            false,
        ),
        problem(
            "c",
            Severity::Error,
            "db-0 dropped 12 packets: its queue was full.",
            true,
        ),
    ];
    app.update(Action::Show(Tab::Problems));
    app
}

#[test]
fn problems() {
    let mut app = with_problems();
    insta::assert_snapshot!("problems_80", screen(&mut app, 80, 24));
    insta::assert_snapshot!("problems_140", screen(&mut app, 140, 45));
    app.update(Action::Open);
    insta::assert_snapshot!("problems_80_open", screen(&mut app, 80, 24));
    // All of it can be read where it is smallest.
    let mut seen = String::new();
    for _ in 0..20 {
        seen.push_str(&screen(&mut app, 40, 14));
        app.update(Action::ScrollDetail(Motion::Down));
    }
    assert!(seen.contains("5432'"), "{seen}");
    app.update(Action::Show(Tab::Flows));
    let flows = screen(&mut app, 80, 24);
    assert!(flows.contains("5 Problems ✗1 ▲1"), "{flows}");
}

#[test]
fn help() {
    let mut app = busy(Appearance::default());
    app.update(Action::Help);
    insta::assert_snapshot!(screen(&mut app, 100, 110));
}

#[test]
fn detail() {
    let mut app = busy(Appearance::default());
    app.update(Action::Open);
    insta::assert_snapshot!(screen(&mut app, 140, 45));
}

#[test]
fn detail_at_the_usual_size() {
    let mut app = busy(Appearance::default());
    app.update(Action::Open);
    insta::assert_snapshot!(screen(&mut app, 80, 24));
}

#[test]
fn ascii_means_ascii() {
    let appearance = Appearance {
        ascii: true,
        ..Appearance::default()
    };
    let mut app = busy(appearance);
    app.update(Action::Open);
    insta::assert_snapshot!("ascii", screen(&mut app, 140, 45));
    for &view in Tab::ALL {
        app.update(Action::Show(view));
        app.update(Action::Help);
        let help = screen(&mut app, 140, 45);
        app.update(Action::Back);
        let text = screen(&mut app, 140, 45);
        assert!((help + &text).is_ascii(), "{text}");
    }
}

#[test]
fn devices() {
    let mut app = busy(Appearance::default());
    app.update(Action::Show(Tab::Devices));
    app.update(Action::Move(Motion::Last));
    app.update(Action::Move(Motion::First));
    for _ in 0..3 {
        app.update(Action::Move(Motion::Down));
    }
    insta::assert_snapshot!(screen(&mut app, 140, 20));
}

#[test]
fn the_detail_of_a_device() {
    let mut app = busy(Appearance::default());
    app.update(Action::Show(Tab::Devices));
    app.update(Action::Move(Motion::First));
    app.update(Action::Open);
    insta::assert_snapshot!("device_detail", screen(&mut app, 140, 45));
    insta::assert_snapshot!("device_detail_narrow", screen(&mut app, 80, 24));
    app.update(Action::ScrollDetail(Motion::Down));
    let scrolled = screen(&mut app, 80, 24);
    insta::assert_snapshot!("device_detail_narrow_scrolled", scrolled);
    app.update(Action::Back);
    assert!(!app.views.devices.detail);
}

#[test]
fn hosts() {
    let mut app = busy(Appearance::default());
    app.update(Action::Show(Tab::Hosts));
    app.update(Action::HostPrefix);
    insta::assert_snapshot!(screen(&mut app, 80, 24));
}

#[test]
fn a_prefix_in_full() {
    let mut app = busy(Appearance::default());
    app.update(Action::Show(Tab::Hosts));
    app.update(Action::HostDetail);
    insta::assert_snapshot!(screen(&mut app, 140, 30));
    app.update(Action::Back);
    assert!(!app.views.hosts.detail);
}

#[test]
fn all_traffic_over_ten_minutes_and_an_hour() {
    let mut source = Synthetic::new(3, 40);
    let mut app = empty(Appearance::default());
    for event in source.story(900) {
        app.update(Action::Source(event));
    }
    app.state.problems.clear();
    app.update(Action::Whole);
    app.update(Action::ZoomOut);
    insta::assert_snapshot!(screen(&mut app, 140, 30));
    app.update(Action::ZoomOut);
    let hour = screen(&mut app, 80, 24);
    assert!(
        hour.contains("1 h ago") && !hour.contains("zoom out"),
        "{hour}"
    );
    app.update(Action::ZoomIn);
    app.update(Action::ZoomIn);
    let minute = screen(&mut app, 80, 24);
    assert!(
        minute.contains("1 min ago") && !minute.contains("zoom in"),
        "{minute}"
    );
    app.update(Action::Back);
    assert!(!screen(&mut app, 80, 24).contains("all traffic"));
}

/// Of all units these need the most room.
#[test]
fn binary_units() {
    let mut app = busy(Appearance {
        units: Units::BinaryBits,
        ..Appearance::default()
    });
    insta::assert_snapshot!(screen(&mut app, 120, 16));
}

#[test]
fn the_detail_of_a_flow_scrolls_where_it_has_no_room() {
    let mut app = busy(Appearance::default());
    app.update(Action::Open);
    let text = screen(&mut app, 60, 15);
    assert!(
        text.contains("\n 15 lines below ") && !text.contains("remote owner"),
        "{text}"
    );
    for _ in 0..20 {
        app.update(Action::ScrollDetail(Motion::Down));
    }
    let text = screen(&mut app, 60, 15);
    assert!(
        !text.contains("below") && text.contains("remote owner"),
        "{text}"
    );
    app.update(Action::ScrollDetail(Motion::Up));
    assert!(screen(&mut app, 60, 15).contains(" 1 line below "));
}

#[test]
fn only_a_cell_that_is_in_sight_is_chosen() {
    let mut app = busy(Appearance::default());
    let mut cells = |width| -> Vec<Column> {
        screen(&mut app, width, 24);
        let right = || {
            app.update(Action::Cell(Shift::Right));
            app.views.flows.cell()
        };
        std::iter::from_fn(right).collect()
    };
    let narrow = [
        Column::Protocol,
        Column::Local,
        Column::Remote,
        Column::State,
        Column::In,
        Column::Out,
    ];
    assert_eq!(cells(80), narrow);
    assert_eq!(cells(200), Column::ALL[..13]);
}

#[test]
fn packets() {
    let mut app = busy(Appearance::default());
    app.update(Action::Show(Tab::Packets));
    app.update(Action::Open);
    insta::assert_snapshot!(screen(&mut app, 140, 45));
}

#[test]
fn probe() {
    let mut source = Synthetic::new(3, 40);
    source.untracked = 5;
    let mut app = empty(Appearance::default());
    for event in source.story(3) {
        app.update(Action::Source(event));
    }
    for (level, text) in [
        (Level::Info, "web-7d9f is watched."),
        (
            Level::Warning,
            "A name\x1b[2J with \u{202e}tricks, and a sentence that is so long that it has to go on in a second line.",
        ),
    ] {
        app.update(Action::Source(
            Event::Notice(Notice {
                at: Moment::from_secs(3),
                level,
                text: text.to_owned(),
            })
            .into(),
        ));
    }
    app.update(Action::Show(Tab::Probe));
    app.update(Action::Used(Usage {
        cpu: 0.021,
        memory: Some(21_400_000),
        drawn: 870.0,
    }));
    insta::assert_snapshot!(screen(&mut app, 80, 40));
}

#[test]
fn a_long_start_shows_how_far_it_is() {
    let mut app = empty(Appearance::default());
    let mut devices = synthetic::devices();
    let mut watched = devices
        .iter_mut()
        .filter(|d| matches!(d.watch, Watch::Yes { .. }));
    watched.next().unwrap().watch = Watch::Starting;
    app.update(Action::Source(Event::Devices(devices).into()));
    let text = screen(&mut app, 80, 24);
    for part in [
        " nkview node-3 · 2 of 3 devices ",
        "  4 Devices 2/3  ",
        "Attaching: 2 of 3 devices so far.",
    ] {
        assert!(text.contains(part), "{text}");
    }
    app.update(Action::Source(Event::Devices(synthetic::devices()).into()));
    let text = screen(&mut app, 80, 24);
    assert!(text.contains(" · 3 devices ") && text.contains("No packets yet."));
}

#[test]
fn the_end_of_the_source_is_told() {
    let mut app = busy(Appearance::default());
    app.update(Action::Source(Event::Ended(EndReason::Silent).into()));
    let text = screen(&mut app, 80, 24);
    assert!(text.contains(" ENDED\n"), "{text}");
    assert!(
        text.contains("the source stopped without a reason"),
        "{text}"
    );
}

#[test]
fn queues_and_silent_neighbors_of_a_device() {
    let mut app = busy(Appearance::default());
    let qdisc = |device, kind: &str, drops| Qdisc {
        device,
        kind: kind.to_owned(),
        drops,
        queued: 2,
        backlog: 3_028,
        ..Qdisc::default()
    };
    let stack = |is_own, devices: &[u32], qdiscs: Vec<Qdisc>| Stack {
        is_own,
        devices: devices.to_vec(),
        period: Some(Duration::from_secs(5)),
        qdiscs,
        neighbors: vec![Neighbor {
            device: 2,
            address: "10.0.0.9".parse().unwrap(),
            state: NeighborState::Failed,
        }],
        ..Stack::default()
    };
    let fq_codel = || qdisc(2, "fq_codel", 0);
    let signals = Signals {
        stacks: vec![
            stack(true, &[], vec![fq_codel(), fq_codel()]),
            stack(false, &[3], vec![qdisc(2, "tbf", 7)]),
        ],
        ..Signals::default()
    };
    app.update(Action::Source(Event::Signals(Box::new(signals)).into()));
    app.update(Action::Show(Tab::Devices));
    for (index, lines) in [
        (
            2,
            [
                "queue     fq_codel (2 queues): 4 packets waiting, 6,056 bytes; in the last 5s 0 \
                 dropped, 0 held back by its rate",
                "neighbor  10.0.0.9 does not answer",
            ],
        ),
        (
            3,
            [
                "queue     the peer's tbf: 2 packets waiting, 3,028 bytes; in the last 5s 7 \
                 dropped, 0 held back by its rate",
                "neighbor  10.0.0.9 does not answer the peer",
            ],
        ),
    ] {
        app.update(Action::Select(Item::Device(index)));
        let screen = screen(&mut app, 140, 60);
        for line in lines {
            assert!(screen.contains(line), "{line}: {screen}");
        }
    }
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_detail_of_a_flow_has_what_was_looked_up() {
    let mut app = busy(Appearance::default());
    app.update(Action::Move(Motion::First));
    let asked = |effects: Vec<Effect>| {
        effects.into_iter().find_map(|effect| match effect {
            Effect::Source(Command::LookUp { device, tuple }) => Some((device, tuple)),
            _ => None,
        })
    };
    let (device, tuple) = asked(app.update(Action::Open)).unwrap();
    // Once, until some time has passed.
    assert_eq!(asked(app.update(Action::Redraw)), None);
    assert!(!screen(&mut app, 140, 60).contains("NAT"));
    let route = |is_local, route| FlowRoute {
        namespace: 1,
        is_local,
        route,
    };
    let address = |text: &str| text.parse().unwrap();
    let pair = NatPair {
        original: [address("10.0.0.5:4000"), address("10.96.0.1:443")],
        reply: [address("10.244.1.7:8443"), address("192.0.2.1:4000")],
    };
    let state = FlowState {
        device,
        tuple,
        sockets: [(10, 3, 128), (1, 1234, 5678)]
            .map(|(state, receive_queue, send_queue)| FlowSocket {
                namespace: 1,
                is_local: true,
                state: SocketState {
                    // A listener's queues are no bytes.
                    state,
                    receive_queue,
                    send_queue,
                    ..SocketState::default()
                },
            })
            .into(),
        connections: vec![(1, pair), (2, pair)],
        routes: vec![
            route(
                true,
                Ok(Route {
                    gateway: Some("10.0.0.1".parse().unwrap()),
                    device: "eth0".to_owned(),
                    mtu: 1450,
                    path_mtu: None,
                }),
            ),
            route(false, Err("forwarding is off".to_owned())),
        ],
        unknown: Vec::new(),
    };
    let signals = Signals {
        flows: vec![state],
        ..Signals::default()
    };
    app.update(Action::Source(Event::Signals(Box::new(signals)).into()));
    let shown = screen(&mut app, 140, 80);
    for line in [
        "NAT src 10.0.0.5:4000 → 192.0.2.1:4000",
        "NAT dst 10.96.0.1:443 → 10.244.1.7:8443",
        "route via 10.0.0.1 dev eth0, MTU",
        "forwarded none: forwarding is off",
        "1,234 B",
        "5,678 B",
    ] {
        assert!(words(&shown).contains(line), "{line}: {shown}");
    }
    assert_eq!(shown.matches("10.244.1.7:8443").count(), 1, "{shown}");
}

#[test]
fn the_detail_says_why_nothing_was_looked_up() {
    let mut app = busy(Appearance::default());
    app.update(Action::Move(Motion::First));
    let effects = app.update(Action::Open);
    let command = effects.into_iter().find_map(|effect| match effect {
        Effect::Source(command @ Command::LookUp { .. }) => Some(command),
        _ => None,
    });
    let result = Err("this source cannot do that".to_owned());
    app.update(Action::Replied(command.unwrap(), result));
    let screen = screen(&mut app, 140, 60);
    let text = "NAT, route unknown: not looked up: this";
    assert!(words(&screen).contains(text), "{screen}");
}
