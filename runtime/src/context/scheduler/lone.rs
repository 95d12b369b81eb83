//! A runner that is alone, between two looks at the shared state.
//!
//! Most turns of a context that one thread runs bring nothing from elsewhere. So whether that
//! thread sleeps in the reactor is one word: it goes to sleep and wakes up by one exchange
//! each, without the lock. The books, those of the [`Crew`](super::Crew), say that it is
//! awake.
//!
//! Whoever takes the lock opens the books first: what the word says is entered there, and
//! the word is `IN_BOOKS` from then on. So nothing that is done under the lock need know of
//! it, and both exchanges fail once anybody has had the lock. The runner comes for it then,
//! and looks at the shared state, before it goes to sleep again, alone still.
//!
//! What is to end the sleep is done under the lock. So either the exchange comes after that,
//! and fails, or it is in the books that the runner sleeps.

use crate::shim::{AtomicU8, Ordering};

/// What the books say is so. Written under the lock, and exchanged for `ASLEEP` under the
/// lock alone.
const IN_BOOKS: u8 = 0;
const AWAKE: u8 = 1;
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
    pub(super) fn open_books(&self) -> bool {
        self.0.swap(IN_BOOKS, Ordering::AcqRel) == ASLEEP
    }
}
