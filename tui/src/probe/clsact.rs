//! The hooks of kernels before tcx (6.6): filters of the clsact queueing
//! discipline. They stand at the head, with priority 1, and return
//! `TC_ACT_UNSPEC`, which leaves the packet to the next filter.
//!
//! Unlike links, filters outlive their process. They carry its signature, so
//! that the next run removes those of a killed one.

use std::os::fd::{AsRawFd, BorrowedFd};

use anyhow::{Context, ensure};
use futures::{StreamExt, TryStreamExt};
use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::tc::{
    TcAttribute, TcBpfFlags, TcFilterBpf, TcFilterBpfOption, TcHandle, TcMessage, TcOption,
};
use rtnetlink::Handle;

use super::devices::Link;
use super::netns;
use super::owner::Owner;
use crate::model::BlockId;

/// The head of the filters.
const PRIORITY: u32 = 1;
/// Behind it, for what drops packets by a rule.
const BEHIND: u32 = PRIORITY + 1;
/// All protocols (`ETH_P_ALL`).
const ALL: u16 = 0x0003;
/// Behind the signature where an nkview has also made the queueing discipline.
const WITH_QDISC: &str = " +clsact";
/// Behind the signature of filters that drop packets by a rule; the rule's number
/// follows.
const BLOCK: &str = " block ";
/// The parents of the filters of a device: egress and ingress.
const PARENTS: [TcHandle; 2] = [
    TcHandle {
        major: u16::MAX,
        minor: TcHandle::MIN_EGRESS,
    },
    TcHandle {
        major: u16::MAX,
        minor: TcHandle::MIN_INGRESS,
    },
];

/// Filters of a device. Dropping it removes them, and the queueing discipline
/// if it was made for them.
#[derive(Debug)]
pub struct Filters {
    device: u32,
    name: String,
}

impl Filters {
    /// Puts the programs for egress and, if there is a second one, for ingress on a
    /// device; all or none.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn attach(device: u32, programs: &[BorrowedFd<'_>]) -> anyhow::Result<Self> {
        netns::apart(async || {
            let handle = netns::connect()?;
            let has_made = add_qdisc(&handle, device).await?;
            let mut name = Owner::this()?.sign();
            if has_made {
                name.push_str(WITH_QDISC);
            }
            // From here on dropping it cleans up.
            let filters = Self { device, name };
            for (parent, &program) in PARENTS.into_iter().zip(programs) {
                add_filter(&handle, device, parent, PRIORITY, program, &filters.name).await?;
            }
            Ok(filters)
        })
    }

    /// Puts the programs of a rule behind filters of ours, as [`Self::attach`].
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn attach_behind(
        device: u32,
        programs: &[BorrowedFd<'_>],
        rule: BlockId,
    ) -> anyhow::Result<Self> {
        netns::apart(async || {
            let handle = netns::connect()?;
            let name = format!("{}{BLOCK}{}", Owner::this()?.sign(), rule.0);
            let filters = Self { device, name };
            for (parent, &program) in PARENTS.into_iter().zip(programs) {
                add_filter(&handle, device, parent, BEHIND, program, &filters.name).await?;
            }
            Ok(filters)
        })
    }
}

impl Drop for Filters {
    fn drop(&mut self) {
        let Self { device, name } = self;
        // The device may be gone already.
        let _ = netns::apart(async || {
            remove(&netns::connect()?, *device, |signature| signature == *name).await
        });
    }
}

/// Removes the filters of runs that were killed; returns the names of the
/// devices.
///
/// # Errors
/// When the kernel refuses to remove one.
pub async fn remove_left_behind(handle: &Handle, links: &[Link]) -> anyhow::Result<Vec<String>> {
    let is_left_behind = |name: &str| {
        let signature = name.strip_suffix(WITH_QDISC).unwrap_or(name);
        let signature = signature
            .split_once(BLOCK)
            .map_or(signature, |(signature, _)| signature);
        Owner::parse(signature).is_some_and(Owner::is_gone)
    };
    let mut removed = Vec::new();
    for link in links {
        let count = remove(handle, link.index, is_left_behind).await;
        if count.with_context(|| format!("cannot clean up {}", link.name))? > 0 {
            removed.push(link.name.clone());
        }
    }
    Ok(removed)
}

/// Makes sure that there is one; whether it is to be removed after its last
/// filter: then it was made here, or by another nkview that still uses it.
async fn add_qdisc(handle: &Handle, device: u32) -> anyhow::Result<bool> {
    let mut message = message(device, TcHandle::CLSACT);
    message.header.handle.major = u16::MAX;
    message.attributes.push(TcAttribute::Kind("clsact".into()));
    let added = send(handle, RouteNetlinkMessage::NewQueueDiscipline(message)).await;
    match added {
        Ok(()) => Ok(true),
        Err(rtnetlink::Error::NetlinkError(error)) if error.raw_code() == -libc::EEXIST => {
            // The same place, and the kernel takes a filter for egress there, but
            // runs it at ingress.
            ensure!(
                !has_ingress_qdisc(handle, device).await?,
                "an ingress queueing discipline stands where clsact has to; \
                 `tc qdisc delete dev DEVICE ingress` removes it, and what filters it has"
            );
            made_by_another(handle, device).await
        }
        Err(error) => Err(error).context("cannot add a clsact queueing discipline"),
    }
}

/// Whether there is the older queueing discipline that clsact replaces.
async fn has_ingress_qdisc(handle: &Handle, device: u32) -> anyhow::Result<bool> {
    let mut qdiscs = handle.qdisc().get().execute();
    let mut is_there = false;
    // To its end: the answer is not to be left half read.
    while let Some(qdisc) = qdiscs
        .try_next()
        .await
        .context("cannot list the queueing disciplines")?
    {
        let is_ingress = |attribute: &TcAttribute| matches!(attribute, TcAttribute::Kind(kind) if kind == "ingress");
        is_there |=
            qdisc.header.index == device.cast_signed() && qdisc.attributes.iter().any(is_ingress);
    }
    Ok(is_there)
}

/// Whether the queueing discipline was made by an nkview that still uses it.
async fn made_by_another(handle: &Handle, device: u32) -> anyhow::Result<bool> {
    for parent in PARENTS {
        let filters = filters(handle, device, parent).await?;
        if filters.iter().filter_map(name_of).any(is_of_maker) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_of_maker(name: &str) -> bool {
    let signature = name.strip_suffix(WITH_QDISC);
    signature.and_then(Owner::parse).is_some()
}

async fn add_filter(
    handle: &Handle,
    device: u32,
    parent: TcHandle,
    priority: u32,
    program: BorrowedFd<'_>,
    name: &str,
) -> anyhow::Result<()> {
    let mut message = message(device, parent);
    message.header.info = priority << 16 | u32::from(ALL.to_be());
    message.attributes = vec![
        TcAttribute::Kind(TcFilterBpf::KIND.into()),
        TcAttribute::Options(vec![
            TcOption::Bpf(TcFilterBpfOption::ProgFd(
                program.as_raw_fd().unsigned_abs(),
            )),
            TcOption::Bpf(TcFilterBpfOption::ProgName(name.into())),
            TcOption::Bpf(TcFilterBpfOption::Flags(TcBpfFlags::DirectAction)),
        ]),
    ];
    send(handle, RouteNetlinkMessage::NewTrafficFilter(message))
        .await
        .context("cannot add a filter to the clsact queueing discipline")
}

/// Removes a device's filters with a name that is `meant`, and the queueing
/// discipline if it was made for them and has no other user. Returns how many
/// filters there were.
async fn remove(
    handle: &Handle,
    device: u32,
    meant: impl Fn(&str) -> bool,
) -> anyhow::Result<usize> {
    let mut removed = 0;
    let mut others = 0;
    let mut made_qdisc = false;
    for parent in PARENTS {
        for filter in filters(handle, device, parent).await? {
            let Some(name) = name_of(&filter).filter(|name| meant(name)) else {
                others += 1;
                continue;
            };
            made_qdisc |= name.ends_with(WITH_QDISC);
            let mut message = message(device, parent);
            message.header.handle = filter.header.handle;
            message.header.info = filter.header.info;
            message
                .attributes
                .push(TcAttribute::Kind(TcFilterBpf::KIND.into()));
            send(handle, RouteNetlinkMessage::DelTrafficFilter(message))
                .await
                .context("cannot remove a filter")?;
            removed += 1;
        }
    }
    if made_qdisc && others == 0 {
        let mut message = message(device, TcHandle::CLSACT);
        message.header.handle.major = u16::MAX;
        send(handle, RouteNetlinkMessage::DelQueueDiscipline(message))
            .await
            .context("cannot remove the clsact queueing discipline")?;
    }
    Ok(removed)
}

/// The filters of a hook that have a handle; each priority has one without.
async fn filters(
    handle: &Handle,
    device: u32,
    parent: TcHandle,
) -> Result<Vec<TcMessage>, rtnetlink::Error> {
    let index = device.cast_signed();
    let mut request = handle.traffic_filter(index).get();
    request = if parent.minor == TcHandle::MIN_INGRESS {
        request.ingress()
    } else {
        request.egress()
    };
    match request.execute().try_collect::<Vec<_>>().await {
        Ok(filters) => Ok(filters
            .into_iter()
            .filter(|filter| filter.header.handle != TcHandle::UNSPEC)
            .collect()),
        // The device has no such queueing discipline.
        Err(rtnetlink::Error::NetlinkError(_)) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn name_of(filter: &TcMessage) -> Option<&str> {
    filter.attributes.iter().find_map(|attribute| {
        let TcAttribute::Options(options) = attribute else {
            return None;
        };
        options.iter().find_map(|option| match option {
            TcOption::Bpf(TcFilterBpfOption::ProgName(name)) => Some(name.as_str()),
            _ => None,
        })
    })
}

fn message(device: u32, parent: TcHandle) -> TcMessage {
    let mut message = TcMessage::default();
    message.header.index = device.cast_signed();
    message.header.parent = parent;
    message
}

/// A request that is answered with success or an error.
async fn send(handle: &Handle, message: RouteNetlinkMessage) -> Result<(), rtnetlink::Error> {
    let creates = matches!(
        message,
        RouteNetlinkMessage::NewQueueDiscipline(_) | RouteNetlinkMessage::NewTrafficFilter(_)
    );
    let mut request = NetlinkMessage::from(message);
    request.header.flags = NLM_F_REQUEST | NLM_F_ACK;
    if creates {
        request.header.flags |= NLM_F_CREATE | NLM_F_EXCL;
    }
    let mut answers = handle.clone().request(request)?;
    while let Some(answer) = answers.next().await {
        if let NetlinkPayload::Error(error) = answer.payload
            && error.code.is_some()
        {
            return Err(rtnetlink::Error::NetlinkError(error));
        }
    }
    Ok(())
}
