use std::fmt;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use super::{Cut, Fuse, TestMemory};
use crate::context::{IoContext, IoExecutor, Simulation};
use crate::executor::IoObject;
use crate::shim::plain::Mutex;
use crate::time::TimerState;

/// A context for one test, whose clock stands still: it jumps to the next timer when there
/// is nothing else to do.
///
/// It dereferences to its executor, as an [`IoContext`] does, so whatever is made with
/// `&context` belongs to it, and goes by its clock: a
/// [`Timer`](crate::time::Timer), [`cancel_after`](crate::cancel_after) and `cancel_at`, the limits of pipelines, a
/// [`WallTimer`](crate::time::WallTimer).
/// One thread runs it, in the order in which tasks are posted, or in one that a
/// [seed](Self::seeded) decides. To [block](crate::Blocking) on an operation runs it, too.
///
/// ```
/// use async_op::test::TestContext;
/// use async_op::time::sleep;
/// use std::time::Duration;
///
/// let context = TestContext::new();
/// sleep(&context, Duration::from_secs(3600)).callback(|result| result.unwrap());
///
/// assert_eq!(context.advance(Duration::from_secs(3599)), 0);
/// assert!(context.is_stalled());
/// assert_eq!(context.advance(Duration::from_secs(1)), 1);
/// ```
///
/// # Time
///
/// The clock starts where that of the system is, and moves by [`advance`](Self::advance),
/// [`run`](Self::run) and [`Blocking`](crate::Blocking) alone. `Instant::now()` knows
/// nothing of it: [`now`](Self::now) is what to add to for
/// [`expires_at`](crate::time::Timer::expires_at) and `cancel_at`.
///
/// # Other threads, and the system
///
/// Sockets may be used. What another thread or another process is about to do is nothing
/// that can be known: the clock may jump before it has.
///
/// # At the end
///
/// When it is dropped, it runs what can run without time to pass: what has been asked to stop,
/// say. Then nothing may be outstanding, and all of its [memory](Self::memory) has
/// to be back.
///
/// # Panics
///
/// When it is dropped while operations are outstanding, or work or memory is held, unless that
/// is [allowed](Self::allow_outstanding), or the thread is panicking anyway. With the feature
/// `tracing` the message has the names of the operations and the lines that made them, and
/// operations can be allowed by name.
pub struct TestContext {
    context: IoContext,
    simulation: Arc<Simulation>,
    start: Instant,
    allowed: Allowed,
    memory: TestMemory,
    /// Whether tasks run one by one, for what is to happen in between.
    stops_at_each: AtomicBool,
    /// Counts the steps.
    cut: Mutex<Option<Cut>>,
}

/// What may be left when a context is dropped.
#[derive(Default)]
struct Allowed {
    all: bool,
    work: bool,
    memory: bool,
    /// Operations of these names.
    #[cfg(feature = "tracing")]
    operations: Vec<String>,
}

impl TestContext {
    /// Makes a context that runs tasks in the order in which they are posted.
    ///
    /// ```
    /// use async_op::test::TestContext;
    /// use std::time::Duration;
    ///
    /// let context = TestContext::new();
    /// assert_eq!(context.elapsed(), Duration::ZERO); // until somebody lets time pass
    /// ```
    ///
    /// # Panics
    ///
    /// If the system has no descriptors left.
    #[expect(clippy::new_without_default, reason = "it takes descriptors")]
    pub fn new() -> Self {
        // What new timers are set to is over by any clock that starts after it.
        TimerState::settle();
        let simulation = Arc::new(Simulation::new());
        let context = IoContext::simulated(Arc::clone(&simulation));
        Self {
            context: context.expect("the system has descriptors"),
            start: simulation.now(),
            simulation,
            allowed: Allowed::default(),
            memory: TestMemory::new(),
            stops_at_each: AtomicBool::new(false),
            cut: Mutex::new(None),
        }
    }

    /// Makes a context that runs tasks in an order that `seed` decides: any that the rules
    /// allow, as several threads would, but one at a time.
    ///
    /// A [`Strand`](crate::executor::Strand) keeps its order.
    /// [`explore`](super::explore) tries many seeds.
    ///
    /// ```
    /// use async_op::Executor;
    /// use async_op::task::Task;
    /// use async_op::test::TestContext;
    /// use std::sync::mpsc;
    ///
    /// let order = |seed| {
    ///     let context = TestContext::seeded(seed);
    ///     let (sender, receiver) = mpsc::channel();
    ///     for n in 0..8 {
    ///         let sender = sender.clone();
    ///         context.post(Task::new(move || sender.send(n).unwrap()));
    ///     }
    ///     context.run();
    ///     receiver.try_iter().collect::<Vec<_>>()
    /// };
    /// assert_eq!(order(1), order(1));
    /// assert_ne!(order(1), order(2));
    /// ```
    ///
    /// # Panics
    ///
    /// As [`new`](Self::new).
    pub fn seeded(seed: u64) -> Self {
        let context = Self::new();
        context.simulation.shuffle(seed);
        context
    }

    /// Returns the executor of this context.
    ///
    /// ```
    /// use async_op::post_on;
    /// use async_op::test::TestContext;
    ///
    /// let context = TestContext::new();
    /// post_on(&context.executor(), || println!("in a test"));
    /// assert_eq!(context.run(), 1);
    /// ```
    pub fn executor(&self) -> IoExecutor {
        self.context.executor()
    }

    /// Returns what time it is here.
    ///
    /// ```
    /// use async_op::test::TestContext;
    /// use async_op::time::sleep_until;
    /// use std::time::Duration;
    ///
    /// let context = TestContext::new();
    /// let end = context.now() + Duration::from_secs(60);
    /// sleep_until(&context, end).callback(|result| result.unwrap());
    /// assert_eq!(context.advance(Duration::from_secs(60)), 1);
    /// ```
    pub fn now(&self) -> Instant {
        self.simulation.now()
    }

    /// Returns how much time has passed here.
    ///
    /// ```
    /// use async_op::test::TestContext;
    /// use async_op::time::sleep;
    /// use std::time::Duration;
    ///
    /// let context = TestContext::new();
    /// sleep(&context, Duration::from_secs(3600)).blocking().unwrap();
    /// assert_eq!(context.elapsed(), Duration::from_secs(3600));
    /// ```
    pub fn elapsed(&self) -> Duration {
        self.now() - self.start
    }

    /// Returns what the clock on the wall shows: at first, what that of the system does.
    ///
    /// ```
    /// use async_op::test::TestContext;
    /// use std::time::Duration;
    ///
    /// let context = TestContext::new();
    /// let start = context.wall_clock();
    /// context.advance(Duration::from_secs(60));
    /// assert_eq!(context.wall_clock(), start + Duration::from_secs(60));
    /// ```
    pub fn wall_clock(&self) -> SystemTime {
        self.simulation.wall()
    }

    /// Sets the clock on the wall, as somebody does who sets that of the system. It goes on
    /// from there as time passes.
    ///
    /// ```
    /// use async_op::test::TestContext;
    /// use async_op::time::WallTimer;
    /// use std::time::Duration;
    ///
    /// let context = TestContext::new();
    /// let timer = WallTimer::new(&context);
    /// let noon = context.wall_clock() + Duration::from_secs(3600);
    /// timer.expires_at(noon);
    /// timer.wait().callback(|result| result.unwrap());
    /// context.advance(Duration::from_secs(60));
    /// assert!(context.is_stalled());
    ///
    /// context.set_wall_clock(noon); // which is noticed within ten seconds
    /// context.advance(Duration::from_secs(10));
    /// assert!(!context.is_stalled()); // it is over
    /// ```
    pub fn set_wall_clock(&self, time: SystemTime) {
        self.simulation.set_wall(time);
    }

    /// Sets how long to wait, of the system's own time, for what comes from elsewhere: ten
    /// seconds, if nobody does. To [block](crate::Blocking) on what does not come in that time
    /// panics, and so does [`run`](Self::run) where there are sockets.
    ///
    /// ```
    /// use async_op::net::UnixStream;
    /// use async_op::test::TestContext;
    /// use std::time::Duration;
    ///
    /// let context = TestContext::new();
    /// context.set_patience(Duration::from_secs(1)); // more than a socket on this machine needs
    /// let (a, b) = UnixStream::pair(&context).unwrap();
    /// b.read_some(vec![0; 16]).callback(|result, _| assert_eq!(result.unwrap(), 5));
    /// a.try_write_some(b"hello").unwrap();
    /// context.run();
    /// ```
    pub fn set_patience(&self, patience: Duration) {
        self.simulation.set_patience(patience);
    }

    /// Returns a number below `limit` that the [seed](Self::seeded) decides; 0 where that is
    /// 0.
    ///
    /// ```
    /// use async_op::test::TestContext;
    ///
    /// let throw = |seed| TestContext::seeded(seed).random(6) + 1;
    /// assert!((1..=6).contains(&throw(1)));
    /// assert_eq!(throw(1), throw(1));
    /// ```
    pub fn random(&self, limit: usize) -> usize {
        self.simulation.below(limit)
    }

    /// Runs whatever can run without time to pass; returns how many tasks that were.
    ///
    /// ```
    /// use async_op::test::{Probe, TestContext};
    /// use async_op::time::Timer;
    /// use std::time::Duration;
    ///
    /// let context = TestContext::new();
    /// let timer = Timer::new(&context);
    /// let probe = Probe::new();
    /// timer.expires_after(Duration::from_secs(1));
    /// timer.wait().with(probe.handler());
    /// context.run_until_stalled();
    /// assert_eq!(probe.calls(), 0); // no time has passed
    /// context.run();
    /// probe.output().unwrap();
    /// ```
    pub fn run_until_stalled(&self) -> usize {
        let mut ran = 0;
        if self.stops_at_each.load(Ordering::Relaxed) {
            while self.run_one() {
                ran += 1;
            }
            return ran;
        }
        loop {
            self.context.restart();
            match self.context.poll() {
                0 => return ran,
                more => ran += more,
            }
        }
    }

    /// Runs one task, if one can run without time to pass; returns whether there was one.
    ///
    /// ```
    /// use async_op::post_on;
    /// use async_op::test::TestContext;
    ///
    /// let context = TestContext::new();
    /// post_on(&context, || println!("one"));
    /// post_on(&context, || println!("two"));
    /// assert!(context.run_one() && context.run_one());
    /// assert!(!context.run_one());
    /// ```
    pub fn run_one(&self) -> bool {
        let cut = self.cut.lock().clone();
        cut.iter().for_each(Cut::step);
        self.context.restart();
        self.beyond_panics(|| self.context.poll_one()) > 0
    }

    /// Lets `duration` pass, and runs whatever can run meanwhile, each timer at its time;
    /// returns how many tasks that were.
    ///
    /// ```
    /// use async_op::test::TestContext;
    /// use async_op::time::sleep;
    /// use std::time::Duration;
    ///
    /// let context = TestContext::new();
    /// sleep(&context, Duration::from_secs(5)).callback(|result| result.unwrap());
    /// assert_eq!(context.advance(Duration::from_secs(4)), 0);
    /// assert_eq!(context.advance(Duration::from_secs(1)), 1);
    /// ```
    pub fn advance(&self, duration: Duration) -> usize {
        let end = self.now() + duration;
        let mut ran = self.run_until_stalled();
        while let Some(next) = self.deadline().filter(|&next| next <= end) {
            self.simulation.pass_until(next);
            ran += self.run_until_stalled();
        }
        self.simulation.pass_until(end);
        ran
    }

    /// Runs until nothing is outstanding, and lets time pass where there is nothing else to
    /// do; returns how many tasks it ran.
    ///
    /// ```
    /// use async_op::test::TestContext;
    /// use async_op::time::sleep;
    /// use std::time::Duration;
    ///
    /// let context = TestContext::new();
    /// sleep(&context, Duration::from_secs(3600)).callback(|result| result.unwrap());
    /// assert_eq!(context.run(), 1);
    /// assert_eq!(context.elapsed(), Duration::from_secs(3600));
    /// ```
    ///
    /// # Panics
    ///
    /// If what is outstanding can never end, as nothing can run and no timer is set: the
    /// operation waits for a peer, say, that says no more, or a
    /// [`WorkGuard`](crate::executor::WorkGuard) is held. Where there are sockets, their
    /// peers have some [patience](Self::set_patience) first. And if a million tasks have run
    /// and no time has passed, or that has passed a million times: a task that posts itself
    /// again, say, or a timer that is set again and again.
    pub fn run(&self) -> usize {
        let mut ran = 0;
        loop {
            ran += self.run_until_stalled();
            if !self.has_work() {
                return ran;
            }
            match self.deadline() {
                Some(next) => {
                    self.simulation.pass_until(next);
                    self.simulation.assert_goes_on();
                }
                None => ran += self.wait_for_system(),
            }
        }
    }

    /// Goes on where a [`Fuse`] has panicked.
    fn beyond_panics(&self, run: impl FnOnce() -> usize) -> usize {
        match catch_unwind(AssertUnwindSafe(run)) {
            Ok(ran) => ran,
            Err(panic) if Fuse::has_made(&*panic) => 1,
            Err(panic) => resume_unwind(panic),
        }
    }

    fn wait_for_system(&self) -> usize {
        let has_sources = self.reactor().is_ok_and(|reactor| reactor.has_sources());
        let ran = match has_sources {
            true => self.beyond_panics(|| self.context.run_one_for(self.simulation.patience())),
            false => 0,
        };
        assert!(
            ran > 0 || !self.has_work(),
            "nothing can run, and no time is waited for, but {}",
            self.outstanding_work()
        );
        ran
    }

    /// Returns whether operations are outstanding of which none can go on without time to
    /// pass, or something from elsewhere.
    ///
    /// The system is not asked: what it has to tell of sockets is not known before the next
    /// run.
    ///
    /// ```
    /// use async_op::test::TestContext;
    /// use async_op::time::sleep;
    /// use std::time::Duration;
    ///
    /// let context = TestContext::new();
    /// sleep(&context, Duration::from_secs(1)).callback(|result| result.unwrap());
    /// assert!(context.is_stalled()); // it waits for time
    /// context.run();
    /// assert!(!context.is_stalled());
    /// ```
    pub fn is_stalled(&self) -> bool {
        self.has_work() && self.context.timeout() != Some(Duration::ZERO)
    }

    /// Allows anything to be left when it is dropped: operations, work and memory.
    ///
    /// ```
    /// use async_op::test::TestContext;
    /// use async_op::time::Timer;
    /// use std::time::Duration;
    ///
    /// let mut context = TestContext::new();
    /// let timer = Timer::new(&context);
    /// context.allow_outstanding(); // or it would panic when it is dropped
    /// timer.expires_after(Duration::from_secs(1));
    /// timer.wait().detach();
    /// ```
    pub fn allow_outstanding(&mut self) {
        self.allowed.all = true;
    }

    /// Allows operations of this name to be outstanding when it is dropped, with the work that
    /// they hold and the memory that they have; may be called for several names.
    ///
    /// The name is that of the initiating function. With the feature `tracing`, by which names
    /// are known.
    ///
    /// ```
    /// use async_op::test::TestContext;
    /// use async_op::time::sleep;
    ///
    /// let mut context = TestContext::new();
    /// context.allow("async_sleep");
    /// sleep(&context, std::time::Duration::from_secs(1)).detach();
    /// ```
    #[cfg(feature = "tracing")]
    pub fn allow(&mut self, name: &str) {
        self.allowed.operations.push(name.to_owned());
    }

    /// Allows work to be held, by a [`WorkGuard`](crate::executor::WorkGuard), when it is
    /// dropped. With the feature `tracing` it is told from the work of operations, which this
    /// does not allow.
    ///
    /// ```
    /// use async_op::executor::WorkGuard;
    /// use async_op::test::TestContext;
    ///
    /// let mut context = TestContext::new();
    /// context.allow_work();
    /// let _guard = WorkGuard::new(context.executor());
    /// drop(context);
    /// ```
    pub fn allow_work(&mut self) {
        self.allowed.work = true;
    }

    /// Allows [memory](Self::memory) to be kept when it is dropped.
    ///
    /// ```
    /// use async_op::alloc::VecIn;
    /// use async_op::test::TestContext;
    ///
    /// let mut context = TestContext::new();
    /// context.allow_memory();
    /// let mut kept = VecIn::new_in(context.memory());
    /// kept.push(7);
    /// drop(context);
    /// ```
    pub fn allow_memory(&mut self) {
        self.allowed.memory = true;
    }

    /// Returns an allocator for operations. When the context is dropped, all that they have
    /// taken of it has to be back.
    ///
    /// ```
    /// use async_op::bind_allocator;
    /// use async_op::test::TestContext;
    /// use async_op::time::Timer;
    ///
    /// let context = TestContext::new();
    /// let timer = Timer::new(&context);
    /// let handler = |result: std::io::Result<()>| result.unwrap();
    /// timer.async_wait(bind_allocator(context.memory(), handler));
    /// context.run();
    /// assert_eq!(context.memory().allocations(), 1);
    /// ```
    pub fn memory(&self) -> TestMemory {
        self.memory.clone()
    }

    /// Has `cut` count the steps.
    pub(super) fn cut_by(&self, cut: &Cut) {
        *self.cut.lock() = Some(cut.clone());
        self.stop_at_each();
    }

    /// Runs tasks one by one from now on.
    pub(super) fn stop_at_each(&self) {
        self.stops_at_each.store(true, Ordering::Relaxed);
    }

    pub(super) fn simulation(&self) -> Arc<Simulation> {
        Arc::clone(&self.simulation)
    }

    fn deadline(&self) -> Option<Instant> {
        self.reactor().ok()?.deadline()
    }

    /// Says what is outstanding.
    #[cfg(feature = "tracing")]
    fn outstanding_work(&self) -> String {
        let operations = self.outstanding();
        if operations.is_empty() {
            return String::from("work is held");
        }
        said(&operations)
    }

    /// Says what is outstanding.
    #[cfg(not(feature = "tracing"))]
    fn outstanding_work(&self) -> String {
        String::from("operations are outstanding, or work is held")
    }

    /// Fails if anything is left that may not be.
    fn check_nothing_left(&self) {
        #[cfg(feature = "tracing")]
        let allowed = {
            let names = &self.allowed.operations;
            let mut operations = self.outstanding();
            let count = operations.len();
            operations.retain(|operation| !names.iter().any(|name| name == operation.name()));
            if !operations.is_empty() {
                panic!("a test is over, but {}", said(&operations));
            }
            // The work and the memory that are left are theirs.
            count > 0
        };
        #[cfg(not(feature = "tracing"))]
        let allowed = false;
        assert!(
            allowed || self.allowed.work || !self.has_work(),
            "a test is over, but {}",
            self.outstanding_work()
        );
        let blocks = self.memory.outstanding();
        assert!(
            allowed || self.allowed.memory || blocks == 0,
            "a test is over, but {blocks} blocks of memory are not back"
        );
    }
}

/// A context is used as its executor wherever one is asked for.
impl Deref for TestContext {
    type Target = IoExecutor;

    fn deref(&self) -> &IoExecutor {
        &self.context
    }
}

impl IoObject for TestContext {
    type Executor = IoExecutor;

    fn executor(&self) -> IoExecutor {
        self.context.executor()
    }
}

impl Drop for TestContext {
    fn drop(&mut self) {
        if self.allowed.all || thread::panicking() {
            return;
        }
        // What has been asked to stop does.
        self.run_until_stalled();
        self.check_nothing_left();
    }
}

#[cfg(feature = "tracing")]
fn said(operations: &[crate::trace::OutstandingOperation]) -> String {
    let list = operations.iter().map(|operation| format!("\n{operation}"));
    format!(
        "these operations are outstanding:{}",
        list.collect::<String>()
    )
}

impl fmt::Debug for TestContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestContext")
            .field("elapsed", &self.elapsed())
            .field("is_stalled", &self.is_stalled())
            .finish_non_exhaustive()
    }
}
