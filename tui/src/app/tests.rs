use super::action::Action;
use super::effect::Effect;
use super::ends::Side;
use super::filtering::Subject;
use super::group::HostGroup;
use super::item::Item;
use super::line::Edit;
use super::list::Extent;
use super::list::Motion;
use std::time::Duration;

use super::columns::Column;
use super::own::OwnSession;
use super::*;
use crate::model::{
    Command, Device, Envelope, Event, Hooks, HostId, LinkCounters, Reach, Session, Watch,
};
use crate::synthetic::{self, Synthetic};

fn app() -> App {
    App::new(
        synthetic::session(),
        Appearance::default(),
        Filter::everything(),
    )
}

fn told(seconds: usize) -> (App, Synthetic) {
    let mut source = Synthetic::new(1, 60);
    let mut app = app();
    for event in source.story(seconds) {
        app.update(Action::Source(event));
    }
    (app, source)
}

fn interval(app: &mut App, source: &mut Synthetic) {
    app.update(Action::Source(Event::Interval(source.interval()).into()));
}

fn type_filter(app: &mut App, text: &str) {
    app.update(Action::EditFilter);
    for character in text.chars() {
        app.update(Action::Edit(Edit::Insert(character)));
    }
}

fn adds_up(trust: Accounting) -> bool {
    trust.unaccounted == 0
        && trust.seen == trust.shown + trust.filtered + trust.expired + trust.untracked
}

#[test]
fn several_hosts_are_one_screen() {
    let session = Session {
        hosts: vec!["a".to_owned(), "b".to_owned()],
        ..synthetic::session()
    };
    let mut app = App::new(session, Appearance::default(), Filter::everything());
    let mut sources = [3, 4].map(|seed| Synthetic::new(seed, 40));
    let host = |id, event| Envelope {
        host: HostId(id),
        event,
    };
    for id in [0, 1] {
        let devices = Event::Devices(synthetic::devices());
        app.update(Action::Source(host(id, devices)));
    }
    for _ in 0..5 {
        for (id, source) in (0..).zip(&mut sources) {
            let interval = Event::Interval(source.interval());
            app.update(Action::Source(host(id, interval)));
        }
    }
    assert!(adds_up(app.accounting()), "{:?}", app.accounting());
    let names = |app: &App| {
        let node = |key| app.state.known().node(key).unwrap().to_owned();
        let rows = app.views.flows.keys();
        rows.iter()
            .map(node)
            .collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(names(&app).into_iter().collect::<Vec<_>>(), ["a", "b"]);
    type_filter(&mut app, "node b and dev b/eth0");
    assert_eq!(names(&app).into_iter().collect::<Vec<_>>(), ["b"]);
    assert!(adds_up(app.accounting()) && app.accounting().filtered > 0);
    app.update(Action::ClearFilter);
    let lost = Reach::Lost {
        reason: "no route".to_owned(),
        retries: true,
    };
    assert!(app.state.lost().is_empty());
    app.update(Action::Source(host(1, Event::Reach(lost))));
    assert_eq!(app.state.lost(), ["b"]);
    let rows = app.views.flows.keys().to_vec();
    assert!(rows.iter().any(|key| app.state.is_stale(key)));
    for key in &rows {
        assert_eq!(
            app.state.is_stale(key),
            app.state.known().node(key) == Some("b")
        );
    }
}

#[test]
fn the_trust_line_adds_up_whatever_is_filtered() {
    let (mut app, mut source) = told(20);
    source.untracked = 7;
    let everything = app.accounting();
    assert!(adds_up(everything) && everything.shown > 0 && everything.filtered == 0);
    for text in ["10.0.0.0/8", "in", "not tcp", "dev eth0 and out", "port 9"] {
        app.update(Action::ClearFilter);
        type_filter(&mut app, text);
        for _ in 0..20 {
            interval(&mut app, &mut source);
            assert!(adds_up(app.accounting()), "{text}: {:?}", app.accounting());
        }
        assert!(app.accounting().filtered > 0, "{text}");
        assert_eq!(app.accounting().untracked % 7, 0);
        app.update(Action::Accept);
    }
    app.update(Action::ClearFilter);
    for _ in 0..2 {
        app.update(Action::Closed);
    }
    for _ in 0..30 {
        interval(&mut app, &mut source);
        assert!(adds_up(app.accounting()), "{:?}", app.accounting());
    }
    assert!(app.accounting().expired > 0);
}

#[test]
fn a_filter_takes_effect_while_it_is_typed_and_an_error_keeps_the_last() {
    let (mut app, _) = told(20);
    let all = app.views.flows.keys().len();
    type_filter(&mut app, "tcp");
    let tcp = app.views.flows.keys().len();
    assert!(0 < tcp && tcp < all);
    type_filter(&mut app, "");
    for character in "tcp and porx 1".chars() {
        app.update(Action::Edit(Edit::Insert(character)));
    }
    let typing = app.state.filtering.typing().unwrap();
    assert_eq!(typing.error.as_ref().map(|error| error.column), Some(8));
    assert_eq!(app.views.flows.keys().len(), tcp);
    app.update(Action::Accept);
    assert!(
        app.state.filtering.typing().is_some(),
        "an error cannot be kept"
    );
    app.update(Action::Back);
    assert!(app.state.filtering.typing().is_none());
    assert_eq!(app.views.flows.keys().len(), all, "restored");
}

#[test]
fn a_flow_has_its_row_from_its_first_interval_on() {
    let mut source = Synthetic::new(1, 60);
    let mut app = app();
    let mut seen = 0;
    for _ in 0..30 {
        interval(&mut app, &mut source);
        let flows = app.state.picture().flows.len();
        assert_eq!(app.views.flows.keys().len(), flows);
        seen = seen.max(flows);
    }
    assert!(seen > 40, "{seen}");
}

#[test]
fn the_selection_follows_the_flow() {
    let (mut app, mut source) = told(20);
    app.update(Action::Drawn(Extent { page: 10, rows: 60 }));
    app.update(Action::Move(Motion::Down));
    app.update(Action::Move(Motion::Down));
    let key = app.views.flows.selected_key().unwrap();
    for column in Column::ALL {
        app.update(Action::SortFlows(column));
        interval(&mut app, &mut source);
        assert_eq!(app.views.flows.selected_key(), Some(key));
    }
    app.update(Action::Open);
    assert_eq!(
        app.views.flows.selected(&app.state).map(|flow| flow.key),
        Some(key)
    );
}

#[test]
fn a_pause_freezes_the_picture_and_loses_nothing() {
    let (mut app, mut source) = told(10);
    app.update(Action::Pause);
    let (trust, rows) = (app.accounting(), app.views.flows.keys().to_vec());
    for _ in 0..5 {
        interval(&mut app, &mut source);
    }
    assert_eq!(app.accounting(), trust);
    assert_eq!(app.views.flows.keys(), rows);
    assert_eq!(app.state.frozen_for(), Some(Duration::from_secs(5)));
    type_filter(&mut app, "tcp");
    assert!(
        adds_up(app.accounting()) && app.accounting().seen == trust.seen,
        "the frozen one is filtered"
    );
    app.update(Action::Back);
    app.update(Action::Pause);
    assert_eq!(app.state.frozen_for(), None);
    assert!(app.accounting().seen > trust.seen);
    assert!(adds_up(app.accounting()));
}

#[test]
fn an_address_becomes_a_filter_that_widens() {
    let (mut app, _) = told(20);
    type_filter(&mut app, "10.0.0.0/8 and tcp");
    app.update(Action::Accept);
    let ten: ipnet::IpNet = "10.0.0.0/8".parse().unwrap();
    let is_ten = |key: &&probe_common::FlowKey| {
        ends::address(key, Side::Local).is_some_and(|address| ten.contains(&address))
    };
    let key = *app.views.flows.keys().iter().find(is_ten).unwrap();
    app.update(Action::Select(Item::Flow(key)));
    let mut counts = Vec::new();
    let mut parts = Vec::new();
    for _ in 0..5 {
        app.update(Action::FilterBy(Subject::Address(Side::Local)));
        counts.push(app.views.flows.keys().len());
        parts.push(app.state.filtering.parts().len());
    }
    assert_eq!(
        parts,
        [3, 3, 3, 2, 3],
        "the widest is the user's own; then it begins again"
    );
    assert!(
        counts[..4].is_sorted() && counts[0] == counts[4],
        "{counts:?}"
    );
    assert!(
        app.state
            .filtering
            .parts()
            .contains(&"10.0.0.0/8".to_owned())
    );
}

#[test]
fn protocol_and_port_of_what_is_selected() {
    let (mut app, _) = told(20);
    app.update(Action::FilterBy(Subject::Port));
    assert!(app.state.filtering.parts().is_empty() && app.state.notices.fresh().is_some());
    let is_web = |key: &&probe_common::FlowKey| key.local_port == 443;
    let key = *app.views.flows.keys().iter().find(is_web).unwrap();
    app.update(Action::Select(Item::Flow(key)));
    app.update(Action::FilterBy(Subject::Protocol));
    app.update(Action::FilterBy(Subject::Port));
    assert_eq!(app.state.filtering.parts(), ["tcp", "port 443"]);
    let other = format!("port {}", key.remote_port);
    let (subject, offered) = app.state.filtering.offered().unwrap();
    assert_eq!(subject, Subject::Port);
    assert_eq!(offered, [other.parse().unwrap()]);
    app.update(Action::FilterBy(Subject::Port));
    assert_eq!(app.state.filtering.parts(), ["tcp", &other]);
    app.update(Action::FilterBy(Subject::Port));
    assert_eq!(app.state.filtering.parts(), ["tcp"]);
}

#[test]
fn a_prefix_of_hosts_is_filtered_by_and_widened() {
    let (mut app, _) = told(20);
    app.update(Action::Show(Tab::Hosts));
    let group = |app: &App| {
        let mut rows = app.views.hosts.list.rows().iter().copied();
        rows.find(|row| matches!(row, HostGroup::Prefix(prefix) if prefix.prefix_len() == 24))
    };
    app.update(Action::Select(Item::Host(group(&app).unwrap())));
    let HostGroup::Prefix(prefix) = app.views.hosts.list.selected().unwrap() else {
        unreachable!()
    };
    let by = Action::FilterBy(Subject::Address(Side::Remote));
    app.update(by.clone());
    assert_eq!(app.state.filtering.parts(), [format!("remote {prefix}")]);
    assert_eq!(app.tab(), Tab::Hosts);
    app.update(by);
    let wider = ipnet::IpNet::new(prefix.addr(), 16).unwrap().trunc();
    assert_eq!(app.state.filtering.parts(), [format!("remote {wider}")]);
}

#[test]
fn closed_flows_leave_or_stay_or_are_hidden() {
    let (mut app, mut source) = told(70);
    let closed = |app: &App| {
        let flows = app.state.picture().flows.iter();
        flows.filter(|flow| flow.is_closed()).count()
    };
    assert_eq!(closed(&app), 0, "they have left");
    let mut source_of_kept = Synthetic::new(1, 60);
    let mut kept = self::app();
    kept.update(Action::Closed);
    for _ in 0..70 {
        interval(&mut kept, &mut source_of_kept);
    }
    let number = closed(&kept);
    assert!(number > 0);
    assert_eq!(
        kept.views.flows.keys().len(),
        kept.state.picture().flows.len()
    );
    kept.update(Action::Closed);
    assert_eq!(
        kept.views.flows.keys().len(),
        kept.state.picture().flows.len() - number
    );
    interval(&mut app, &mut source);
    kept.update(Action::Source(
        Event::Interval(source_of_kept.interval()).into(),
    ));
    assert_eq!(closed(&kept), 0, "what is not kept any more leaves");
}

#[test]
fn parts_are_removed_one_by_one() {
    let (mut app, _) = told(5);
    type_filter(&mut app, "tcp and not port 22");
    app.update(Action::Accept);
    app.update(Action::Direction);
    app.update(Action::Closed);
    app.update(Action::Closed);
    assert_eq!(
        app.state.filtering.parts(),
        ["tcp", "not port 22", "in", "no closed flows"]
    );
    app.update(Action::RemovePart);
    assert_eq!(app.context(), Context::Part);
    app.update(Action::RemovePartAt(1));
    assert_eq!(
        app.state.filtering.parts(),
        ["tcp", "in", "no closed flows"]
    );
    app.update(Action::RemovePartAt(2));
    app.update(Action::RemovePartAt(0));
    assert_eq!(app.state.filtering.parts(), ["in"]);
    app.update(Action::RemovePart);
    assert!(
        app.state.filtering.parts().is_empty(),
        "the only one needs no question"
    );
    app.update(Action::RemovePart);
    assert_eq!(app.context(), Context::View(Tab::Flows));
}

#[test]
fn a_part_that_is_not_there_removes_nothing() {
    let (mut app, _) = told(5);
    type_filter(&mut app, "tcp");
    app.update(Action::Accept);
    app.state.own = OwnSession::parse("10.0.0.1 40000 10.0.0.2 22");
    app.update(Action::OwnSession);
    app.update(Action::RemovePart);
    app.update(Action::RemovePartAt(8));
    assert_eq!(app.state.filtering.parts(), ["tcp", "not this SSH session"]);
    assert_eq!(app.context(), Context::Part, "it can still be answered");
    assert!(app.state.notices.fresh().is_some());
    app.state.filtering.remove(8);
    assert_eq!(app.state.filtering.parts(), ["tcp", "not this SSH session"]);
}

#[test]
fn keys_without_anything_to_act_on_say_so() {
    let mut app = app();
    app.update(Action::Source(Event::Devices(Vec::new()).into()));
    for &tab in Tab::ALL {
        for action in [Action::Open, Action::CopySelected, Action::RemovePart] {
            app.update(Action::Show(tab));
            app.state.notices.dismiss();
            app.update(action.clone());
            assert!(app.state.notices.fresh().is_some(), "{tab:?} {action:?}");
            assert_eq!(app.tab(), tab);
        }
    }
}

#[test]
fn the_wheel_moves_through_the_columns_while_these_are_chosen() {
    let (mut app, _) = told(5);
    app.update(Action::Drawn(Extent { page: 3, rows: 60 }));
    app.update(Action::Columns);
    let first = app.views.flows.columns.chosen();
    app.update(Action::Scroll(3));
    assert_ne!(app.views.flows.columns.chosen(), first);
    app.update(Action::Scroll(-3));
    assert_eq!(app.views.flows.columns.chosen(), first);
    let list = &app.views.flows.list;
    assert_eq!(list.visible(3), &list.rows()[..3]);
}

#[test]
fn details_of_another_view_stay_where_they_are_scrolled_to() {
    let (mut app, _) = told(20);
    app.update(Action::Show(Tab::Packets));
    app.update(Action::Open);
    let extent = Extent { page: 4, rows: 9 };
    app.update(Action::DetailDrawn(extent));
    app.update(Action::ScrollDetail(Motion::Down));
    app.update(Action::Show(Tab::Hosts));
    app.update(Action::DetailDrawn(Extent::default()));
    app.update(Action::Show(Tab::Packets));
    app.update(Action::DetailDrawn(extent));
    assert_eq!(app.views.packets.detail_scroll.offset(), 1);
}

#[test]
fn directions_go_round() {
    let (mut app, _) = told(5);
    let mut seen = Vec::new();
    for _ in 0..3 {
        app.update(Action::Direction);
        seen.push(app.state.filtering.parts().join(" "));
    }
    assert_eq!(seen, ["in", "out", ""]);
}

#[test]
fn no_device_opens_the_devices_and_enter_watches_one() {
    let mut app = app();
    let mut devices = synthetic::devices();
    for device in &mut devices {
        device.watch = Watch::No;
    }
    app.update(Action::Source(Event::Devices(devices.clone()).into()));
    assert_eq!(app.tab(), Tab::Devices);
    let name = app.views.devices.selected(&app.state).unwrap().name.clone();
    let effects = app.update(Action::Open);
    assert!(effects.contains(&Effect::Source(Command::Watch(name.clone()))));
    for device in &mut devices {
        if device.name == name {
            device.watch = Watch::Starting;
        }
    }
    app.update(Action::Show(Tab::Flows));
    app.update(Action::Source(Event::Devices(devices).into()));
    assert_eq!(app.tab(), Tab::Flows, "only the first time");
    app.update(Action::Show(Tab::Devices));
    app.update(Action::Open);
    assert!(
        app.views.devices.detail,
        "with one watched, it is the detail"
    );
    let effects = app.update(Action::Watch);
    assert!(effects.contains(&Effect::Source(Command::Unwatch(name))));
}

#[test]
fn counters_of_devices_do_not_go_back_when_they_are_listed_anew() {
    let (mut app, mut source) = told(1);
    let mut interval = source.interval();
    let mut counters = LinkCounters::default();
    counters.rx.packets = u64::from(u32::MAX);
    interval.devices[0].counters = Some(counters);
    app.update(Action::Source(Event::Interval(interval).into()));
    let slot = 0;
    let shown = |app: &App| {
        let mut all = app.state.known_devices().all().iter();
        let is_it = |it: &&Device| matches!(it.watch, Watch::Yes { slot: its, .. } if its == slot);
        all.find(is_it).unwrap().counters
    };
    assert_eq!(shown(&app), counters);
    app.update(Action::Source(Event::Devices(synthetic::devices()).into()));
    assert_eq!(shown(&app), counters);
}

#[test]
fn names_of_devices_are_ordered_as_people_count() {
    let (mut app, _) = told(1);
    let mut devices = synthetic::devices();
    devices.truncate(4);
    for (device, name) in devices.iter_mut().zip(["v10", "v1", "v9", "v2"]) {
        device.name = name.to_owned();
        device.peer = None;
    }
    devices[0].watch = Watch::Yes {
        slot: 3,
        hooks: Hooks::Tcx,
        local: crate::model::LocalEnd::Here,
    };
    app.update(Action::Source(Event::Devices(devices).into()));
    let names: Vec<&str> = app
        .state
        .known_devices()
        .all()
        .iter()
        .map(|it| it.name.as_str())
        .collect();
    assert_eq!(names, ["v1", "v2", "v9", "v10"]);
    app.update(Action::SortFlows(Column::Device));
    let slots = app.views.flows.keys().into_iter().map(|key| key.device);
    let labels: Vec<&str> = slots
        .map(|slot| app.state.picture().devices.names().label(slot))
        .collect();
    // In this order the slots are 2, 1, 0.
    let order = ["v1", "v2", "v9"];
    assert!(labels.is_sorted_by_key(|label| order.iter().position(|it| it == label)));
    assert!(order.iter().all(|name| labels.contains(name)), "{labels:?}");
}

#[test]
fn a_device_is_called_what_its_container_is_called() {
    let mut app = app();
    let mut devices = synthetic::devices();
    let index = devices.iter().position(|it| it.container().is_some());
    let pair = &mut devices[index.unwrap()];
    pair.name = "lxc1".to_owned();
    let Watch::Yes { slot, .. } = pair.watch else {
        panic!("{pair:?}");
    };
    let name = pair.container().unwrap().label().to_owned();
    app.update(Action::Source(Event::Devices(devices).into()));
    assert_eq!(app.state.picture().devices.names().label(slot), name);
    assert_eq!(app.state.picture().devices.names().get(slot), "lxc1");
}

#[test]
fn a_group_of_hosts_leads_to_its_flows() {
    let (mut app, _) = told(20);
    app.update(Action::Show(Tab::Hosts));
    app.update(Action::HostPrefix);
    app.update(Action::Move(Motion::First));
    let group = app.views.hosts.list.selected().unwrap();
    let flows = app.views.hosts.branch(&group).sums.flows;
    app.update(Action::Open);
    assert_eq!(app.tab(), Tab::Flows);
    assert_eq!(app.views.flows.keys().len(), flows);
}

#[test]
fn history_and_completion_fill_the_line() {
    let (mut app, _) = told(5);
    for text in ["tcp", "udp"] {
        app.update(Action::ClearFilter);
        type_filter(&mut app, text);
        app.update(Action::Accept);
    }
    app.update(Action::ClearFilter);
    type_filter(&mut app, "ic");
    let line = |app: &App| app.state.filtering.typing().unwrap().line.text().to_owned();
    app.update(Action::Edit(Edit::Earlier));
    assert_eq!(line(&app), "udp");
    app.update(Action::Edit(Edit::Earlier));
    app.update(Action::Edit(Edit::Earlier));
    assert_eq!(line(&app), "tcp", "there is none before");
    app.update(Action::Edit(Edit::Later));
    app.update(Action::Edit(Edit::Later));
    assert_eq!(line(&app), "ic", "what was typed is not lost");
    app.update(Action::Edit(Edit::Complete));
    assert_eq!(line(&app), "icmp");
    app.update(Action::Edit(Edit::Complete));
    assert_eq!(line(&app), "icmp6");
    app.update(Action::Paste(" and in\n".to_owned()));
    assert_eq!(line(&app), "icmp6 and in ");
    app.update(Action::Accept);
    assert_eq!(app.state.filtering.parts(), ["icmp6", "in"]);
}

#[test]
fn packets_draw_nothing_while_another_view_is_shown() {
    let (mut app, mut source) = told(5);
    let interval = source.interval();
    let packets = source.packets(&interval);
    let event = Action::Source(Event::Packets(packets).into());
    assert_eq!(app.update(event.clone()), []);
    app.update(Action::Show(Tab::Packets));
    assert_eq!(app.update(event), [Effect::DrawSoon]);
}

#[test]
fn back_closes_the_nearest_first() {
    let (mut app, _) = told(5);
    app.update(Action::Open);
    app.update(Action::Help);
    app.update(Action::Back);
    assert!(app.views.flows.detail && !app.helps());
    app.update(Action::Back);
    assert!(!app.views.flows.detail && app.views.flows.selected_key().is_some());
    app.update(Action::Back);
    assert!(app.views.flows.selected_key().is_none());
}

#[test]
fn a_click_on_the_selected_flow_opens_it() {
    let (mut app, _) = told(5);
    let key = app.views.flows.keys()[2];
    app.update(Action::Select(Item::Flow(key)));
    assert!(!app.views.flows.detail);
    app.update(Action::Select(Item::Flow(key)));
    assert!(app.views.flows.detail);
}

#[test]
fn a_packet_leads_to_its_flow() {
    let (mut app, _) = told(20);
    app.update(Action::Show(Tab::Packets));
    app.update(Action::PacketFlow);
    assert_eq!(app.tab(), Tab::Packets, "none is selected");
    app.update(Action::Move(Motion::Last));
    let number = app.views.packets.list.selected().unwrap();
    let key = app.state.picture().packets.get(number).unwrap().key;
    app.update(Action::PacketFlow);
    assert_eq!(app.tab(), Tab::Flows);
    assert_eq!(app.views.flows.selected_key(), Some(key));
    assert!(app.views.flows.detail);
}

#[test]
fn a_flow_leads_to_its_packets_and_a_device_to_its_flows() {
    let (mut app, _) = told(20);
    app.update(Action::Show(Tab::Packets));
    app.update(Action::Move(Motion::Last));
    app.update(Action::PacketFlow);
    let key = app.views.flows.selected_key().unwrap();
    app.update(Action::FlowPackets);
    assert_eq!(app.tab(), Tab::Packets);
    let packets = &app.state.picture().packets;
    let rows = app.views.packets.list.rows();
    assert!(!rows.is_empty());
    // The same ends on another device are its packets, too.
    for number in rows {
        let other = packets.get(*number).unwrap().key;
        assert_eq!(other.local_port, key.local_port);
        assert_eq!(other.remote, key.remote);
    }
    app.update(Action::ClearFilter);
    app.update(Action::Show(Tab::Devices));
    app.update(Action::Move(Motion::First));
    let device = app.views.devices.selected(&app.state).unwrap().name.clone();
    app.update(Action::DeviceFlows);
    assert_eq!(app.tab(), Tab::Flows);
    let filter = app.state.filtering.in_force().to_string();
    assert_eq!(filter, format!("dev {device}"));
}

/// An ICMP error leads to the flow that it speaks of, whatever its own flow is.
#[test]
fn an_icmp_error_leads_to_the_flow_that_it_speaks_of() {
    use etherparse::{Icmpv4Type, PacketBuilder, icmpv4::DestUnreachableHeader};
    let (mut app, _) = told(20);
    let flows = app.state.picture().flows.iter();
    let v4 = |address: Option<std::net::IpAddr>| match address {
        Some(std::net::IpAddr::V4(address)) => Some(address.octets()),
        _ => None,
    };
    let (key, [local, remote]) = flows
        .filter(|flow| flow.key.protocol == 6)
        .find_map(|flow| {
            let [local, remote] = Side::BOTH.map(|side| v4(ends::address(&flow.key, side)));
            Some((flow.key, [local?, remote?]))
        })
        .unwrap();
    let mut quoted = Vec::new();
    PacketBuilder::ipv4(remote, local, 64)
        .tcp(key.remote_port, key.local_port, 1, 100)
        .write(&mut quoted, &[])
        .unwrap();
    let error = Icmpv4Type::DestinationUnreachable(DestUnreachableHeader::Port);
    let mut data = Vec::new();
    PacketBuilder::ipv4([10, 0, 0, 1], remote, 64)
        .icmpv4(error)
        .write(&mut data, &quoted)
        .unwrap();
    let number = app.state.picture().packets.iter().last().unwrap().0;
    let mut packet = app.state.picture().packets.get(number).unwrap().clone();
    packet.link_layer = probe_common::LinkLayer::None;
    packet.data = data.into();
    app.update(Action::Show(Tab::Packets));
    app.update(Action::Source(Event::Packets(vec![packet]).into()));
    app.update(Action::Move(Motion::Last));
    app.update(Action::PacketFlow);
    let shown = app.views.flows.selected_key().unwrap();
    assert_eq!(
        (shown.local_port, shown.remote),
        (key.local_port, key.remote)
    );
}

#[test]
fn a_dissected_packet_scrolls_as_far_as_it_is_long() {
    let (mut app, _) = told(20);
    app.update(Action::Show(Tab::Packets));
    app.update(Action::Open);
    app.update(Action::DetailDrawn(Extent { page: 4, rows: 6 }));
    for _ in 0..5 {
        app.update(Action::ScrollDetail(Motion::Down));
    }
    assert_eq!(app.views.packets.detail_scroll.offset(), 2);
    app.update(Action::Move(Motion::Up));
    assert_eq!(
        app.views.packets.detail_scroll.offset(),
        0,
        "another packet"
    );
}

#[test]
fn ones_own_session_is_hidden_and_stays_counted() {
    let (mut app, mut source) = told(20);
    app.update(Action::OwnSession);
    assert!(app.state.filtering.parts().is_empty() && app.state.notices.fresh().is_some());
    let ssh = |key: &probe_common::FlowKey| key.protocol == 6;
    let keys = app.views.flows.keys();
    let key = *keys.iter().find(|key| ssh(key)).unwrap();
    let ends = [Side::Local, Side::Remote].map(|side| {
        let (address, port) = (ends::address(&key, side), ends::port(&key, side));
        format!("{} {}", address.unwrap(), port.unwrap())
    });
    app.state.own = OwnSession::parse(&ends.join(" "));
    let all = app.views.flows.keys().len();
    app.update(Action::OwnSession);
    assert_eq!(app.views.flows.keys().len(), all - 1);
    assert_eq!(app.state.filtering.parts(), ["not this SSH session"]);
    interval(&mut app, &mut source);
    assert!(adds_up(app.accounting()) && app.accounting().filtered > 0);
    app.update(Action::Closed);
    app.update(Action::Closed);
    app.update(Action::RemovePartAt(1));
    assert_eq!(app.state.filtering.parts(), ["no closed flows"]);
}

#[test]
fn costs_are_measured_while_the_probe_view_is_open() {
    let (mut app, _) = told(5);
    let measure = |effects: Vec<Effect>| {
        effects.into_iter().find_map(|effect| match effect {
            Effect::Source(Command::Measure(measure)) => Some(measure),
            _ => None,
        })
    };
    assert_eq!(measure(app.update(Action::Show(Tab::Probe))), Some(true));
    assert_eq!(measure(app.update(Action::Show(Tab::Probe))), None);
    assert_eq!(measure(app.update(Action::Pause)), None);
    assert_eq!(measure(app.update(Action::NextView)), Some(false));
    assert_eq!(measure(app.update(Action::Show(Tab::Hosts))), None);
}

#[test]
fn totals_come_after_the_windows_and_sort_the_rows() {
    let (mut app, _) = told(30);
    assert_eq!(app.state.window(), Duration::from_secs(10));
    app.update(Action::Window);
    app.update(Action::Window);
    assert_eq!(app.state.measure(), Measure::Total);
    app.update(Action::SortFlows(Column::In));
    let bytes = |key: &probe_common::FlowKey| {
        let flow = app.state.picture().flows.get(key).unwrap();
        std::cmp::Reverse(crate::text::rounded(flow.counts[0].bytes as f64) as u64)
    };
    assert!(app.views.flows.keys().is_sorted_by_key(bytes));
    app.update(Action::Window);
    assert_eq!(app.state.window(), Duration::from_secs(1));
}

#[test]
fn the_selected_flow_stays_when_it_has_left_the_table() {
    let (mut app, mut source) = told(20);
    app.update(Action::Move(Motion::First));
    let key = app.views.flows.selected_key().unwrap();
    let packets = |app: &App| {
        let flow = app.views.flows.selected(&app.state).unwrap();
        flow.counts[0].packets + flow.counts[1].packets
    };
    let before = packets(&app);
    // Two minutes without a packet.
    let mut silence = source.interval();
    silence.length = Duration::from_secs(120);
    silence.at += silence.length;
    silence.flows.clear();
    app.update(Action::Source(Event::Interval(silence).into()));
    assert!(app.state.picture().flows.get(&key).is_none());
    assert_eq!(app.views.flows.keys(), [key]);
    assert_eq!(packets(&app), before);
    assert_eq!(app.accounting().shown, 0);
    app.update(Action::Back);
    app.update(Action::ClearFilter);
    assert!(app.views.flows.selected(&app.state).is_none());
    assert!(app.views.flows.keys().is_empty());
}

#[test]
fn text_is_searched_for_in_the_rows() {
    let (mut app, _) = told(20);
    let rows = app.views.flows.keys().to_vec();
    let text = ends::text(&rows[5], Side::Remote);
    app.update(Action::EditSearch);
    assert_eq!(app.context(), Context::Find);
    for character in text.chars() {
        app.update(Action::Edit(Edit::Insert(character)));
    }
    let first = app.views.flows.selected_key().unwrap();
    assert!(
        Side::BOTH
            .iter()
            .any(|side| ends::text(&first, *side).contains(&text))
    );
    app.update(Action::Edit(Edit::Insert('#')));
    assert!(app.state.search.is_missing);
    assert_eq!(app.views.flows.selected_key(), Some(first));
    app.update(Action::Back);
    assert_eq!(app.context(), Context::View(Tab::Flows));
}
