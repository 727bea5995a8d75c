//! Attaching the programs to a device's hooks, at the head of each chain, and
//! keeping every packet's fate as it would be without them.
//!
//! [`policy`] says which verdict that takes; [`Shared::follow`] and
//! [`Shared::apply_policy`] keep it right.
//!
//! The race that remains: after another program arrives at a closed hook, the
//! last one leaves, or the policy changes, packets are dropped, or let pass,
//! until the next look.

use probe_common::{Attachment, Direction, verdict};

pub use self::error::AttachError;
use self::filters::FilterHooks;
use self::hook::Hook;
pub use self::shared::{Shared, Which};
use super::block::Blocker;
use super::block::tally::Tally;
use super::devices::Link;
use super::inventory::PeerLocation;
use super::object::{Object, ObjectError, Program};
use super::{policy, preflight};
use crate::model::{BlockId, DeviceKind, Hooks, LocalEnd};
use crate::sys::HookPoint;

mod error;
mod filters;
mod hook;
mod shared;

/// A watched device. Dropping it takes the programs off the hooks.
pub enum Attached {
    /// Links to hooks that chain programs: of what the device sends, and of what it
    /// receives; of a loopback device one for both.
    Chained(Vec<Hook>),
    /// Filters, where the kernel does not have those.
    Filters(FilterHooks),
}

/// The kind of hooks that a device has on this kernel.
#[must_use]
pub fn hooks_of(kind: &DeviceKind) -> Hooks {
    match kind {
        DeviceKind::Netkit(_) => Hooks::Netkit,
        DeviceKind::NetkitPeer | DeviceKind::Other(_) if preflight::has_tcx() => Hooks::Tcx,
        DeviceKind::NetkitPeer | DeviceKind::Other(_) => Hooks::Clsact,
    }
}

impl Attached {
    /// Attaches to the hooks of a device; to all or to none. With a far end,
    /// what that receives is counted there.
    ///
    /// # Errors
    /// When a program is refused or a hook does not take it.
    pub fn new(
        object: &Object,
        link: &Link,
        slot: u32,
        hooks: Hooks,
        local: LocalEnd,
        far: Option<&PeerLocation>,
    ) -> Result<Self, AttachError> {
        let load = |direction| load(object, link, slot, direction);
        // What leaves a loopback device has arrived. There it still has its socket.
        let is_loopback = is_loopback(link);
        let (sending, receiving) = match hooks {
            Hooks::Netkit => (HookPoint::NetkitPrimary, HookPoint::NetkitPeer),
            Hooks::Tcx => (HookPoint::TcxEgress, HookPoint::TcxIngress),
            Hooks::Clsact => {
                let programs = if is_loopback {
                    vec![load(Attachment::EITHER)?]
                } else {
                    vec![load(local.sent() as u32)?, load(local.received() as u32)?]
                };
                return FilterHooks::attach(link.index, programs).map(Self::Filters);
            }
        };
        let attach =
            |program, hook| Hook::attach(program, link.index, hook, policy::is_closed(link, hook));
        if is_loopback {
            let hook = attach(load(Attachment::EITHER)?, sending)?;
            return Ok(Self::Chained(vec![hook]));
        }
        let sent = load(local.sent() as u32)?;
        let sent = match far {
            // There it is what the far end receives.
            Some(far) => Hook::attach_peer(sent, far)?,
            None => attach(sent, sending)?,
        };
        let received = attach(load(local.received() as u32)?, receiving)?;
        Ok(Self::Chained(vec![sent, received]))
    }

    fn block(&mut self, blocker: &Blocker, tally: &Tally) -> Result<(), AttachError> {
        match self {
            Self::Chained(hooks) => {
                for hook in hooks {
                    hook.block(blocker, tally)?;
                }
                Ok(())
            }
            Self::Filters(filters) => filters.block(blocker, tally),
        }
    }

    fn unblock(&mut self, rule: BlockId) {
        match self {
            Self::Chained(hooks) => hooks.iter_mut().for_each(|hook| hook.unblock(rule)),
            Self::Filters(filters) => filters.unblock(rule),
        }
    }

    /// The ids of its programs.
    #[must_use]
    pub fn programs(&self) -> Vec<u32> {
        match self {
            Self::Chained(hooks) => hooks.iter().map(Hook::program).collect(),
            Self::Filters(filters) => filters.programs(),
        }
    }
}

fn is_loopback(link: &Link) -> bool {
    link.kind == DeviceKind::Other("loopback".to_owned())
}

fn direction_of(identity: Attachment) -> Direction {
    Direction::from_number(identity.direction).unwrap_or(Direction::In)
}

fn load(object: &Object, link: &Link, slot: u32, direction: u32) -> Result<Program, ObjectError> {
    object.load(Attachment {
        device: slot,
        direction,
        verdict: verdict::NEXT,
        link_layer: link.link_layer as u32,
    })
}
