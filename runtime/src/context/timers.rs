use std::mem;
use std::time::Instant;

/// How many children an entry has: with four there are half as many levels as with
/// two, and those of one entry are next to each other.
const CHILDREN: usize = 4;

/// A priority queue of deadlines: a heap whose entries know their places, so that
/// any of them can be removed. Keeps its capacity.
pub(crate) struct Timers<T> {
    heap: Vec<Entry>,
    slots: Vec<Slot<T>>,
    /// The first slot that is free.
    free: Option<usize>,
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

enum Slot<T> {
    /// The place of its entry in the heap.
    Taken {
        place: usize,
        owner: T,
    },
    Free {
        next: Option<usize>,
    },
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
            free: None,
            sequence: 0,
        }
    }
}

impl Entry {
    fn is_before(&self, other: &Self) -> bool {
        (self.deadline, self.sequence) < (other.deadline, other.sequence)
    }
}

impl<T> Timers<T> {
    /// Adds a deadline; says whether it is now the earliest.
    pub(crate) fn insert(&mut self, deadline: Instant, owner: T) -> (TimerKey, bool) {
        self.sequence += 1;
        let place = self.heap.len();
        let taken = Slot::Taken { place, owner };
        let slot = match self.free {
            Some(slot) => {
                if let Slot::Free { next } = mem::replace(&mut self.slots[slot], taken) {
                    self.free = next;
                }
                slot
            }
            None => {
                self.slots.push(taken);
                self.slots.len() - 1
            }
        };
        let entry = Entry {
            deadline,
            sequence: self.sequence,
            slot,
        };
        self.heap.push(entry);
        let key = TimerKey {
            slot,
            sequence: self.sequence,
        };
        (key, self.sift_up(place, entry) == 0)
    }

    /// Removes an entry, if it is still there.
    pub(crate) fn remove(&mut self, key: TimerKey) -> Option<T> {
        let Slot::Taken { place, .. } = *self.slots.get(key.slot)? else {
            return None;
        };
        if self.heap[place].sequence != key.sequence {
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
        let Entry { slot, .. } = self.heap.swap_remove(place);
        if let Some(&moved) = self.heap.get(place) {
            // What filled the gap may belong above or below it.
            if self.sift_up(place, moved) == place {
                self.sift_down(place, moved);
            }
        }
        let free = Slot::Free {
            next: self.free.replace(slot),
        };
        match mem::replace(&mut self.slots[slot], free) {
            Slot::Taken { owner, .. } => Some(owner),
            Slot::Free { .. } => None,
        }
    }

    /// Puts `entry` in `place`, and tells it.
    fn put(&mut self, place: usize, entry: Entry) {
        self.heap[place] = entry;
        if let Slot::Taken { place: known, .. } = &mut self.slots[entry.slot] {
            *known = place;
        }
    }

    /// Finds a place for `entry`: `place`, which is free, or one above it.
    fn sift_up(&mut self, mut place: usize, entry: Entry) -> usize {
        while place > 0 {
            let parent = (place - 1) / CHILDREN;
            let above = self.heap[parent];
            if !entry.is_before(&above) {
                break;
            }
            self.put(place, above);
            place = parent;
        }
        self.put(place, entry);
        place
    }

    /// Finds a place for `entry`: `place`, which is free, or one below it.
    fn sift_down(&mut self, mut place: usize, entry: Entry) {
        loop {
            let first = CHILDREN * place + 1;
            let end = self.heap.len().min(first + CHILDREN);
            let Some(mut child) = (first < end).then_some(first) else {
                break;
            };
            for other in first + 1..end {
                if self.heap[other].is_before(&self.heap[child]) {
                    child = other;
                }
            }
            let below = self.heap[child];
            if !below.is_before(&entry) {
                break;
            }
            self.put(place, below);
            place = child;
        }
        self.put(place, entry);
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
