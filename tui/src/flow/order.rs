//! Flows in the order in which they were last seen, closed connections apart.

/// The two queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Queue {
    /// Flows that may go on.
    Live = 0,
    /// TCP connections that have ended.
    Closed = 1,
}

/// Two doubly linked lists over the ids of a slab, longest idle first. Kept
/// apart from the flows, so that a change touches few cache lines.
#[derive(Clone, Debug)]
pub(super) struct Order {
    /// Indexed by id.
    links: Vec<Link>,
    ends: [Link; 2],
}

/// For an element its neighbors, for a queue its last and first.
#[derive(Clone, Copy, Debug)]
struct Link {
    before: u32,
    after: u32,
}

const NONE: u32 = u32::MAX;
const UNLINKED: Link = Link {
    before: NONE,
    after: NONE,
};

impl Default for Order {
    fn default() -> Self {
        Self {
            links: Vec::new(),
            ends: [UNLINKED; 2],
        }
    }
}

impl Order {
    /// The one that was pushed longest ago.
    pub(super) fn first(&self, queue: Queue) -> Option<u32> {
        let first = self.ends[queue as usize].after;
        (first != NONE).then_some(first)
    }

    /// Appends an id that is in no queue.
    pub(super) fn push(&mut self, queue: Queue, id: u32) {
        let index = id as usize;
        if index >= self.links.len() {
            self.links.resize(index + 1, UNLINKED);
        }
        let last = self.ends[queue as usize].before;
        self.links[index] = Link {
            before: last,
            after: NONE,
        };
        self.link_mut(queue, last).after = id;
        self.ends[queue as usize].before = id;
    }

    /// Takes an id out of the queue that it is in.
    pub(super) fn remove(&mut self, queue: Queue, id: u32) {
        let Link { before, after } = self.links[id as usize];
        self.link_mut(queue, before).after = after;
        self.link_mut(queue, after).before = before;
    }

    fn link_mut(&mut self, queue: Queue, id: u32) -> &mut Link {
        match id {
            NONE => &mut self.ends[queue as usize],
            id => &mut self.links[id as usize],
        }
    }
}

#[cfg(test)]
mod tests;
