use proptest::prelude::*;

use super::{BYTES, HALVES, PACKET_HALVES, unpack_counts};
use crate::{FlowKey, limits};

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_packed_key_is_the_key(
        (local, remote) in any::<([u8; 16], [u8; 16])>(),
        device in 0..limits::DEVICES,
        (ether_type, local_port, remote_port) in any::<(u16, u16, u16)>(),
        (protocol, flags) in (any::<u8>(), 0_u8..16),
        (vlan, inner_vlan) in (0_u16..4096, 0_u16..4096),
    ) {
        let key = FlowKey {
            local, remote, device, ether_type, local_port, remote_port, protocol, flags, vlan, inner_vlan,
        };
        let packed = key.pack();
        prop_assert_eq!(packed[5] >> 32, 0);
        prop_assert_eq!(FlowKey::unpack(packed), key);
    }

    /// As the programs add: whatever passes half of its range is moved on.
    #[test]
    fn counts_never_overflow(lens in proptest::collection::vec(0_u64..1 << 36, 0..300)) {
        let (mut hot, mut more) = (0_u64, 0_u64);
        for &len in &lens {
            let step = 1 << BYTES | len;
            let old = hot;
            hot = old.wrapping_add(step);
            let carry = !old & hot & HALVES;
            more += (carry >> 63 << PACKET_HALVES) + ((carry >> (BYTES - 1) & 1) << super::BYTE_HALVES);
            hot = hot.wrapping_sub(carry);
        }
        let bytes = lens.iter().sum::<u64>();
        prop_assert_eq!(unpack_counts(hot, more), (lens.len() as u64, bytes, 0));
    }
}

#[test]
fn halves_of_the_ranges_are_added_up() {
    let more = 3 << PACKET_HALVES | 2 << super::BYTE_HALVES | 7;
    assert_eq!(
        unpack_counts(5 << BYTES | 9, more),
        ((3 << 25) + 5, (2 << 37) + 9, 7)
    );
}
