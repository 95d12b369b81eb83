//! Who runs, who waits, and when there is no work left.
//!
//! The rules of counting (a thread is *active* from entering `run` until it
//! waits or leaves):
//!
//! 1. Inside `run`, guards taken and released by this thread change only the
//!    thread's own `work`; tasks posted by it go to its own queue while it is
//!    the only runner.
//! 2. A runner stops being active only under the mutex. It gives up its queue
//!    and adds its `work` to the count first. If then the count is 0, nobody is
//!    active and the shared queue is empty, there is no work left: the context
//!    is stopped and everybody woken. Handlers that wait in a nested `run` are
//!    not over: then those calls return, and the context goes on.
//! 3. A decrement from outside that reaches 0 takes the mutex and makes the
//!    same test, with the count loaded again, if anybody is running.
//! 4. Nobody else concludes anything from the count.
//!
//! Queued and running tasks need no count of their own: they are in a queue
//! that the test looks at, or on a thread that is active.

mod running;

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, OnceLock, PoisonError};
use std::task::{Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use self::running::{EndingNested, Leaving, Running};
use super::bounds::{Bounds, Wait};
use super::context_gone;
use super::life::Life;
use super::reactor::{Reactor, Timeout};
use super::runner::Runner;
use crate::executor::Unblock;
use crate::shim::{AtomicBool, AtomicUsize, Condvar, Mutex, MutexGuard, Ordering};
use crate::task::{Task, TaskQueue, scope};

/// After this many tasks a runner looks at the shared queue, and at the
/// reactor if anything is registered there.
const LOOK_AROUND_EVERY: u32 = 64;

/// The state of a context. Never freed: handles are plain references. When its
/// context is dropped it waits for the next one, as a new generation.
pub(crate) struct Scheduler {
    life: Life,
    /// How many threads are inside `run`. Written under the mutex.
    runners: AtomicUsize,
    /// Mirrors `Shared::stop_requested`, for a look between two tasks.
    stop_requested: AtomicBool,
    shared: Mutex<Shared>,
    /// Where runners wait while another one waits in the reactor.
    idle: Condvar,
    /// Where blocked threads wait while another thread runs the context.
    blocked: Condvar,
    /// Wakes whoever waits on behalf of this context.
    waker: OnceLock<Waker>,
}

#[derive(Default)]
struct Shared {
    generation: u32,
    queue: TaskQueue,
    reactor: Option<Arc<Reactor>>,
    /// How many runners are active.
    active: usize,
    /// How many of the others wait inside a handler, in a nested `run`.
    nested: usize,
    /// How many runners wait on `idle`.
    waiting: usize,
    /// How many threads wait on `blocked`.
    blocked: usize,
    /// Whether a runner waits in the reactor, and whether it has been told to
    /// come back.
    polling: bool,
    interrupted: bool,
    /// Whether the host waits on the descriptor of the reactor while nobody is
    /// inside `run`.
    hosted: bool,
    stop_requested: bool,
    /// A `run` found no work left.
    out_of_work: bool,
    /// The context is being dropped.
    closing: bool,
    /// The runner's count of the same name, from one call of `run_one` to the
    /// next: a loop of such calls starves nobody either.
    before_look: u32,
}

/// What a runner does after it has looked around.
enum Next {
    /// Run tasks: there may be some.
    Run,
    Leave,
}

/// Contexts that have been dropped, for the next ones.
static SPARE: std::sync::Mutex<Vec<&'static Scheduler>> = std::sync::Mutex::new(Vec::new());

impl Scheduler {
    fn new() -> Self {
        Self {
            life: Life::new(),
            runners: AtomicUsize::new(0),
            stop_requested: AtomicBool::new(false),
            shared: Mutex::new(Shared::default()),
            idle: Condvar::new(),
            blocked: Condvar::new(),
            waker: OnceLock::new(),
        }
    }

    /// Opens a context; returns its generation with it.
    pub(super) fn open() -> io::Result<(&'static Self, u32)> {
        let reactor = Arc::new(Reactor::new()?);
        let spare = SPARE.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let scheduler = spare.unwrap_or_else(|| Box::leak(Box::new(Self::new())));
        scheduler
            .waker
            .get_or_init(|| Waker::from(Arc::new(WakeScheduler(scheduler))));
        let mut shared = scheduler.lock();
        shared.reactor = Some(reactor);
        Ok((scheduler, shared.generation))
    }

    /// Closes the context: destroys all that it can reach.
    pub(super) fn close(&'static self, generation: u32) {
        // A thread that blocks on an operation may be driving the context; it
        // has to leave. If that is this very thread, in a handler that owned
        // the context, the state is free for the next one when it has left.
        let runner = Runner::find(self, generation);
        let inside = runner.is_some();
        let mut shared = self.lock();
        // In one step with the stop, which a blocked thread would object to.
        shared.closing = true;
        self.request_stop(shared);
        shared = self.lock();
        while self.runners.load(Ordering::Relaxed) > usize::from(inside) {
            shared.blocked += 1;
            shared = wait(&self.blocked, shared);
            shared.blocked -= 1;
        }
        drop(shared);
        // A drop that panics does not save the rest.
        let mut panic = None;
        let mut shared = loop {
            match catch_unwind(AssertUnwindSafe(|| self.destroy_all(runner))) {
                Ok(shared) => break shared,
                Err(payload) => panic = panic.or(Some(payload)),
            }
        };
        shared.generation = self.life.next_generation();
        let reactor = shared.reactor.take();
        if inside {
            // Whoever still blocks has been woken, or was woken for nothing.
            self.wake_all(shared);
        } else {
            self.retire(shared);
        }
        drop(reactor);
        if let Some(payload) = panic
            && !thread::panicking()
        {
            resume_unwind(payload);
        }
    }

    /// Destroys tasks, and ends the operations in the reactor, until nothing is
    /// left. What a panic leaves is still in its place.
    fn destroy_all(&self, runner: Option<&Runner>) -> MutexGuard<'_, Shared> {
        loop {
            let mut shared = self.lock();
            let own = runner.and_then(Runner::pop);
            if let Some(task) = own.or_else(|| shared.queue.pop()) {
                // Outside the lock: its drop may post again.
                drop(shared);
                drop(task);
                continue;
            }
            let reactor = shared.reactor.clone();
            drop(shared);
            let woken = reactor.map_or(0, |reactor| reactor.shut_down().wake_all());
            let shared = self.lock();
            if woken == 0 && shared.queue.is_empty() && !runner.is_some_and(Runner::has_tasks) {
                return shared;
            }
        }
    }

    /// Leaves the state of a context that is gone to the next one.
    fn retire(&'static self, mut shared: MutexGuard<'_, Shared>) {
        shared.active = 0;
        shared.stop_requested = false;
        shared.out_of_work = false;
        shared.closing = false;
        shared.hosted = false;
        shared.interrupted = false;
        self.stop_requested.store(false, Ordering::Relaxed);
        // Whoever still blocks has been woken, or was woken for nothing.
        self.wake_all(shared);
        // Loom's models free the state.
        if !cfg!(async_op_loom) {
            SPARE
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(self);
        }
    }

    pub(super) fn reactor(&self, generation: u32) -> io::Result<Arc<Reactor>> {
        let shared = self.lock();
        match &shared.reactor {
            Some(reactor) if shared.generation == generation => Ok(Arc::clone(reactor)),
            _ => Err(context_gone()),
        }
    }

    #[inline]
    pub(super) fn has_one_runner(&self) -> bool {
        // Asked by a runner. Another may come at any time; tasks that are in
        // this one's queue by then are run by this one.
        self.runners.load(Ordering::Relaxed) == 1
    }

    /// Queues a task for any runner. Dropped when the context is gone.
    pub(super) fn post(&self, generation: u32, task: Task) {
        let mut shared = self.lock();
        if shared.generation != generation || shared.reactor_is_gone() {
            drop(shared);
            return drop(task);
        }
        shared.queue.push(task);
        self.wake_one(shared);
    }

    pub(super) fn work_started(&self, generation: u32) {
        self.life.add(generation, 1);
    }

    pub(super) fn work_finished(&self, generation: u32) {
        if self.life.add(generation, -1) == Some(0) {
            let shared = self.lock();
            // Rule 3. Without a runner there is nobody to stop; the next one
            // makes the test itself.
            if shared.generation == generation
                && self.runners.load(Ordering::Relaxed) > 0
                && self.is_out_of_work(&shared)
            {
                self.end_work(shared);
            }
        }
    }

    /// Returns the descriptor of the reactor, on which the host waits from now on
    /// while nobody is inside `run`.
    #[cfg(unix)]
    pub(super) fn host(&self) -> std::os::fd::RawFd {
        let mut shared = self.lock();
        shared.hosted = true;
        let reactor = shared.reactor.as_ref().expect("a context has a reactor");
        reactor.raw_fd()
    }

    /// Returns how long a host may wait.
    pub(super) fn timeout(&self) -> Option<Duration> {
        let shared = self.lock();
        if !shared.queue.is_empty() {
            return Some(Duration::ZERO);
        }
        let deadline = shared.reactor.as_ref()?.deadline()?;
        Some(deadline.saturating_duration_since(Instant::now()))
    }

    pub(super) fn stop(&self) {
        self.request_stop(self.lock());
    }

    fn request_stop(&self, mut shared: MutexGuard<'_, Shared>) {
        shared.stop_requested = true;
        self.stop_requested.store(true, Ordering::Relaxed);
        self.wake_all(shared);
    }

    pub(super) fn stopped(&self) -> bool {
        let shared = self.lock();
        shared.stop_requested || shared.out_of_work
    }

    pub(super) fn restart(&self) {
        let mut shared = self.lock();
        shared.stop_requested = false;
        shared.out_of_work = false;
        self.stop_requested.store(false, Ordering::Relaxed);
    }

    /// Ends the wait in the reactor, to look at the timers again.
    pub(super) fn interrupt(&'static self, generation: u32) {
        if Runner::find(self, generation).is_some() && self.has_one_runner() {
            // Nobody waits: the only runner is here.
            return;
        }
        let shared = self.lock();
        if shared.generation == generation {
            self.interrupt_poller(shared);
        }
    }

    /// Blocks until `until` is set; drives the context while nobody else does.
    pub(super) fn block(&'static self, generation: u32, until: &Unblock) {
        until.also_wake(self.waker.get().cloned());
        if until.is_restless(until.is_set()) {
            // What is blocked on wakes itself, perhaps because it waits for what
            // the context does.
            self.give_way(generation, until);
        }
        let bounds = Bounds {
            limit: usize::MAX,
            wait: Wait::Forever,
            unblock: Some(until),
            nested: false,
        };
        loop {
            let mut shared = self.lock();
            if until.is_set() {
                break;
            }
            if shared.generation != generation || shared.closing {
                // Its last act is to wake all that waits for it.
                drop(shared);
                until.park();
                break;
            }
            if self.runners.load(Ordering::Relaxed) > 0 {
                shared.blocked += 1;
                let mut shared = wait(&self.blocked, shared);
                shared.blocked -= 1;
                continue;
            }
            assert!(
                !shared.stop_requested,
                "blocking on an operation of a stopped `IoContext` would wait for ever: \
                 call `restart` first"
            );
            drop(shared);
            self.run(generation, &bounds);
        }
        until.also_wake(None);
    }

    /// Lets the context have its turn, if nobody else runs it, without waiting.
    fn give_way(&'static self, generation: u32, until: &Unblock) {
        let shared = self.lock();
        let is_idle = self.runners.load(Ordering::Relaxed) == 0;
        let is_open = shared.generation == generation && !shared.closing && !shared.stop_requested;
        drop(shared);
        if is_idle && is_open {
            let bounds = Bounds {
                limit: LOOK_AROUND_EVERY as usize,
                wait: Wait::Never,
                unblock: Some(until),
                nested: false,
            };
            self.run(generation, &bounds);
        }
    }

    /// Runs tasks within `bounds`; returns how many.
    pub(super) fn run(&'static self, generation: u32, bounds: &Bounds<'_>) -> usize {
        // Whoever runs a context inside of a poll does not make its tasks a part of
        // that.
        let _outside = scope::outside();
        match Runner::find(self, generation) {
            // A nested call goes on with the record of the outer one.
            Some(runner) => {
                let _ending = EndingNested(self, runner);
                let nested = true;
                self.run_tasks(runner, &Bounds { nested, ..*bounds })
            }
            None => {
                let Some((_running, reactor, before_look)) =
                    Running::start(self, generation, bounds)
                else {
                    return 0;
                };
                Runner::enter(self, generation, reactor, before_look, |runner| {
                    let _leaving = Leaving(self, runner);
                    self.run_tasks(runner, bounds)
                })
            }
        }
    }

    fn run_tasks(&self, runner: &Runner, bounds: &Bounds<'_>) -> usize {
        let mut ran = 0;
        // A nested call that is given nothing to do does nothing.
        if bounds.limit == 0 {
            return 0;
        }
        let before_look = &runner.before_look;
        loop {
            if self.stop_requested.load(Ordering::Relaxed)
                || bounds.is_unblocked()
                || bounds.is_late()
            {
                return ran;
            }
            if before_look.get() > 0
                && let Some(task) = runner.pop()
            {
                before_look.set(before_look.get() - 1);
                task.run_outside();
                ran += 1;
                if ran == bounds.limit {
                    return ran;
                }
                continue;
            }
            let due = before_look.get() == 0;
            if due {
                before_look.set(LOOK_AROUND_EVERY);
            }
            match self.look_around(runner, bounds, due) {
                Next::Run => {}
                Next::Leave => return ran,
            }
        }
    }

    /// Fetches tasks from the shared queue and events from the reactor; waits
    /// for them if there is nothing else to do. With tasks to run, it looks at
    /// the reactor only when that is `due`.
    #[inline(never)] // The loop around it is tight.
    fn look_around(&self, runner: &Runner, bounds: &Bounds<'_>, due: bool) -> Next {
        if bounds.nested {
            // Or it would wait for what this very thread is about to wake.
            runner.wake_rest();
        }
        let mut shared = self.lock();
        if shared.stop_requested || (shared.out_of_work && bounds.unblock.is_none()) {
            return Next::Leave;
        }
        self.fetch(&mut shared, runner);
        let busy = runner.has_tasks();
        let reactor = runner.reactor.as_deref();
        let reactor = reactor.filter(|_| shared.reactor.is_some() && !shared.polling);
        if busy || bounds.wait == Wait::Never {
            let due = due || !busy;
            // With a host, to take back what has been said to it.
            let hosted = shared.hosted;
            let reactor = reactor.filter(|reactor| due && (hosted || reactor.has_interest()));
            shared.polling |= reactor.is_some();
            // Another is woken for what is left in the shared queue.
            if shared.queue.is_empty() {
                drop(shared);
            } else {
                self.wake_one(shared);
            }
            let Some(reactor) = reactor else {
                return if busy {
                    Next::Run
                } else {
                    self.leave_or_stop(runner, bounds)
                };
            };
            let wake = reactor.wait(Timeout::Zero);
            self.end_polling(self.lock());
            if busy || !wake.is_empty() {
                runner.wake(wake);
                return Next::Run;
            }
            return self.leave_or_stop(runner, bounds);
        }
        self.wait_for_work(shared, runner, bounds, reactor)
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
            shared.active += 1;
            if over {
                self.end_work(shared);
            }
        }
        Next::Leave
    }

    /// Waits in the reactor, or for the runner that does.
    fn wait_for_work(
        &self,
        mut shared: MutexGuard<'_, Shared>,
        runner: &Runner,
        bounds: &Bounds<'_>,
        reactor: Option<&Reactor>,
    ) -> Next {
        self.deactivate(&mut shared, runner);
        // Out of work already, and here: this thread waits to be unblocked.
        if self.is_out_of_work(&shared) && !shared.out_of_work {
            if bounds.nested {
                shared.active += 1;
                return Next::Leave;
            }
            if shared.nested == 0 {
                shared.active += 1;
                self.end_work(shared);
                return Next::Leave;
            }
            // Handlers that wait in a nested `run` go on, and so may the work.
            self.idle.notify_all();
            if let Some(reactor) = self.interruption(&mut shared) {
                reactor.interrupt();
            }
        }
        // The flag is set before a wake looks at who waits, and the other way
        // round here; the mutex orders the two.
        if bounds.is_unblocked() {
            shared.active += 1;
            return Next::Leave;
        }
        shared.nested += usize::from(bounds.nested);
        let deadline = match bounds.wait {
            Wait::Until(deadline) => Some(deadline),
            Wait::Never | Wait::Forever => None,
        };
        let Some(reactor) = reactor else {
            shared.waiting += 1;
            let mut shared = wait_until(&self.idle, shared, deadline);
            shared.waiting -= 1;
            return if self.reactivate(&mut shared, bounds) {
                Next::Leave
            } else {
                Next::Run
            };
        };
        shared.polling = true;
        drop(shared);
        let wake = reactor.wait(Timeout::Until(deadline));
        let mut shared = self.lock();
        let is_over = self.reactivate(&mut shared, bounds) && wake.is_empty();
        self.end_polling(shared);
        if is_over {
            return Next::Leave;
        }
        runner.wake(wake);
        Next::Run
    }

    /// Makes a runner that has waited active again. Returns whether a nested
    /// call is over: if nobody else is active, there is nothing to wait for.
    fn reactivate(&self, shared: &mut Shared, bounds: &Bounds<'_>) -> bool {
        let is_over = bounds.nested && self.is_out_of_work(shared);
        shared.nested -= usize::from(bounds.nested);
        shared.active += 1;
        is_over
    }

    fn end_polling(&self, mut shared: MutexGuard<'_, Shared>) {
        shared.polling = false;
        shared.interrupted = false;
        if shared.waiting > 0 {
            // Somebody has to wait for the next events.
            drop(shared);
            self.idle.notify_one();
        }
    }

    /// Moves tasks from the shared queue to the runner's.
    fn fetch(&self, shared: &mut Shared, runner: &Runner) {
        if self.has_one_runner() {
            runner.append(&mut shared.queue);
        } else {
            // What this thread kept while it was alone is for all of them now.
            // One at a time: each task is for whoever is free first.
            shared.return_tasks(runner);
            if let Some(task) = shared.queue.pop() {
                runner.push(task);
            }
        }
    }

    /// Rule 2, but for the queue.
    fn deactivate(&self, shared: &mut Shared, runner: &Runner) {
        shared.active -= 1;
        let work = runner.take_work();
        if work != 0 {
            self.life.add(shared.generation, work);
        }
    }

    fn is_out_of_work(&self, shared: &Shared) -> bool {
        shared.active == 0 && shared.queue.is_empty() && self.life.count() == 0
    }

    /// Stops the context for want of work. Handlers that wait in a nested `run`
    /// may make more when that returns, as it does now.
    fn end_work(&self, mut shared: MutexGuard<'_, Shared>) {
        shared.out_of_work |= shared.nested == 0;
        self.wake_all(shared);
    }

    /// Wakes one runner that waits, for a task in the shared queue.
    fn wake_one(&self, shared: MutexGuard<'_, Shared>) {
        if shared.waiting > 0 {
            drop(shared);
            self.idle.notify_one();
        } else {
            self.interrupt_poller(shared);
        }
    }

    fn interrupt_poller(&self, mut shared: MutexGuard<'_, Shared>) {
        let reactor = self.interruption(&mut shared);
        drop(shared);
        if let Some(reactor) = reactor {
            reactor.interrupt();
        }
    }

    /// Returns the reactor if somebody waits in it who is to be interrupted.
    fn interruption(&self, shared: &mut Shared) -> Option<Arc<Reactor>> {
        let waits = shared.polling || (shared.hosted && self.runners.load(Ordering::Relaxed) == 0);
        if !waits || shared.interrupted {
            return None;
        }
        shared.interrupted = true;
        shared.reactor.clone()
    }

    /// Wakes everybody, to look at the state again.
    fn wake_all(&self, shared: MutexGuard<'_, Shared>) {
        let (waiting, blocked) = (shared.waiting > 0, shared.blocked > 0);
        self.interrupt_poller(shared);
        // To notify nobody is a system call, too.
        if waiting {
            self.idle.notify_all();
        }
        if blocked {
            self.blocked.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        // No foreign code runs under this lock, so a panic has left nothing
        // half done.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// Gives the tasks of a runner to all. They were to run next: they go to
    /// the front.
    fn return_tasks(&mut self, runner: &Runner) {
        let mut tasks = runner.take_tasks();
        tasks.append(&mut self.queue);
        self.queue = tasks;
    }

    fn reactor_is_gone(&self) -> bool {
        // Loom's models run without a reactor.
        !cfg!(async_op_loom) && self.reactor.is_none()
    }
}

/// Wakes whoever waits on behalf of a context: its poller, and the threads that
/// are blocked on its operations.
struct WakeScheduler(&'static Scheduler);

impl Wake for WakeScheduler {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.wake_all(self.0.lock());
    }
}

fn wait<'a>(condvar: &Condvar, shared: MutexGuard<'a, Shared>) -> MutexGuard<'a, Shared> {
    condvar.wait(shared).unwrap_or_else(PoisonError::into_inner)
}

fn wait_until<'a>(
    condvar: &Condvar,
    shared: MutexGuard<'a, Shared>,
    deadline: Option<Instant>,
) -> MutexGuard<'a, Shared> {
    match deadline {
        None => wait(condvar, shared),
        Some(deadline) => {
            let timeout = deadline.saturating_duration_since(Instant::now());
            condvar
                .wait_timeout(shared, timeout)
                .unwrap_or_else(PoisonError::into_inner)
                .0
        }
    }
}

#[cfg(all(test, async_op_loom))]
mod loom_tests;
