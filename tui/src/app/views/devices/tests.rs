use std::collections::HashSet;

use super::*;
use crate::app::criteria::counted;
use crate::app::filtering::Filtering;
use crate::app::tab::Tab;
use crate::app::{App, Appearance};
use crate::model::Event;
use crate::synthetic::{self, Synthetic};

fn app() -> App {
    let mut app = App::new(
        synthetic::session(),
        Appearance::default(),
        Filter::everything(),
    );
    for event in Synthetic::new(3, 40).story(30) {
        app.update(Action::Source(event));
    }
    app.update(Action::Show(Tab::Devices));
    app
}

fn names(app: &App) -> Vec<&str> {
    let rows = app.views.devices.list.rows().iter();
    let name = |index: &u32| {
        let mut devices = app.state.known_devices().all().iter();
        devices.find(|it| it.index == *index).unwrap().name.as_str()
    };
    rows.map(name).collect()
}

#[test]
fn a_column_sorts_and_the_same_again_reverses() {
    let mut app = app();
    assert_eq!(
        names(&app),
        ["db-0", "eth0", "web-7d9f", "wg0", "br0", "lo"],
        "watched ones first"
    );
    app.update(Action::SortDevices(DeviceColumn::Name));
    assert_eq!(
        names(&app),
        ["br0", "db-0", "eth0", "lo", "web-7d9f", "wg0"]
    );
    app.update(Action::SortReverse);
    assert_eq!(
        names(&app),
        ["wg0", "web-7d9f", "lo", "eth0", "db-0", "br0"]
    );
    // Those that are equal keep the order of the list.
    app.update(Action::SortDevices(DeviceColumn::Mtu));
    assert_eq!(
        names(&app),
        ["lo", "db-0", "eth0", "web-7d9f", "wg0", "br0"]
    );
}

#[test]
fn numbers_sort_the_largest_first() {
    let mut app = app();
    for (column, of) in [
        (DeviceColumn::In, Direction::In),
        (DeviceColumn::Out, Direction::Out),
    ] {
        app.update(Action::SortDevices(column));
        let state = &app.state;
        let rates = app.views.devices.list.rows().iter().map(|index| {
            let mut devices = state.known_devices().all().iter();
            let device = devices.find(|it| it.index == *index).unwrap();
            state.ledger(device).map_or(0.0, |ledger| {
                let clock = state.picture().flows.clock();
                state.measure().of_ledger(ledger, of, clock)
            })
        });
        let rates: Vec<f64> = rates.collect();
        assert!(
            rates[0] > 0.0 && rates.is_sorted_by(|a, b| a >= b),
            "{rates:?}"
        );
    }
    app.update(Action::SortDevices(DeviceColumn::Dropped));
    assert_eq!(&names(&app)[..2], ["db-0", "web-7d9f"]);
}

#[test]
fn columns_that_are_empty_for_all_devices_go() {
    let mut app = app();
    let columns = |app: &App| DevicesView::columns(&app.state).collect::<Vec<_>>();
    assert_eq!(columns(&app), DeviceColumn::ALL);
    let mut devices = synthetic::devices();
    devices.retain(|device| ["lo", "br0"].contains(&device.name.as_str()));
    app.update(Action::Source(Event::Devices(devices).into()));
    assert_eq!(
        columns(&app),
        [
            DeviceColumn::Watch,
            DeviceColumn::Name,
            DeviceColumn::Kind,
            DeviceColumn::Up,
            DeviceColumn::Mac,
            DeviceColumn::Mtu,
        ]
    );
}

#[test]
fn the_sort_key_goes_through_the_columns_that_are_shown() {
    let mut app = app();
    let mut devices = synthetic::devices();
    devices.retain(|device| ["lo", "br0"].contains(&device.name.as_str()));
    app.update(Action::Source(Event::Devices(devices).into()));
    let mut seen = Vec::new();
    for _ in 0..6 {
        seen.push(app.views.devices.order.column);
        app.update(Action::SortNext);
    }
    assert_eq!(seen, DevicesView::columns(&app.state).collect::<Vec<_>>());
    assert_eq!(app.views.devices.order.column, DeviceColumn::Watch);
}

#[test]
fn rates_sort_again_as_time_goes_on() {
    let mut app = app();
    app.update(Action::SortDevices(DeviceColumn::In));
    app.views.devices.sorted = Moment::ZERO;
    app.views.devices.list.settle(Vec::new());
    let view = &mut app.views.devices;
    view.advance(&app.state);
    assert_eq!(view.list.rows().len(), 6);
    view.list.settle(Vec::new());
    view.advance(&app.state);
    assert!(view.list.rows().is_empty(), "not before it is time");
}

fn narrow_to(app: &mut App, filter: &str) {
    app.state.filtering = Filtering::new(Filter::parse(filter).unwrap());
    app.views.devices.refresh(&app.state);
}

#[test]
fn a_filter_leaves_the_devices_that_carry_its_flows() {
    let mut app = app();
    let flow = app.state.picture().flows.iter().next().unwrap().key;
    narrow_to(&mut app, &format!("port {}", flow.local_port));
    let listed = names(&app);
    let on: HashSet<&str> = {
        let state = &app.state;
        let criteria = state.criteria();
        let flows = state.picture().flows.iter();
        let shown = flows.filter(|flow| Criteria::has_row(flow, criteria.shows(flow)));
        shown
            .map(|flow| criteria.names().get(flow.key.device))
            .collect()
    };
    assert!(!on.is_empty() && on.len() < 6, "{on:?}");
    assert_eq!(listed.into_iter().collect::<HashSet<_>>(), on);
    narrow_to(&mut app, "port 9 and port 10");
    assert_eq!(names(&app), [""; 0]);
}

#[test]
fn rows_of_a_filter_add_up_to_what_it_shows() {
    let mut app = app();
    let all = packets(&app);
    narrow_to(&mut app, "tcp");
    let shown: u64 = {
        let criteria = app.state.criteria();
        let flows = app.state.picture().flows.iter();
        flows
            .map(|flow| counted(flow, criteria.shows(flow)).packets)
            .sum()
    };
    assert!(0 < shown && shown < all, "{shown} of {all}");
    assert_eq!(packets(&app), shown);
    // Also when the next interval has come.
    app.update(Action::Show(Tab::Flows));
    app.update(Action::Show(Tab::Devices));
    assert_eq!(packets(&app), shown);
}

fn packets(app: &App) -> u64 {
    let (view, state) = (&app.views.devices, &app.state);
    let listed = view.list.rows().iter().filter_map(|index| {
        let mut devices = state.known_devices().all().iter();
        devices.find(|device| device.index == *index)
    });
    listed
        .filter_map(|device| view.packets(device, state))
        .sum()
}

#[test]
fn a_filter_of_devices_lists_those_without_flows_too() {
    let mut app = app();
    narrow_to(&mut app, "dev lo or dev wg0");
    assert_eq!(names(&app), ["wg0", "lo"]);
}
