//! What a source reports, member by member: each has to be thought of when it is new.

use probe_common::FlowKey;

use super::{REMOVED, Redaction};
use crate::model::signal::{
    ContainerOf, DropCount, NeighborFailed, Owner, Reset, Signals, SocketError, Trace, Where,
};
use crate::model::stack::{
    Duplicate, FlowRoute, FlowState, LinkState, Listener, Neighbor, Route, Stack,
};
use crate::model::{
    Block, Container, Device, EndReason, Envelope, Event, HookChain, HookProgram, Namespace,
    Notice, Packet, Peer, PeerDevice, Reach, Reply, Session, Tuple, Watch, WatchFailure,
};

impl Redaction {
    /// What is known of a source before its first event.
    #[must_use]
    pub fn session(&self, session: &Session) -> Session {
        let mut host = session.host.clone();
        let mut hosts = session.hosts.clone();
        for name in hosts.iter_mut().chain([&mut host]) {
            self.name("host", name);
        }
        Session {
            host,
            hosts,
            started: session.started,
            remark: None,
            privileges: None,
        }
    }

    /// An event. What is no part of what was seen goes through: replies, and where a
    /// replay is.
    #[must_use]
    pub fn envelope(&mut self, mut envelope: Envelope) -> Envelope {
        match &mut envelope.event {
            Event::Devices(devices) => devices.iter_mut().for_each(|it| self.listed(it)),
            Event::Interval(interval) => {
                for flow in &mut interval.flows {
                    self.key(&mut flow.key);
                }
            }
            Event::Packets(packets) => packets.iter_mut().for_each(|it| self.packet(it)),
            Event::Signals(signals) => self.signals(signals),
            Event::Notice(Notice {
                at: _,
                level: _,
                text,
            })
            | Event::Ended(EndReason::Counters(text)) => *text = REMOVED.to_owned(),
            Event::Blocks(blocks) => blocks.iter_mut().for_each(|it| self.block(it)),
            Event::Reach(Reach::Lost { reason, retries: _ }) => *reason = REMOVED.to_owned(),
            Event::Reach(Reach::Connecting | Reach::Connected)
            | Event::Ended(EndReason::Unreachable(_) | EndReason::Silent)
            | Event::Reply(Reply { .. })
            | Event::Playback(_)
            | Event::Marks { .. } => {}
        }
        envelope
    }

    /// A list of devices.
    #[must_use]
    pub fn devices(&mut self, mut devices: Vec<Device>) -> Vec<Device> {
        devices.iter_mut().for_each(|it| self.listed(it));
        devices
    }

    fn key(&mut self, key: &mut FlowKey) {
        key.local = self.octets(key.local);
        key.remote = self.octets(key.remote);
    }

    fn tuple(&mut self, tuple: &mut Tuple) {
        tuple.source = self.octets(tuple.source);
        tuple.destination = self.octets(tuple.destination);
    }

    fn packet(&mut self, packet: &mut Packet) {
        self.key(&mut packet.key);
        self.data(packet);
    }

    fn listed(&mut self, device: &mut Device) {
        let Device {
            name,
            altnames,
            index: _,
            kind: _,
            up: _,
            carrier: _,
            carrier_changes: _,
            qdisc: _,
            xdp,
            mtu: _,
            mac,
            counters: _,
            peer,
            chains,
            watch,
        } = device;
        self.device(name);
        altnames.clear();
        xdp.iter_mut().for_each(|it| self.program(it));
        self.mac(mac);
        if let Some(peer) = peer {
            self.peer(peer);
        }
        match chains {
            Ok(chains) => {
                for HookChain {
                    hook: _,
                    of_peer: _,
                    programs,
                } in chains
                {
                    programs.iter_mut().for_each(|it| self.program(it));
                }
            }
            Err(reason) => *reason = REMOVED.to_owned(),
        }
        match watch {
            Watch::Failed(WatchFailure::Other(text)) => *text = REMOVED.to_owned(),
            Watch::Failed(WatchFailure::Limit(_) | WatchFailure::Hook { .. })
            | Watch::No
            | Watch::Starting
            | Watch::Yes { .. }
            | Watch::Gone { .. } => {}
        }
    }

    fn program(&self, program: &mut HookProgram) {
        let is_nkview = program.is_nkview();
        let HookProgram {
            id: _,
            name,
            tag,
            link: _,
            pinned,
            ours: _,
        } = program;
        if !is_nkview {
            self.maybe("program", name);
            *tag = None;
        }
        self.maybe("path", pinned);
    }

    fn peer(&mut self, peer: &mut Peer) {
        let Peer {
            index: _,
            namespace,
            device,
        } = peer;
        if let Some(Namespace {
            id: _,
            name,
            pid: _,
            container,
            unknown,
        }) = namespace
        {
            self.maybe("netns", name);
            container.iter_mut().for_each(|it| self.container(it));
            unknown.iter_mut().for_each(|it| *it = REMOVED.to_owned());
        }
        if let Some(PeerDevice {
            name,
            mac,
            mtu: _,
            up: _,
            counters: _,
        }) = device
        {
            self.device(name);
            self.mac(mac);
        }
    }

    fn container(&self, container: &mut Container) {
        let Container {
            runtime: _,
            id,
            name,
            pod,
            host_name,
        } = container;
        self.id(id);
        self.maybe("container", name);
        self.maybe("host", host_name);
        if let Some(pod) = pod {
            self.id(&mut pod.uid);
            if let Some(name) = &mut pod.name {
                let (namespace, pod) = name.split_once('/').unwrap_or(("", name));
                let [mut namespace, mut pod] = [namespace, pod].map(str::to_owned);
                self.name("ns", &mut namespace);
                self.name("pod", &mut pod);
                *name = format!("{namespace}/{pod}");
            }
        }
    }

    fn block(&self, block: &mut Block) {
        let Block {
            id: _,
            rule,
            since: _,
            left: _,
            end: _,
            devices,
            dropped: _,
        } = block;
        *rule = REMOVED.to_owned();
        devices.iter_mut().for_each(|it| self.device(it));
    }

    fn signals(&mut self, signals: &mut Signals) {
        let Signals {
            at: _,
            drops,
            socket_errors,
            neighbors,
            resets,
            owners,
            containers,
            stacks,
            softnet: _,
            flows,
            trace,
        } = signals;
        for DropCount {
            at,
            reason: _,
            place: _,
            packets: _,
            noise: _,
            flows,
        } in drops
        {
            self.place(at);
            flows.iter_mut().for_each(|it| self.tuple(&mut it.tuple));
        }
        for SocketError { tuple, .. } in socket_errors {
            self.tuple(tuple);
        }
        for NeighborFailed {
            at: _,
            device,
            address,
        } in neighbors
        {
            self.place(device);
            self.ip(address);
        }
        for Reset { tuple, .. } in resets {
            self.tuple(tuple);
        }
        for Owner {
            cookie: _,
            namespace: _,
            pid: _,
            command,
            executable,
            started: _,
            others: _,
        } in owners
        {
            self.name("process", command);
            self.maybe("path", executable);
        }
        for ContainerOf {
            sockets: _,
            container,
        } in containers
        {
            self.container(container);
        }
        stacks.iter_mut().for_each(|it| self.stack(it));
        flows.iter_mut().for_each(|it| self.looked_up(it));
        match trace {
            Some(Trace::Off(reason)) => *reason = REMOVED.to_owned(),
            Some(Trace::On(status)) => {
                for missing in &mut status.missing {
                    *missing = REMOVED.to_owned();
                }
            }
            None => {}
        }
    }

    fn place(&self, place: &mut Where) {
        let Where {
            namespace: _,
            index: _,
            device,
        } = place;
        self.device(device);
    }

    fn stack(&mut self, stack: &mut Stack) {
        let Stack {
            namespace: _,
            is_own: _,
            devices: _,
            period: _,
            counters: _,
            links,
            qdiscs: _,
            neighbors,
            duplicates,
            conntrack: _,
            listeners,
            unknown,
        } = stack;
        for LinkState { name, .. } in links {
            self.device(name);
        }
        for Neighbor { address, .. } in neighbors {
            self.ip(address);
        }
        for Duplicate { address, .. } in duplicates {
            self.ip(address);
        }
        for Listener { address, .. } in listeners {
            self.socket(address);
        }
        unknown.fill(REMOVED.to_owned());
    }

    fn looked_up(&mut self, flow: &mut FlowState) {
        let FlowState {
            device: _,
            tuple,
            sockets: _,
            connections,
            routes,
            unknown,
        } = flow;
        self.tuple(tuple);
        for (_, pair) in connections {
            for address in pair.original.iter_mut().chain(&mut pair.reply) {
                self.socket(address);
            }
        }
        for FlowRoute {
            namespace: _,
            is_local: _,
            route,
        } in routes
        {
            match route {
                Ok(route) => self.route(route),
                Err(reason) => REMOVED.clone_into(reason),
            }
        }
        unknown.fill(REMOVED.to_owned());
    }

    fn route(&mut self, route: &mut Route) {
        let Route {
            gateway,
            device,
            mtu: _,
            path_mtu: _,
        } = route;
        if let Some(gateway) = gateway {
            self.ip(gateway);
        }
        self.device(device);
    }
}
