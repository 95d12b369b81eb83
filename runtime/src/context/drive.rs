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

use super::bounds::Wait;
use super::{IoContext, IoExecutor};

/// So many tasks run before those of the runtime have their turn.
const TURN: usize = 128;

/// Counts as work: what is driven does not stop for want of it.
struct Driving(IoExecutor);

impl Driving {
    fn begin(context: &IoContext) -> Self {
        context.handle.add_work();
        context.handle.scheduler.resume();
        Self(context.handle)
    }
}

impl Drop for Driving {
    fn drop(&mut self) {
        self.0.remove_work();
    }
}

impl IoContext {
    /// Runs what is ready; returns whether there may be more already. Of all else the
    /// descriptor tells, also who is told once.
    fn take_turn(&self) -> bool {
        self.bounded(TURN, Wait::Host) == TURN
    }
}
