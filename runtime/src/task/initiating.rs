//! Which operations are being initiated on this thread.
//!
//! `complete` asks, to tell an immediate completion. By id, never by address:
//! the memory of an operation can be handed out again while the body of its
//! initiating function still runs.
//!
//! # Invariants
//!
//! - **I1** `TOP` is null or points to the record of the innermost `within`
//!   call of this thread, which is alive on this thread's stack; so does each
//!   `outer`.

use std::cell::Cell;
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};

/// A number no other operation of this process ever has.
///
/// The default is none's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct OperationId(u64);

struct Record {
    id: OperationId,
    outer: *const Record,
}

thread_local! {
    static TOP: Cell<*const Record> = const { Cell::new(ptr::null()) };
    static NEXT_ID: Cell<u64> = const { Cell::new(0) };
}

/// Threads take ids in runs of this many, so that the common case is not atomic.
const RUN: u64 = 1 << 16;
static NEXT_RUN: AtomicU64 = AtomicU64::new(0);

impl OperationId {
    #[cfg(feature = "tracing")]
    pub(crate) const NONE: Self = Self(0);

    #[cfg(feature = "tracing")]
    pub(crate) const fn number(self) -> u64 {
        self.0
    }

    /// Returns the number of the run that the id is from: mostly a thread's.
    #[cfg(feature = "tracing")]
    pub(crate) fn run(self) -> usize {
        (self.0 / RUN) as usize
    }

    #[inline]
    pub(crate) fn new() -> Self {
        NEXT_ID.with(|next| {
            let mut id = next.get();
            if id % RUN == 0 {
                id = NEXT_RUN.fetch_add(1, Ordering::Relaxed) * RUN + 1;
            }
            next.set(id + 1);
            Self(id)
        })
    }
}

/// Calls `body`, the body of the initiating function of operation `id`.
#[inline]
pub(crate) fn within<R>(id: OperationId, body: impl FnOnce() -> R) -> R {
    struct Pop(*const Record);
    impl Drop for Pop {
        #[inline]
        fn drop(&mut self) {
            TOP.set(self.0);
        }
    }

    let record = Record {
        id,
        outer: TOP.get(),
    };
    let _pop = Pop(record.outer);
    TOP.set(&raw const record);
    body()
}

/// Returns whether the initiating function of operation `id` is running on
/// this thread.
#[inline]
pub(crate) fn is_within(id: OperationId) -> bool {
    let mut record = TOP.get();
    while !record.is_null() {
        // SAFETY: by I1 the record is alive, and only this thread has it.
        let Record { id: this, outer } = unsafe { &*record };
        if *this == id {
            return true;
        }
        record = *outer;
    }
    false
}

#[cfg(all(test, async_op_unit_tests))]
mod tests;
