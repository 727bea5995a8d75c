//! Groups of flows, by their names and in full.

use probe_common::parse::number::ether;
use ratatui::layout::Rect;

use super::canvas::{Canvas, indent, line};
use super::{format, plot};
use crate::app::ends::Side;
use crate::app::group::{Grouping, HostGroup};
use crate::app::names;
use crate::app::state::State;
use crate::app::views::{Groups, Sums};
use crate::dissect::{ether_type_name, protocol_name};
use crate::flow::Series;
use crate::text::clean;

/// Draws the selected group in full: its name, its sums and its graph.
pub fn detail(
    canvas: &mut Canvas<'_>,
    state: &State,
    groups: &Groups,
    selected: Option<(HostGroup, Sums, &Series)>,
    mut area: Rect,
) {
    let palette = canvas.palette;
    let place = line(&mut area);
    canvas.rule(place);
    let Some((group, sums, series)) = selected else {
        return;
    };
    let title = format!(" {} ", name(canvas, state, groups, group));
    let facts = format!(
        "{}, {}, {} ",
        format::plural(sums.flows as u64, "flow"),
        format::plural(sums.counts.packets, "packet"),
        format::bytes(sums.counts.bytes, state.appearance.units)
    );
    canvas.texts(
        indent(place, 1),
        [(title.as_str(), palette.strong), (&facts, palette.text)],
    );
    plot::draw(canvas, state, series, area);
}

/// A single address without its length, a wider prefix with it.
#[must_use]
pub fn name(canvas: &Canvas<'_>, state: &State, groups: &Groups, group: HostGroup) -> String {
    let arrow = canvas.glyph("↔", "<->");
    let host = |address| {
        let name = state.hostnames.name(address);
        name.map_or_else(|| address.to_string(), str::to_owned)
    };
    match (group.address(), group) {
        (Some(address), _) => host(address),
        (None, HostGroup::Prefix(prefix)) => prefix.to_string(),
        (None, HostGroup::EtherType(number)) => format!("no address ({})", ether_type_name(number)),
        (
            None,
            HostGroup::Service {
                client,
                server,
                port,
                protocol,
            },
        ) => {
            let ether_type = if server.is_ipv4() {
                ether::IPV4
            } else {
                ether::IPV6
            };
            let protocol = protocol_name(ether_type, protocol);
            let server = match state.hostnames.name(server) {
                Some(name) => format!("{name}:{port}"),
                None => std::net::SocketAddr::new(server, port).to_string(),
            };
            format!("{} {protocol} {server}", host(client))
        }
        (None, HostGroup::Process(number) | HostGroup::Container(number)) => {
            clean(groups.label(number))
        }
        (None, HostGroup::Flow(key)) => {
            let [local, remote] = Side::BOTH.map(|side| state.hostnames.end(&key, side));
            let flow = state.picture().flows.get(&key);
            let stands = flow.map(names::state).unwrap_or_default();
            format!(
                "{} {local} {arrow} {remote} {stands}",
                names::protocol(&key)
            )
        }
        (None, HostGroup::Device(slot)) => state.picture().devices.names().label(slot).to_owned(),
        (None, HostGroup::Other) if groups.by == Grouping::Process => "unknown".to_owned(),
        (None, HostGroup::Other) if groups.by == Grouping::Container => "no container".to_owned(),
        (None, HostGroup::Other) => "no ports".to_owned(),
    }
}
