use probe_common::Direction;

use super::*;
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
