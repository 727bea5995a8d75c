//! `nkview demo`: a small network with real traffic, for the first look.
//!
//! A container's namespace and the namespace of the world around it, joined by
//! a netkit pair, or by a veth pair where the kernel has no netkit. The
//! namespaces have no name: the kernel removes them, and the pair with them,
//! when the process ends, however it ends.

mod bulk;
mod cast;
mod container;
mod dns;
mod exchange;
mod faults;
mod http;
mod namespace;
mod network;
mod outside;
mod ping;
mod side;
mod stage;
mod tcp;
mod udp;

use anyhow::Context;

use network::{Kind, Network};
use side::Side;
use stage::Stage;

/// The world's end of the pair, which is the one to watch.
const DEVICE: &str = "demo0";
/// The container's end.
const CONTAINER_DEVICE: &str = "eth0";

/// The running demo. Dropping it ends the traffic.
pub struct Demo {
    kind: Kind,
    has_ipv6: bool,
    _container: Side,
    _outside: Side,
}

impl Demo {
    /// Moves this process into a network namespace of its own, builds the
    /// network there and starts the traffic.
    ///
    /// With `faults`, some of it goes wrong from time to time.
    ///
    /// A thread that exists already stays where it is, and with it what it
    /// does: call this first, before a runtime is built.
    ///
    /// # Errors
    /// The process may not make namespaces and devices, or the kernel has
    /// neither netkit nor veth.
    pub fn enter(faults: bool) -> anyhow::Result<Self> {
        let container = namespace::make()?;
        namespace::leave()?;
        let kind = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot build a runtime to set up the demo's network")?
            .block_on(async {
                let network = Network::connect()?;
                let kind = network
                    .add_pair(DEVICE, CONTAINER_DEVICE, &container)
                    .await?;
                network.set_up("lo").await?;
                network.set_up(DEVICE).await?;
                anyhow::Ok(kind)
            })?;
        let has_ipv6 = namespace::has_ipv6();
        let set = async move |stage: &mut Stage| {
            container::set(stage).await?;
            if faults {
                faults::container(stage).await?;
            }
            Ok(())
        };
        let mut container = Side::start("demo container", Some(container), has_ipv6, set)?;
        let set = async move |stage: &mut Stage| {
            outside::set(stage).await?;
            if faults {
                faults::outside(stage);
            }
            Ok(())
        };
        let mut outside = Side::start("demo outside", None, has_ipv6, set)?;
        // Only now, so that no client connects to a service that is not up yet.
        container.play();
        outside.play();
        Ok(Self {
            kind,
            has_ipv6,
            _container: container,
            _outside: outside,
        })
    }

    /// The device to watch.
    #[must_use]
    pub fn device(&self) -> &str {
        DEVICE
    }

    /// Whether it is a netkit primary; otherwise it is a veth device.
    #[must_use]
    pub fn is_netkit(&self) -> bool {
        self.kind == Kind::Netkit
    }

    /// What the user should know of it, in a line.
    #[must_use]
    pub fn remark(&self) -> String {
        let pair = match self.kind {
            Kind::Netkit => "netkit, a private pair",
            Kind::Veth => "veth (no netkit in this kernel)",
        };
        let families = if self.has_ipv6 { "" } else { ", without IPv6" };
        format!("demo: {pair}{families}")
    }
}
