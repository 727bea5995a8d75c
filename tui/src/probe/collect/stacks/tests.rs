use super::*;

/// A reader of this namespace and of three behind the devices 1 to 3 in the slots 11 to
/// 13, each of which was read `readings` times.
fn reader(readings: usize) -> Reader {
    let own = Target {
        place: None,
        devices: Vec::new(),
    };
    let elsewhere = (1..=3).map(|device| Target {
        place: Some(Place::sample(100 + u64::from(device))),
        devices: vec![device],
    });
    let mut reader = Reader {
        targets: std::iter::once(own).chain(elsewhere).collect(),
        slots: (1..=3).map(|device| (10 + device, device)).collect(),
        ..Reader::default()
    };
    if readings > 0 {
        let known = (101..=103).map(|namespace| {
            let reading = Reading {
                at: Moment::ZERO,
                stack: Stack {
                    namespace,
                    ..Stack::default()
                },
                is_first: readings == 1,
            };
            (namespace, reading)
        });
        reader.last = known.collect();
    }
    reader
}

/// Which are due, in as many rounds as it takes until all were.
fn due(reader: &mut Reader) -> Vec<Vec<usize>> {
    let rounds = 0..IDLE;
    let due = rounds.map(|_| {
        let targets = reader.targets.iter().enumerate();
        let due = targets.filter(|(number, target)| reader.is_due(*number, target));
        let due = due.map(|(number, _)| number).collect();
        reader.rounds += 1;
        due
    });
    due.collect()
}

#[test]
fn what_is_new_is_read_twice_at_once() {
    for readings in [0, 1] {
        let all = vec![vec![0, 1, 2, 3]; IDLE];
        assert_eq!(due(&mut reader(readings)), all, "after {readings} readings");
    }
}

#[test]
fn where_nothing_happens_each_is_read_in_a_round_of_its_own() {
    let rounds = due(&mut reader(2));
    assert!(rounds.iter().all(|round| round[0] == 0), "this one always");
    for number in 1..=3 {
        let of_it = rounds.iter().filter(|round| round.contains(&number));
        assert_eq!(of_it.count(), 1, "{number}");
    }
    assert!(rounds.iter().all(|round| round.len() <= 2), "{rounds:?}");
}

#[test]
fn where_a_hook_has_seen_packets_it_is_read_in_the_next_round() {
    let mut reader = reader(2);
    // The slot of a device that has gone is none.
    reader.mark_active(&[12, 99]);
    assert!(due(&mut reader).iter().all(|round| round.contains(&2)));
}

#[test]
fn what_is_not_read_is_reported_without_counters() {
    let mut reader = reader(2);
    reader.targets.remove(0);
    let known = reader.last.get_mut(&101).unwrap();
    known.stack.counters.tcp_listen_overflows = 7;
    known.at = Moment::from_secs(3);
    // Of these three the places do not exist: the first is not read, the second is.
    reader.rounds = IDLE - 1;
    let (signals, _) = reader.read(Moment::from_secs(9));
    let namespaces: Vec<_> = signals.stacks.iter().map(|it| it.namespace).collect();
    assert_eq!(namespaces, [101, 103]);
    let stack = &signals.stacks[0];
    assert_eq!((stack.devices.as_slice(), stack.period), (&[1][..], None));
    assert_eq!(stack.counters.tcp_listen_overflows, 0);
    // The next reading is compared with the last one.
    let known = &reader.last[&101];
    assert_eq!(known.at, Moment::from_secs(3));
    assert_eq!(known.stack.counters.tcp_listen_overflows, 7);
    assert!(!reader.last.contains_key(&102), "it has gone");
}
