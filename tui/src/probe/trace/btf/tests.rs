use std::fs;

use super::{Btf, BtfError, VMLINUX};

/// Puts types and strings together as the kernel does.
fn btf(types: &[u32], strings: &[u8]) -> Vec<u8> {
    let types: Vec<u8> = types.iter().flat_map(|word| word.to_ne_bytes()).collect();
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap();
    let mut data = 0xeb9f_u16.to_ne_bytes().to_vec();
    data.extend([1, 0]);
    let header = [24, 0, length(&types), length(&types), length(strings)];
    data.extend(header.iter().flat_map(|word| word.to_ne_bytes()));
    data.extend(types);
    data.extend(strings);
    data
}

const INT: u32 = 1 << 24;
const STRUCT: u32 = 4 << 24;
const UNION: u32 = 5 << 24;
const ENUM: u32 = 6 << 24;
const TYPEDEF: u32 = 8 << 24;
const BIT_FIELDS: u32 = 1 << 31;

/// `struct outer { int a; union { struct named inner; }; };` with
/// `typedef struct inner named`, `struct inner { int x; int b:4; }` and
/// `enum e { ONE = 1, SEVEN = 7 }`.
fn sample() -> Vec<u8> {
    let strings = b"\0outer\0a\0inner\0x\0b\0named\0e\0ONE\0SEVEN\0";
    let at = |name: &str| {
        let name = format!("\0{name}\0");
        let found = strings
            .windows(name.len())
            .position(|window| window == name.as_bytes());
        u32::try_from(found.unwrap()).unwrap() + 1
    };
    #[rustfmt::skip]
    let types = [
        // 1: int
        0, INT, 4, 32,
        // 2: inner, with a bit field at bit 36
        at("inner"), STRUCT | BIT_FIELDS | 2, 8,
        at("x"), 1, 0,
        at("b"), 1, 4 << 24 | 36,
        // 3: named
        at("named"), TYPEDEF, 2,
        // 4: the anonymous union
        0, UNION | 1, 8,
        at("inner"), 3, 0,
        // 5: outer
        at("outer"), STRUCT | 2, 12,
        at("a"), 1, 0,
        0, 4, 32,
        // 6: e
        at("e"), ENUM | 2, 4,
        at("ONE"), 1,
        at("SEVEN"), 7,
    ];
    btf(&types, strings)
}

#[test]
fn members_are_found_through_anonymous_ones_and_other_names() {
    let data = sample();
    let btf = Btf::parse(&data, &["outer", "inner"]).unwrap();
    assert_eq!(btf.offset("outer.a"), Ok(0));
    assert_eq!(btf.offset("outer.inner"), Ok(4));
    assert_eq!(btf.offset("outer.inner.x"), Ok(4));
    assert_eq!(btf.offset("inner.b"), Ok(4));
}

#[test]
fn what_is_not_there_is_named() {
    let data = sample();
    let btf = Btf::parse(&data, &["outer"]).unwrap();
    for path in ["outer.c", "outer.a.x", "other.a", "outer"] {
        let missing = BtfError::Missing(path.to_owned());
        assert_eq!(btf.offset(path), Err(missing));
    }
    assert_eq!(btf.arguments("kfree_skb"), None);
}

#[test]
fn values_have_their_names() {
    let data = sample();
    let btf = Btf::parse(&data, &["e"]).unwrap();
    let values = btf.values("e");
    assert_eq!(values.len(), 2);
    assert_eq!(values[&7], "SEVEN");
}

#[test]
fn damaged_data_is_an_error_and_no_panic() {
    let data = sample();
    for end in 0..data.len() {
        let cut = &data[..end];
        assert!(Btf::parse(cut, &["outer"]).is_err(), "{end} bytes");
    }
    for at in 0..data.len() {
        for bit in 0..8 {
            let mut damaged = data.clone();
            damaged[at] ^= 1 << bit;
            if let Ok(btf) = Btf::parse(&damaged, &["outer", "inner", "e"]) {
                let _ = btf.offset("outer.inner.x");
                let _ = btf.values("e");
            }
        }
    }
}

#[test]
fn the_running_kernel_is_understood() {
    let Ok(data) = fs::read(VMLINUX) else {
        eprintln!("this kernel has no BTF: nothing is tested");
        return;
    };
    let wanted = [
        "sk_buff",
        "skb_drop_reason",
        "btf_trace_kfree_skb",
        "btf_trace_neigh_timer_handler",
    ];
    let btf = Btf::parse(&data, &wanted).unwrap();
    // The first two members of a packet form a list on every kernel.
    assert_eq!(btf.offset("sk_buff.next"), Ok(0));
    assert_eq!(btf.offset("sk_buff.prev"), Ok(8));
    assert_eq!(btf.offset("sk_buff.dev"), Ok(16));
    assert!(btf.arguments("kfree_skb").unwrap() >= 3);
    assert_eq!(btf.arguments("neigh_timer_handler"), Some(2));
    let reasons = btf.values("skb_drop_reason");
    let reasons: Vec<_> = reasons.values().map(String::as_str).collect();
    assert!(reasons.contains(&"SKB_DROP_REASON_NETFILTER_DROP"));
}
