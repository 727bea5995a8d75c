//! Two ends of a pair of devices, to send packets between.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use nkview::sys::{HookPoint, chain};
use rustix::net::netdevice::name_to_index;
use rustix::net::{AddressFamily, SocketType, socket};

use crate::device;
use crate::filter::{self, PARENTS};
use crate::namespace::Namespace;
use crate::wait;

pub use crate::layout::{Ends, Kind, Layout};

/// The device that is watched: of a netkit pair the primary.
pub const NEAR: &str = "lab0";
/// Its other end.
pub const FAR: &str = "eth0";

/// An end of the pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// [`NEAR`].
    Near,
    /// [`FAR`].
    Far,
}

impl End {
    pub const BOTH: [Self; 2] = [Self::Near, Self::Far];

    /// The other one.
    pub const fn other(self) -> Self {
        match self {
            Self::Near => Self::Far,
            Self::Far => Self::Near,
        }
    }

    /// Its device.
    pub const fn device(self) -> &'static str {
        match self {
            Self::Near => NEAR,
            Self::Far => FAR,
        }
    }

    const fn number(self) -> u8 {
        match self {
            Self::Near => 1,
            Self::Far => 2,
        }
    }
}

/// The version of IP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    V4,
    V6,
}

/// A pair of devices.
pub struct Lab {
    layout: Layout,
    near: Namespace,
    far: Option<Namespace>,
}

impl Lab {
    /// A pair that is down: nothing has gone through it.
    pub fn new(layout: Layout) -> Self {
        Self::with_policies(layout, "", "")
    }

    /// A netkit pair whose ends have policies other than `forward`.
    pub fn with_policies(layout: Layout, near_policy: &str, far_policy: &str) -> Self {
        let near = Namespace::new();
        let far = (layout.ends == Ends::Apart).then(Namespace::new);
        let place = far.as_ref().map_or_else(String::new, |far| {
            format!("link set {FAR} netns {}\n", far.name())
        });
        let pair = match layout.kind {
            Kind::Veth => "veth peer".to_owned(),
            Kind::NetkitL2 => format!("netkit mode l2 {near_policy} peer {far_policy}"),
            Kind::NetkitL3 => format!("netkit mode l3 {near_policy} peer {far_policy}"),
        };
        near.ip(&format!("link add {NEAR} type {pair} name {FAR}\n{place}"));
        Self { layout, near, far }
    }

    /// A pair that packets can go through.
    pub fn up(layout: Layout) -> Self {
        let lab = Self::new(layout);
        lab.bring_up();
        lab
    }

    /// Switches the pair on, and gives the ends addresses. The far end first: a
    /// device drops what it has nobody to send to, and does not count it.
    pub fn bring_up(&self) {
        for end in [End::Far, End::Near] {
            self.bring_up_end(end);
        }
        for end in End::BOTH {
            wait::until_true("the IPv6 address is good", || self.is_ready(end));
        }
    }

    fn bring_up_end(&self, end: End) {
        let device = end.device();
        let number = end.number();
        let addresses = match self.layout.ends {
            Ends::Apart => format!(
                "address add 10.9.0.{number}/24 dev {device}\n\
                 address add fd09::{number}/64 dev {device} nodad\n"
            ),
            Ends::Together => {
                format!("address add fe80::{number}/64 dev {device} nodad\n")
            }
        };
        let namespace = self.namespace(end);
        namespace.enter(|| {
            // In seconds: whether a neighbor is still there is not asked meanwhile.
            for version in ["ipv4", "ipv6"] {
                let path = format!("/proc/sys/net/{version}/neigh/{device}/delay_first_probe_time");
                fs::write(path, "3600").unwrap();
            }
        });
        namespace.ip(&format!("link set {device} up\n{addresses}"));
    }

    fn is_ready(&self, end: End) -> bool {
        const TENTATIVE: u32 = 0x40; // IFA_F_TENTATIVE
        let path = "/proc/thread-self/net/if_inet6";
        let table = self
            .namespace(end)
            .enter(|| fs::read_to_string(path).unwrap());
        table.lines().any(|line| {
            let columns: Vec<&str> = line.split_whitespace().collect();
            let flags = u32::from_str_radix(columns[4], 16).unwrap();
            columns[5] == end.device() && flags & TENTATIVE == 0
        })
    }

    /// Removes the namespace of the far end, and with it the pair.
    pub fn remove_far(&mut self) {
        self.far = None;
    }

    /// Moves the far device, switched on, into another namespace.
    pub fn move_far(&mut self) {
        let to = Namespace::new();
        let from = self.namespace(End::Far);
        from.ip(&format!("link set {FAR} netns {}", to.name()));
        self.far = Some(to);
        self.bring_up_end(End::Far);
        wait::until_true("the IPv6 address is good", || self.is_ready(End::Far));
    }

    /// What it is.
    pub const fn layout(&self) -> Layout {
        self.layout
    }

    /// The namespace of an end.
    pub fn namespace(&self, end: End) -> &Namespace {
        match end {
            End::Near => &self.near,
            End::Far => self.far.as_ref().unwrap_or(&self.near),
        }
    }

    /// The address of an end.
    pub fn ip(&self, end: End, family: Family) -> IpAddr {
        let number = end.number();
        match (family, self.layout.ends) {
            (Family::V4, _) => Ipv4Addr::new(10, 9, 0, number).into(),
            (Family::V6, Ends::Apart) => {
                Ipv6Addr::new(0xfd09, 0, 0, 0, 0, 0, 0, number.into()).into()
            }
            (Family::V6, Ends::Together) => {
                Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, number.into()).into()
            }
        }
    }

    /// The address of an end, as the device of `from` reaches it.
    pub fn address(&self, end: End, from: End, family: Family, port: u16) -> SocketAddr {
        match self.ip(end, family) {
            IpAddr::V4(ip) => (ip, port).into(),
            IpAddr::V6(ip) => SocketAddrV6::new(ip, port, 0, self.scope(from)).into(),
        }
    }

    fn scope(&self, end: End) -> u32 {
        match self.layout.ends {
            Ends::Apart => 0,
            Ends::Together => self.index(end),
        }
    }

    /// The versions of IP that get across.
    pub const fn families(&self) -> &'static [Family] {
        match self.layout.ends {
            Ends::Apart => &[Family::V4, Family::V6],
            Ends::Together => &[Family::V6],
        }
    }

    /// The interface index of an end's device.
    pub fn index(&self, end: End) -> u32 {
        index(self.namespace(end), end.device())
    }

    /// The end that is local: a container's. Of a veth pair in one namespace it is this
    /// side.
    pub const fn local(&self) -> End {
        match (self.layout.kind, self.layout.ends) {
            (Kind::Veth, Ends::Together) => End::Near,
            _ => End::Far,
        }
    }

    /// What the packets that an end sends count as.
    pub fn direction(&self, sender: End) -> &'static str {
        if sender == self.local() { "out" } else { "in" }
    }

    /// The hooks of the near device that chain programs, of what comes in first.
    pub const fn hooks(&self) -> [HookPoint; 2] {
        match self.layout.kind {
            Kind::Veth if matches!(self.layout.ends, Ends::Together) => {
                [HookPoint::TcxIngress, HookPoint::TcxEgress]
            }
            Kind::Veth => [HookPoint::TcxEgress, HookPoint::TcxIngress],
            Kind::NetkitL2 | Kind::NetkitL3 => [HookPoint::NetkitPrimary, HookPoint::NetkitPeer],
        }
    }

    /// The hook that packets of this sender meet.
    pub fn hook(&self, sender: End) -> HookPoint {
        let [inward, outward] = self.hooks();
        if sender == self.local() {
            outward
        } else {
            inward
        }
    }

    /// The ids of the programs on a hook of the near device, in order.
    pub fn programs(&self, hook: HookPoint) -> Vec<u32> {
        programs(&self.near, NEAR, hook)
    }

    /// How many programs are on the hooks, or filters where there are none.
    pub fn program_counts(&self) -> [usize; 2] {
        if self.layout.hooks() == "clsact" {
            return PARENTS.map(|parent| filter::programs(&self.near, NEAR, parent).len());
        }
        self.hooks().map(|hook| self.programs(hook).len())
    }

    /// What an end's device has counted.
    pub fn counters(&self, end: End) -> device::Counters {
        device::counters(self.namespace(end), end.device())
    }
}

/// The interface index of a device.
pub fn index(namespace: &Namespace, device: &str) -> u32 {
    namespace.enter(|| {
        let socket = socket(AddressFamily::INET, SocketType::DGRAM, None).unwrap();
        name_to_index(&socket, device).unwrap()
    })
}

/// The ids of the programs on a device's hook.
pub fn programs(namespace: &Namespace, device: &str, hook: HookPoint) -> Vec<u32> {
    let index = index(namespace, device);
    let chain = namespace.enter(|| chain(index, hook).unwrap());
    chain.programs.iter().map(|program| program.id).collect()
}
