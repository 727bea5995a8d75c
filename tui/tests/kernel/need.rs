//! What a test needs that not every kernel has.

use std::process::Command;
use std::sync::OnceLock;

use nkview::probe::trace::Tracer;
use nkview::sys::{HookPoint, chain};

use crate::foreign;
use crate::namespace::{Namespace, run};
use crate::program;

/// Something that a kernel has or has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Netkit devices, and an `ip` that can make them.
    Netkit,
    /// No netkit devices: what nkview does then.
    NoNetkit,
    /// The hooks of any device.
    Tcx,
    /// No such hooks: the filters that nkview uses then.
    NoTcx,
    /// Programs can be tested on packets that are not linear.
    PagedTests,
    /// VLAN devices.
    Vlan,
    /// tshark, which reads what is captured.
    Tshark,
    /// OpenSSH, its client and its server.
    Sshd,
    /// promtool, which reads metrics as Prometheus does.
    Promtool,
    /// nfcapd, which collects IPFIX, and nfdump, which reads what it collected.
    Nfdump,
    /// A machine that is not emulated, as what is tested depends on neither the
    /// kernel's version nor its devices, and would take long.
    FullSpeed,
    /// What the tracing programs need.
    Tracing,
    /// nftables, and its command.
    Nftables,
    /// The queueing discipline that keeps a rate, and drops what is beyond it.
    Tbf,
}

impl Need {
    const ALL: [Self; 14] = [
        Self::Netkit,
        Self::NoNetkit,
        Self::Tcx,
        Self::NoTcx,
        Self::PagedTests,
        Self::Vlan,
        Self::Tshark,
        Self::Sshd,
        Self::Promtool,
        Self::Nfdump,
        Self::FullSpeed,
        Self::Tracing,
        Self::Nftables,
        Self::Tbf,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Netkit => "netkit",
            Self::NoNetkit => "no-netkit",
            Self::Tcx => "tcx",
            Self::NoTcx => "no-tcx",
            Self::PagedTests => "paged-tests",
            Self::Vlan => "vlan",
            Self::Tshark => "tshark",
            Self::Sshd => "sshd",
            Self::Promtool => "promtool",
            Self::Nfdump => "nfdump",
            Self::FullSpeed => "full-speed",
            Self::Tracing => "tracing",
            Self::Nftables => "nftables",
            Self::Tbf => "tbf",
        }
    }

    /// Why it is not there, found by trying.
    pub fn missing(self) -> Option<&'static str> {
        static NETKIT: OnceLock<Option<String>> = OnceLock::new();
        static TCX: OnceLock<bool> = OnceLock::new();
        static PAGED_TESTS: OnceLock<bool> = OnceLock::new();
        static VLAN: OnceLock<Option<String>> = OnceLock::new();
        static TRACING: OnceLock<Option<String>> = OnceLock::new();
        static NFTABLES: OnceLock<Option<String>> = OnceLock::new();
        static TBF: OnceLock<Option<String>> = OnceLock::new();
        let (found, command) = match self {
            Self::Netkit => (&NETKIT, "link add try0 type netkit mode l3 peer name try1"),
            Self::NoNetkit => {
                let has = Self::Netkit.missing().is_none();
                return has.then_some("there is netkit here");
            }
            Self::Tcx => {
                // The loopback device has the index 1 everywhere.
                let ask = || chain(1, HookPoint::TcxIngress).is_ok();
                let has = *TCX.get_or_init(|| Namespace::new().enter(ask));
                return (!has).then_some("there is no tcx here");
            }
            Self::NoTcx => {
                let has = Self::Tcx.missing().is_none();
                return has.then_some("there is tcx here");
            }
            Self::Tshark => {
                let has = foreign::are_there(&["tshark", "capinfos"]);
                return (!has).then_some("tshark or capinfos is not installed");
            }
            Self::Sshd => {
                let has = foreign::are_there(&["ssh", "ssh-keygen", "sshd"]);
                return (!has).then_some(
                    "the client or the server of OpenSSH is not there, which \
                     `cargo xtask test` fetches",
                );
            }
            Self::Promtool => {
                let has = foreign::are_there(&["promtool"]);
                return (!has).then_some("promtool is not there, which `cargo xtask test` fetches");
            }
            Self::Nfdump => {
                let has = foreign::are_there(&["nfcapd", "nfdump"]);
                return (!has)
                    .then_some("nfcapd or nfdump is not there, which `cargo xtask test` fetches");
            }
            Self::FullSpeed => {
                return is_emulated().then_some(
                    "it depends on no version of the kernel, and takes long when emulated",
                );
            }
            Self::PagedTests => {
                let has = *PAGED_TESTS.get_or_init(program::can_be_tested_paged);
                return (!has).then_some("programs are tested on linear packets only here");
            }
            Self::Tracing => {
                let try_it = || Tracer::start(0).err();
                return TRACING.get_or_init(try_it).as_deref();
            }
            Self::Nftables => {
                let mut nft = Command::new("nft");
                let try_it = || {
                    Namespace::new().enter(|| run(nft.args(["-f", "-"]), "add table ip t").err())
                };
                return NFTABLES.get_or_init(try_it).as_deref();
            }
            Self::Tbf => {
                let args = "qdisc add dev lo root tbf rate 8kbit burst 100 limit 100";
                let mut tc = Command::new("tc");
                let try_it = || Namespace::new().enter(|| run(tc.args(args.split(' ')), "").err());
                return TBF.get_or_init(try_it).as_deref();
            }
            Self::Vlan => (
                &VLAN,
                "link add try0 type veth peer name try1\n\
                 link add link try0 name try2 type vlan id 7",
            ),
        };
        let found = found.get_or_init(|| {
            let said = Namespace::new().try_ip(command).err()?;
            let said = said.lines().next().unwrap_or_default();
            Some(format!("there is no {} here: {said}", self.name()))
        });
        found.as_deref()
    }
}

/// Whether the processor is emulated.
fn is_emulated() -> bool {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    cpu.contains("QEMU")
}

/// What `NKVIEW_REQUIRE` names.
#[derive(Clone)]
pub struct Required(Vec<Need>);

impl Required {
    /// Reads the variable.
    pub fn from_environment() -> Self {
        let names = std::env::var("NKVIEW_REQUIRE").unwrap_or_default();
        let need = |name: &str| {
            let known = Need::ALL.into_iter().find(|need| need.name() == name);
            known.unwrap_or_else(|| panic!("NKVIEW_REQUIRE: nothing is called {name}"))
        };
        let names = names.split(',').filter(|name| !name.is_empty());
        Self(names.map(need).collect())
    }

    /// Whether a test that needs it must run.
    pub fn has(&self, need: Need) -> bool {
        self.0.contains(&need)
    }
}
