//! What a runner does: tasks, and between them a look at what has come.

use std::mem;
use std::time::Instant;

use super::crew::{Poller, WATCH};
use super::running::{EndingNested, Leaving, Running};
use super::{Call, Scheduler, Shared};
use crate::context::bounds::{Bounds, Timeout, Wait};
use crate::context::brought::Brought;
use crate::context::reactor::Reactor;

use crate::context::runner::{Runner, Tasks, Woken};
use crate::context::seat::Seat;
use crate::shim::{MutexGuard, Ordering, thread};
use crate::task::current;
use crate::task::ring::MOVED;

/// After this many tasks since it has waited or looked around a runner looks at the shared
/// queue, and at the reactor if anything is registered there.
const LOOK_AROUND_EVERY: u32 = 64;

/// What a runner does after it has looked around.
enum Next {
    /// Run tasks: there may be some.
    Run,
    Leave,
}

impl Scheduler {
    /// Runs tasks within `bounds`; returns how many.
    pub(in crate::context) fn run(&'static self, generation: u32, bounds: &Bounds<'_>) -> usize {
        // Whoever runs a context inside of a poll does not make its tasks a part of
        // that.
        let _outside = current::outside();
        match Runner::find(self, generation) {
            // A nested call goes on with the record of the outer one.
            Some(runner) => {
                let _ending = EndingNested(self, runner);
                let nested = true;
                self.run_tasks(runner, &Bounds { nested, ..*bounds })
            }
            None => self.run_from_outside(generation, bounds).unwrap_or(0),
        }
    }

    /// Runs tasks on a thread that does not yet; returns how many, or `None` if it could
    /// not come in.
    pub(super) fn run_from_outside(
        &'static self,
        generation: u32,
        bounds: &Bounds<'_>,
    ) -> Option<usize> {
        let (_running, start) = Running::start(self, generation, bounds)?;
        Some(Runner::enter(self, start, |runner| {
            let _leaving = Leaving(self, runner);
            self.run_tasks(runner, bounds)
        }))
    }

    fn run_tasks(&self, runner: &Runner, bounds: &Bounds<'_>) -> usize {
        let mut left = bounds.limit;
        // A nested call that is given nothing to do does nothing.
        if left == 0 {
            return 0;
        }
        let before_look = &runner.before_look;
        let may_end = bounds.may_end();
        // That stays so, or there will be no more.
        let at_seat = runner.tasks() == Tasks::Shared;
        let may_wait = !bounds.nested && !bounds.wait.is_never();
        loop {
            if self.stop_requested.load(Ordering::Relaxed) || (may_end && bounds.have_ended()) {
                break;
            }
            if before_look.get() > 0 {
                if let Some(task) = runner.pop(at_seat) {
                    before_look.set(before_look.get() - 1);
                    task.run_outside();
                    left -= 1;
                    if left == 0 {
                        break;
                    }
                    continue;
                }
            }
            let due = before_look.get() == 0;
            if due {
                before_look.set(LOOK_AROUND_EVERY);
            }
            match self.turn(runner, bounds, may_wait, due, left) {
                Next::Run => {}
                Next::Leave => break,
            }
        }
        bounds.limit - left
    }

    /// Has a runner that has no tasks wait, if it `may_wait` without a look at the shared
    /// state, or look around.
    #[inline(never)] // The loop around it is tight.
    fn turn(
        &self,
        runner: &Runner,
        bounds: &Bounds<'_>,
        may_wait: bool,
        due: bool,
        most: usize,
    ) -> Next {
        let reactor = runner.reactor.as_deref();
        if let Some(reactor) = reactor.filter(|_| may_wait && !due) {
            // Rule 2, but for the lock.
            self.add_work(runner.generation, runner);
            if self.busy.life.count() != 0 && self.busy.lone.sleep() {
                return self.wait_in_reactor(reactor, runner, bounds, bounds.wait.deadline());
            }
        }
        self.look_around(runner, bounds, due, most)
    }

    /// Fetches tasks from the shared queue and events from the reactor; waits
    /// for them if there is nothing else to do. With tasks to run, it looks at
    /// the reactor only when that is `due`. Fetches `most` tasks at the most.
    #[inline(never)] // Seldom where a runner is alone.
    fn look_around(&self, runner: &Runner, bounds: &Bounds<'_>, due: bool, most: usize) -> Next {
        // Or there were none a moment ago.
        let mut may_have_tasks = due;
        if bounds.nested {
            // Or it would wait for what this very thread is about to wake.
            runner.wake_rest();
            may_have_tasks = true;
        }
        let mut shared = self.lock();
        if shared.stop_requested || (shared.out_of_work && bounds.unblock.is_none()) {
            return Next::Leave;
        }
        let woken = runner.woken.replace(Woken::Otherwise);
        let mut busy = may_have_tasks && runner.has_tasks();
        busy |= self.fetch(&mut shared, runner, busy, most);
        let mut watch = false;
        if !self.is_alone() {
            if woken == Woken::Called {
                shared.crew.learn(runner.number, busy);
            }
            if !busy && (woken != Woken::Otherwise || bounds.wait.is_never()) {
                let (mut tasks, wakers) = shared.crew.rescue(runner.number);
                busy = !tasks.is_empty();
                runner.fetch(&mut tasks, MOVED);
                if busy || wakers.is_some() {
                    shared.crew.forget();
                } else {
                    watch = self.found_nothing(&mut shared, woken);
                }
                if let Some(wakers) = wakers {
                    self.release(shared, Some(runner.number));
                    runner.wake_all(wakers);
                    return Next::Run;
                }
            }
        }
        let reactor = runner.reactor.as_deref();
        let is_free = shared.reactor.is_some() && matches!(shared.crew.poller, Poller::Nobody);
        let reactor = reactor.filter(|_| is_free);
        if !busy && !bounds.wait.is_never() {
            return self.wait_for_work(shared, runner, bounds, reactor, watch);
        }
        let due = due || !busy;
        // With a host, to take back what has been said to it.
        let hosted = self.is_hosted();
        let reactor = reactor.filter(|reactor| due && (hosted || reactor.has_interest()));
        let has_looked = matches!(bounds.wait, Wait::Host) && runner.has_seen_all.get();
        let reactor = reactor.filter(|_| !has_looked);
        if reactor.is_some() {
            shared.crew.poller = Poller::Passing;
        }
        // Another is called for what is left.
        self.release(shared, Some(runner.number));
        if let Some(reactor) = reactor {
            let mut brought = Brought::default();
            let is_all = reactor.wait(Timeout::Zero, &mut brought);
            runner.has_seen_all.set(is_all);
            let mut shared = self.lock();
            shared.crew.end_polling();
            shared.host_is_told = false;
            self.release(shared, Some(runner.number));
            // Of what is left, a host might not be told again.
            if busy || !brought.is_empty() || !is_all {
                self.take_in(runner, &mut brought);
                return Next::Run;
            }
        }
        if busy {
            Next::Run
        } else {
            self.leave_or_stop(runner, bounds)
        }
    }

    /// A runner has looked in vain for something to do; returns whether it should watch.
    fn found_nothing(&self, shared: &mut Shared, woken: Woken) -> bool {
        let crew = &mut shared.crew;
        match woken {
            Woken::Called => true,
            Woken::Expired if !crew.reactor_is_forgotten() && crew.look() => {
                // Others go on without help.
                true
            }
            Woken::Expired => {
                crew.forget();
                false
            }
            Woken::Here | Woken::Otherwise => {
                crew.look();
                false
            }
        }
    }

    /// A runner that will not wait has nothing to do.
    fn leave_or_stop(&self, runner: &Runner, bounds: &Bounds<'_>) -> Next {
        let mut shared = self.lock();
        if !shared.queue.is_empty() {
            return Next::Run;
        }
        // The handler that made a nested call goes on, and so does whoever blocks:
        // no conclusion.
        if !bounds.nested && bounds.unblock.is_none() {
            self.deactivate(&mut shared, runner);
            let over = self.is_out_of_work(&shared);
            shared.crew.active += 1;
            if over {
                self.end_work(&mut shared);
            }
        }
        Next::Leave
    }

    /// Waits in the reactor, or in bed while another does.
    fn wait_for_work(
        &self,
        mut shared: MutexGuard<'_, Shared>,
        runner: &Runner,
        bounds: &Bounds<'_>,
        reactor: Option<&Reactor>,
        watch: bool,
    ) -> Next {
        let number = runner.number;
        self.deactivate(&mut shared, runner);
        // Out of work already, and here: this thread waits to be unblocked.
        if self.is_out_of_work(&shared) && !shared.out_of_work {
            if bounds.nested {
                shared.crew.active += 1;
                return Next::Leave;
            }
            if shared.crew.nested == 0 {
                shared.crew.active += 1;
                self.end_work(&mut shared);
                return Next::Leave;
            }
            // Handlers that wait in a nested `run` go on, and so may the work.
            self.call_all(&mut shared);
        }
        // The flag is set before a wake looks at who sleeps, and the other way
        // round here; the mutex orders the two.
        if bounds.is_unblocked() {
            shared.crew.active += 1;
            return Next::Leave;
        }
        if let Some(reactor) = reactor {
            if self.is_alone() && !bounds.nested && !self.is_hosted() {
                // Not in the books, unless somebody looks.
                shared.crew.active += 1;
                shared.is_lone = true;
                self.busy.lone.begin();
                drop(shared);
                return self.wait_in_reactor(reactor, runner, bounds, bounds.wait.deadline());
            }
        }
        shared.crew.nested += usize::from(bounds.nested);
        match reactor {
            Some(_) => shared.crew.sleep_in_reactor(number),
            None => shared.crew.sleep_in_bed(number),
        }
        if !self.is_alone() && self.has_overlooked(&mut shared, number, watch) {
            self.wake_up(&mut shared, runner, bounds, true);
            // They may be gone when it gets there, but for one: then it has to look again.
            self.call.store(Call::NEVER.0, Ordering::SeqCst);
            return Next::Run;
        }
        let mut deadline = bounds.wait.deadline();
        let watches = shared.crew.watches(number);
        if watches {
            let expiry = Instant::now() + WATCH;
            deadline = Some(deadline.map_or(expiry, |deadline| deadline.min(expiry)));
        }
        match reactor {
            None => self.wait_in_bed(shared, runner, bounds, deadline),
            Some(reactor) => {
                drop(shared);
                self.wait_in_reactor(reactor, runner, bounds, deadline)
            }
        }
    }

    /// One who is about to sleep has others call for what they post from now on, and looks
    /// for what came before that; returns whether there is something to be taken.
    fn has_overlooked(&self, shared: &mut Shared, number: usize, watch: bool) -> bool {
        if watch || shared.crew.is_patient() {
            shared.crew.watch(number);
        }
        if !self.note_call(shared) {
            return false;
        }
        let waiting = shared.crew.waiting(Some(number));
        if waiting == 1 {
            // Its owner takes it next, or is held up.
            shared.crew.watch(number);
            let raised = self.note_call(shared);
            debug_assert!(!raised, "who watches is called for less");
        }
        waiting > 1
    }

    fn wait_in_bed(
        &self,
        shared: MutexGuard<'_, Shared>,
        runner: &Runner,
        bounds: &Bounds<'_>,
        deadline: Option<Instant>,
    ) -> Next {
        let mut shared = self.sleep(&runner.seat, shared, deadline);
        // It is about to look around, and calls somebody then if there is need.
        match self.wake_up(&mut shared, runner, bounds, false) {
            true => Next::Leave,
            false => Next::Run,
        }
    }

    #[inline(always)] // A part of the turn.
    fn wait_in_reactor(
        &self,
        reactor: &Reactor,
        runner: &Runner,
        bounds: &Bounds<'_>,
        deadline: Option<Instant>,
    ) -> Next {
        let mut brought = Brought::default();
        reactor.wait(Timeout::Until(deadline), &mut brought);
        runner.before_look.set(LOOK_AROUND_EVERY);
        if !self.busy.lone.wake() && self.wake_up_in_reactor(runner, bounds, &brought) {
            return Next::Leave;
        }
        self.take_in(runner, &mut brought);
        // Nothing is left to be dropped.
        mem::forget(brought);
        Next::Run
    }

    /// Returns whether a nested call is over.
    #[inline(never)]
    fn wake_up_in_reactor(&self, runner: &Runner, bounds: &Bounds<'_>, brought: &Brought) -> bool {
        let mut shared = self.lock();
        shared.host_is_told = false;
        let is_over = self.wake_up(&mut shared, runner, bounds, !brought.is_empty());
        self.release(shared, Some(runner.number));
        is_over
    }

    /// Queues and wakes what a wait has brought.
    #[inline]
    fn take_in(&self, runner: &Runner, brought: &mut Brought) {
        let Brought { wake, leaves } = brought;
        if !leaves.is_empty() {
            self.post_all(runner, leaves.as_tasks());
        }
        if !wake.is_empty() {
            runner.wake(mem::take(wake));
        }
    }

    /// Makes a runner that has waited active again. Returns whether a nested call is
    /// over: if nobody else is active and the reactor has `brought` nothing, there is
    /// nothing to wait for.
    #[inline(always)]
    fn wake_up(
        &self,
        shared: &mut Shared,
        runner: &Runner,
        bounds: &Bounds<'_>,
        brought: bool,
    ) -> bool {
        let watched = shared.crew.watches(runner.number);
        runner.woken.set(match shared.crew.wake_up(runner.number) {
            true => Woken::Called,
            false if watched && !brought => Woken::Expired,
            false => Woken::Otherwise,
        });
        let is_over = bounds.nested && !brought && self.is_out_of_work(shared);
        shared.crew.nested -= usize::from(bounds.nested);
        shared.crew.active += 1;
        is_over
    }

    /// Moves tasks to a runner, no more than `most`: from the shared queue; if it is not
    /// busy, from another runner. Returns whether there were any.
    #[inline]
    fn fetch(&self, shared: &mut Shared, runner: &Runner, busy: bool, most: usize) -> bool {
        let alone = self.is_alone();
        if !shared.queue.is_empty() {
            #[cfg(feature = "test")]
            if let Some(simulation) = runner.reactor.as_ref().and_then(|it| it.simulation()) {
                shared.queue.turn(simulation.choose(shared.queue.len()));
            }
            // Each task is for whoever is free first. A runner by itself takes all for
            // which it has room, and what it posts comes after the rest: so all run in
            // the order in which they were posted.
            runner.fetch(
                &mut shared.queue,
                if alone { most } else { most.min(MOVED) },
            );
            runner.has_spilled.set(alone && !shared.queue.is_empty());
            return true;
        }
        runner.has_spilled.set(false);
        if alone || busy {
            return false;
        }
        let mut stolen = shared.crew.steal(runner.number);
        let found = !stolen.is_empty();
        runner.fetch(&mut stolen, MOVED);
        debug_assert!(stolen.is_empty(), "there is room for so many");
        found
    }

    /// Sleeps until woken, no longer than until `deadline`.
    fn sleep<'a>(
        &'a self,
        seat: &Seat,
        shared: MutexGuard<'a, Shared>,
        deadline: Option<Instant>,
    ) -> MutexGuard<'a, Shared> {
        let Some(deadline) = deadline else {
            return seat.bed.wait(shared);
        };
        if cfg!(async_op_loom) {
            // Loom knows no time: it has come when the others have had their turn.
            drop(shared);
            thread::yield_now();
            return self.lock();
        }
        let timeout = deadline.saturating_duration_since(Instant::now());
        seat.bed.wait_timeout(shared, timeout)
    }
}
