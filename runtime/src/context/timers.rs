use std::mem;
use std::num::NonZeroU64;
use std::time::Instant;

/// How many children an entry has: with four there are half as many levels as with
/// two, and those of one entry are next to each other.
const CHILDREN: usize = 4;

/// A priority queue of deadlines, any of which can be removed. Keeps its capacity.
///
/// A heap. A deadline that is removed leaves its entry there, to be taken out together
/// with others: to find it and to fill the gap would touch memory all over a large
/// heap, and all entries would have to be told their places. Never are more than half
/// of the entries such leftovers, and never the first, so that what is earliest is
/// known.
pub(crate) struct Timers<T> {
    heap: Vec<Entry>,
    slots: Vec<Slot<T>>,
    /// The first slot that is free.
    free: Option<usize>,
    /// How many entries are leftovers.
    left: usize,
    /// That of the next deadline.
    sequence: NonZeroU64,
}

#[derive(Clone, Copy)]
struct Entry {
    deadline: Instant,
    slot: usize,
}

/// What there is of a deadline besides its time.
enum Slot<T> {
    Taken {
        // First come, first served among equal deadlines; and the unique part of
        // a key.
        sequence: NonZeroU64,
        owner: T,
    },
    /// Nested: so there is room for all of it in place of the above, without a tag.
    Gone(Gone),
}

enum Gone {
    /// The entry is a leftover.
    Left {
        sequence: NonZeroU64,
    },
    Free {
        next: Option<usize>,
    },
}

/// Names one deadline. Never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimerKey {
    slot: usize,
    sequence: NonZeroU64,
}

impl<T> Default for Timers<T> {
    fn default() -> Self {
        Self {
            heap: Vec::new(),
            slots: Vec::new(),
            free: None,
            left: 0,
            sequence: NonZeroU64::MIN,
        }
    }
}

impl<T> Timers<T> {
    /// Adds a deadline; says whether it is now the earliest.
    pub(crate) fn insert(&mut self, deadline: Instant, owner: T) -> (TimerKey, bool) {
        let sequence = self.sequence;
        self.sequence = sequence.saturating_add(1);
        let taken = Slot::Taken { sequence, owner };
        let slot = match self.free {
            Some(slot) => {
                let place = &mut self.slots[slot];
                if let Slot::Gone(Gone::Free { next }) = *place {
                    self.free = next;
                }
                *place = taken;
                slot
            }
            None => {
                self.slots.push(taken);
                self.slots.len() - 1
            }
        };
        let entry = Entry { deadline, slot };
        let place = self.heap.len();
        self.heap.push(entry);
        let key = TimerKey { slot, sequence };
        (key, self.sift_up(place, entry) == 0)
    }

    /// Removes a deadline, if it is still there.
    pub(crate) fn remove(&mut self, key: TimerKey) -> Option<T> {
        match self.slots.get(key.slot)? {
            Slot::Taken { sequence, .. } if *sequence == key.sequence => {}
            _ => return None,
        }
        let owner = self.leave(key.slot)?;
        // Mostly one that is later than most: it is where it was put.
        if self.heap.pop_if(|last| last.slot == key.slot).is_some() {
            self.release(key.slot);
        }
        self.tidy();
        Some(owner)
    }

    pub(crate) fn earliest(&self) -> Option<Instant> {
        self.heap.first().map(|entry| entry.deadline)
    }

    /// Removes the earliest deadline if it is due.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<(TimerKey, Instant, T)> {
        let deadline = self.earliest().filter(|&deadline| deadline <= now)?;
        let (key, owner) = self.pop()?;
        Some((key, deadline, owner))
    }

    /// Removes the earliest deadline.
    pub(crate) fn pop(&mut self) -> Option<(TimerKey, T)> {
        let slot = self.heap.first()?.slot;
        let sequence = self.slots[slot].sequence()?;
        let owner = self.leave(slot)?;
        self.tidy();
        Some((TimerKey { slot, sequence }, owner))
    }

    /// Returns how many entries there are, leftovers included: 0 if no deadline.
    pub(crate) fn len(&self) -> usize {
        self.heap.len()
    }

    /// Takes leftovers out: those that are the first, and all when they are too many.
    #[inline]
    fn tidy(&mut self) {
        if self.left > 0 {
            self.take_out();
        }
    }

    fn take_out(&mut self) {
        while let Some(&Entry { slot, .. }) = self.heap.first()
            && self.slots[slot].is_left()
        {
            self.heap.swap_remove(0);
            self.release(slot);
            if let Some(&moved) = self.heap.first() {
                self.sift_down(0, moved);
            }
        }
        if 2 * self.left > self.heap.len() {
            self.sweep();
        }
    }

    /// Takes all leftovers out.
    #[cold]
    fn sweep(&mut self) {
        let mut heap = mem::take(&mut self.heap);
        heap.retain(|entry| {
            let is_left = self.slots[entry.slot].is_left();
            if is_left {
                self.release(entry.slot);
            }
            !is_left
        });
        self.heap = heap;
        // From the bottom up; what has no children is in its place.
        for place in (0..self.heap.len().div_ceil(CHILDREN)).rev() {
            self.sift_down(place, self.heap[place]);
        }
    }

    /// Makes the entry of `slot` a leftover.
    #[inline]
    fn leave(&mut self, slot: usize) -> Option<T> {
        let slot = &mut self.slots[slot];
        let sequence = slot.sequence()?;
        match mem::replace(slot, Slot::Gone(Gone::Left { sequence })) {
            Slot::Taken { owner, .. } => {
                self.left += 1;
                Some(owner)
            }
            Slot::Gone(_) => None,
        }
    }

    /// Frees the slot of a leftover whose entry has been taken out.
    #[inline]
    fn release(&mut self, slot: usize) {
        let next = self.free.replace(slot);
        self.slots[slot] = Slot::Gone(Gone::Free { next });
        self.left -= 1;
    }

    fn is_before(&self, one: Entry, other: Entry) -> bool {
        let sequence = |entry: Entry| self.slots[entry.slot].sequence();
        one.deadline < other.deadline
            || (one.deadline == other.deadline && sequence(one) < sequence(other))
    }

    /// Finds a place for `entry`: `place`, which is free, or one above it.
    fn sift_up(&mut self, mut place: usize, entry: Entry) -> usize {
        while place > 0 {
            let parent = (place - 1) / CHILDREN;
            let above = self.heap[parent];
            if !self.is_before(entry, above) {
                break;
            }
            self.heap[place] = above;
            place = parent;
        }
        self.heap[place] = entry;
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
                if self.is_before(self.heap[other], self.heap[child]) {
                    child = other;
                }
            }
            let below = self.heap[child];
            if !self.is_before(below, entry) {
                break;
            }
            self.heap[place] = below;
            place = child;
        }
        self.heap[place] = entry;
    }
}

impl<T> Slot<T> {
    fn is_left(&self) -> bool {
        matches!(self, Self::Gone(Gone::Left { .. }))
    }

    /// That of an entry.
    fn sequence(&self) -> Option<NonZeroU64> {
        match *self {
            Self::Taken { sequence, .. } | Self::Gone(Gone::Left { sequence }) => Some(sequence),
            Self::Gone(Gone::Free { .. }) => None,
        }
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
        let mut timers = Timers::default();
        let start = Instant::now();
        let mut random = 0x9e37_79b9_7f4a_7c15;
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
            assert_eq!(timers.pop_due(deadline), Some((key, deadline, n)));
        }
        assert!(timers.len() == 0);
    }

    #[test]
    fn leftovers_are_never_more_than_half() {
        let start = Instant::now();
        let mut random = 0x9e37_79b9_7f4a_7c15;
        let mut timers = Timers::default();
        let mut add = |timers: &mut Timers<()>| {
            let deadline = start + Duration::from_secs(xorshift(&mut random) % 100_000);
            timers.insert(deadline, ()).0
        };
        let mut keys: Vec<_> = (0..1000).map(|_| add(&mut timers)).collect();
        for n in 0..100_000 {
            let key = std::mem::replace(&mut keys[n % 1000], add(&mut timers));
            assert!(timers.remove(key).is_some());
            assert!(timers.heap.len() <= 2000 && timers.heap.len() == 1000 + timers.left);
        }
        assert!(timers.slots.len() <= 2001);
        for key in keys {
            assert!(timers.remove(key).is_some());
        }
        assert!(timers.len() == 0 && timers.earliest().is_none());
    }
}
