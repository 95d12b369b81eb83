use std::collections::VecDeque;
use std::mem;
use std::time::Instant;

/// How many children an entry of the heap has: with four there are half as many levels
/// as with two, and those of one entry are next to each other.
const CHILDREN: usize = 4;
/// How many runs there are: one would be of no use while one deadline at its end is
/// later than all others.
const RUNS: usize = 2;

/// A priority queue of deadlines, any of which can be removed. Keeps its capacity.
///
/// Most deadlines come in order, for most timers of a program are for one of a few
/// durations: whatever is later than all of a run is put at its end. The rest is in a
/// heap.
///
/// A deadline that is removed leaves its entry there, to be taken out together with
/// others: to find it and to fill the gap would touch memory all over a large heap, and
/// all entries would have to be told their places. Never are more than half of the
/// entries such leftovers, and never the first of a run or of the heap, so that what is
/// earliest is known.
pub(crate) struct Timers<T> {
    /// Each in order.
    runs: [VecDeque<Entry>; RUNS],
    heap: Vec<Entry>,
    slots: Slots<T>,
    /// That of the next deadline.
    order: u32,
}

/// Compared in this order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    deadline: Instant,
    /// First come, first served among equal deadlines.
    order: u32,
    slot: u32,
}

/// What there is of deadlines besides their entries.
struct Slots<T> {
    places: Vec<Slot<T>>,
    /// The first that is free.
    free: Option<u32>,
    /// How many entries are leftovers.
    left: usize,
}

/// The generation changes whenever a deadline leaves the slot.
enum Slot<T> {
    Taken {
        generation: u32,
        owner: T,
    },
    /// The entry is a leftover.
    Left {
        generation: u32,
    },
    Free {
        generation: u32,
        next: Option<u32>,
    },
}

/// Names one deadline. Not reused while four billion others come and go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimerKey {
    slot: u32,
    generation: u32,
}

/// A deadline that has been reached.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Expired<T> {
    pub(crate) key: TimerKey,
    pub(crate) deadline: Instant,
    pub(crate) owner: T,
}

impl<T> Default for Timers<T> {
    fn default() -> Self {
        Self {
            runs: Default::default(),
            heap: Vec::new(),
            slots: Slots {
                places: Vec::new(),
                free: None,
                left: 0,
            },
            order: 0,
        }
    }
}

impl<T> Timers<T> {
    /// Adds a deadline; says whether it is now the earliest.
    pub(crate) fn insert(&mut self, deadline: Instant, owner: T) -> (TimerKey, bool) {
        if self.order == u32::MAX {
            self.renumber();
        }
        let key = self.slots.take(owner);
        let entry = Entry {
            deadline,
            order: self.order,
            slot: key.slot,
        };
        self.order += 1;
        let is_later = |run: &&mut VecDeque<Entry>| run.back().is_none_or(|last| *last < entry);
        let is_first = match self.runs.iter_mut().find(is_later) {
            Some(run) => {
                run.push_back(entry);
                run.len() == 1
            }
            None => {
                self.heap.push(entry);
                self.sift_up(self.heap.len() - 1, entry) == 0
            }
        };
        // Of those where it is, and then of all.
        let is_it = |(_, first): (usize, &Entry)| first.slot == key.slot;
        (key, is_first && self.first().is_some_and(is_it))
    }

    /// Returns what a deadline is for, if it is still there.
    pub(crate) fn get_mut(&mut self, key: TimerKey) -> Option<&mut T> {
        match self.slots.places.get_mut(key.slot as usize)? {
            Slot::Taken { generation, owner } if *generation == key.generation => Some(owner),
            _ => None,
        }
    }

    /// Removes a deadline, if it is still there.
    pub(crate) fn remove(&mut self, key: TimerKey) -> Option<T> {
        let owner = self.slots.leave(key)?;
        let is_it = |entry: &Entry| entry.slot == key.slot;
        // Mostly one that is later than most: it is where it was put.
        let mut runs = self.runs.iter_mut();
        let is_out = match runs.find(|run| run.back().is_some_and(is_it)) {
            Some(run) => run.pop_back().is_some(),
            None => self.heap.last().is_some_and(is_it) && self.heap.pop().is_some(),
        };
        if is_out {
            self.slots.release(key.slot);
        } else {
            let mut firsts = self.runs.iter().map(VecDeque::front);
            if firsts.any(|first| first.is_some_and(is_it)) || self.heap.first().is_some_and(is_it)
            {
                self.tidy();
            }
        }
        self.sweep_if_worth_it();
        Some(owner)
    }

    pub(crate) fn earliest(&self) -> Option<Instant> {
        self.first().map(|(_, first)| first.deadline)
    }

    /// Moves what is due to the end of `batch`, in order, until that has `most`.
    pub(crate) fn take_due(&mut self, now: Instant, most: usize, batch: &mut VecDeque<Expired<T>>) {
        self.take_while(|deadline| deadline <= now, most, batch);
    }

    /// As `take_due`, whether it is due or not.
    pub(crate) fn take(&mut self, most: usize, batch: &mut VecDeque<Expired<T>>) {
        self.take_while(|_| true, most, batch);
    }

    fn take_while(
        &mut self,
        is_due: impl Fn(Instant) -> bool,
        most: usize,
        batch: &mut VecDeque<Expired<T>>,
    ) {
        while batch.len() < most {
            let Some((run, &entry)) = self.first().filter(|it| is_due(it.1.deadline)) else {
                break;
            };
            match self.runs.get_mut(run) {
                Some(run) => {
                    run.pop_front();
                }
                None => self.pop_heap(),
            }
            if let Some((key, owner)) = self.slots.expire(entry.slot) {
                batch.push_back(Expired {
                    key,
                    deadline: entry.deadline,
                    owner,
                });
            }
        }
        if self.slots.left > 0 {
            self.tidy();
            self.sweep_if_worth_it();
        }
    }

    /// Returns how many entries there are, leftovers included: 0 if no deadline.
    pub(crate) fn len(&self) -> usize {
        self.runs.iter().map(VecDeque::len).sum::<usize>() + self.heap.len()
    }

    /// Returns the first entry, and the run that it is of; else it is of the heap.
    #[inline]
    fn first(&self) -> Option<(usize, &Entry)> {
        let mut first = self.heap.first().map(|entry| (RUNS, entry));
        for (number, run) in self.runs.iter().enumerate() {
            if let Some(entry) = run.front() {
                if first.is_none_or(|(_, first)| entry < first) {
                    first = Some((number, entry));
                }
            }
        }
        first
    }

    /// Takes out the leftovers that are the first.
    fn tidy(&mut self) {
        let slots = &mut self.slots;
        for run in &mut self.runs {
            while let Some(first) = run.front().filter(|first| slots.is_left(first.slot)) {
                slots.release(first.slot);
                run.pop_front();
            }
        }
        while let Some(&first) = self.heap.first() {
            if !self.slots.is_left(first.slot) {
                break;
            }
            self.pop_heap();
            self.slots.release(first.slot);
        }
    }

    /// Takes all leftovers out when they are too many.
    #[inline]
    fn sweep_if_worth_it(&mut self) {
        if self.slots.left > 0 && 2 * self.slots.left > self.len() {
            self.sweep();
        }
    }

    /// Takes all leftovers out.
    #[cold]
    fn sweep(&mut self) {
        let slots = &mut self.slots;
        let mut stays = |entry: &Entry| {
            let is_left = slots.is_left(entry.slot);
            if is_left {
                slots.release(entry.slot);
            }
            !is_left
        };
        for run in &mut self.runs {
            run.retain(&mut stays);
        }
        self.heap.retain(&mut stays);
        // From the bottom up; what has no children is in its place.
        for place in (0..self.heap.len().div_ceil(CHILDREN)).rev() {
            self.sift_down(place, self.heap[place]);
        }
    }

    /// Counts anew what decides among equal deadlines.
    #[cold]
    fn renumber(&mut self) {
        let mut all = mem::take(&mut self.heap);
        for run in &mut self.runs {
            all.extend(run.drain(..));
        }
        all.sort_unstable();
        self.order = 0;
        for entry in &mut all {
            entry.order = self.order;
            self.order += 1;
        }
        self.runs[0] = all.into();
    }

    /// Takes the first entry out of the heap.
    fn pop_heap(&mut self) {
        if let Some(last) = self.heap.pop() {
            if !self.heap.is_empty() {
                self.sift_down(0, last);
            }
        }
    }

    /// Finds a place for `entry`: `place`, which is free, or one above it.
    fn sift_up(&mut self, mut place: usize, entry: Entry) -> usize {
        while place > 0 {
            let parent = (place - 1) / CHILDREN;
            let above = self.heap[parent];
            if above < entry {
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
        let heap = &mut self.heap[..];
        loop {
            let first = CHILDREN * place + 1;
            let (child, below) = match heap.get(first..) {
                Some(&[a, b, c, d, ..]) => {
                    // In pairs: neither waits for the other.
                    let one = if b < a { (first + 1, b) } else { (first, a) };
                    let other = if d < c {
                        (first + 3, d)
                    } else {
                        (first + 2, c)
                    };
                    if other.1 < one.1 { other } else { one }
                }
                Some(&[mut least, ref rest @ ..]) => {
                    let mut child = first;
                    for (number, &other) in rest.iter().enumerate() {
                        if other < least {
                            (child, least) = (first + 1 + number, other);
                        }
                    }
                    (child, least)
                }
                _ => break,
            };
            if entry < below {
                break;
            }
            heap[place] = below;
            place = child;
        }
        heap[place] = entry;
    }
}

impl<T> Slots<T> {
    /// Takes a free slot.
    fn take(&mut self, owner: T) -> TimerKey {
        if let Some(slot) = self.free {
            let place = &mut self.places[slot as usize];
            if let Slot::Free { generation, next } = *place {
                self.free = next;
                *place = Slot::Taken { generation, owner };
                return TimerKey { slot, generation };
            }
        }
        let slot = u32::try_from(self.places.len()).expect("fewer than 4 billion timers");
        let generation = 0;
        self.places.push(Slot::Taken { generation, owner });
        TimerKey { slot, generation }
    }

    /// Makes the entry of a deadline a leftover, if that is still there.
    fn leave(&mut self, key: TimerKey) -> Option<T> {
        let place = self.places.get_mut(key.slot as usize)?;
        match place {
            Slot::Taken { generation, .. } if *generation == key.generation => {}
            _ => return None,
        }
        self.left += 1;
        let generation = key.generation.wrapping_add(1);
        mem::replace(place, Slot::Left { generation }).owner()
    }

    fn is_left(&self, slot: u32) -> bool {
        matches!(self.places[slot as usize], Slot::Left { .. })
    }

    /// Frees the slot of a leftover whose entry has been taken out.
    fn release(&mut self, slot: u32) {
        let place = &mut self.places[slot as usize];
        if let Slot::Left { generation } = *place {
            let next = self.free.replace(slot);
            *place = Slot::Free { generation, next };
            self.left -= 1;
        }
    }

    /// Frees a slot whose entry has been taken out; returns what was there, if that was
    /// no leftover.
    fn expire(&mut self, slot: u32) -> Option<(TimerKey, T)> {
        let place = &mut self.places[slot as usize];
        let Slot::Taken { generation, .. } = *place else {
            self.release(slot);
            return None;
        };
        let key = TimerKey { slot, generation };
        let free = Slot::Free {
            generation: generation.wrapping_add(1),
            next: self.free.replace(slot),
        };
        Some((key, mem::replace(place, free).owner()?))
    }
}

impl<T> Slot<T> {
    fn owner(self) -> Option<T> {
        match self {
            Self::Taken { owner, .. } => Some(owner),
            Self::Left { .. } | Self::Free { .. } => None,
        }
    }
}

#[cfg(all(test, async_op_unit_tests))]
mod tests;
