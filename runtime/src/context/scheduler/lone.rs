//! A runner that is alone, between two looks at the shared state.
//!
//! Most turns of a context that one thread runs bring nothing from elsewhere. So whether that
//! thread sleeps in the reactor is one word, not in the books of the [`Crew`](super::Crew):
//! it goes to sleep and wakes up by one exchange each, without the lock. Both fail where
//! anybody has taken the lock meanwhile. For whoever does enters into the books first what
//! the word says, and all that is done under the lock knows nothing of it. They stay open
//! until the runner has looked at the shared state and goes to sleep, alone still.
//!
//! What is to end the sleep is either done before the exchange, which fails then, or finds
//! in the books that the runner sleeps.

use crate::shim::{AtomicU8, Ordering};

/// All is in the books. Written under the lock, and under the lock alone exchanged for
/// another.
const IN_BOOKS: u8 = 0;
/// In the books the runner is awake, as it is.
const AWAKE: u8 = 1;
/// In the books the runner is awake.
const ASLEEP: u8 = 2;

pub(super) struct Lone(AtomicU8);

impl Lone {
    pub(super) fn new() -> Self {
        Self(AtomicU8::new(IN_BOOKS))
    }

    /// Goes to sleep with the lock: in the books the runner is awake.
    pub(super) fn begin(&self) {
        self.0.store(ASLEEP, Ordering::Relaxed);
    }

    /// Goes to sleep, unless there may be something new in the shared state.
    #[inline]
    pub(super) fn sleep(&self) -> bool {
        self.exchange(AWAKE, ASLEEP)
    }

    /// Wakes up, unless that is to be done in the books.
    #[inline]
    pub(super) fn wake(&self) -> bool {
        self.exchange(ASLEEP, AWAKE)
    }

    #[inline]
    fn exchange(&self, from: u8, to: u8) -> bool {
        // Acquire: what has made it fail is to be seen. Release: the count of work is.
        let exchanged = self
            .0
            .compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire);
        exchanged.is_ok()
    }

    /// Opens the books, with the lock; returns whether they are to say that the runner
    /// sleeps.
    #[inline]
    pub(super) fn open_books(&self) -> bool {
        // Whoever has the lock is the only one to write another than that.
        self.0.load(Ordering::Relaxed) != IN_BOOKS
            && self.0.swap(IN_BOOKS, Ordering::AcqRel) == ASLEEP
    }
}
