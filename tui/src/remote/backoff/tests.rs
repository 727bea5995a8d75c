use super::*;

#[test]
fn delays_grow_up_to_a_bound_and_tries_end() {
    let mut backoff = Backoff::new(Limits {
        first: Duration::from_secs(1),
        most: Duration::from_secs(5),
        tries: 6,
    });
    let delays: Vec<_> = std::iter::from_fn(|| backoff.next_delay()).collect();
    assert_eq!(delays, [1, 2, 4, 5, 5].map(Duration::from_secs));
}

#[test]
fn many_tries_do_not_overflow() {
    let most = Duration::from_secs(30);
    let mut backoff = Backoff::new(Limits {
        first: Duration::from_secs(1),
        most,
        tries: 100,
    });
    let last = std::iter::from_fn(|| backoff.next_delay()).last();
    assert_eq!(last, Some(most));
}
