use std::collections::VecDeque;

use proptest::prelude::*;

use super::{Order, Queue};

const QUEUES: [Queue; 2] = [Queue::Live, Queue::Closed];

#[test]
fn an_empty_queue_has_no_first() {
    let order = Order::default();
    assert_eq!(QUEUES.map(|queue| order.first(queue)), [None, None]);
}

proptest! {
    /// Every id is pushed to a random queue, moved about, and at last all come
    /// out in the order of a plain model.
    #[test]
    fn it_behaves_like_two_plain_queues(moves in prop::collection::vec((0..20u32, 0..2usize), 0..200)) {
        let mut order = Order::default();
        let mut model = [VecDeque::new(), VecDeque::new()];
        for (id, to) in moves {
            for (from, queue) in model.iter_mut().enumerate() {
                if let Some(at) = queue.iter().position(|other| *other == id) {
                    queue.remove(at);
                    order.remove(QUEUES[from], id);
                }
            }
            model[to].push_back(id);
            order.push(QUEUES[to], id);
        }
        for (queue, ids) in QUEUES.into_iter().zip(model) {
            for id in ids {
                prop_assert_eq!(order.first(queue), Some(id));
                order.remove(queue, id);
            }
            prop_assert_eq!(order.first(queue), None);
        }
    }
}
