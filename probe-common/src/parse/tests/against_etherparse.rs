//! The parser against etherparse, which reads packets in another way: on random
//! packets, on damaged ones and on noise they must agree wherever etherparse
//! has an opinion.

extern crate std;

use std::vec::Vec;

use etherparse::{
    Ipv6FragmentHeader, Ipv6RawExtHeader, LaxLinkExtSlice, LaxNetSlice, LaxSlicedPacket,
    PacketBuilder, TransportSlice, VlanId,
};
use proptest::collection::vec;
use proptest::prelude::*;

use super::super::{Headers, mapped, number::ether, number::icmp, number::ip, parse};
use crate::{Direction, FlowKey, KeyFlags, LinkLayer};

/// A packet that etherparse builds.
#[derive(Clone, Debug)]
struct Recipe {
    vlans: Vec<u16>,
    network: Network,
    transport: Transport,
    payload: Vec<u8>,
}

#[derive(Clone, Debug)]
enum Network {
    V4([u8; 4], [u8; 4], u8),
    V6([u8; 16], [u8; 16], u8, Extensions),
}

/// Lengths of the options, in units of eight bytes beyond the first.
#[derive(Clone, Debug)]
struct Extensions {
    hop_by_hop: Option<u8>,
    destination: Option<u8>,
    is_first_fragment: bool,
}

#[derive(Clone, Copy, Debug)]
enum Transport {
    Tcp(u16, u16, u8),
    Udp(u16, u16),
    Echo(u16, bool),
}

fn recipe() -> impl Strategy<Value = Recipe> {
    let extensions = (
        proptest::option::of(0_u8..20),
        proptest::option::of(0_u8..20),
        any::<bool>(),
    )
        .prop_map(|(hop_by_hop, destination, is_first_fragment)| Extensions {
            hop_by_hop,
            destination,
            is_first_fragment,
        });
    let v4 = any::<([u8; 4], [u8; 4], u8)>().prop_map(|(a, b, ttl)| Network::V4(a, b, ttl));
    let v6 = (any::<([u8; 16], [u8; 16], u8)>(), extensions)
        .prop_map(|((a, b, limit), extensions)| Network::V6(a, b, limit, extensions));
    let transport = prop_oneof![
        any::<(u16, u16, u8)>().prop_map(|(a, b, flags)| Transport::Tcp(a, b, flags)),
        any::<(u16, u16)>().prop_map(|(a, b)| Transport::Udp(a, b)),
        any::<(u16, bool)>().prop_map(|(id, is_reply)| Transport::Echo(id, is_reply)),
    ];
    let vlans = vec(0_u16..4096, 0..=2);
    (
        vlans,
        prop_oneof![v4, v6],
        transport,
        vec(any::<u8>(), 0..40),
    )
        .prop_map(|(vlans, network, transport, payload)| Recipe {
            vlans,
            network,
            transport,
            payload,
        })
}

/// A frame of some type with random bytes in it.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    let ether_type = prop_oneof![
        Just(ether::IPV4),
        Just(ether::IPV6),
        Just(ether::ARP),
        Just(ether::VLAN),
        any::<u16>(),
    ];
    (ether_type, vec(any::<u8>(), 0..120))
        .prop_map(|(ether_type, noise)| super::ethernet(ether_type, &noise))
}

/// The packet's bytes, with the extension headers put in by hand behind the
/// IPv6 header that etherparse wrote.
fn build(recipe: &Recipe) -> Vec<u8> {
    let builder = PacketBuilder::ethernet2([2; 6], [4; 6]);
    let id = |vlan: u16| VlanId::try_new(vlan).unwrap();
    let mut extensions = Vec::new();
    let mut packet = Vec::new();
    macro_rules! network {
        ($builder:expr) => {
            match &recipe.network {
                Network::V4(a, b, ttl) => $builder.ipv4(*a, *b, *ttl),
                Network::V6(a, b, limit, _) => $builder.ipv6(*a, *b, *limit),
            }
        };
    }
    let step = match recipe.vlans.as_slice() {
        [] => network!(builder),
        [one] => network!(builder.single_vlan(id(*one))),
        [one, two, ..] => network!(builder.double_vlan(id(*one), id(*two))),
    };
    let is_v4 = matches!(recipe.network, Network::V4(..));
    let payload = &recipe.payload;
    match recipe.transport {
        Transport::Tcp(a, b, flags) => {
            let mut tcp = etherparse::TcpHeader::new(a, b, 1, 2);
            tcp.fin = flags & 1 != 0;
            tcp.syn = flags & 2 != 0;
            tcp.rst = flags & 4 != 0;
            tcp.psh = flags & 8 != 0;
            tcp.ack = flags & 16 != 0;
            tcp.urg = flags & 32 != 0;
            tcp.ece = flags & 64 != 0;
            tcp.cwr = flags & 128 != 0;
            step.tcp_header(tcp).write(&mut packet, payload).unwrap();
        }
        Transport::Udp(a, b) => step.udp(a, b).write(&mut packet, payload).unwrap(),
        Transport::Echo(id, is_reply) => match (is_v4, is_reply) {
            (true, false) => step
                .icmpv4_echo_request(id, 1)
                .write(&mut packet, payload)
                .unwrap(),
            (true, true) => step
                .icmpv4_echo_reply(id, 1)
                .write(&mut packet, payload)
                .unwrap(),
            (false, false) => step
                .icmpv6_echo_request(id, 1)
                .write(&mut packet, payload)
                .unwrap(),
            (false, true) => step
                .icmpv6_echo_reply(id, 1)
                .write(&mut packet, payload)
                .unwrap(),
        },
    }
    if let Network::V6(.., wanted) = &recipe.network {
        let at = 14 + recipe.vlans.len() * 4;
        let mut next = packet[at + 6];
        let options = |units: u8, next: u8| {
            let content = std::vec![0; 6 + usize::from(units) * 8];
            let header = Ipv6RawExtHeader::new_raw(next.into(), &content).unwrap();
            header.to_bytes().to_vec()
        };
        // From the last to the first, as each names the one after it.
        if wanted.is_first_fragment {
            let offset = etherparse::IpFragOffset::ZERO;
            let header = Ipv6FragmentHeader::new(next.into(), offset, false, 9);
            extensions.splice(0..0, header.to_bytes());
            next = ip::FRAGMENT;
        }
        if let Some(units) = wanted.destination {
            extensions.splice(0..0, options(units, next));
            next = ip::DESTINATION_OPTIONS;
        }
        if let Some(units) = wanted.hop_by_hop {
            extensions.splice(0..0, options(units, next));
            next = ip::HOP_BY_HOP;
        }
        packet[at + 6] = next;
        let length = u16::from_be_bytes([packet[at + 4], packet[at + 5]]);
        let length = length + u16::try_from(extensions.len()).unwrap();
        packet[at + 4..at + 6].copy_from_slice(&length.to_be_bytes());
        packet.splice(at + 40..at + 40, extensions);
    }
    packet
}

/// What the parser must find in the recipe's packet, going out.
fn wanted(recipe: &Recipe) -> Headers {
    let (local, remote, hop_limit, ether_type) = match &recipe.network {
        Network::V4(a, b, ttl) => (mapped(*a), mapped(*b), *ttl, ether::IPV4),
        Network::V6(a, b, limit, _) => (*a, *b, *limit, ether::IPV6),
    };
    let is_v4 = ether_type == ether::IPV4;
    let (protocol, local_port, remote_port, tcp_flags) = match recipe.transport {
        Transport::Tcp(a, b, flags) => (ip::TCP, a, b, flags),
        Transport::Udp(a, b) => (ip::UDP, a, b, 0),
        Transport::Echo(id, _) if is_v4 => (ip::ICMP, id, icmp::ECHO.into(), 0),
        Transport::Echo(id, _) => (ip::ICMPV6, id, icmp::ECHO_V6.into(), 0),
    };
    let mut ids = recipe.vlans.iter().copied().skip_while(|&id| id == 0);
    let is_tcp = protocol == ip::TCP;
    Headers {
        key: FlowKey {
            local,
            remote,
            device: 1,
            ether_type,
            local_port,
            remote_port,
            protocol,
            flags: 0,
            vlan: ids.next().unwrap_or(0),
            inner_vlan: ids.next().unwrap_or(0),
        },
        tcp_flags,
        hop_limit,
        window: if is_tcp { 2 } else { 0 },
        sequence: u32::from(is_tcp),
        acknowledgment: 0,
        payload: match recipe.transport {
            Transport::Echo(..) => 0,
            _ => recipe.payload.len() as u32,
        },
    }
}

/// Holds what was found against etherparse's reading of the same bytes.
fn agree(packet: &[u8]) -> Result<(), TestCaseError> {
    let found = parse(packet, LinkLayer::Ethernet, 1, Direction::Out);
    let key = found.key;
    let Ok(read) = LaxSlicedPacket::from_ethernet(packet) else {
        prop_assert_eq!(key.flags, KeyFlags::MALFORMED);
        return Ok(());
    };
    let is_vlan = |ext: &LaxLinkExtSlice<'_>| matches!(ext, LaxLinkExtSlice::Vlan(_));
    if read.link_exts.len() > super::super::VLAN_TAGS || !read.link_exts.iter().all(is_vlan) {
        // Deeper than the parser goes, or MACsec, which it does not look into.
        prop_assert!(!matches!(
            key.ether_type,
            ether::IPV4 | ether::IPV6 | ether::ARP
        ));
        return Ok(());
    }
    match &read.net {
        Some(LaxNetSlice::Ipv4(v4)) => {
            if key.ether_type != ether::IPV4 {
                // etherparse believes the version, the parser the Ethertype.
                prop_assert_eq!(key.flags, KeyFlags::MALFORMED);
                return Ok(());
            }
            let header = v4.header();
            prop_assert_eq!(key.local, mapped(header.source()));
            prop_assert_eq!(key.remote, mapped(header.destination()));
            prop_assert_eq!(key.protocol, header.protocol().0);
            prop_assert_eq!(found.hop_limit, header.ttl());
            let is_later = header.fragments_offset().value() != 0;
            prop_assert_eq!(key.flags & KeyFlags::FRAGMENT != 0, is_later);
            if header.protocol().0 == ip::AUTHENTICATION {
                // Walked in IPv6 only.
                prop_assert_eq!((key.local_port, key.remote_port), (0, 0));
                return Ok(());
            }
        }
        Some(LaxNetSlice::Ipv6(v6)) => {
            if key.ether_type != ether::IPV6 {
                prop_assert_eq!(key.flags, KeyFlags::MALFORMED);
                return Ok(());
            }
            prop_assert_eq!(key.local, v6.header().source());
            prop_assert_eq!(key.remote, v6.header().destination());
            prop_assert_eq!(found.hop_limit, v6.header().hop_limit());
            if read.stop_err.is_some() {
                // Its iterator must not be asked: it reads past an end that
                // comes early.
                return Ok(());
            }
            if v6.extensions().clone().into_iter().count() >= super::super::EXTENSION_HEADERS {
                return Ok(());
            }
        }
        Some(LaxNetSlice::Arp(arp)) => {
            let arp = arp.to_packet();
            let is_ipv4 = arp.proto_addr_type.0 == ether::IPV4 && arp.hw_addr_size() == 6;
            if let (true, Ok(sender), Ok(target)) = (
                is_ipv4,
                <[u8; 4]>::try_from(arp.sender_protocol_addr()),
                <[u8; 4]>::try_from(arp.target_protocol_addr()),
            ) {
                prop_assert_eq!(key.local, mapped(sender));
                prop_assert_eq!(key.remote, mapped(target));
            }
            return Ok(());
        }
        None => {
            prop_assert_eq!((key.local_port, key.remote_port), (0, 0));
            return Ok(());
        }
    }
    let ports = (key.local_port, key.remote_port);
    match &read.transport {
        Some(TransportSlice::Tcp(tcp)) => {
            prop_assert_eq!(ports, (tcp.source_port(), tcp.destination_port()));
            prop_assert_eq!(found.tcp_flags, tcp.slice()[13]);
            prop_assert_eq!(key.flags, 0);
        }
        Some(TransportSlice::Udp(udp)) => {
            prop_assert_eq!(ports, (udp.source_port(), udp.destination_port()));
            prop_assert_eq!(key.flags, 0);
        }
        Some(TransportSlice::Icmpv4(message)) if key.ether_type == ether::IPV4 => {
            let is_echo = matches!(message.type_u8(), icmp::ECHO | icmp::ECHO_REPLY);
            let [high, low, ..] = message.bytes5to8();
            let id = if is_echo {
                u16::from_be_bytes([high, low])
            } else {
                0
            };
            let kind = if is_echo {
                icmp::ECHO
            } else {
                message.type_u8()
            };
            prop_assert_eq!(ports, (id, kind.into()));
        }
        Some(TransportSlice::Icmpv6(message)) if key.ether_type == ether::IPV6 => {
            let is_echo = matches!(message.type_u8(), icmp::ECHO_V6 | icmp::ECHO_REPLY_V6);
            let [high, low, ..] = message.bytes5to8();
            let id = if is_echo {
                u16::from_be_bytes([high, low])
            } else {
                0
            };
            let kind = if is_echo {
                icmp::ECHO_V6
            } else {
                message.type_u8()
            };
            prop_assert_eq!(ports, (id, kind.into()));
        }
        _ => {}
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn built_packets_are_read_as_built(recipe in recipe()) {
        let packet = build(&recipe);
        prop_assert_eq!(parse(packet.as_slice(), LinkLayer::Ethernet, 1, Direction::Out), wanted(&recipe));
        // etherparse sees its own packet as we do.
        agree(&packet)?;
    }

    #[test]
    fn damaged_packets_are_read_alike(
        recipe in recipe(),
        damage in vec((0_usize..96, any::<u8>()), 1..4),
        cut in 0_usize..200,
    ) {
        let mut packet = build(&recipe);
        for (at, byte) in damage {
            if let Some(place) = packet.get_mut(at) {
                *place = byte;
            }
        }
        packet.truncate(cut);
        agree(&packet)?;
    }

    #[test]
    fn noise_is_read_alike(packet in noise()) {
        agree(&packet)?;
    }

    #[test]
    fn the_direction_swaps_the_ends(
        packet in prop_oneof![recipe().prop_map(|recipe| build(&recipe)), noise()],
        cut in 0_usize..200,
    ) {
        let mut packet = packet;
        packet.truncate(cut);
        for link in [LinkLayer::Ethernet, LinkLayer::None] {
            let out = parse(packet.as_slice(), link, 1, Direction::Out);
            let inwards = parse(packet.as_slice(), link, 1, Direction::In);
            let is_icmp = matches!(
                (out.key.ether_type, out.key.protocol),
                (ether::IPV4, ip::ICMP) | (ether::IPV6, ip::ICMPV6)
            );
            // What ICMP has instead of ports belongs to no end.
            let (local_port, remote_port) = if is_icmp {
                (out.key.local_port, out.key.remote_port)
            } else {
                (out.key.remote_port, out.key.local_port)
            };
            let swapped = FlowKey {
                local: out.key.remote,
                remote: out.key.local,
                local_port,
                remote_port,
                ..out.key
            };
            prop_assert_eq!(inwards, Headers { key: swapped, ..out });
        }
    }
}
