//! Programs that run before nkview's hooks: what they keep, nkview never sees.

use super::{Device, DeviceKind, HookChain, HookPoint, HookProgram, Hooks, Watch};

#[cfg(test)]
mod tests;

impl Device {
    /// What runs before nkview on the way of a packet through this device, one
    /// sentence each. Of a device that is not watched it is what would, but for
    /// programs on the hooks themselves: nkview attaches at their head.
    #[must_use]
    pub fn blind_spots(&self) -> Vec<String> {
        let own = self.chains().iter().filter(|chain| !is_filters(chain));
        let mut spots: Vec<_> = own.filter_map(before_ours).collect();
        spots.extend(self.earlier_programs());
        spots
    }

    /// Those of the [blind spots](Self::blind_spots) that are not on a hook that
    /// chains programs.
    #[must_use]
    pub fn earlier_programs(&self) -> Vec<String> {
        let filters = self.chains().iter().filter(|chain| is_filters(chain));
        let mut spots: Vec<_> = filters.filter_map(before_ours).collect();
        let is_netkit = match self.watch {
            Watch::Yes { hooks, .. } => hooks == Hooks::Netkit,
            _ => matches!(self.kind, DeviceKind::Netkit(_)),
        };
        if is_netkit {
            // A pair's hooks run when an end transmits, after its egress
            // (`netkit_xmit()` in `drivers/net/netkit.c`).
            let egress = self.chains().iter().filter(|chain| {
                matches!(chain.hook, HookPoint::TcxEgress | HookPoint::ClsactEgress)
            });
            spots.extend(egress.filter_map(|chain| {
                let names = names(chain.programs.iter().filter(|it| !it.is_nkview()))?;
                let owner = if chain.of_peer { "the peer's " } else { "" };
                Some(format!(
                    "{names} on {owner}{} runs before nkview: what it drops or redirects is not \
                     counted",
                    chain.hook.name()
                ))
            }));
        } else if let Some(names) = names(self.xdp.iter()) {
            spots.push(format!(
                "XDP program {names} runs before nkview: what it drops or redirects is not counted"
            ));
        }
        spots
    }
}

const fn is_filters(chain: &HookChain) -> bool {
    matches!(
        chain.hook,
        HookPoint::ClsactIngress | HookPoint::ClsactEgress
    )
}

/// The names of some programs; nothing where there are none.
fn names<'a>(programs: impl Iterator<Item = &'a HookProgram>) -> Option<String> {
    let names: Vec<_> = programs.map(HookProgram::label).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

/// The programs of others before ours in a chain.
fn before_ours(chain: &HookChain) -> Option<String> {
    let ours = chain.programs.iter().position(|program| program.ours)?;
    let before = chain.programs[..ours].iter();
    let (count, run, they) = match before.filter(|program| !program.is_nkview()).count() {
        0 => return None,
        1 => (1, "program runs", "it keeps"),
        count => (count, "programs run", "they keep"),
    };
    Some(format!(
        "{count} {run} before nkview on {}: what {they} is not counted",
        chain.hook
    ))
}
