//! All guarantees at once, for operations of any kind that are started,
//! completed, cancelled, abandoned and dropped in any order, with allocators
//! that fail; and the same with several threads that run the context meanwhile.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Once, PoisonError, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use async_op::adapter::bind_immediate_executor;
use async_op::cancel::{CancellationSignal, CancellationType};
use async_op::executor::{AnyExecutor, InlineOr, Strand};
use async_op::time::{Timer, async_sleep, sleep};
use async_op::{
    Associations, CompletionHandler, Handler, IoContext, IoExecutor, Signature, UseFuture,
    bind_allocator, bind_cancellation_slot, bind_executor, post_on, spawn,
};
use async_op_tests::net::post;
use async_op_tests::{
    AsyncForm, Form, HandlerForm, Log, Manual, Number, Recorder, message_of, without_hanging,
};

/// As many as `SCRIPTS` says.
fn scripts() -> u64 {
    let scripts = std::env::var("SCRIPTS").ok();
    scripts.map_or(3000, |n| n.parse().expect("`SCRIPTS` is a number"))
}

/// Numbers that look random and are the same for the same seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut n = self.0;
        n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        n ^ (n >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn pick<'a, T>(&mut self, list: &'a [T]) -> Option<&'a T> {
        (!list.is_empty()).then(|| &list[self.below(list.len())])
    }
}

/// What has become of a handler.
#[derive(Default)]
struct Fate {
    called: AtomicUsize,
    dropped: AtomicUsize,
    wrong: Mutex<Vec<String>>,
}

impl Fate {
    fn expect(&self, ok: bool, what: impl FnOnce() -> String) {
        if !ok {
            let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
            wrong.push(what());
        }
    }
}

/// A handler that notes what becomes of it, and whether the memory of its
/// operation had gone back by then.
struct Ending {
    fate: Arc<Fate>,
    recorder: Recorder,
    /// A completion that somebody else still owns may keep its own block when
    /// the operation around it is dropped.
    awaits_others: bool,
    was_called: bool,
    then: Option<Box<dyn FnOnce() + Send>>,
}

impl Ending {
    fn expect_memory_back(&self, when: &str) {
        let live = self.recorder.live();
        self.fate
            .expect(live == 0, || format!("{live} blocks are out when {when}"));
    }
}

impl Associations for Ending {}

impl<S: Signature> CompletionHandler<S> for Ending {
    fn complete(mut self, _: S::Args) {
        self.was_called = true;
        self.fate.called.fetch_add(1, Ordering::SeqCst);
        self.expect_memory_back("called");
        // The script's, and the one here.
        let handles = self.recorder.handles();
        self.fate.expect(handles == 2, || {
            format!("{handles} handles to the allocator when called")
        });
        if let Some(then) = self.then.take() {
            then();
        }
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        if !self.was_called {
            self.fate.dropped.fetch_add(1, Ordering::SeqCst);
            if !self.awaits_others {
                self.expect_memory_back("dropped");
            }
        }
    }
}

/// A handler for all of the operations below.
trait AnyHandler:
    CompletionHandler<fn()> + CompletionHandler<Number> + CompletionHandler<fn(io::Result<()>)>
{
}

impl<H> AnyHandler for H where
    H: CompletionHandler<fn()> + CompletionHandler<Number> + CompletionHandler<fn(io::Result<()>)>
{
}

/// An operation, as the script knows it.
struct Operation {
    what: String,
    fate: Arc<Fate>,
    recorder: Recorder,
}

/// Handlers that wait for a task that they post. One runner does not: it is free for
/// the task.
#[derive(Default)]
struct Waits {
    /// How many may begin.
    free: AtomicUsize,
    begun: AtomicUsize,
    ran: AtomicUsize,
    ended: AtomicUsize,
}

impl Waits {
    /// Posts a task and waits for it, if it may.
    fn wait(self: &Arc<Self>, executor: &IoExecutor) {
        let take = |free: usize| free.checked_sub(1);
        let order = Ordering::SeqCst;
        if self.free.fetch_update(order, order, take).is_err() {
            return;
        }
        self.begun.fetch_add(1, order);
        let (sender, receiver) = mpsc::channel();
        let this = Arc::clone(self);
        post(executor, move || {
            this.ran.fetch_add(1, Ordering::SeqCst);
            sender.send(()).unwrap();
        });
        receiver.recv().expect("the task runs");
        self.ended.fetch_add(1, order);
        self.free.fetch_add(1, order);
    }

    /// Lets no more begin; returns when all have ended.
    fn close(&self, runners: usize) {
        for _ in 1..runners {
            let (take, order) = (|free: usize| free.checked_sub(1), Ordering::SeqCst);
            while self.free.fetch_update(order, order, take).is_err() {
                thread::yield_now();
            }
        }
        let begun = self.begun.load(Ordering::SeqCst);
        assert_eq!(self.ran.load(Ordering::SeqCst), begun);
        assert_eq!(self.ended.load(Ordering::SeqCst), begun);
    }
}

/// Threads that run the context, for a while each time, in any way.
#[derive(Default)]
struct Runners {
    threads: Vec<JoinHandle<()>>,
    over: Arc<AtomicBool>,
    waits: Arc<Waits>,
}

impl Runners {
    fn new(context: &Arc<IoContext>, seed: u64, count: usize) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let threads = (0..count).map(|n| {
            let (context, over) = (Arc::clone(context), Arc::clone(&over));
            let mut random = Random(!seed ^ ((n as u64) << 48));
            thread::spawn(move || {
                while !over.load(Ordering::SeqCst) {
                    context.restart();
                    let _ok = guarded(|| Self::run_some(&context, &mut random));
                    thread::yield_now();
                }
            })
        });
        let waits = Waits {
            free: AtomicUsize::new(count.saturating_sub(1)),
            ..Waits::default()
        };
        Self {
            threads: threads.collect(),
            over,
            waits: Arc::new(waits),
        }
    }

    fn run_some(context: &IoContext, random: &mut Random) {
        let moment = Duration::from_micros(random.below(50) as u64);
        match random.below(6) {
            0 => context.run(),
            1 => context.run_one(),
            2 => context.run_for(moment),
            3 => context.run_one_for(moment),
            4 => context.poll(),
            _ => context.poll_one(),
        };
    }

    /// Ends the threads, if there are any.
    fn end(&mut self, context: &IoContext) {
        self.waits.close(self.threads.len());
        self.over.store(true, Ordering::SeqCst);
        for thread in self.threads.drain(..) {
            while !thread.is_finished() {
                // Again: it may just have called `restart`.
                context.stop();
                thread::yield_now();
            }
            thread.join().unwrap();
        }
        context.restart();
    }
}

struct World {
    random: Random,
    log: Log,
    /// Until it is dropped.
    context: Option<Arc<IoContext>>,
    runners: Runners,
    executor: IoExecutor,
    strand: Strand<IoExecutor>,
    elsewhere: IoContext,
    manual: Manual,
    timers: Vec<Timer>,
    signals: Vec<CancellationSignal>,
    handler_forms: Vec<HandlerForm>,
    async_forms: Vec<AsyncForm>,
    operations: Vec<Operation>,
}

impl World {
    fn new(seed: u64, runners: usize) -> Self {
        let log = Log::new();
        let context = Arc::new(IoContext::new().unwrap());
        let executor = context.executor();
        Self {
            random: Random(seed),
            executor,
            strand: Strand::new(executor),
            elsewhere: IoContext::new().unwrap(),
            manual: Manual::new("manual", &log),
            timers: (0..3).map(|_| Timer::new(&executor)).collect(),
            signals: (0..3).map(|_| CancellationSignal::new()).collect(),
            runners: Runners::new(&context, seed, runners),
            context: Some(context),
            log,
            handler_forms: Vec::new(),
            async_forms: Vec::new(),
            operations: Vec::new(),
        }
    }

    fn step(&mut self) {
        match self.random.below(22) {
            0..=9 => self.start(),
            10 | 11 => self.finish(),
            12 => self.abandon(),
            13 | 14 => self.emit(),
            15 => self.set_timer(),
            16..=18 => self.run_some(),
            19 => drop(self.manual.pop()),
            20 => {
                if !self.signals.is_empty() && self.random.one_in(4) {
                    let index = self.random.below(self.signals.len());
                    drop(self.signals.swap_remove(index));
                }
            }
            _ => {
                if self.random.one_in(4) {
                    self.drop_context();
                }
            }
        }
        // Nobody looks at it, but it grows.
        self.log.take();
    }

    fn drop_context(&mut self) {
        if let Some(context) = self.context.take() {
            self.runners.end(&context);
            // It is the last one.
            Arc::into_inner(context).expect("the runners have ended");
        }
    }

    /// Makes a handler, and an allocator for it that may fail.
    fn ending(&mut self, what: &str) -> Ending {
        let fate = Arc::new(Fate::default());
        let mut recorder = Recorder::new(&self.log);
        if self.random.one_in(8) {
            recorder = recorder.fail_at(self.random.below(3));
        }
        self.operations.push(Operation {
            what: what.to_owned(),
            fate: Arc::clone(&fate),
            recorder: recorder.clone(),
        });
        Ending {
            fate,
            recorder,
            awaits_others: false,
            was_called: false,
            then: None,
        }
    }

    fn start(&mut self) {
        let kind = self.random.below(8);
        let binders = self.random.below(10);
        let mut ending = self.ending(&format!("operation {kind} with binders {binders}"));
        ending.awaits_others = kind == 6;
        if self.random.one_in(4) {
            let next = self.ending(&format!("operation after {kind}, {binders}"));
            let (executor, allocator) = (self.executor, next.recorder.clone());
            ending.then = Some(Box::new(move || {
                post_on(&executor, Handler(bind_allocator(allocator, next)));
            }));
        } else if !self.runners.threads.is_empty() && self.random.one_in(4) {
            let (executor, waits) = (self.executor, Arc::clone(&self.runners.waits));
            ending.then = Some(Box::new(move || waits.wait(&executor)));
        }

        let allocator = ending.recorder.clone();
        let signal = self.random.pick(&self.signals);
        let slot = signal.map(CancellationSignal::slot).unwrap_or_default();
        let (strand, manual) = (self.strand.clone(), self.manual.clone());
        match binders {
            0 | 1 => self.start_with(kind, bind_allocator(allocator, ending)),
            2 => {
                let bound = bind_executor(strand, ending);
                self.start_with(kind, bind_allocator(allocator, bound));
            }
            3 => {
                let bound = bind_allocator(allocator, ending);
                self.start_with(kind, bind_executor(manual, bound));
            }
            4 => {
                let bound = bind_allocator(allocator, ending);
                self.start_with(kind, bind_cancellation_slot(slot, bound));
            }
            5 => {
                let bound = bind_cancellation_slot(slot, bind_allocator(allocator, ending));
                self.start_with(kind, bind_executor(self.elsewhere.executor(), bound));
            }
            6 => {
                let bound = bind_allocator(allocator, bind_executor(manual, ending));
                let bound = bind_immediate_executor(InlineOr(strand), bound);
                self.start_with(kind, bind_cancellation_slot(slot, bound));
            }
            7 => {
                let any = AnyExecutor::new(strand);
                let bound = bind_allocator(allocator, ending);
                self.start_with(kind, bind_executor(any, bound));
            }
            8 => {
                // Of two, the outer one.
                let unused = self.ending("no operation").recorder.clone().fail_at(0);
                let bound = bind_allocator(unused, ending);
                self.start_with(kind, bind_allocator(allocator, bound));
            }
            _ => {
                let bound = bind_immediate_executor(manual, bind_executor(strand, ending));
                let bound = bind_cancellation_slot(slot, bound);
                self.start_with(kind, bind_allocator(allocator, bound));
            }
        }
    }

    fn start_with(&mut self, kind: usize, handler: impl AnyHandler) {
        let executor = self.executor;
        match kind {
            0 => post_on(&executor, Handler(handler)),
            1 => {
                let timer = self.random.pick(&self.timers);
                timer.unwrap().async_wait(Handler(handler));
            }
            2 => HandlerForm::start_now(&executor, handler),
            3 => AsyncForm::start_now(&executor, handler),
            4 => {
                let form = HandlerForm::default();
                self.handler_forms.push(form.clone());
                form.start(&executor, handler);
            }
            5 => {
                let form = AsyncForm::default();
                self.async_forms.push(form.clone());
                form.start(&executor, handler);
            }
            6 => {
                let future = self.future();
                spawn(&executor, future, Handler(handler));
            }
            _ => async_sleep(&executor, self.a_while(), Handler(handler)),
        }
    }

    /// How long to sleep.
    fn a_while(&mut self) -> Duration {
        Duration::from_micros([0, 50, 1000][self.random.below(3)])
    }

    /// A future that awaits some operations, one after another.
    fn future(&mut self) -> impl Future<Output = u32> + Send + 'static {
        let executor = self.executor;
        let kinds: Vec<_> = (0..self.random.below(5))
            .map(|_| self.random.below(7))
            .collect();
        let a_while = self.a_while();
        let timer = self.random.pick(&self.timers).unwrap().clone();
        let (handler_form, async_form) = (HandlerForm::default(), AsyncForm::default());
        self.handler_forms.push(handler_form.clone());
        self.async_forms.push(async_form.clone());
        async move {
            let mut sum = 0;
            for kind in kinds {
                sum += match kind {
                    0 => HandlerForm::future_now(&executor).await,
                    1 => AsyncForm::future_now(&executor).await,
                    2 => handler_form.future(&executor).await,
                    3 => async_form.future(&executor).await,
                    4 => spawn(&executor, async { 1 }, UseFuture).await,
                    5 => u32::from(timer.wait().await.is_ok()),
                    _ => u32::from(sleep(&executor, a_while).await.is_ok()),
                };
            }
            sum
        }
    }

    fn finish(&mut self) {
        if let Some(form) = self.random.pick(&self.handler_forms)
            && let Some(op) = form.hold.take()
        {
            if self.random.one_in(2) {
                op.complete(1);
            } else {
                thread::scope(|scope| {
                    scope.spawn(|| op.complete(2)).join().unwrap();
                });
            }
        }
        if let Some(form) = self.random.pick(&self.async_forms) {
            form.gate.open(3);
        }
    }

    fn abandon(&mut self) {
        if let Some(form) = self.random.pick(&self.handler_forms) {
            drop(form.hold.take());
        }
        if let Some(form) = self.random.pick(&self.async_forms) {
            drop(form.gate.take_waker());
        }
    }

    fn emit(&mut self) {
        let kinds = [
            CancellationType::TOTAL,
            CancellationType::PARTIAL,
            CancellationType::TERMINAL,
            CancellationType::ALL,
        ];
        let kind = *self.random.pick(&kinds).unwrap();
        if let Some(signal) = self.random.pick(&self.signals) {
            signal.emit(kind);
        }
    }

    fn set_timer(&mut self) {
        let after = [0, 50, 3_600_000_000][self.random.below(3)];
        let timer = self.random.pick(&self.timers).unwrap();
        if after == 0 {
            timer.cancel();
        } else {
            timer.expires_after(Duration::from_micros(after));
        }
    }

    fn run_some(&mut self) {
        let context = self.context.as_ref();
        match self.random.below(5) {
            0 => {
                if let Some(context) = context {
                    context.restart();
                    context.poll();
                }
            }
            1 | 2 => {
                if let Some(context) = context {
                    context.restart();
                    context.poll_one();
                }
            }
            3 => {
                self.elsewhere.restart();
                self.elsewhere.poll();
            }
            _ => {
                self.manual.run();
            }
        }
    }

    /// Completes everything.
    fn complete_all(&mut self) {
        for timer in &self.timers {
            timer.expires_at(Instant::now());
        }
        for form in &self.handler_forms {
            if let Some(op) = form.hold.take() {
                op.complete(4);
            }
        }
        for form in &self.async_forms {
            form.gate.open(5);
        }
        self.manual.run();
        self.elsewhere.restart();
        self.elsewhere.poll();
        if let Some(context) = &self.context {
            context.restart();
            context.poll();
        }
    }

    fn all_ended(&self) -> bool {
        self.operations.iter().all(|operation| {
            let fate = &operation.fate;
            fate.called.load(Ordering::SeqCst) + fate.dropped.load(Ordering::SeqCst) > 0
        })
    }

    /// Waits until there is nothing left: does not return while there is work.
    fn run_dry(&mut self) {
        if let Some(context) = &self.context {
            context.restart();
            context.run();
        }
        self.elsewhere.restart();
        self.elsewhere.run();
        self.manual.run();
    }
}

/// Does what may fail for want of memory, or because what it awaits was
/// abandoned; returns whether it did not.
fn guarded(body: impl FnOnce()) -> bool {
    let Err(panic) = catch_unwind(AssertUnwindSafe(body)) else {
        return true;
    };
    if !is_expected(&message_of(&*panic)) {
        resume_unwind(panic);
    }
    false
}

fn is_expected(message: &str) -> bool {
    message.contains("could not allocate") || message.contains("abandoned")
}

/// Runs a script, with so many threads beside it.
fn run_script(seed: u64, runners: usize) {
    let mut world = World::new(seed, runners);
    for _ in 0..2 + world.random.below(40) {
        let _ok = guarded(|| world.step());
    }

    // One way or another it ends.
    let dry = !world.random.one_in(4);
    if dry {
        // While a signal can be emitted, an async form that nobody else wakes
        // has not been given up.
        world.signals.clear();
        for _ in 0..10 {
            while !guarded(|| world.complete_all()) {}
        }
        // What sleeps takes a while; what a runner has just sent elsewhere is work here, too.
        while !world.all_ended() {
            let _ok = guarded(|| world.complete_all());
            thread::yield_now();
        }
        while !guarded(|| world.run_dry()) {}
        if let Some(context) = &world.context {
            world.runners.end(context);
        }
        assert_eq!(world.manual.work(), 0, "work is outstanding");
        check(&world.operations, true);
    }

    world.drop_context();
    world.signals.clear();
    // What holds the others is here: a form that is awaited is in the future
    // that waits for it.
    for form in &world.handler_forms {
        drop(form.hold.take());
    }
    for form in &world.async_forms {
        drop(form.gate.take_waker());
    }
    drop(world.elsewhere);
    while world.manual.pop().is_some() {}
    assert_eq!(world.manual.work(), 0, "work is outstanding");
    check(&world.operations, false);
}

/// Checks that every handler has met its end.
fn check(operations: &[Operation], by_running: bool) {
    for Operation {
        what,
        fate,
        recorder,
    } in operations
    {
        let called = fate.called.load(Ordering::SeqCst);
        let dropped = fate.dropped.load(Ordering::SeqCst);
        assert_eq!(
            called + dropped,
            1,
            "{what}: called {called} times, dropped {dropped} times, {by_running}"
        );
        let wrong = fate.wrong.lock().unwrap();
        assert!(wrong.is_empty(), "{what}: {wrong:?}");
        assert_eq!((recorder.live(), recorder.handles()), (0, 1), "{what}");
    }
}

/// Runs all scripts, each with as many threads beside it as `runners` says.
fn run_scripts(runners: fn(u64) -> usize) {
    struct Name(u64);
    impl Drop for Name {
        fn drop(&mut self) {
            if thread::panicking() {
                eprintln!("in script {}", self.0);
            }
        }
    }

    print_no_expected_panics();
    for seed in 0..scripts() {
        let _name = Name(seed);
        without_hanging(move || run_script(seed, runners(seed)));
    }
}

/// There are thousands of them.
fn print_no_expected_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !is_expected(info.payload_as_str().unwrap_or_default()) {
                hook(info);
            }
        }));
    });
}

#[test]
fn every_guarantee_holds_in_any_order() {
    run_scripts(|_| 0);
}

#[test]
fn every_guarantee_holds_while_other_threads_run_the_context() {
    run_scripts(|seed| 1 + (seed % 4) as usize);
}
