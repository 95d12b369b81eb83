//! Contexts that are run by a task of somebody else's runtime.
//!
//! # Invariants
//!
//! - **I1** The descriptor of a context is that of one event queue, and open, as long as the
//!   context is borrowed.

#[cfg(feature = "async-io")]
mod async_io;
#[cfg(feature = "tokio")]
mod tokio;

use std::os::fd::BorrowedFd;

use super::IoContext;
use super::bounds::Wait;

/// So many tasks run before those of the runtime have their turn.
const TURN: usize = 128;

/// Counts as work: what is driven does not stop for want of it.
struct Driving<'c> {
    context: &'c IoContext,
    fd: BorrowedFd<'c>,
}

impl<'c> Driving<'c> {
    fn begin(context: &'c IoContext) -> Self {
        context.handle.add_work();
        context.handle.scheduler.resume();
        Self {
            context,
            fd: context.lend(context.handle.scheduler.begin_driving()),
        }
    }
}

impl Drop for Driving<'_> {
    fn drop(&mut self) {
        self.context.handle.scheduler.end_driving();
        self.context.handle.remove_work();
    }
}

impl IoContext {
    /// Runs what is ready; returns whether there may be more already. Of all else the
    /// descriptor tells, also who is told once.
    fn take_turn(&self) -> bool {
        self.bounded(TURN, Wait::Host) == TURN
    }
}
