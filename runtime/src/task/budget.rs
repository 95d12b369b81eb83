//! How much a frame may await in one poll.
//!
//! A future whose operations are always ready would keep its thread, and the
//! timers and other operations of its context, waiting for ever: a stream with a
//! fast peer is enough. So what it awaits says "not yet" now and then, and has it
//! woken at once.

use std::cell::Cell;
use std::task::{Context, Poll};

/// How many operations are awaited before others have their turn. The number of
/// tokio.
const BUDGET: u32 = 128;
/// So many are left at least to each member of a group, as its place in the order is its turn.
const FEW: u32 = 8;
/// Outside of any frame: how fair to be is for the foreign poller to say.
const UNLIMITED: u32 = u32::MAX;

thread_local! {
    static LEFT: Cell<u32> = const { Cell::new(UNLIMITED) };
}

/// Restores what the outer frame had left when dropped, on unwind too.
pub(super) struct Granted {
    outer: u32,
}

/// Grants a new budget to the frame that is about to be polled.
#[inline]
pub(super) fn grant() -> Granted {
    Granted {
        outer: LEFT.replace(BUDGET),
    }
}

impl Drop for Granted {
    #[inline]
    fn drop(&mut self) {
        LEFT.set(self.outer);
    }
}

/// Takes back what was lent when dropped, on unwind too.
pub(crate) struct Lent(u32);

/// Lends a member of a group what is missing for a few operations: so one that has completed
/// says so when its turn has come, and others that completed later do not come first. The
/// group's own budget is no larger for it.
#[inline]
pub(crate) fn lend() -> Lent {
    let left = LEFT.get();
    let lent = FEW.saturating_sub(left);
    LEFT.set(left + lent);
    Lent(lent)
}

impl Drop for Lent {
    #[inline]
    fn drop(&mut self) {
        let Self(lent) = *self;
        LEFT.set(LEFT.get().saturating_sub(lent));
    }
}

/// Called by an operation each time it is polled: whether it may go on, or has to
/// return, to be polled again soon.
#[inline]
pub(crate) fn proceed(cx: &mut Context<'_>) -> Poll<()> {
    match LEFT.get() {
        UNLIMITED => Poll::Ready(()),
        0 => exhausted(cx),
        left => {
            LEFT.set(left - 1);
            Poll::Ready(())
        }
    }
}

#[cold]
fn exhausted(cx: &mut Context<'_>) -> Poll<()> {
    // A foreign poller inside of the frame, which cannot return from there, goes
    // on with a new one.
    LEFT.set(BUDGET);
    cx.waker().wake_by_ref();
    Poll::Pending
}
