use std::collections::BTreeMap;

use super::*;
use crate::synthetic::Synthetic;

/// Keeps what comes.
#[derive(Default)]
struct Kept(Vec<Envelope>);

impl Sink for Kept {
    fn event(&mut self, envelope: &Envelope) -> io::Result<()> {
        self.0.push(envelope.clone());
        Ok(())
    }

    fn lost(&mut self, _: u64) -> io::Result<()> {
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn narrowed(events: &[Envelope], filter: &str) -> Vec<Envelope> {
    let mut sink = Narrowed::new(
        Kept::default(),
        &[],
        filter.parse().unwrap(),
        Policy::default(),
    );
    for event in events {
        sink.event(event).unwrap();
    }
    sink.sink.0
}

/// Packets that each slot has in flows, and that count as filtered.
fn sums(events: &[Envelope]) -> BTreeMap<u32, [u64; 2]> {
    let mut sums = BTreeMap::<u32, [u64; 2]>::new();
    for envelope in events {
        let Event::Interval(interval) = &envelope.event else {
            continue;
        };
        for flow in &interval.flows {
            let packets = flow.value.directions.iter().map(|it| it.packets);
            sums.entry(flow.key.device).or_default()[0] += packets.sum::<u64>();
        }
        for device in &interval.devices {
            let filtered = device.directions.iter().map(|it| it.filtered_packets);
            sums.entry(device.slot).or_default()[1] += filtered.sum::<u64>();
        }
    }
    sums
}

#[test]
fn what_does_not_match_counts_as_filtered() {
    let events = Synthetic::new(5, 50).story(10);
    let all = sums(&events);
    let some = narrowed(&events, "tcp");
    let is_tcp = |flow: &crate::model::FlowCounts| flow.key.protocol == 6;
    let flows = some.iter().filter_map(|envelope| match &envelope.event {
        Event::Interval(interval) => Some(&interval.flows),
        _ => None,
    });
    let flows: Vec<_> = flows.flatten().collect();
    assert!(!flows.is_empty() && flows.iter().all(|flow| is_tcp(flow)));
    for (slot, [left, filtered]) in sums(&some) {
        let [before, filtered_before] = all[&slot];
        assert_eq!(left + filtered, before + filtered_before, "slot {slot}");
    }
    assert!(sums(&some).values().any(|[_, filtered]| *filtered > 0));
}

#[test]
fn packets_are_filtered_and_all_else_comes_through() {
    let events = Synthetic::new(5, 50).story(10);
    let count = |events: &[Envelope], is_wanted: fn(&Event) -> usize| -> usize {
        events
            .iter()
            .map(|envelope| is_wanted(&envelope.event))
            .sum()
    };
    let packets = |event: &Event| match event {
        Event::Packets(packets) => packets.len(),
        _ => 0,
    };
    let others = |event: &Event| usize::from(!matches!(event, Event::Packets(_)));
    let some = narrowed(&events, "tcp");
    let left = count(&some, packets);
    assert!(left > 0 && left < count(&events, packets));
    assert_eq!(count(&some, others), count(&events, others));
    assert_eq!(narrowed(&events, ""), events);
}
