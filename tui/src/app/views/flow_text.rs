//! A flow as text: to be copied, and as a filter.

use probe_common::{Direction, FlowKey};

use crate::app::columns::Column;
use crate::app::criteria::counted;
use crate::app::ends::{self, Side};
use crate::app::names;
use crate::app::state::State;
use crate::filter::Filter;
use crate::flow::Flow;
use crate::model::KeyFields;

/// A flow in a line, to be copied.
pub(super) fn text(key: &FlowKey) -> String {
    let [local, remote] = Side::BOTH.map(|side| ends::text(key, side));
    format!("{} {local} {remote}", names::protocol(key))
}

/// The terms of the filter that the packets of a flow match.
pub(super) fn words(key: &FlowKey) -> String {
    let mut terms = vec![match ends::address(key, Side::Local) {
        Some(_) if key.is_ip() => format!("proto {}", key.protocol),
        _ => format!("ether {:#06x}", key.ether_type),
    }];
    for side in Side::BOTH {
        let word = side.name();
        terms.extend(ends::address(key, side).map(|address| format!("{word} {address}")));
        terms.extend(ends::port(key, side).map(|port| format!("{word} port {port}")));
    }
    terms.join(" and ")
}

/// The filter that the packets of a flow match.
pub(super) fn filter(key: &FlowKey) -> Filter {
    // It prints what it reads; if not, everything is shown rather than nothing.
    Filter::parse(&words(key)).unwrap_or_default()
}

/// A cell, its number in full; nothing where it is empty.
pub(super) fn cell(state: &State, flow: &Flow, column: Column) -> Option<String> {
    let flows = &state.picture().flows;
    let key = &flow.key;
    let about = state.known().about(flow);
    let count = counted(flow, state.criteria().shows(flow));
    let amount = |direction| {
        let amount = state.measure().of_flow(flow, direction, flows.clock());
        format!("{amount:.0}")
    };
    let text = match column {
        Column::Node => match state.known().path(&flow.key) {
            Some([local, remote]) => format!("{local} -> {remote}"),
            None => state.known().node(&flow.key)?.to_owned(),
        },
        Column::Device => state.picture().devices.names().label(key.device).to_owned(),
        Column::Protocol => names::protocol(key).into_owned(),
        Column::Local => state.hostnames.end(key, Side::Local),
        Column::Remote => state.hostnames.end(key, Side::Remote),
        Column::State => names::state(flow).into_owned(),
        Column::In => amount(Direction::In),
        Column::Out => amount(Direction::Out),
        Column::Packets => count.packets.to_string(),
        Column::Segments => count.segments.to_string(),
        Column::Bytes => count.bytes.to_string(),
        Column::Graph => return None,
        Column::Age => format!("{} s", flow.age(flows.now()).as_secs()),
        Column::Seen => format!("{} s", flow.idle(flows.now()).as_secs()),
        Column::Rtt => {
            let micros = about.round_trip()?.time().as_micros();
            format!("{micros} us")
        }
        Column::Retrans => about.retransmits()?.to_string(),
        Column::Process => about.process()?.to_owned(),
        Column::Pod => about.pod()?.to_owned(),
        Column::Container => about.container()?.label().to_owned(),
    };
    (!text.is_empty()).then_some(text)
}
