use std::collections::HashSet;

use super::*;
use crate::app::action::Action;
use crate::app::ends::Side;
use crate::app::filtering::Subject;
use crate::app::item::Item;
use crate::app::tab::Tab;
use crate::app::views::View;
use crate::app::{App, Appearance};
use crate::filter::Filter;
use crate::model::Event;
use crate::synthetic::{self, Synthetic};

fn app(seconds: usize) -> (App, Synthetic) {
    let mut app = App::new(
        synthetic::session(),
        Appearance::default(),
        Filter::everything(),
    );
    let mut source = Synthetic::new(3, 80);
    for event in source.story(seconds) {
        app.update(Action::Source(event));
    }
    (app, source)
}

fn groups(app: &App) -> Vec<HostGroup> {
    let rows = app.views.flows.list.rows().iter();
    rows.filter(|row| row.flow().is_none()).copied().collect()
}

fn summary(app: &App, group: HostGroup) -> &Summary {
    app.views.flows.summary(&group).unwrap()
}

fn flows(app: &App, group: HostGroup) -> usize {
    summary(app, group).sums.flows
}

/// The first group by service, selected, and its server.
fn service(app: &mut App) -> (std::net::IpAddr, u16) {
    let mut groups = groups(app).into_iter();
    let found = groups.find_map(|group| match group {
        HostGroup::Service { server, port, .. } => Some((group, server, port)),
        _ => None,
    });
    let (group, server, port) = found.unwrap();
    app.update(Action::Select(Item::Host(group)));
    (server, port)
}

/// The group with the most flows, selected.
fn largest(app: &mut App) -> HostGroup {
    let largest = groups(app).into_iter().max_by_key(|it| flows(app, *it));
    let group = largest.unwrap();
    app.update(Action::Select(Item::Host(group)));
    assert_eq!(app.views.flows.list.selected(), Some(group));
    group
}

#[test]
fn one_key_goes_through_the_groupings_and_back_to_flows() {
    let (mut app, _) = app(20);
    let all = app.views.flows.keys();
    let shown = app.views.flows.shown();
    let mut seen = Vec::new();
    for _ in 0..5 {
        app.update(Action::HostSide);
        assert_eq!(app.tab(), Tab::Flows);
        assert!(app.views.flows.keys().is_empty(), "none is open");
        let flows: usize = groups(&app).iter().map(|it| flows(&app, *it)).sum();
        assert_eq!((flows, app.views.flows.count()), (all.len(), all.len()));
        assert_eq!(app.views.flows.shown(), shown);
        seen.push(app.views.flows.groups.as_ref().unwrap().by.name());
    }
    let wanted = [
        "service",
        "container",
        "process",
        "remote address",
        "device",
    ];
    assert_eq!(seen, wanted);
    app.update(Action::HostSide);
    assert!(app.views.flows.groups.is_none() && groups(&app).is_empty());
    assert_eq!(app.views.flows.keys(), all);
}

#[test]
fn many_exchanges_with_a_service_are_one_row_until_it_is_opened() {
    let (mut app, mut source) = app(20);
    app.update(Action::HostSide);
    app.update(Action::HostSide);
    let closed = groups(&app);
    let group = largest(&mut app);
    let members = flows(&app, group);
    assert!(members > 1 && closed.len() < app.views.flows.count());
    app.update(Action::Open);
    assert_eq!(groups(&app), closed);
    let rows = app.views.flows.list.rows();
    let place = rows.iter().position(|row| *row == group).unwrap();
    let listed = &rows[place + 1..=place + members];
    let is_in = |app: &App, row: &HostGroup| {
        let flow = app.state.picture().flows.get(&row.flow().unwrap());
        let groups = app.views.flows.groups.as_ref().unwrap();
        groups.has(group, flow.unwrap(), app.state.criteria())
    };
    assert!(listed.iter().all(|row| is_in(&app, row)));
    assert_eq!(app.views.flows.keys().len(), members);
    // It stays open as time goes on.
    app.update(Action::Source(Event::Interval(source.interval()).into()));
    assert_eq!(app.views.flows.keys().len(), flows(&app, group));
    assert_eq!(app.views.flows.list.selected(), Some(group));
    app.update(Action::Open);
    assert!(app.views.flows.keys().is_empty());
}

#[test]
fn arrows_open_and_close_groups_and_choose_cells_of_flows() {
    let (mut app, _) = app(20);
    app.update(Action::HostSide);
    let group = largest(&mut app);
    app.update(Action::Cell(Shift::Right));
    assert!(summary(&app, group).is_open);
    app.update(Action::Move(Motion::Down));
    assert!(app.views.flows.selected(&app.state).is_some());
    app.update(Action::Cell(Shift::Right));
    assert!(app.views.flows.cell().is_some());
    app.update(Action::Cell(Shift::Left));
    assert_eq!(app.views.flows.cell(), None, "the whole row");
    app.update(Action::Cell(Shift::Left));
    assert_eq!(app.views.flows.list.selected(), Some(group));
    app.update(Action::Cell(Shift::Left));
    assert!(!summary(&app, group).is_open);
}

#[test]
fn the_sums_of_groups_are_those_of_the_table() {
    let (mut app, _) = app(20);
    let typed = Filter::parse("tcp").unwrap();
    app.state.filtering.add(typed);
    app.update(Action::HostSide);
    let narrowed = app.views.flows.narrowed().unwrap();
    let of = |direction: usize| -> f64 {
        let groups = groups(&app);
        let rates = groups
            .iter()
            .map(|it| summary(&app, *it).sums.rates[direction]);
        rates.sum()
    };
    for (direction, rate) in narrowed.into_iter().enumerate() {
        assert!((of(direction) - rate).abs() < 1e-6 * rate.max(1.0));
    }
    let all = app.state.picture().flows.iter();
    let open = all.filter(|flow| flow.tcp == Some(TcpState::Open)).count();
    let counted = groups(&app)
        .into_iter()
        .map(|it| summary(&app, it).states[3]);
    assert_eq!(counted.sum::<usize>(), open);
    assert!(open > 0);
}

#[test]
fn groups_are_sorted_like_flows_and_flows_within_them() {
    let (mut app, _) = app(20);
    app.update(Action::HostSide);
    app.update(Action::SortFlows(Column::Bytes));
    let bytes = |app: &App| -> Vec<u64> {
        let groups = groups(app).into_iter();
        groups
            .map(|it| summary(app, it).sums.counts.bytes)
            .collect()
    };
    assert!(bytes(&app).is_sorted_by(|a, b| a >= b));
    app.update(Action::SortReverse);
    assert!(bytes(&app).is_sorted());
    largest(&mut app);
    app.update(Action::Open);
    let keys = app.views.flows.keys();
    let count = |key: &FlowKey| {
        let flow = app.state.picture().flows.get(key).unwrap();
        flow.counts[0].bytes + flow.counts[1].bytes
    };
    assert!(keys.len() > 1 && keys.is_sorted_by_key(count));
    // What groups have no number for sorts them by what they are, either way.
    app.update(Action::SortFlows(Column::Remote));
    let upwards = groups(&app);
    app.update(Action::SortReverse);
    assert!(upwards.iter().rev().eq(&groups(&app)));
}

#[test]
fn a_group_is_filtered_by_and_leads_to_its_packets() {
    let (mut app, _) = app(20);
    app.update(Action::HostSide);
    let groups = groups(&app);
    let services = groups
        .iter()
        .filter(|it| matches!(it, HostGroup::Service { .. }));
    for group in services.take(5) {
        app.update(Action::Select(Item::Host(*group)));
        let members = flows(&app, *group);
        app.update(Action::FilterBy(Subject::Address(Side::Remote)));
        assert_eq!(app.views.flows.count(), members);
        app.update(Action::ClearFilter);
    }
    let (_, port) = service(&mut app);
    app.update(Action::FilterBy(Subject::Port));
    assert_eq!(app.state.filtering.parts(), [format!("port {port}")]);
    app.update(Action::ClearFilter);
    app.update(Action::FlowPackets);
    assert_eq!(app.tab(), Tab::Packets);
    assert!(
        app.state
            .filtering
            .parts()
            .contains(&format!("port {port}"))
    );
}

#[test]
fn marked_flows_stay_on_top_and_are_listed_once() {
    let (mut app, _) = app(20);
    app.update(Action::HostSide);
    let group = largest(&mut app);
    let members = flows(&app, group);
    app.update(Action::MarkFlow);
    assert!(!app.views.flows.has_marks(), "no flow is selected");
    app.update(Action::Open);
    app.update(Action::Move(Motion::Down));
    let key = app.views.flows.selected_key().unwrap();
    app.update(Action::MarkFlow);
    assert_eq!(app.views.flows.list.rows()[0], HostGroup::Flow(key));
    let listed = app.views.flows.list.rows().iter().collect::<HashSet<_>>();
    assert_eq!(
        listed.len(),
        app.views.flows.list.rows().len(),
        "none twice"
    );
    assert_eq!(
        (app.views.flows.keys().len(), flows(&app, group)),
        (members, members)
    );
}

#[test]
fn the_selected_flow_stays_in_its_group_when_it_has_ended() {
    let (mut app, _) = app(20);
    app.update(Action::HostSide);
    let group = largest(&mut app);
    app.update(Action::Open);
    app.update(Action::Move(Motion::Down));
    let key = app.views.flows.selected_key().unwrap();
    let now = app.state.picture().flows.now();
    for second in 1..=70 {
        let interval = crate::model::Interval {
            at: now + Moment::from_secs(second),
            length: Moment::from_secs(1),
            ..crate::model::Interval::default()
        };
        app.update(Action::Source(Event::Interval(interval).into()));
    }
    assert_eq!(app.state.picture().flows.len(), 0);
    assert_eq!(app.views.flows.list.rows(), [group, HostGroup::Flow(key)]);
    assert!(app.views.flows.selected(&app.state).is_some());
}

#[test]
fn what_is_selected_leads_to_its_group_and_a_flow_that_is_wanted_opens_it() {
    let (mut app, _) = app(20);
    app.update(Action::Move(Motion::Down));
    let key = app.views.flows.selected_key().unwrap();
    app.update(Action::HostSide);
    let group = app.views.flows.list.selected().unwrap();
    assert_eq!(group, HostGroup::of_service(&key));
    app.views.flows.deselect(&app.state);
    assert!(app.views.flows.show(key, &app.state));
    assert_eq!(app.views.flows.selected_key(), Some(key));
    assert!(summary(&app, group).is_open && app.views.flows.detail);
}

#[test]
fn a_closed_group_is_found_by_what_it_shows() {
    let (mut app, _) = app(20);
    app.update(Action::HostSide);
    let (server, _) = service(&mut app);
    app.views.flows.deselect(&app.state);
    let found = app.views.flows.find(
        &server.to_string(),
        crate::app::list::Find::Here,
        &app.state,
    );
    let row = app.views.flows.list.selected();
    assert!(found && row.is_some_and(|row| row.addresses().any(|it| it == server)));
}
