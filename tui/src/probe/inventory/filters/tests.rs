use super::*;
use crate::probe::netlink::attribute;

/// A filter as the kernel lists it.
fn filter(handle: u32, kind: &str, options: &[u8]) -> Message {
    let mut body = header(7, PARENTS[0].0).to_vec();
    body[8..12].copy_from_slice(&handle.to_ne_bytes());
    body.extend(attribute(1, format!("{kind}\0").as_bytes()));
    body.extend(attribute(2, options));
    Message {
        kind: libc::RTM_NEWTFILTER,
        body,
    }
}

#[test]
fn a_bpf_filter_is_its_program() {
    let options = [
        attribute(7, b"cls:[x]\0"),
        attribute(11, &31_u32.to_ne_bytes()),
    ];
    let program = program(&filter(1, "bpf", &options.concat())).unwrap();
    assert_eq!((program.id, program.label()), (31, "cls:[x]"));
}

#[test]
fn another_filter_has_no_program() {
    let program = program(&filter(1, "flower", &[])).unwrap();
    assert_eq!((program.id, program.label()), (0, "flower filter"));
}

#[test]
fn a_priority_is_no_filter() {
    assert_eq!(program(&filter(0, "bpf", &[])), None);
}

#[test]
fn only_what_runs_filters_is_asked() {
    let qdisc = |parent| Message {
        kind: libc::RTM_NEWQDISC,
        body: header(7, parent).to_vec(),
    };
    assert_eq!(device_with_filters(&qdisc(CLSACT)), Some(7));
    assert_eq!(device_with_filters(&qdisc(u32::MAX)), None);
}
