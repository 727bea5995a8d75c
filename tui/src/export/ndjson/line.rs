//! The lines, member by member in the order in which they are written.

use std::{
    borrow::Cow,
    fmt,
    net::{IpAddr, SocketAddr},
};

use jiff::Timestamp;
use probe_common::{Counters, Direction, FlowKey};
use serde::{Serialize, Serializer};

use super::lookup::Lookup;
use crate::{
    dissect::{icmp_type_name, protocol_name, summary},
    export::distinct::FlowsSeen,
    export::slots::Watched,
    flow,
    model::{self, Fate, FlowCounts, KeyFields, Level, Moment, Side, Totals, Watch},
    text,
};

/// A moment of the wall clock, to the millisecond.
#[derive(Clone, Copy)]
pub(super) struct Time(pub(super) Timestamp);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:.3}", self.0))
    }
}

/// Any line.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(super) enum Line<'a> {
    Fate {
        time: Time,
        seconds: f64,
        device: &'a str,
        /// The same for people.
        text: String,
        #[serde(flatten)]
        fate: Fates,
    },
    Start {
        time: Time,
        schema: u32,
        version: &'static str,
        host: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        remark: Option<&'a str>,
        devices: Vec<Device>,
    },
    Device {
        time: Time,
        #[serde(flatten)]
        device: Device,
    },
    Flow(Flow<'a>),
    Packet(Packet<'a>),
    Lookup(Lookup<'a>),
    Lost {
        time: Time,
        packets: u64,
    },
    Notice(Notice<'a>),
    Ended {
        time: Time,
        text: &'a str,
    },
    Totals(DeviceTotals<'a>),
    Sum(Sum),
}

/// A device that is, was or could not be watched.
#[derive(Serialize)]
pub(super) struct Device {
    name: String,
    index: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    hooks: Option<&'static str>,
    #[serde(skip_serializing_if = "is_false")]
    gone: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl Device {
    /// A device of this name; nothing for one that is not to be watched, or not yet.
    pub(super) fn new(device: &model::Device, name: String) -> Option<Self> {
        let mut line = Self {
            name,
            index: device.index,
            hooks: None,
            gone: false,
            error: None,
        };
        match &device.watch {
            Watch::Yes { hooks, .. } => line.hooks = Some(hooks.name()),
            Watch::Gone { .. } => line.gone = true,
            Watch::Failed(reason) => line.error = Some(reason.to_string()),
            Watch::No | Watch::Starting => return None,
        }
        Some(line)
    }
}

/// A packet that got an event.
#[derive(Serialize)]
pub(super) struct Packet<'a> {
    time: Time,
    device: &'a str,
    #[serde(flatten)]
    behind: Behind<'a>,
    direction: &'static str,
    protocol: Cow<'static, str>,
    local: End,
    remote: End,
    bytes: u32,
    segments: u32,
    reason: &'static str,
    summary: String,
}

impl<'a> Packet<'a> {
    pub(super) fn new(time: Time, device: &'a Watched, packet: &model::Packet) -> Self {
        let key = &packet.key;
        Self {
            time,
            device: &device.name,
            behind: device.into(),
            direction: match packet.direction {
                Direction::In => "in",
                Direction::Out => "out",
            },
            protocol: protocol_name(key.ether_type, key.protocol),
            local: End::new(key, Side::Local),
            remote: End::new(key, Side::Remote),
            bytes: packet.len,
            segments: packet.segments,
            reason: text::reason(packet.reason),
            summary: summary(packet),
        }
    }
}

/// What one flow had in one interval.
#[derive(Serialize)]
pub(super) struct Flow<'a> {
    time: Time,
    seconds: f64,
    device: &'a str,
    #[serde(flatten)]
    behind: Behind<'a>,
    #[serde(flatten)]
    key: Key,
    r#in: Count,
    out: Count,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    age: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_in: Option<Count>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_out: Option<Count>,
}

impl<'a> Flow<'a> {
    /// `known` is the flow in the table after this interval, if it is there.
    pub(super) fn new(
        time: Time,
        seconds: f64,
        device: &'a Watched,
        counts: &FlowCounts,
        known: Option<&flow::Flow>,
        now: Moment,
    ) -> Self {
        let FlowCounts { key, value, .. } = counts;
        let [r#in, out] = value.directions.each_ref().map(Count::from);
        let total = known.map(|flow| flow.counts.map(Count::from));
        Self {
            time,
            seconds,
            device: &device.name,
            behind: device.into(),
            key: key.into(),
            r#in,
            out,
            state: known.and_then(|flow| flow.tcp).map(flow::TcpState::label),
            age: known.map(|flow| flow.age(now).as_secs_f64()),
            total_in: total.map(|[total_in, _]| total_in),
            total_out: total.map(|[_, total_out]| total_out),
        }
    }
}

/// Which flow it is.
#[derive(Serialize)]
pub(super) struct Key {
    protocol: Cow<'static, str>,
    ether_type: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip_protocol: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vlan: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    inner_vlan: Option<u16>,
    local: End,
    remote: End,
    #[serde(skip_serializing_if = "Option::is_none")]
    icmp: Option<Icmp>,
    #[serde(skip_serializing_if = "is_false")]
    fragments: bool,
    #[serde(skip_serializing_if = "is_false")]
    malformed: bool,
}

impl From<&FlowKey> for Key {
    fn from(key: &FlowKey) -> Self {
        Self {
            protocol: protocol_name(key.ether_type, key.protocol),
            ether_type: key.ether_type,
            ip_protocol: key.is_ip().then_some(key.protocol),
            vlan: (key.vlan != 0).then_some(key.vlan),
            inner_vlan: (key.inner_vlan != 0).then_some(key.inner_vlan),
            local: End::new(key, Side::Local),
            remote: End::new(key, Side::Remote),
            icmp: Icmp::new(key),
            fragments: key.is_fragment(),
            malformed: key.is_malformed(),
        }
    }
}

/// What a device leads to.
#[derive(Serialize)]
pub(super) struct Behind<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    container: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pod: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    netns: Option<&'a str>,
}

impl<'a> From<&'a Watched> for Behind<'a> {
    fn from(device: &'a Watched) -> Self {
        Self {
            container: device.container.as_deref(),
            pod: device.pod.as_deref(),
            netns: device.netns.as_deref(),
        }
    }
}

/// One end of a flow.
#[derive(Serialize)]
pub(super) struct End {
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
}

impl End {
    fn new(key: &FlowKey, side: Side) -> Self {
        Self {
            address: key.address(side),
            port: key.port(side),
        }
    }
}

impl From<SocketAddr> for End {
    fn from(address: SocketAddr) -> Self {
        Self {
            address: Some(address.ip()),
            port: Some(address.port()),
        }
    }
}

/// What an ICMP or ICMPv6 flow is about.
#[derive(Serialize)]
struct Icmp {
    r#type: u16,
    name: Cow<'static, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u16>,
}

impl Icmp {
    fn new(key: &FlowKey) -> Option<Self> {
        let kind = key.icmp()?;
        Some(Self {
            r#type: kind.number.into(),
            name: icmp_type_name(kind.v6, kind.number),
            id: kind.id,
        })
    }
}

/// Something that the user must know.
#[derive(Serialize)]
pub(super) struct Notice<'a> {
    time: Time,
    level: &'static str,
    text: &'a str,
}

impl<'a> Notice<'a> {
    pub(super) fn new(time: Time, notice: &'a model::Notice) -> Self {
        let level = match notice.level {
            Level::Info => "info",
            Level::Warning => "warning",
        };
        Self {
            time,
            level,
            text: &notice.text,
        }
    }
}

/// All that a device's hooks saw.
#[derive(Serialize)]
pub(super) struct DeviceTotals<'a> {
    device: &'a str,
    r#in: Count,
    out: Count,
    flows: u64,
    #[serde(skip_serializing_if = "is_false")]
    flows_capped: bool,
    untracked: Untracked,
    ring: Ring,
    #[serde(flatten)]
    fate: Fates,
}

/// The fate of packets.
#[derive(Serialize)]
pub(super) struct Fates {
    #[serde(skip_serializing_if = "Option::is_none")]
    dropped_or_redirected: Option<Known>,
    #[serde(skip_serializing_if = "Option::is_none")]
    past_the_hook: Option<Known>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blocked: Option<Known>,
}

impl From<&[Totals; 2]> for Fates {
    fn from(directions: &[Totals; 2]) -> Self {
        Self {
            dropped_or_redirected: Known::new(directions, |fate| fate.diverted),
            past_the_hook: Known::new(directions, |fate| Some(fate.bypassed)),
            blocked: Known::blocked(directions),
        }
    }
}

impl fmt::Display for Fates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = [
            (&self.blocked, "blocked by rules"),
            (
                &self.dropped_or_redirected,
                "dropped or redirected by programs behind nkview's",
            ),
            (&self.past_the_hook, "came past the hook of nkview"),
        ];
        let mut separator = "";
        for (known, what) in kinds {
            if let Some(packets) = known.as_ref().and_then(Known::packets) {
                write!(f, "{separator}{packets} {what}")?;
                separator = "; ";
            }
        }
        Ok(())
    }
}

/// Packets, of the directions in which they are known.
#[derive(Serialize)]
struct Known {
    #[serde(skip_serializing_if = "Option::is_none")]
    r#in: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    out: Option<u64>,
}

impl Known {
    fn new(directions: &[Totals; 2], packets: fn(Fate) -> Option<u64>) -> Option<Self> {
        let [r#in, out] = directions.map(|totals| totals.fate.and_then(packets));
        (r#in.is_some() || out.is_some()).then_some(Self { r#in, out })
    }

    /// How many in which direction; nothing where there are none.
    fn packets(&self) -> Option<String> {
        let directions = [(self.r#in, "in"), (self.out, "out")];
        let some = directions.into_iter().filter_map(|(packets, direction)| {
            let packets = packets.filter(|packets| *packets > 0)?;
            let noun = if packets == 1 { "packet" } else { "packets" };
            Some(format!("{packets} {noun} {direction}"))
        });
        let some: Vec<_> = some.collect();
        (!some.is_empty()).then(|| some.join(" and "))
    }

    /// What rules have dropped, if anything.
    fn blocked(directions: &[Totals; 2]) -> Option<Self> {
        let [r#in, out] = directions.map(|totals| totals.blocked_packets);
        (r#in + out > 0).then_some(Self {
            r#in: Some(r#in),
            out: Some(out),
        })
    }
}

#[derive(Serialize)]
struct Untracked {
    packets: u64,
    bytes: u64,
}

#[derive(Serialize)]
struct Ring {
    events: u64,
    lost: u64,
}

impl<'a> DeviceTotals<'a> {
    pub(super) fn new(device: &'a str, directions: &[Totals; 2], flows: FlowsSeen) -> Self {
        let [r#in, out] = directions.each_ref().map(Count::from);
        let [mut both, other] = *directions;
        both += other;
        Self {
            device,
            r#in,
            out,
            flows: flows.flows,
            flows_capped: flows.is_capped,
            untracked: Untracked {
                packets: both.untracked_packets,
                bytes: both.untracked_bytes,
            },
            ring: Ring {
                events: both.events,
                lost: both.lost,
            },
            fate: directions.into(),
        }
    }
}

/// What all devices saw, each packet once.
#[derive(Serialize)]
pub(super) struct Sum {
    devices: usize,
    r#in: Count,
    out: Count,
    repeated: Count,
}

impl Sum {
    pub(super) fn new(devices: usize, flows: &flow::FlowTable) -> Self {
        let seen = |direction| flows.whole().sums(direction).seen.into();
        Self {
            devices,
            r#in: seen(Direction::In),
            out: seen(Direction::Out),
            repeated: flows.repeated().into(),
        }
    }
}

/// Packets, segments and bytes.
#[derive(Clone, Copy, Serialize)]
struct Count {
    packets: u64,
    segments: u64,
    bytes: u64,
}

impl From<flow::Count> for Count {
    fn from(count: flow::Count) -> Self {
        let flow::Count {
            packets,
            segments,
            bytes,
        } = count;
        Self {
            packets,
            segments,
            bytes,
        }
    }
}

impl From<&Counters> for Count {
    fn from(counters: &Counters) -> Self {
        flow::Count::from(counters).into()
    }
}

impl From<&Totals> for Count {
    fn from(totals: &Totals) -> Self {
        flow::Count::from(totals).into()
    }
}

pub(super) fn is_false(value: &bool) -> bool {
    !value
}
