//! Who runs, who waits, and when there is no work left.
//!
//! The rules of counting (a thread is *active* from entering `run` until it
//! waits or leaves):
//!
//! 1. Inside `run`, guards taken and released by this thread change only the
//!    thread's own `work`; tasks posted by it go to its own seat, where each other
//!    runner can take them.
//! 2. A runner stops being active only under the mutex, or, if it is alone, by an exchange
//!    that fails if anybody has had the mutex since it has (`lone`). It has no task then, or
//!    gives those that it has to the shared queue, and adds its `work` to the count
//!    first. If then the count is 0, nobody is
//!    active and the shared queue is empty, there is no work left: the context
//!    is stopped and everybody woken. Handlers that wait in a nested `run` are
//!    not over: then those calls return, and the context goes on.
//! 3. A decrement from outside that reaches 0 takes the mutex and makes the
//!    same test, with the count loaded again, if anybody sleeps.
//! 4. Nobody else concludes anything from the count.
//!
//! Queued and running tasks need no count of their own: they are in a queue
//! that the test looks at, or with a thread that is active.
//!
//! The rules of waking are those of `crew`. A post to a seat takes no lock: it reads one
//! atomic, `call`, after it has added the task. Whoever writes there that less is to be
//! called for, as it goes to sleep or as one who was called has arrived, then looks for
//! tasks at all seats. So either the one sees the call, or the other the task.

mod blocking;
mod crew;
mod lone;
mod running;
mod turn;

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, OnceLock};
use std::task::Waker;
use std::thread;
use std::time::Duration;

use self::crew::{Called, Crew, Poller};
use self::lone::Lone;
use super::clock::Clock;
use super::discard::discard;
use super::life::Life;
use super::reactor::Reactor;
use super::runner::{Runner, Tasks};
use crate::cancel::error::context_gone;
use crate::executor::Follower;
use crate::shim::{AtomicBool, AtomicU8, AtomicUsize, Condvar, Mutex, MutexGuard, Ordering, plain};
use crate::task::parked::Ended;
use crate::task::{Task, TaskQueue};

/// The state of a context. Never freed: handles are plain references. When its
/// context is dropped it waits for the next one, as a new generation.
#[repr(align(128))] // What is read for each task is not on the line of a lock.
pub(crate) struct Scheduler {
    /// How many threads are inside `run`. Written under the mutex.
    runners: AtomicUsize,
    /// Mirrors `Shared::stop_requested`, for a look between two tasks.
    stop_requested: AtomicBool,
    /// A [`Call`]. Written under the mutex.
    call: AtomicU8,
    /// Whether a host waits on the descriptor of the reactor while nobody is inside `run`.
    hosted: AtomicBool,
    /// Whether those are gone that did, as they say when they go. Written under the mutex.
    is_deserted: AtomicBool,
    /// How often a thread has come to run it. Written under the mutex.
    #[cfg(debug_assertions)]
    runs: AtomicUsize,
    busy: Busy,
    /// Where a thread that drops the context waits for those inside `run`.
    closing: Condvar,
    /// Wakes whoever drives this context to be unblocked.
    waker: OnceLock<Waker>,
}

/// What those who come from elsewhere write.
#[repr(align(128))]
struct Busy {
    life: Life,
    lone: Lone,
    shared: Mutex<Shared>,
}

/// From how many tasks at its seat on a runner that posts there calls another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Call(u8);

impl Call {
    const NEVER: Self = Self(u8::MAX);

    #[inline]
    fn is_for(self, tasks: usize) -> bool {
        tasks >= usize::from(self.0) && self != Self::NEVER
    }
}

#[derive(Default)]
struct Shared {
    generation: u32,
    /// Tasks from elsewhere.
    queue: TaskQueue,
    reactor: Option<Arc<Reactor>>,
    crew: Crew,
    /// Whether not all of that is in the books: see [`Lone`].
    is_lone: bool,
    /// Whether its user has promised that one thread runs it at a time.
    for_one_thread: bool,
    /// Whether those who block leave it to others to run it, also where nobody does.
    has_threads: bool,
    /// Threads that are blocked while another one runs the context.
    followers: Vec<Follower>,
    /// How many hosts there are that will say when they go, and whether there is another.
    #[cfg(all(unix, feature = "net"))]
    drivers: usize,
    #[cfg(all(unix, feature = "net"))]
    has_host: bool,
    /// Whether a host has been told to look.
    host_is_told: bool,
    /// Whether it would have been told but for a runner.
    host_missed: bool,
    stop_requested: bool,
    /// A `run` found no work left.
    out_of_work: bool,
    /// The context is being dropped: nothing more is taken in.
    closing: bool,
    /// The runner's count of the same name, from one call of `run_one` to the
    /// next: a loop of such calls starves nobody either.
    before_look: u32,
}

#[cfg(all(unix, feature = "net"))]
impl Shared {
    fn is_hosted(&self) -> bool {
        self.has_host || self.drivers > 0
    }
}

/// Contexts that have been dropped, for the next ones.
static SPARE: plain::Mutex<Vec<&'static Scheduler>> = plain::Mutex::new(Vec::new());

impl Scheduler {
    fn new() -> Self {
        Self {
            runners: AtomicUsize::new(0),
            stop_requested: AtomicBool::new(false),
            call: AtomicU8::new(Call::NEVER.0),
            hosted: AtomicBool::new(false),
            is_deserted: AtomicBool::new(false),
            #[cfg(debug_assertions)]
            runs: AtomicUsize::new(0),
            busy: Busy {
                life: Life::new(),
                lone: Lone::new(),
                shared: Mutex::new(Shared::default()),
            },
            closing: Condvar::default(),
            waker: OnceLock::new(),
        }
    }

    /// Opens a context; returns its generation with it.
    pub(super) fn open(for_one_thread: bool, clock: Clock) -> io::Result<(&'static Self, u32)> {
        let reactor = Arc::new(Reactor::new(clock)?);
        let spare = SPARE.lock().pop();
        let scheduler = spare.unwrap_or_else(|| Box::leak(Box::new(Self::new())));
        scheduler
            .waker
            .get_or_init(|| blocking::driver_waker(scheduler));
        let mut shared = scheduler.lock();
        shared.reactor = Some(reactor);
        shared.for_one_thread = for_one_thread;
        Ok((scheduler, shared.generation))
    }

    /// Those who block do not run the context.
    pub(super) fn leave_to_threads(&self) {
        self.lock().has_threads = true;
    }

    /// Closes the context: destroys all that it can reach.
    pub(super) fn close(&'static self, generation: u32) {
        // A thread that blocks on an operation may be driving the context; it
        // has to leave. If that is this very thread, in a handler that owned
        // the context, the state is free for the next one when it has left.
        let runner = Runner::find(self, generation);
        let inside = usize::from(runner.is_some());
        let mut shared = self.lock();
        // In one step with the stop, which a blocked thread would object to.
        shared.closing = true;
        self.request_stop(&mut shared);
        while self.runners.load(Ordering::Relaxed) > inside {
            shared = self.closing.wait(shared);
        }
        // Nothing comes after this, so it ends.
        let mut tasks = std::mem::take(&mut shared.queue);
        let reactor = shared.reactor.clone();
        drop(shared);
        let mut panic = None;
        // A drop that panics does not save the rest.
        let mut guarded = |drop: &mut dyn FnMut()| {
            if let Err(payload) = catch_unwind(AssertUnwindSafe(drop)) {
                panic.get_or_insert(payload);
            }
        };
        if let Some(runner) = runner {
            runner.close();
            tasks.append(&mut runner.take_tasks());
        }
        while let Some(task) = tasks.pop() {
            let mut task = Some(task);
            guarded(&mut || task.take().into_iter().for_each(discard));
        }
        // Those who are woken may begin something that is to be ended in its turn.
        let mut is_over = reactor.is_none();
        while !is_over {
            guarded(&mut || {
                let reactor = reactor.as_ref();
                is_over =
                    reactor.is_none_or(|reactor| reactor.shut_down().end(Ended::ContextGone) == 0);
            });
        }
        let mut shared = self.lock();
        shared.generation = self.busy.life.next_generation();
        let reactor = shared.reactor.take();
        match runner {
            None => self.retire(shared),
            Some(_) => drop(shared),
        }
        drop(reactor);
        if let Some(payload) = panic {
            if !thread::panicking() {
                resume_unwind(payload);
            }
        }
    }

    /// Leaves the state of a context that is gone to the next one.
    fn retire(&'static self, mut shared: MutexGuard<'_, Shared>) {
        shared.crew.active = 0;
        shared.stop_requested = false;
        shared.out_of_work = false;
        shared.has_threads = false;
        shared.closing = false;
        self.hosted.store(false, Ordering::Relaxed);
        self.is_deserted.store(false, Ordering::Relaxed);
        #[cfg(all(unix, feature = "net"))]
        {
            shared.drivers = 0;
            shared.has_host = false;
        }
        shared.host_is_told = false;
        shared.host_missed = false;
        self.stop_requested.store(false, Ordering::Relaxed);
        // All that they wait for has been woken.
        let followers = std::mem::take(&mut shared.followers);
        drop(shared);
        drop(followers);
        // Loom's models free the state.
        if !cfg!(async_op_loom) {
            SPARE.lock().push(self);
        }
    }

    pub(super) fn reactor(&self, generation: u32) -> io::Result<Arc<Reactor>> {
        let shared = self.lock();
        match &shared.reactor {
            Some(reactor) if shared.generation == generation => Ok(Arc::clone(reactor)),
            _ => Err(context_gone()),
        }
    }

    /// Queues a task for any runner; dropped when the context is gone.
    #[inline]
    pub(super) fn post(&'static self, generation: u32, task: Task) {
        match Runner::find(self, generation) {
            Some(runner) => self.post_from(runner, task),
            None => self.post_from_elsewhere(generation, task),
        }
    }

    #[inline]
    fn post_from(&self, runner: &Runner, task: Task) {
        match runner.tasks() {
            Tasks::Own => runner.push_own(task),
            _ => self.post_from_seat(runner, task),
        }
    }

    /// Queues what a wait has brought to this thread.
    #[inline]
    fn post_all(&self, runner: &Runner, tasks: &mut TaskQueue) {
        match runner.tasks() {
            Tasks::Own => runner.fetch(tasks, usize::MAX),
            _ => self.post_all_from_seat(runner, tasks),
        }
    }

    #[inline(never)]
    fn post_all_from_seat(&self, runner: &Runner, tasks: &mut TaskQueue) {
        let mut len = 0;
        while let Some(task) = tasks.pop() {
            if runner.tasks() == Tasks::Gone {
                discard(task);
                continue;
            }
            match runner.push(task) {
                Ok(now) => len = now,
                Err(task) => self.spill(runner, task),
            }
        }
        self.call_for(len);
    }

    #[inline(never)]
    fn post_from_seat(&self, runner: &Runner, task: Task) {
        if runner.tasks() == Tasks::Gone {
            return discard(task);
        }
        match runner.push(task) {
            Ok(len) => self.call_for(len),
            Err(task) => self.spill(runner, task),
        }
    }

    /// Queues a task that is to follow the one that runs on this thread: nobody is
    /// called for it.
    #[inline]
    pub(super) fn defer(&'static self, generation: u32, task: Task) {
        match Runner::find(self, generation) {
            Some(runner) if runner.tasks() == Tasks::Shared => {
                if let Err(task) = runner.push(task) {
                    self.spill(runner, task);
                }
            }
            Some(runner) => self.post_from(runner, task),
            None => self.post_from_elsewhere(generation, task),
        }
    }

    /// Queues a task for which there is no room at the seat of this thread.
    #[cold]
    fn spill(&self, runner: &Runner, task: Task) {
        // A runner by itself keeps to the order.
        runner.has_spilled.set(self.is_alone());
        self.post_from_elsewhere(runner.generation, task);
    }

    #[inline(never)] // Seldom where many tasks are posted.
    fn post_from_elsewhere(&self, generation: u32, task: Task) {
        let mut shared = self.lock();
        if shared.generation != generation || shared.closing || shared.reactor_is_gone() {
            drop(shared);
            return discard(task);
        }
        shared.queue.push(task);
        self.tell_host(&mut shared);
        self.release(shared, None);
    }

    /// Calls one who sleeps, if so many tasks or wakers at the seat of this thread are
    /// enough for that.
    #[inline]
    pub(super) fn call_for(&self, len: usize) {
        if Call(self.call.load(Ordering::SeqCst)).is_for(len) {
            self.call_another();
        }
    }

    #[cold]
    fn call_another(&self) {
        let shared = self.lock();
        match shared.crew.call() {
            // Whoever slept has just come back, and may have looked too early. When it
            // sleeps again it is for this to find that it has to look once more.
            Call::NEVER => self.call.store(Call::NEVER.0, Ordering::SeqCst),
            _ => self.call_one(shared),
        }
    }

    #[cold]
    fn call_one(&self, mut shared: MutexGuard<'_, Shared>) {
        let called = shared.crew.call_one();
        self.wake_called(shared, called);
    }

    pub(super) fn work_started(&self, generation: u32) {
        self.busy.life.add(generation, 1);
    }

    pub(super) fn work_finished(&self, generation: u32) {
        if self.busy.life.add(generation, -1) == Some(0) {
            let mut shared = self.lock();
            // Rule 3. Whoever does not sleep makes the test itself.
            if shared.generation == generation
                && shared.crew.has_sleepers()
                && self.is_out_of_work(&shared)
            {
                self.end_work(&mut shared);
            }
        }
    }

    /// Returns the descriptor of the reactor, on which the host waits from now on
    /// while nobody is inside `run`.
    #[cfg(all(unix, feature = "net"))]
    pub(super) fn host(&self) -> std::os::fd::RawFd {
        let mut shared = self.lock();
        shared.has_host = true;
        self.hosted_fd(&shared)
    }

    /// The same of a host that says when it goes, by [`end_driving`](Self::end_driving).
    #[cfg(all(unix, feature = "net", any(feature = "tokio", feature = "async-io")))]
    pub(super) fn begin_driving(&self) -> std::os::fd::RawFd {
        let mut shared = self.lock();
        shared.drivers += 1;
        self.hosted_fd(&shared)
    }

    #[cfg(all(unix, feature = "net", any(feature = "tokio", feature = "async-io")))]
    pub(super) fn end_driving(&self) {
        let mut shared = self.lock();
        shared.drivers -= 1;
        self.is_deserted
            .store(!shared.is_hosted(), Ordering::Relaxed);
    }

    #[cfg(all(unix, feature = "net"))]
    fn hosted_fd(&self, shared: &Shared) -> std::os::fd::RawFd {
        self.hosted.store(true, Ordering::Relaxed);
        self.is_deserted
            .store(!shared.is_hosted(), Ordering::Relaxed);
        let reactor = shared.reactor.as_ref().expect("a context has a reactor");
        reactor.raw_fd()
    }

    /// Returns how long a host may wait.
    pub(super) fn timeout(&self) -> Option<Duration> {
        let shared = self.lock();
        if !shared.queue.is_empty() {
            return Some(Duration::ZERO);
        }
        let reactor = shared.reactor.as_ref()?;
        Some(reactor.deadline()?.saturating_duration_since(reactor.now()))
    }

    pub(super) fn stop(&self) {
        let mut shared = self.lock();
        self.request_stop(&mut shared);
        // Where nobody runs it, those who block may wait for somebody who does.
        self.hand_over(shared);
    }

    fn request_stop(&self, shared: &mut Shared) {
        shared.stop_requested = true;
        self.stop_requested.store(true, Ordering::Relaxed);
        self.call_all(shared);
    }

    pub(super) fn stopped(&self) -> bool {
        let shared = self.lock();
        shared.stop_requested || shared.out_of_work
    }

    /// Has the context go on where it merely ran out of work.
    #[cfg(all(unix, feature = "net", any(feature = "tokio", feature = "async-io")))]
    pub(super) fn resume(&self) {
        self.lock().out_of_work = false;
    }

    pub(super) fn restart(&self) {
        let mut shared = self.lock();
        shared.stop_requested = false;
        shared.out_of_work = false;
        self.stop_requested.store(false, Ordering::Relaxed);
    }

    /// Ends the wait in the reactor, to look at the timers again.
    pub(super) fn interrupt(&'static self, generation: u32) {
        let is_own = |runner: &Runner| runner.tasks() == Tasks::Own;
        if !self.is_hosted() && Runner::find(self, generation).is_some_and(is_own) {
            // Nobody waits: the only runner is here.
            return;
        }
        let mut shared = self.lock();
        if shared.generation != generation {
            return;
        }
        self.tell_host(&mut shared);
        let called = match shared.crew.poller {
            Poller::Asleep(number) => shared.crew.call_number(number),
            Poller::Nobody | Poller::Passing => None,
        };
        self.wake_called(shared, called);
    }

    /// Returns whether somebody runs the context, or a host sees to it.
    #[cfg(debug_assertions)]
    #[inline]
    pub(super) fn is_attended(&self) -> bool {
        let has_host = self.is_hosted() && !self.is_deserted.load(Ordering::Relaxed);
        has_host || self.runners.load(Ordering::Relaxed) > 0
    }

    /// Returns how often a thread has come to run it.
    #[cfg(debug_assertions)]
    pub(super) fn runs(&self) -> usize {
        self.runs.load(Ordering::Relaxed)
    }

    /// Returns whether anything is outstanding.
    #[cfg(any(debug_assertions, feature = "test"))]
    pub(super) fn has_work_of(&self, generation: u32) -> bool {
        self.lock().generation == generation && self.busy.life.count() > 0
    }

    fn is_hosted(&self) -> bool {
        self.hosted.load(Ordering::Relaxed)
    }

    /// Has a host look that waits for the reactor's descriptor, if there is one; later, if
    /// somebody is inside `run`.
    #[inline]
    fn tell_host(&self, shared: &mut Shared) {
        if self.is_hosted() {
            shared.host_missed = self.runners.load(Ordering::Relaxed) > 0;
            if !shared.host_missed && !std::mem::replace(&mut shared.host_is_told, true) {
                // Under the lock: a host has no other thread, as a rule.
                shared
                    .reactor
                    .iter()
                    .for_each(|reactor| reactor.interrupt());
            }
        }
    }

    /// Rule 2, but for the queue.
    fn deactivate(&self, shared: &mut Shared, runner: &Runner) {
        shared.crew.active -= 1;
        self.add_work(shared.generation, runner);
    }

    /// Adds to the count what a runner has counted for itself.
    #[inline]
    fn add_work(&self, generation: u32, runner: &Runner) {
        if runner.has_work() {
            self.add_some_work(generation, runner);
        }
    }

    #[inline(never)] // Mostly it has given back as much as it has taken.
    fn add_some_work(&self, generation: u32, runner: &Runner) {
        self.busy.life.add(generation, runner.take_work());
    }

    fn is_out_of_work(&self, shared: &Shared) -> bool {
        shared.crew.active == 0 && shared.queue.is_empty() && self.busy.life.count() == 0
    }

    /// Stops the context for want of work. Handlers that wait in a nested `run`
    /// may make more when that returns, as it does now.
    fn end_work(&self, shared: &mut Shared) {
        shared.out_of_work |= shared.crew.nested == 0;
        self.call_all(shared);
    }

    /// Writes down when posts have to call; returns whether they did not, up to now,
    /// for what they have to now: the caller has to look for it.
    #[must_use]
    fn note_call(&self, shared: &Shared) -> bool {
        let Call(call) = shared.crew.call();
        let before = self.call.load(Ordering::Relaxed);
        if call != before {
            self.call.store(call, Ordering::SeqCst);
        }
        call < before
    }

    /// Somebody has been called: nobody else is until that one looks.
    fn note_arrival(&self, shared: &Shared) {
        let raised = self.note_call(shared);
        debug_assert!(!raised);
    }

    /// Ends a look at the state, by a runner if it is one: calls somebody who sleeps if
    /// there is something for him.
    #[inline]
    fn release(&self, shared: MutexGuard<'_, Shared>, number: Option<usize>) {
        // Whoever is here by itself calls nobody.
        let never = self.call.load(Ordering::Relaxed) == Call::NEVER.0;
        if never && self.is_alone() && shared.crew.active == 1 {
            return;
        }
        self.release_to_others(shared, number);
    }

    #[inline(never)]
    fn release_to_others(&self, shared: MutexGuard<'_, Shared>, number: Option<usize>) {
        let raised = self.note_call(&shared);
        let crew = &shared.crew;
        if crew.has_sleepers() && !crew.is_arriving() {
            let call = crew.call();
            let wanted = !shared.queue.is_empty()
                || number.is_some_and(|number| call.is_for(crew.waiting_at(number)))
                || (crew.is_unattended() && !cfg!(async_op_loom))
                || (raised && call.is_for(crew.waiting(number)));
            if wanted {
                self.call_one(shared);
            }
        }
    }

    /// Whether one thread alone is inside `run`: another may come at any time.
    #[inline]
    fn is_alone(&self) -> bool {
        self.runners.load(Ordering::Relaxed) == 1
    }

    fn wake_called(&self, shared: MutexGuard<'_, Shared>, called: Option<Called>) {
        if called.is_some() {
            self.note_arrival(&shared);
        }
        match called {
            None => drop(shared),
            Some(Called::InBed(seat)) => {
                drop(shared);
                seat.bed.notify_one();
            }
            Some(Called::InReactor) => {
                let reactor = shared.reactor.clone();
                drop(shared);
                if let Some(reactor) = reactor {
                    reactor.interrupt();
                }
            }
        }
    }

    /// Wakes everybody who sleeps in `run`, to look at the state again. Under the lock:
    /// this is rare.
    fn call_all(&self, shared: &mut Shared) {
        self.tell_host(shared);
        let mut reactor = None;
        while let Some(called) = shared.crew.call_one() {
            match called {
                Called::InBed(seat) => seat.bed.notify_one(),
                Called::InReactor => reactor = shared.reactor.clone(),
            }
        }
        if shared.crew.is_arriving() {
            self.note_arrival(shared);
        }
        if let Some(reactor) = reactor {
            reactor.interrupt();
        }
    }

    /// Enters into the books whether the runner that is alone sleeps.
    #[inline(never)]
    fn open_books(&self, shared: &mut Shared) {
        shared.is_lone = false;
        if self.busy.lone.open_books() {
            shared.crew.lone_sleeps();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        // No foreign code runs under this lock, so a panic has left nothing
        // half done.
        let mut shared = self.busy.shared.lock();
        if shared.is_lone {
            self.open_books(&mut shared);
        }
        shared
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

#[cfg(all(test, async_op_loom))]
mod loom_tests;
