use crate::app::action::Action;
use crate::app::group::HostGroup;
use crate::app::item::Item;
use crate::app::list::Motion;
use crate::app::tab::Tab;
use crate::app::{App, Appearance};
use crate::filter::Filter;
use crate::model::{Event, FlowCounts, Interval};
use crate::synthetic;

/// Hosts as they are seen, each with one packet of one byte.
fn app(remotes: &[&str]) -> App {
    let mut app = App::new(
        synthetic::session(),
        Appearance::default(),
        Filter::everything(),
    );
    let mut source = synthetic::Synthetic::new(1, 1);
    let any = source.interval().flows.first().map(|flow| flow.key);
    let key = any.unwrap_or_else(|| source.interval().flows[0].key);
    let flows = remotes.iter().map(|remote| {
        let mut flow = FlowCounts {
            key,
            value: probe_common::FlowValue::default(),
            facts: None,
        };
        flow.key.ether_type = 0x0800;
        flow.key.protocol = 6;
        (flow.key.local_port, flow.key.remote_port) = (443, 50_000);
        flow.key.remote = remote
            .parse::<std::net::Ipv4Addr>()
            .unwrap()
            .to_ipv6_mapped()
            .octets();
        flow.value.directions[0].packets = 1;
        flow.value.directions[0].bytes = 1;
        flow
    });
    app.update(Action::Source(
        Event::Interval(Interval {
            at: std::time::Duration::from_secs(1),
            length: std::time::Duration::from_secs(1),
            flows: flows.collect(),
            ..Interval::default()
        })
        .into(),
    ));
    app.update(Action::Show(Tab::Hosts));
    app
}

fn rows(app: &App) -> Vec<String> {
    let row = |group: &HostGroup| {
        let branch = app.views.hosts.branch(group);
        match group {
            HostGroup::Prefix(prefix) => {
                format!("{}{prefix} {}", " ".repeat(branch.depth), branch.sums.flows)
            }
            HostGroup::EtherType(number) => number.to_string(),
            other => format!("{other:?}"),
        }
    };
    app.views.hosts.list.rows().iter().map(row).collect()
}

fn select(app: &mut App, row: usize) {
    app.update(Action::Move(Motion::First));
    (0..row).for_each(|_| drop(app.update(Action::Move(Motion::Down))));
}

const HOSTS: [&str; 5] = ["10.1.1.1", "10.1.1.2", "10.1.2.1", "10.2.0.1", "192.0.2.7"];

/// These and so many others that prefixes are folded.
fn many() -> App {
    let others = ["198.51.100.1", "203.0.113.1", "203.0.113.2", "203.0.113.3"];
    app(&[&HOSTS[..], &others].concat())
}

#[test]
fn few_addresses_are_all_shown_until_a_prefix_is_closed() {
    let mut app = app(&HOSTS);
    let first = [
        "10.0.0.0/8 4",
        " 10.1.0.0/16 3",
        "  10.1.1.0/24 2",
        "   10.1.1.1/32 1",
        "   10.1.1.2/32 1",
        "  10.1.2.1/32 1",
        " 10.2.0.1/32 1",
        "192.0.2.7/32 1",
    ];
    assert_eq!(rows(&app), first);
    select(&mut app, 2);
    app.update(Action::Fold);
    assert_eq!(rows(&app)[..4], [first[0], first[1], first[2], first[5]]);
}

#[test]
fn prefixes_open_to_narrower_ones_and_lone_ones_are_left_out() {
    let mut app = many();
    let first = [
        "10.0.0.0/8 4",
        " 10.1.0.0/16 3",
        "  10.1.1.0/24 2",
        "  10.1.2.1/32 1",
        " 10.2.0.1/32 1",
        "203.0.113.0/24 3",
        "192.0.2.7/32 1",
        "198.51.100.1/32 1",
    ];
    assert_eq!(rows(&app), first);
    select(&mut app, 2);
    app.update(Action::Unfold);
    assert_eq!(rows(&app)[3..5], ["   10.1.1.1/32 1", "   10.1.1.2/32 1"]);
    app.update(Action::Move(Motion::Down));
    app.update(Action::Fold);
    app.update(Action::Fold);
    assert_eq!(rows(&app), first, "to the prefix around it, and closed");
    select(&mut app, 0);
    app.update(Action::Fold);
    assert_eq!(rows(&app), ["10.0.0.0/8 4", first[5], first[6], first[7]]);
}

#[test]
fn one_key_opens_all_down_to_a_length() {
    let mut app = app(&HOSTS);
    app.update(Action::HostPrefix);
    assert_eq!(rows(&app)[1], " 10.1.0.0/16 3");
    assert_eq!(rows(&app)[2], " 10.2.0.1/32 1");
    app.update(Action::HostPrefix);
    assert_eq!(rows(&app).len(), 2);
    app.update(Action::HostPrefix);
    assert_eq!(rows(&app)[3], "   10.1.1.1/32 1");
}

#[test]
fn each_level_adds_up_to_the_whole() {
    let app = app(&HOSTS);
    let sum = |depth: usize| -> usize {
        let branches = app
            .views
            .hosts
            .list
            .rows()
            .iter()
            .map(|g| app.views.hosts.branch(g));
        branches
            .filter(|b| b.depth == depth)
            .map(|b| b.sums.flows)
            .sum()
    };
    assert_eq!(sum(0), HOSTS.len());
    assert_eq!(app.views.hosts.total().flows, HOSTS.len());
}

#[test]
fn enter_narrows_the_filter_to_the_prefix() {
    let mut app = app(&HOSTS);
    select(&mut app, 1);
    app.update(Action::Open);
    assert_eq!(app.tab(), Tab::Flows);
    assert_eq!(app.views.flows.keys().len(), 3);
    assert_eq!(app.state.filtering.parts(), ["remote 10.1.0.0/16"]);
}

#[test]
fn the_graph_of_a_prefix_is_the_sum_of_its_flows() {
    let mut app = app(&["10.1.1.1", "10.1.2.2", "10.9.9.9", "192.0.2.1"]);
    let ten: ipnet::IpNet = "10.0.0.0/8".parse().unwrap();
    app.update(Action::Select(Item::Host(HostGroup::Prefix(ten))));
    assert!(
        app.views.hosts.series().values[0].is_empty(),
        "only while it is looked at"
    );
    app.update(Action::HostDetail);
    assert_eq!(app.views.hosts.series().values, [vec![3.0], vec![0.0]]);
    app.update(Action::Direction);
    app.update(Action::Direction);
    assert!(
        app.views.hosts.series().values[0]
            .iter()
            .all(|value| *value == 0.0)
    );
}

#[test]
fn a_client_and_a_service_are_one_row_whatever_the_port() {
    let mut app = app(&["10.0.0.1", "10.0.0.2"]);
    for _ in 0..2 {
        app.update(Action::HostSide);
    }
    let groups = app.views.hosts.list.rows().to_vec();
    assert_eq!(groups.len(), 2, "{groups:?}");
    app.update(Action::Move(Motion::First));
    app.update(Action::Open);
    assert_eq!(app.tab(), Tab::Flows);
    assert_eq!(app.views.flows.keys().len(), 1);
}

#[test]
fn services_fold_the_ports_of_their_clients() {
    let key = |local: u16, remote: u16| probe_common::FlowKey {
        local: [1; 16],
        remote: [2; 16],
        ether_type: 0x86dd,
        protocol: 17,
        local_port: local,
        remote_port: remote,
        ..probe_common::FlowKey::default()
    };
    let dns = HostGroup::of_service(&key(40000, 53));
    assert_eq!(dns, HostGroup::of_service(&key(40001, 53)));
    assert_ne!(dns, HostGroup::of_service(&key(53, 40000)));
    assert_ne!(dns, HostGroup::of_service(&key(40000, 54)));
    let ping = probe_common::FlowKey {
        protocol: 58,
        ..key(1, 128)
    };
    assert_eq!(HostGroup::of_service(&ping), HostGroup::Other);
}

#[test]
fn a_service_opens_to_its_flows() {
    let mut app = app(&HOSTS);
    for _ in 0..2 {
        app.update(Action::HostSide);
    }
    app.update(Action::Move(Motion::First));
    let group = app.views.hosts.list.selected().unwrap();
    let closed = app.views.hosts.list.rows().len();
    let flows = app.views.hosts.branch(&group).sums.flows;
    app.update(Action::Unfold);
    let rows = app.views.hosts.list.rows().to_vec();
    assert_eq!(rows.len(), closed + flows);
    let HostGroup::Flow(key) = rows[1] else {
        panic!("{rows:?}");
    };
    let flow = app.views.hosts.branch(&rows[1]);
    assert_eq!((flow.depth, flow.open, flow.sums.flows), (1, None, 1));
    // A flow leads to the flow table.
    app.update(Action::Move(Motion::Down));
    app.update(Action::Open);
    assert_eq!(app.tab(), Tab::Flows);
    assert_eq!(app.views.flows.selected_key(), Some(key));
    app.update(Action::Show(Tab::Hosts));
    // To the left is the group, and then it closes.
    app.update(Action::Fold);
    assert_eq!(app.views.hosts.list.selected(), Some(group));
    app.update(Action::Fold);
    assert_eq!(app.views.hosts.list.rows().len(), closed);
}

#[test]
fn every_group_has_a_filter_for_its_flows() {
    use crate::app::group::Grouping;
    let mut app = App::new(
        synthetic::session(),
        Appearance::default(),
        Filter::everything(),
    );
    for event in synthetic::Synthetic::new(3, 40).story(5) {
        app.update(Action::Source(event));
    }
    app.update(Action::Show(Tab::Hosts));
    let first = app.views.hosts.groups.by;
    loop {
        for group in app.views.hosts.list.rows().to_vec() {
            app.update(Action::Select(Item::Host(group)));
            let flows = app.views.hosts.branch(&group).sums.flows;
            app.update(Action::Open);
            let shown = app.views.flows.keys().len();
            assert_eq!(shown, flows, "{:?} {group:?}", app.views.hosts.groups.by);
            app.update(Action::ClearFilter);
            app.update(Action::Show(Tab::Hosts));
        }
        app.update(Action::HostSide);
        if app.views.hosts.groups.by == first {
            break;
        }
    }
    assert!(matches!(first, Grouping::Address(_)));
}
