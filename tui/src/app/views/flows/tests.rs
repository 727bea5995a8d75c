use probe_common::parse::number::{ether, ip};
use probe_common::{Counters, FlowValue};

use super::*;
use crate::app::filtering::Filtering;
use crate::app::item::Item;
use crate::app::{App, Appearance};
use crate::model::{DeviceTotals, Event, FlowCounts, Interval, Totals};
use crate::synthetic::{self, Synthetic};

fn app() -> App {
    App::new(
        synthetic::session(),
        Appearance::default(),
        Filter::everything(),
    )
}

fn busy() -> App {
    let mut app = app();
    for event in Synthetic::new(3, 80).story(20) {
        app.update(Action::Source(event));
    }
    app
}

/// Lets so many seconds go by in which no flow has a packet.
fn idle(app: &mut App, seconds: u64) {
    let now = app.state.picture().flows.now();
    for second in 1..=seconds {
        let interval = Interval {
            at: now + Moment::from_secs(second),
            length: Moment::from_secs(1),
            ..Interval::default()
        };
        app.update(Action::Source(Event::Interval(interval).into()));
    }
}

fn mark(app: &mut App, key: FlowKey) {
    app.update(Action::Select(Item::Flow(key)));
    app.update(Action::MarkFlow);
}

#[test]
fn marked_flows_are_on_top_whatever_the_order() {
    let mut app = busy();
    let rows = app.views.flows.keys().to_vec();
    let [first, second] = [rows[9], rows[4]];
    mark(&mut app, first);
    mark(&mut app, second);
    assert_eq!(app.views.flows.keys()[..2], [first, second]);
    assert_eq!(app.views.flows.keys().len(), rows.len(), "none twice");
    app.update(Action::SortFlows(Column::Remote));
    assert_eq!(app.views.flows.keys()[..2], [first, second]);
    idle(&mut app, 1);
    assert_eq!(app.views.flows.keys()[..2], [first, second]);
    assert_eq!(app.views.flows.keys().len(), rows.len());
    // The key again takes the mark away.
    mark(&mut app, first);
    assert!(!app.views.flows.is_marked(&first));
    assert_eq!(app.views.flows.keys()[0], second);
    assert_eq!(app.views.flows.keys().len(), rows.len());
}

#[test]
fn a_marked_flow_stays_when_it_has_ended() {
    let mut app = busy();
    let key = app.views.flows.keys()[3];
    mark(&mut app, key);
    app.update(Action::Back);
    idle(&mut app, 70);
    assert_eq!(app.state.picture().flows.len(), 0);
    assert_eq!(app.views.flows.keys(), [key]);
    let flow = app.views.flows.flow(&app.state, &key).unwrap();
    assert!(flow.counts[0].packets + flow.counts[1].packets > 0);
    // Without its mark it stays while it is selected.
    mark(&mut app, key);
    assert_eq!(app.views.flows.keys(), [key]);
    assert!(app.views.flows.flow(&app.state, &key).is_some());
    while app.views.flows.selected_key().is_some() {
        app.update(Action::Back);
    }
    idle(&mut app, 5);
    assert!(app.views.flows.keys().is_empty());
}

#[test]
fn a_filter_hides_marked_flows_too() {
    let mut app = busy();
    let key = app.views.flows.keys()[3];
    mark(&mut app, key);
    let other = Filter::parse("host 203.0.113.250").unwrap();
    app.state.filtering.add(other);
    app.views.flows.refresh(&app.state);
    assert!(app.views.flows.keys().is_empty());
    app.update(Action::ClearFilter);
    assert_eq!(app.views.flows.keys()[0], key);
}

#[test]
fn marks_are_bounded() {
    let mut app = busy();
    let rows = app.views.flows.keys().to_vec();
    assert!(rows.len() > MARKS);
    for key in rows {
        mark(&mut app, key);
    }
    assert_eq!(app.views.flows.marked.len(), MARKS);
    let notice = app.state.notices.all().next_back().unwrap();
    assert!(notice.text.starts_with("32 flows are marked"));
}

#[test]
fn only_a_selected_flow_can_be_marked() {
    let mut app = busy();
    app.update(Action::MarkFlow);
    assert!(!app.views.flows.has_marks());
}

/// From one pod to another, both of which are watched: packets out and in of the first
/// are in and out of the second.
fn between_pods() -> App {
    let mut app = app();
    app.update(Action::Source(Event::Devices(synthetic::devices()).into()));
    let key = |device, local: u8, remote: u8| FlowKey {
        local: [local; 16],
        remote: [remote; 16],
        local_port: local.into(),
        remote_port: remote.into(),
        device,
        ether_type: ether::IPV6,
        protocol: ip::TCP,
        ..FlowKey::default()
    };
    let counters = |packets| Counters {
        packets,
        bytes: packets * 100,
        ..Counters::default()
    };
    let totals = |packets| Totals {
        packets,
        bytes: packets * 100,
        ..Totals::default()
    };
    let both = [(key(0, 1, 2), [8, 10]), (key(1, 2, 1), [10, 8])];
    for second in 1..=5 {
        let interval = Interval {
            at: Moment::from_secs(second),
            length: Moment::from_secs(1),
            devices: both
                .map(|(key, packets)| DeviceTotals {
                    slot: key.device,
                    directions: packets.map(totals),
                    ..DeviceTotals::default()
                })
                .to_vec(),
            flows: both
                .map(|(key, packets)| FlowCounts {
                    key,
                    value: FlowValue {
                        directions: packets.map(counters),
                    },
                    facts: None,
                })
                .to_vec(),
            ..Interval::default()
        };
        app.update(Action::Source(Event::Interval(interval).into()));
    }
    app
}

/// All traffic has these packets once, as the first device counts them; what the second
/// receives must not be shown as a part of what comes in there.
#[test]
fn the_other_end_alone_is_no_part_of_all_traffic() {
    let mut app = between_pods();
    let name = |app: &App, slot| app.state.picture().devices.names().get(slot).to_owned();
    for (filter, is_turned) in [
        ("tcp".to_owned(), false),
        (format!("dev {}", name(&app, 0)), false),
        (format!("dev {}", name(&app, 1)), true),
    ] {
        app.state.filtering = Filtering::new(Filter::parse(&filter).unwrap());
        app.views.flows.refresh(&app.state);
        assert_eq!(app.views.flows.is_turned(), is_turned, "{filter}");
        let [inward, outward] = app.views.flows.narrowed().unwrap();
        assert_eq!(inward > outward, is_turned, "{filter}");
    }
}
