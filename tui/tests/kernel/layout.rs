//! The kinds of pairs, and what watches them.

use std::fmt::{self, Display, Formatter};

use crate::need::Need;

/// What the pair is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Watched through tcx.
    Veth,
    /// With MAC addresses, watched through both netkit hooks.
    NetkitL2,
    /// The same without MAC addresses.
    NetkitL3,
}

/// Where its ends are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// In namespaces of their own.
    Apart,
    /// In the same namespace, where only link-local addresses get across.
    Together,
}

/// A kind of pair, and where its ends are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    pub kind: Kind,
    pub ends: Ends,
}

impl Layout {
    /// Every kind, with its ends apart.
    pub const APART: [Self; 3] = [
        Self::apart(Kind::Veth),
        Self::apart(Kind::NetkitL2),
        Self::apart(Kind::NetkitL3),
    ];

    /// Every kind, and both places of the ends of netkit.
    pub const ALL: [Self; 5] = [
        Self::apart(Kind::Veth),
        Self::apart(Kind::NetkitL2),
        Self::apart(Kind::NetkitL3),
        Self::together(Kind::NetkitL2),
        Self::together(Kind::NetkitL3),
    ];

    /// The kinds whose packets have MAC addresses.
    pub const ETHERNET: [Self; 2] = [Self::apart(Kind::Veth), Self::apart(Kind::NetkitL2)];

    /// Two namespaces.
    pub const fn apart(kind: Kind) -> Self {
        Self {
            kind,
            ends: Ends::Apart,
        }
    }

    /// One namespace.
    pub const fn together(kind: Kind) -> Self {
        Self {
            kind,
            ends: Ends::Together,
        }
    }

    /// What the kernel must have for it.
    pub fn needs(self) -> Vec<Need> {
        match self.kind {
            Kind::Veth => Vec::new(),
            Kind::NetkitL2 | Kind::NetkitL3 => vec![Need::Netkit],
        }
    }

    /// What the kernel must have for programs to be chained on its hooks.
    pub const fn chained(self) -> Need {
        match self.kind {
            Kind::Veth => Need::Tcx,
            Kind::NetkitL2 | Kind::NetkitL3 => Need::Netkit,
        }
    }

    /// What nkview watches the near device through on this kernel, as it calls
    /// it.
    pub fn hooks(self) -> &'static str {
        match self.kind {
            Kind::NetkitL2 | Kind::NetkitL3 => "netkit",
            Kind::Veth if Need::Tcx.missing().is_none() => "tcx",
            Kind::Veth => "clsact",
        }
    }
}

impl Display for Layout {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            Kind::Veth => "veth",
            Kind::NetkitL2 => "netkit_l2",
            Kind::NetkitL3 => "netkit_l3",
        })?;
        match self.ends {
            Ends::Apart => Ok(()),
            Ends::Together => f.write_str("_in_one_namespace"),
        }
    }
}
