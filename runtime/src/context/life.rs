use crate::shim::{AtomicU64, Ordering};

/// The generation of a context core and its count of outstanding work, in one
/// word: so that a guard of an earlier context cannot count against a later
/// one that uses the same core.
///
/// The count is signed: a thread inside `run` counts apart, and what another
/// thread gives back may arrive here before what this one took.
pub(crate) struct Life {
    word: AtomicU64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Snapshot {
    generation: u32,
    count: i32,
}

impl Snapshot {
    fn unpack(word: u64) -> Self {
        Self {
            generation: (word >> 32) as u32,
            count: word as u32 as i32,
        }
    }

    fn pack(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.count as u32)
    }
}

impl Life {
    pub(crate) fn new() -> Self {
        Self {
            word: AtomicU64::new(0),
        }
    }

    /// Adds `delta` to the count of `generation`; returns the new count, or
    /// `None` when that generation is over.
    #[inline]
    pub(crate) fn add(&self, generation: u32, delta: i32) -> Option<i32> {
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            let now = Snapshot::unpack(word);
            if now.generation != generation {
                return None;
            }
            let count = now.count.checked_add(delta).expect("outstanding work");
            let next = Snapshot { count, ..now };
            match self.word.compare_exchange_weak(
                word,
                next.pack(),
                Ordering::AcqRel,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Some(count),
                Err(now) => word = now,
            }
        }
    }

    /// Returns the count.
    pub(crate) fn count(&self) -> i32 {
        Snapshot::unpack(self.word.load(Ordering::Acquire)).count
    }

    /// Ends the current generation, whatever its count, and returns the next.
    pub(crate) fn next_generation(&self) -> u32 {
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            let generation = Snapshot::unpack(word).generation.wrapping_add(1);
            let next = Snapshot {
                generation,
                count: 0,
            };
            match self.word.compare_exchange_weak(
                word,
                next.pack(),
                Ordering::AcqRel,
                Ordering::Relaxed,
            ) {
                Ok(_) => return generation,
                Err(now) => word = now,
            }
        }
    }
}

#[cfg(all(test, async_op_unit_tests, not(async_op_loom)))]
mod tests;
