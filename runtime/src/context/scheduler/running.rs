//! A thread inside `run`: how it comes and goes.

use std::sync::Arc;

use super::{Reactor, Runner, Scheduler};
use crate::context::bounds::Bounds;
use crate::shim::Ordering;

/// Counts this thread among the runners.
pub(super) struct Running {
    scheduler: &'static Scheduler,
    generation: u32,
}

impl Running {
    /// Returns the reactor and the count before the next look with it.
    pub(super) fn start(
        scheduler: &'static Scheduler,
        generation: u32,
        bounds: &Bounds<'_>,
    ) -> Option<(Self, Option<Arc<Reactor>>, u32)> {
        let mut shared = scheduler.lock();
        let stopped = shared.stop_requested || (shared.out_of_work && bounds.unblock.is_none());
        if shared.generation != generation || stopped || bounds.limit == 0 {
            return None;
        }
        shared.active += 1;
        scheduler.runners.fetch_add(1, Ordering::Relaxed);
        let running = Self {
            scheduler,
            generation,
        };
        Some((running, shared.reactor.clone(), shared.before_look))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let Self { scheduler, .. } = self;
        let shared = scheduler.lock();
        scheduler.runners.fetch_sub(1, Ordering::Relaxed);
        if shared.generation != self.generation {
            // A handler of this thread, the last one left, dropped the context.
            scheduler.retire(shared);
        } else if shared.blocked > 0 {
            // The last one to leave lets a blocked thread drive the context.
            drop(shared);
            scheduler.blocked.notify_all();
        }
    }
}

/// Ends the part of a runner, on unwind too.
pub(super) struct Leaving<'a>(pub(super) &'a Scheduler, pub(super) &'a Runner);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        let Self(scheduler, runner) = self;
        let mut shared = scheduler.lock();
        if shared.generation != runner.generation {
            // Dropped by a handler of this thread. What it posted afterwards
            // is dropped with the record.
            return;
        }
        shared.return_tasks(runner);
        shared.before_look = runner.before_look.get();
        scheduler.deactivate(&mut shared, runner);
        let others = scheduler.runners.load(Ordering::Relaxed) > 1;
        if !others {
            return;
        }
        if scheduler.is_out_of_work(&shared) {
            scheduler.end_work(shared);
        } else if !shared.queue.is_empty() || !shared.polling {
            // For the tasks; or this runner had been woken to wait in the
            // reactor, and another has to.
            scheduler.wake_one(shared);
        }
    }
}

/// Ends a nested call, on unwind too: its handler goes on, perhaps for long, and what
/// the call was told of or has fetched is for the other runners.
pub(super) struct EndingNested<'a>(pub(super) &'a Scheduler, pub(super) &'a Runner);

impl Drop for EndingNested<'_> {
    fn drop(&mut self) {
        let Self(scheduler, runner) = self;
        if scheduler.has_one_runner() {
            return;
        }
        let mut shared = scheduler.lock();
        if shared.generation != runner.generation {
            return;
        }
        shared.return_tasks(runner);
        if !shared.queue.is_empty() || !shared.polling {
            scheduler.wake_one(shared);
        }
    }
}
