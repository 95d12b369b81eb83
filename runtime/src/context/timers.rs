use std::time::Instant;

/// A priority queue of deadlines: a binary heap whose entries know their
/// places, so that any of them can be removed. Keeps its capacity.
pub(crate) struct Timers<T> {
    heap: Vec<Entry>,
    slots: Vec<Slot<T>>,
    free: Vec<usize>,
    sequence: u64,
}

#[derive(Clone, Copy)]
struct Entry {
    deadline: Instant,
    // First come, first served among equal deadlines; and the unique part of
    // a key.
    sequence: u64,
    slot: usize,
}

struct Slot<T> {
    place: usize,
    owner: Option<T>,
}

/// Names one entry. Never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimerKey {
    slot: usize,
    sequence: u64,
}

impl<T> Default for Timers<T> {
    fn default() -> Self {
        Self {
            heap: Vec::new(),
            slots: Vec::new(),
            free: Vec::new(),
            sequence: 0,
        }
    }
}

impl<T> Timers<T> {
    /// Adds a deadline; says whether it is now the earliest.
    pub(crate) fn insert(&mut self, deadline: Instant, owner: T) -> (TimerKey, bool) {
        self.sequence += 1;
        let place = self.heap.len();
        let value = Slot {
            place,
            owner: Some(owner),
        };
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot] = value;
                slot
            }
            None => {
                self.slots.push(value);
                // So that a removal, which may be part of a drop, finds room.
                self.free.reserve(self.slots.len());
                self.slots.len() - 1
            }
        };
        let key = TimerKey {
            slot,
            sequence: self.sequence,
        };
        self.heap.push(Entry {
            deadline,
            sequence: self.sequence,
            slot,
        });
        (key, self.sift_up(place) == 0)
    }

    /// Removes an entry, if it is still there.
    pub(crate) fn remove(&mut self, key: TimerKey) -> Option<T> {
        let place = self.slots.get(key.slot)?.place;
        let entry = self.heap.get(place)?;
        if entry.slot != key.slot || entry.sequence != key.sequence {
            return None;
        }
        self.remove_at(place)
    }

    pub(crate) fn earliest(&self) -> Option<Instant> {
        self.heap.first().map(|entry| entry.deadline)
    }

    /// Removes the earliest entry if it is due.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<(TimerKey, T)> {
        let entry = *self.heap.first()?;
        if entry.deadline > now {
            return None;
        }
        self.pop_first(entry)
    }

    /// Removes any entry.
    pub(crate) fn pop(&mut self) -> Option<(TimerKey, T)> {
        let entry = *self.heap.first()?;
        self.pop_first(entry)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    fn pop_first(&mut self, entry: Entry) -> Option<(TimerKey, T)> {
        let key = TimerKey {
            slot: entry.slot,
            sequence: entry.sequence,
        };
        Some((key, self.remove_at(0)?))
    }

    fn remove_at(&mut self, place: usize) -> Option<T> {
        let entry = self.heap.swap_remove(place);
        if place < self.heap.len() {
            // The entry that filled the gap may belong above or below it.
            let place = self.sift_up(place);
            self.sift_down(place);
        }
        self.free.push(entry.slot);
        self.slots[entry.slot].owner.take()
    }

    fn is_before(&self, a: usize, b: usize) -> bool {
        let (a, b) = (&self.heap[a], &self.heap[b]);
        (a.deadline, a.sequence) < (b.deadline, b.sequence)
    }

    /// Tells the entry at `place` where it is.
    fn settle(&mut self, place: usize) {
        let slot = self.heap[place].slot;
        self.slots[slot].place = place;
    }

    fn swap(&mut self, a: usize, b: usize) {
        self.heap.swap(a, b);
        self.settle(a);
    }

    fn sift_up(&mut self, mut place: usize) -> usize {
        while place > 0 {
            let parent = (place - 1) / 2;
            if !self.is_before(place, parent) {
                break;
            }
            self.swap(place, parent);
            place = parent;
        }
        self.settle(place);
        place
    }

    fn sift_down(&mut self, mut place: usize) {
        loop {
            let mut child = 2 * place + 1;
            if child >= self.heap.len() {
                break;
            }
            if child + 1 < self.heap.len() && self.is_before(child + 1, child) {
                child += 1;
            }
            if !self.is_before(child, place) {
                break;
            }
            self.swap(place, child);
            place = child;
        }
        self.settle(place);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A generator that needs no dependency and no seed from outside.
    fn xorshift(state: &mut u64) -> u64 {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        *state
    }

    #[test]
    fn pops_in_order_whatever_is_inserted_and_removed() {
        let start = Instant::now();
        let mut random = 0x9e37_79b9_7f4a_7c15;
        let mut timers = Timers::default();
        let mut model: Vec<(Instant, u64, TimerKey)> = Vec::new();
        for n in 0..5_000_u64 {
            if !xorshift(&mut random).is_multiple_of(3) {
                let deadline = start + Duration::from_millis(xorshift(&mut random) % 500);
                let (key, earliest) = timers.insert(deadline, n);
                assert_eq!(earliest, model.iter().all(|&(other, ..)| other > deadline));
                model.push((deadline, n, key));
            } else if !model.is_empty() {
                let index = (xorshift(&mut random) % model.len() as u64) as usize;
                let (_, n, key) = model.swap_remove(index);
                assert_eq!(timers.remove(key), Some(n));
                assert_eq!(timers.remove(key), None);
            }
        }
        model.sort_by_key(|&(deadline, n, _)| (deadline, n));
        for (deadline, n, key) in model {
            assert_eq!(timers.earliest(), Some(deadline));
            assert!(timers.pop_due(deadline - Duration::from_nanos(1)).is_none());
            let (popped, owner) = timers.pop_due(deadline).unwrap();
            assert_eq!((popped, owner), (key, n));
        }
        assert!(timers.is_empty());
    }
}
