//! Hooks and the programs on them.

use serde::{Deserialize, Serialize};

/// A hook that runs several programs in turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum HookPoint {
    /// What a netkit primary transmits: host to container.
    NetkitPrimary,
    /// What a netkit peer transmits: container to host.
    NetkitPeer,
    /// What a device receives.
    TcxIngress,
    /// What a device sends.
    TcxEgress,
    /// What a device receives, behind tcx: filters of clsact or ingress.
    ClsactIngress,
    /// What a device sends, behind tcx: filters of clsact.
    ClsactEgress,
}

impl HookPoint {
    /// The name of `ip` and `bpftool` users.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NetkitPrimary => "netkit primary",
            Self::NetkitPeer => "netkit peer",
            Self::TcxIngress => "tcx ingress",
            Self::TcxEgress => "tcx egress",
            Self::ClsactIngress => "clsact ingress",
            Self::ClsactEgress => "clsact egress",
        }
    }
}

impl std::fmt::Display for HookPoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NetkitPrimary => "the netkit primary's hook",
            Self::NetkitPeer => "the netkit peer's hook",
            Self::TcxIngress | Self::TcxEgress | Self::ClsactIngress | Self::ClsactEgress => {
                self.name()
            }
        })
    }
}

/// The programs of a hook, in the order in which they run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookChain {
    /// The hook.
    pub hook: HookPoint,
    /// Whether it is the peer's own, in the peer's namespace. Both hooks of
    /// netkit belong to the primary.
    pub of_peer: bool,
    /// The programs; at least one.
    pub programs: Vec<HookProgram>,
}

/// What the kernel lists the programs of any nkview as.
pub const PROGRAM: &str = "nkview";

/// A program on a hook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookProgram {
    /// Its id; 0 for a filter of clsact that is no eBPF program.
    pub id: u32,
    /// Its name, where the user may ask for it; of a filter without a program what
    /// kind of filter it is.
    pub name: Option<String>,
    /// The start of the hash of its instructions, in hexadecimal.
    pub tag: Option<String>,
    /// The link that attaches it, if one does.
    pub link: Option<u32>,
    /// Where it, or its link, is pinned.
    pub pinned: Option<String>,
    /// Whether this nkview has attached it.
    pub ours: bool,
}

impl HookProgram {
    /// Its name, as far as it is known.
    #[must_use]
    pub fn label(&self) -> &str {
        self.name.as_deref().unwrap_or("program")
    }

    /// Whether it is known to be of an nkview, this one or another, and keeps no
    /// packets.
    #[must_use]
    pub fn is_nkview(&self) -> bool {
        self.ours || self.name.as_deref() == Some(PROGRAM)
    }
}

/// The kind of hook that a device's programs are attached to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Hooks {
    /// Both ends of a netkit pair, through the primary (kernel 6.7).
    Netkit,
    /// tcx ingress and egress (kernel 6.6).
    Tcx,
    /// Filters of the clsact queueing discipline (kernels before tcx).
    Clsact,
}

impl Hooks {
    /// The name that users know.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Netkit => "netkit",
            Self::Tcx => "tcx",
            Self::Clsact => "clsact",
        }
    }
}
