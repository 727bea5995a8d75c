use super::*;

fn key(number: usize) -> FlowKey {
    let mut local = [0; 16];
    local[..8].copy_from_slice(&(number as u64).to_be_bytes());
    FlowKey {
        local,
        ..FlowKey::default()
    }
}

#[test]
fn flows_are_counted_once_for_each_device() {
    let mut distinct = Distinct::default();
    let [mut first, mut second] = [FlowsSeen::default(); 2];
    for number in [1, 2, 1, 2, 3] {
        distinct.see(0, &key(number), &mut first);
    }
    distinct.see(1, &key(1), &mut second);
    assert_eq!((first.flows, second.flows), (3, 1));
    assert!(!first.is_capped && !second.is_capped);
}

#[test]
fn beyond_the_bound_the_number_is_a_lower_bound_and_says_so() {
    let mut distinct = Distinct::default();
    let mut count = FlowsSeen::default();
    for number in 0..MOST {
        distinct.see(0, &key(number), &mut count);
    }
    distinct.see(0, &key(0), &mut count);
    assert!(!count.is_capped);
    distinct.see(0, &key(MOST), &mut count);
    assert_eq!(count.flows, MOST as u64);
    assert!(count.is_capped);
}
