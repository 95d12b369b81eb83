//! Threads that block on operations of a context: one drives it, the others sleep.
//!
//! As leader and followers do (Schmidt et al., *Leader/Followers*, 2000): what completes
//! wakes the thread that waits for it and no other; when the one that drives leaves, it
//! hands that over to one of the others. While some thread is inside `run`, all of them
//! are followers; where the context has threads of its own, always.

use std::sync::Arc;
use std::task::{Wake, Waker};

use super::{Scheduler, Shared};
use crate::context::bounds::{Bounds, Wait};
use crate::executor::{Follower, Unblock};
use crate::shim::{MutexGuard, Ordering};

/// So many tasks run when one who blocks gives way.
const TURN: usize = 64;

impl Scheduler {
    /// Blocks until `until` is set; drives the context while nobody else does, unless it has
    /// threads of its own.
    pub(in crate::context) fn block(&'static self, generation: u32, until: &Unblock) {
        if until.is_restless(until.is_set()) {
            // What is blocked on wakes itself, perhaps because it waits for what
            // the context does.
            self.give_way(generation, until);
        }
        // Whether this thread has been told to drive, and has not done so.
        let mut leads = false;
        while leads || !until.is_set() {
            let mut shared = self.lock();
            if shared.generation != generation || shared.closing {
                // Its last act is to wake all that waits for it.
                drop(shared);
                return until.park();
            }
            if until.is_set() {
                return self.hand_over(shared);
            }
            let is_run = self.runners.load(Ordering::Relaxed) > 0;
            // Threads that have run out of work do not come back.
            let is_over = shared.stop_requested || (shared.has_threads && shared.out_of_work);
            if is_run || (shared.has_threads && !is_over) {
                let follower = until.follow();
                shared.followers.push(follower.clone());
                drop(shared);
                until.park_as(&follower);
                leads = self.stop_following(&follower);
                continue;
            }
            if is_over {
                let has_threads = shared.has_threads;
                // The others are to know as well.
                self.hand_over(shared);
                assert!(
                    !has_threads,
                    "blocking on an operation of a `ThreadPool` that has been stopped or joined \
                     would wait for ever"
                );
                panic!(
                    "blocking on an operation of a stopped `IoContext` would wait for ever: \
                     call `restart` first"
                );
            }
            drop(shared);
            // Who has driven has handed that on when it left.
            leads &= !self.drive(generation, until);
        }
    }

    /// Drives the context; returns whether this thread did: another may have come first.
    fn drive(&'static self, generation: u32, until: &Unblock) -> bool {
        struct NoLonger<'a>(&'a Unblock);
        impl Drop for NoLonger<'_> {
            fn drop(&mut self) {
                self.0.also_wake(None);
            }
        }

        until.also_wake(self.waker.get().cloned());
        let _no_longer = NoLonger(until);
        let bounds = Bounds {
            limit: usize::MAX,
            wait: Wait::Forever,
            unblock: Some(until),
            nested: false,
        };
        self.run_from_outside(generation, &bounds).is_some()
    }

    /// Lets the context have its turn, if nobody else runs it, without waiting.
    fn give_way(&'static self, generation: u32, until: &Unblock) {
        let shared = self.lock();
        let is_idle = self.runners.load(Ordering::Relaxed) == 0;
        let is_open = shared.generation == generation && !shared.closing && !shared.stop_requested;
        let is_free = is_idle && !shared.has_threads;
        drop(shared);
        if is_free && is_open {
            let bounds = Bounds {
                limit: TURN,
                wait: Wait::Never,
                unblock: Some(until),
                nested: false,
            };
            self.run(generation, &bounds);
        }
    }

    /// Returns whether the thread has been taken from the list, to lead.
    fn stop_following(&self, follower: &Follower) -> bool {
        let followers = &mut self.lock().followers;
        let place = followers.iter().rposition(|other| other == follower);
        place.map(|place| followers.swap_remove(place)).is_none()
    }

    /// Has one of those who follow drive, if nobody does.
    pub(super) fn hand_over(&self, mut shared: MutexGuard<'_, Shared>) {
        if self.runners.load(Ordering::Relaxed) > 0 {
            return;
        }
        // The last one: what it waits for is likely to be the last, too. But whoever is
        // about to leave would only hand it on.
        let mut follower = shared.followers.pop();
        while follower.as_ref().is_some_and(Follower::is_set) {
            follower = shared.followers.pop();
        }
        drop(shared);
        if let Some(follower) = follower {
            follower.lead();
        }
    }
}

/// Wakes the thread that drives a context to be unblocked.
struct WakeDriver(&'static Scheduler);

pub(super) fn driver_waker(scheduler: &'static Scheduler) -> Waker {
    Waker::from(Arc::new(WakeDriver(scheduler)))
}

impl Wake for WakeDriver {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut shared = self.0.lock();
        let driver = shared.crew.driver;
        let called = driver.and_then(|number| shared.crew.call_number(number));
        self.0.wake_called(shared, called);
    }
}
