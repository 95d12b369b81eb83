//! A thread inside `run`: how it comes and goes.

use super::{Runner, Scheduler};
use crate::context::bounds::Bounds;
use crate::context::runner::{Start, Tasks};
use crate::shim::Ordering;

/// Counts this thread among the runners.
pub(super) struct Running {
    scheduler: &'static Scheduler,
    generation: u32,
    number: usize,
}

impl Running {
    /// Returns what the thread starts with.
    pub(super) fn start(
        scheduler: &'static Scheduler,
        generation: u32,
        bounds: &Bounds<'_>,
    ) -> Option<(Self, Start)> {
        let mut shared = scheduler.lock();
        let stopped = shared.stop_requested || (shared.out_of_work && bounds.unblock.is_none());
        if shared.generation != generation || stopped || bounds.limit == 0 {
            return None;
        }
        let is_alone = scheduler.runners.load(Ordering::Relaxed) == 0;
        if bounds.unblock.is_some() && !is_alone {
            // Another has come first, which this one follows.
            return None;
        }
        if shared.for_one_thread && !is_alone {
            drop(shared);
            panic!(
                "an `IoContext::for_one_thread` is being run by another thread, or driven by one \
                 that blocks on an operation: make it with `IoContext::new`, or run it on one \
                 thread at a time"
            );
        }
        scheduler.runners.fetch_add(1, Ordering::Relaxed);
        #[cfg(debug_assertions)]
        scheduler.runs.fetch_add(1, Ordering::Relaxed);
        let (number, seat) = shared.crew.join();
        if bounds.unblock.is_some() {
            shared.crew.driver = Some(number);
        }
        let running = Self {
            scheduler,
            generation,
            number,
        };
        let start = Start {
            generation,
            reactor: shared.reactor.clone(),
            seat,
            number,
            tasks: if shared.for_one_thread {
                Tasks::Own
            } else {
                Tasks::Shared
            },
            before_look: shared.before_look,
        };
        scheduler.release(shared, Some(number));
        Some((running, start))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let Self { scheduler, .. } = self;
        let mut shared = scheduler.lock();
        let left = scheduler.runners.fetch_sub(1, Ordering::Relaxed) - 1;
        shared.crew.leave(self.number);
        if shared.generation != self.generation {
            // A handler of this thread, the last one left, dropped the context.
            scheduler.retire(shared);
        } else if shared.closing {
            drop(shared);
            scheduler.closing.notify_one();
        } else if left == 0 {
            if shared.host_missed || !shared.queue.is_empty() {
                scheduler.tell_host(&mut shared);
            }
            scheduler.hand_over(shared);
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
            // Dropped by a handler of this thread, with all its tasks.
            return;
        }
        shared.return_tasks(runner);
        shared.before_look = runner.before_look.get();
        scheduler.deactivate(&mut shared, runner);
        let others = scheduler.runners.load(Ordering::Relaxed) > 1;
        if others && scheduler.is_out_of_work(&shared) {
            scheduler.end_work(&mut shared);
        } else {
            // For the tasks; or this runner was the one at the reactor, or had been
            // called for something else.
            scheduler.release(shared, None);
        }
    }
}

/// Ends a nested call, on unwind too: its handler goes on, perhaps for long, and what
/// the call was told of or has fetched is for the other runners.
pub(super) struct EndingNested<'a>(pub(super) &'a Scheduler, pub(super) &'a Runner);

impl Drop for EndingNested<'_> {
    fn drop(&mut self) {
        let Self(scheduler, runner) = self;
        if runner.tasks() == Tasks::Shared {
            scheduler.release(scheduler.lock(), None);
            match runner.seat.tasks.len() {
                0 => {}
                len => scheduler.call_for(len),
            }
        }
    }
}
