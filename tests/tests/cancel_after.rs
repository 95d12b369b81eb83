//! Time limits: `cancel_after` and `cancel_at`.

use std::io;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, Instant};

use async_op::adapter::{append, cancel_at, consign};
use async_op::alloc::{OperationAllocator, Recycling};
use async_op::cancel::{
    CancellationGroup, CancellationSignal, CancellationSlot, CancellationType, Expire,
    OperationError, cancelled,
};
use async_op::executor::{Strand, ThreadPool};
use async_op::group::{parallel_group, wait_for_all, wait_for_one};
use async_op::io::{read, transfer_all};
use async_op::sync::Channel;
use async_op::time::Timer;
use async_op::{
    Associations, Blocking, Completion, CompletionHandler, Deferred, Executor, Handler, IoContext,
    IoExecutor, UseFuture, async_op, bind_allocator, bind_cancellation_slot, bind_executor,
    cancel_after, is_cancelled, is_timeout, post_on, spawn, this_op,
};
use async_op_tests::net::{Wakes, local_pair};
use async_op_tests::{
    Alive, CountingHeap, Log, Manual, Polled, Probe, Recorder, Slot, heap_allocations_here,
    short_wait, without_hanging,
};

#[global_allocator]
static HEAP: CountingHeap = CountingHeap;

const SOON: Duration = Duration::from_millis(2);
const LATE: Duration = Duration::from_secs(3600);
const TERMINAL: CancellationType = CancellationType::TERMINAL;
const PARTIAL: CancellationType = CancellationType::PARTIAL;
const TOTAL: CancellationType = CancellationType::TOTAL;

fn never(context: &IoExecutor) -> Timer {
    let timer = Timer::new(context);
    timer.expires_after(LATE);
    timer
}

fn outcome_of<T>(result: &io::Result<T>) -> &'static str {
    match result {
        Ok(_) => "ok",
        Err(error) if is_timeout(error) => "timeout",
        Err(error) if is_cancelled(error) => "cancelled",
        Err(_) => "error",
    }
}

fn outcome(log: &Log) -> impl FnOnce(io::Result<()>) + Send + 'static {
    let log = log.clone();
    move |result| log.push(outcome_of(&result))
}

type Waiting = Completion<fn(io::Result<()>)>;

/// Handler form: completes when it is told to; notes what it is asked, and stops
/// for a terminal request.
#[async_op]
fn async_keep(_context: &IoExecutor, held: Held, op: Completion<fn(io::Result<()>)>) {
    let weak = Arc::downgrade(&held.op);
    let log = held.log.clone();
    op.on_cancel(move |kind| {
        log.push(format!("{kind:?}"));
        if !kind.contains(TERMINAL) {
            return;
        }
        let op = weak.upgrade().and_then(|op| op.lock().unwrap().take());
        if let Some(op) = op {
            op.complete(Err(cancelled()));
        }
    });
    *held.op.lock().unwrap() = Some(op);
}

#[derive(Clone, Default)]
struct Held {
    op: Arc<Mutex<Option<Waiting>>>,
    log: Log,
}

impl Held {
    fn complete(&self) {
        let op = self.op.lock().unwrap().take().unwrap();
        op.complete(Ok(()));
    }
}

/// The function that is asked to stop completes the operation while the context
/// wakes what is due: no task is queued for the handler.
#[test]
fn a_handler_that_a_limit_has_called_is_no_task() {
    let (held, context) = (Held::default(), IoContext::new().unwrap());
    let token = cancel_after(SOON, outcome(&held.log));
    async_keep(&context, held.clone(), token);
    assert_eq!(context.run(), 0);
    assert_eq!(held.log.take(), "{terminal} timeout");
}

#[test]
fn time_runs_out_over_every_token() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let timer = never(&context);
    timer.async_wait(cancel_after(SOON, outcome(&log)));
    assert_eq!(context.run(), 1);
    assert_eq!(log.take(), "timeout");
    timer.wait().cancel_after(SOON).callback(outcome(&log));
    timer
        .async_wait(cancel_after(SOON, Deferred))
        .callback(outcome(&log));
    timer.async_wait(cancel_at(Instant::now() + SOON, outcome(&log)));
    context.restart();
    assert_eq!(context.run(), 3);
    assert_eq!(log.take(), "timeout timeout timeout");
    let result = timer.async_wait(cancel_after(SOON, Blocking));
    assert_eq!(outcome_of(&result), "timeout");
    let result = timer.wait().cancel_after(SOON).blocking();
    assert_eq!(outcome_of(&result), "timeout");
    let result = timer.wait().cancel_at(Instant::now() + SOON).blocking();
    assert_eq!(outcome_of(&result), "timeout");
    let all = spawn(
        &context,
        async move {
            let one = timer.async_wait(cancel_after(SOON, UseFuture)).await;
            let two = timer.wait().cancel_after(SOON).await;
            (outcome_of(&one), outcome_of(&two))
        },
        Blocking,
    );
    assert_eq!(all, ("timeout", "timeout"));
}

#[test]
fn in_handler_form_too() {
    let (log, context, held) = (Log::new(), IoContext::new().unwrap(), Held::default());
    async_keep(&context, held.clone(), cancel_after(SOON, outcome(&log)));
    // It completes where it is asked, by the reactor: that is no task.
    assert_eq!(context.run(), 0);
    assert_eq!(log.take(), "timeout");
    let result = keep(&context, held.clone()).cancel_after(SOON).blocking();
    assert_eq!(outcome_of(&result), "timeout");
    assert_eq!(held.log.take(), "{terminal} {terminal}");
}

#[test]
fn an_operation_in_time_leaves_no_timer() {
    without_hanging(|| {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let timer = Timer::new(&context);
        timer.async_wait(cancel_after(LATE, outcome(&log)));
        assert_eq!(context.run(), 1);
        timer.expires_after(SOON);
        timer.async_wait(cancel_after(LATE, outcome(&log)));
        context.restart();
        assert_eq!(context.run(), 1);
        assert_eq!(log.take(), "ok ok");
        let held = Held::default();
        async_keep(&context, held.clone(), cancel_after(LATE, outcome(&log)));
        post_on(&context, move || held.complete());
        context.restart();
        assert_eq!(context.run(), 1);
        assert_eq!(log.take(), "ok");
        timer.expires_after(SOON);
        let result = timer.wait().cancel_after(LATE).blocking();
        assert_eq!(outcome_of(&result), "ok");
    });
}

#[test]
fn a_cancelled_operation_was_not_timed_out() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let timer = never(&context);
    timer.async_wait(cancel_after(LATE, outcome(&log)));
    assert_eq!(timer.cancel(), 1);
    assert_eq!(context.run(), 1);
    assert_eq!(log.take(), "cancelled");
}

#[test]
fn requests_through_the_handlers_slot_are_passed_on() {
    let (log, context, held) = (Log::new(), IoContext::new().unwrap(), Held::default());
    let signal = CancellationSignal::new();
    let token = bind_cancellation_slot(signal.slot(), outcome(&log));
    async_keep(&context, held.clone(), cancel_after(LATE, token));
    signal.emit(TERMINAL);
    assert_eq!(context.run(), 1);
    assert_eq!(
        (&*log.take(), &*held.log.take()),
        ("cancelled", "{terminal}")
    );

    // Of every type: this one stays.
    let token = bind_cancellation_slot(signal.slot(), outcome(&log));
    async_keep(&context, held.clone(), cancel_after(LATE, token));
    signal.emit(TOTAL | PARTIAL);
    assert_eq!(held.log.take(), "{partial, total}");
    held.complete();
    context.restart();
    assert_eq!(context.run(), 1);
    assert_eq!(log.take(), "ok");
}

#[test]
fn requests_are_passed_on_to_what_is_hosted() {
    let (context, held) = (IoContext::new().unwrap(), Held::default());
    let signal = CancellationSignal::new();
    let token = cancel_after(LATE, bind_cancellation_slot(signal.slot(), UseFuture));
    let mut future = Polled::new(async_keep(&context, held.clone(), token));
    assert!(future.poll().is_pending());
    assert_eq!(held.log.take(), "");
    signal.emit(TERMINAL);
    assert_eq!(future.wakes(), 1);
    let Poll::Ready(result) = future.poll() else {
        panic!("it was asked")
    };
    assert_eq!(
        (outcome_of(&result), &*held.log.take()),
        ("cancelled", "{terminal}")
    );
    assert_eq!(future.wakers(), 0);
}

#[test]
fn the_type_can_be_chosen() {
    let (log, context, held) = (Log::new(), IoContext::new().unwrap(), Held::default());
    let token = cancel_after(SOON, outcome(&log)).asking_for(PARTIAL);
    async_keep(&context, held.clone(), token);
    // The operation goes on, so it is completed after the request.
    let inner = held.clone();
    let timer = Timer::new(&context);
    timer.expires_after(10 * SOON);
    timer.wait().callback(move |_| {
        assert_eq!(inner.log.take(), "{partial}");
        inner.complete();
    });
    assert_eq!(context.run(), 1);
    assert_eq!(log.take(), "ok");
}

#[test]
fn limits_nest_and_the_one_that_ran_out_says_so() {
    for (outer, inner) in [(SOON, LATE), (LATE, SOON)] {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let timer = never(&context);
        let token = cancel_after(outer, cancel_after(inner, outcome(&log)));
        timer.async_wait(token);
        assert_eq!(context.run(), 1);
        assert_eq!(log.take(), "timeout");
        let limited = timer.wait().cancel_after(outer).cancel_after(inner);
        assert_eq!(outcome_of(&limited.blocking()), "timeout");
    }
}

#[test]
fn a_time_in_the_past() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let past = Instant::now();
    // What completes at once is in time.
    Timer::new(&context).async_wait(cancel_at(past, outcome(&log)));
    never(&context).async_wait(cancel_at(past, outcome(&log)));
    assert_eq!(context.run(), 2);
    assert_eq!(log.take(), "ok timeout");
    let result = never(&context).wait().cancel_at(past).blocking();
    assert_eq!(outcome_of(&result), "timeout");
}

#[test]
fn no_handler_runs_inside_the_initiating_function() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let (executor, inner) = (context.executor(), log.clone());
    post_on(&context, move || {
        // The time is over before it has started.
        let held = Held::default();
        let token = cancel_at(Instant::now(), outcome(&inner));
        async_keep(&executor, held.clone(), consign(held, token));
        inner.push("started");
    });
    context.run();
    assert_eq!(log.take(), "started timeout");

    // The request has come before it has started.
    let all = CancellationGroup::new();
    all.emit(TERMINAL);
    let inner = log.clone();
    let executor = context.executor();
    post_on(&context, move || {
        let token = bind_cancellation_slot(all.slot(), outcome(&inner));
        never(&executor).async_wait(cancel_after(LATE, token));
        inner.push("started");
    });
    context.restart();
    context.run();
    assert_eq!(log.take(), "started cancelled");
}

/// As without a limit.
#[test]
fn a_request_before_the_start_has_no_effect() {
    /// Asks the operation to stop before that serves its slot.
    struct Early {
        signal: CancellationSignal,
        log: Log,
    }
    impl Associations for Early {
        fn allocator(&self) -> impl OperationAllocator {
            self.signal.emit(TERMINAL);
            Recycling
        }
        fn cancellation_slot(&self) -> CancellationSlot {
            self.signal.slot()
        }
    }
    impl CompletionHandler<fn(io::Result<()>)> for Early {
        fn complete(self, (result,): (io::Result<()>,)) {
            self.log.push(outcome_of(&result));
        }
    }

    let (log, context, held) = (Log::new(), IoContext::new().unwrap(), Held::default());
    let early = || {
        Handler(Early {
            signal: CancellationSignal::new(),
            log: log.clone(),
        })
    };
    async_keep(&context, held.clone(), early());
    held.complete();
    async_keep(&context, held.clone(), cancel_after(LATE, early()));
    held.complete();
    assert_eq!(context.run(), 2);
    assert_eq!((&*log.take(), &*held.log.take()), ("ok ok", ""));
}

#[test]
fn the_body_of_the_operation_learns_of_it() {
    #[async_op]
    async fn async_says_good_bye(context: &IoExecutor, log: Log) -> io::Result<()> {
        let timer = never(context);
        let result = timer.wait().await;
        log.push(outcome_of(&result));
        log.push(format!("{:?}", this_op::cancellation().requested()));
        this_op::cancellation().clear();
        timer.expires_after(SOON);
        log.push(outcome_of(&timer.wait().await));
        result
    }

    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let said = "cancelled {terminal} ok timeout";
    async_says_good_bye(&context, log.clone(), cancel_after(SOON, outcome(&log)));
    context.run();
    assert_eq!(log.take(), said);
    let hosted = says_good_bye(&context, log.clone()).cancel_after(SOON);
    log.push(outcome_of(&hosted.blocking()));
    assert_eq!(log.take(), said);
}

#[test]
fn what_is_spawned_or_bound_to_an_executor_is_reached() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let strand = Strand::new(context.executor());
    let timer = never(&context);
    let wait = timer.clone();
    let token = cancel_after(SOON, outcome(&log));
    spawn(&strand, async move { wait.wait().await }, token);
    timer.async_wait(bind_executor(
        strand.clone(),
        cancel_after(SOON, outcome(&log)),
    ));
    timer.async_wait(cancel_after(
        SOON,
        bind_executor(strand.clone(), outcome(&log)),
    ));
    assert!(context.run() > 0);
    assert_eq!(log.take(), "timeout timeout timeout");
    context.restart();
    let token = bind_executor(strand.clone(), cancel_after(SOON, Blocking));
    assert_eq!(outcome_of(&timer.async_wait(token)), "timeout");
    let token = cancel_after(SOON, bind_executor(strand, Blocking));
    assert_eq!(outcome_of(&timer.async_wait(token)), "timeout");
}

#[test]
fn an_executor_without_timers_uses_the_systems() {
    let pool = ThreadPool::new(1).unwrap();
    let timer = never(&async_op::SystemExecutor);
    let wait = spawn(
        &pool,
        async move { timer.wait().await },
        cancel_after(SOON, Blocking),
    );
    assert_eq!(outcome_of(&wait), "timeout");
}

#[test]
fn the_handler_runs_on_the_outermost_executor() {
    let (log, context, held) = (Log::new(), IoContext::new().unwrap(), Held::default());
    let strand = Strand::new(context.executor());
    let (here, inner) = (strand.clone(), log.clone());
    let token = bind_executor(
        strand,
        cancel_after(SOON, move |result: io::Result<()>| {
            assert!(here.runs_here());
            inner.push(outcome_of(&result));
        }),
    );
    async_keep(&context, held.clone(), token);
    assert_eq!(context.run(), 0);
    assert_eq!(log.take(), "timeout");
}

#[test]
fn its_memory_is_the_operations_one_block() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let memory = Recorder::new(&log);
    let probe = |result: &'static str| {
        Handler(
            Probe::calling(&log, move |(seen,): (io::Result<()>,)| {
                assert_eq!(outcome_of(&seen), result);
            })
            .allocating(&memory),
        )
    };
    never(&context).async_wait(cancel_after(SOON, probe("timeout")));
    assert_eq!((context.run(), &*log.take()), (1, "A0 D0 call"));
    context.restart();
    let token = cancel_after(LATE, cancel_after(LATE, probe("ok")));
    Timer::new(&context).async_wait(token);
    assert_eq!((context.run(), &*log.take()), (1, "A1 D1 call"));
    context.restart();
    let held = Held::default();
    async_keep(&context, held.clone(), cancel_after(SOON, probe("timeout")));
    assert_eq!((context.run(), &*log.take()), (0, "A2 D2 call"));
    // Hosted: none, or the slot of a handler-form operation.
    let token = bind_allocator(memory.clone(), cancel_after(SOON, Blocking));
    assert_eq!(outcome_of(&never(&context).async_wait(token)), "timeout");
    assert_eq!(log.take(), "");
    let token = bind_allocator(memory.clone(), cancel_after(SOON, Blocking));
    let result = async_keep(&context, held.clone(), token);
    assert_eq!((outcome_of(&result), &*log.take()), ("timeout", "A3 D3"));
    memory.assert_balanced();
}

/// A handler that goes on for ever and has an allocator.
struct Link<A> {
    allocator: A,
    left: usize,
    timer: Timer,
}

impl<A: OperationAllocator> Associations for Link<A> {
    fn allocator(&self) -> impl OperationAllocator {
        self.allocator.clone()
    }
}

impl<A: OperationAllocator> CompletionHandler<fn(io::Result<()>)> for Link<A> {
    fn complete(mut self, (result,): (io::Result<()>,)) {
        let runs_out = self.left.is_multiple_of(10);
        assert_eq!(outcome_of(&result), if runs_out { "timeout" } else { "ok" });
        if self.left == 0 {
            return;
        }
        self.left -= 1;
        let (timer, runs_out) = (self.timer.clone(), self.left.is_multiple_of(10));
        timer.expires_after(if runs_out {
            LATE
        } else {
            Duration::from_micros(20)
        });
        let limit = if runs_out {
            Duration::from_micros(50)
        } else {
            LATE
        };
        timer.async_wait(cancel_after(limit, Handler(self)));
    }
}

#[test]
fn a_chain_from_one_slot() {
    let (context, slot) = (IoContext::new().unwrap(), Slot::new());
    let timer = Timer::new(&context);
    let link = Link {
        allocator: slot.clone(),
        left: 101,
        timer: timer.clone(),
    };
    timer.async_wait(cancel_after(LATE, Handler(link)));
    assert_eq!(context.run(), 102);
    assert_eq!((slot.allocations(), slot.in_use()), (102, false));
}

#[test]
#[cfg_attr(async_op_sanitize, ignore = "recycling is off")]
fn a_chain_without_the_heap() {
    let context = IoContext::new().unwrap();
    let timer = Timer::new(&context);
    let link = Link {
        allocator: Recycling,
        left: 201,
        timer: timer.clone(),
    };
    timer.async_wait(cancel_after(LATE, Handler(link)));
    for _ in 0..10 {
        assert_eq!(context.run_one(), 1);
    }
    let before = heap_allocations_here();
    assert_eq!(context.run(), 192);
    assert_eq!(heap_allocations_here() - before, 0);
}

#[test]
#[cfg_attr(async_op_sanitize, ignore = "recycling is off")]
fn hosted_without_the_heap() {
    let context = IoContext::new().unwrap();
    let timer = Timer::new(&context);
    let mut before = 0;
    for round in 0..60 {
        if round == 10 {
            before = heap_allocations_here();
        }
        timer.expires_after(short_wait(round));
        timer.wait().cancel_after(LATE).blocking().unwrap();
        timer.expires_after(LATE);
        let limited = timer.wait().cancel_after(short_wait(round));
        assert_eq!(outcome_of(&limited.blocking()), "timeout");
    }
    assert_eq!(heap_allocations_here() - before, 0);
}

#[test]
fn a_dropped_future_leaves_nothing() {
    let context = IoContext::new().unwrap();
    let timer = never(&context);
    let mut future = Polled::new(timer.wait().cancel_after(SOON));
    assert!(future.poll().is_pending());
    assert_eq!(future.drop_future().counts(), (0, 0));
    assert_eq!(timer.cancel(), 0);
    let held = Held::default();
    let mut future = Polled::new(keep(&context, held.clone()).cancel_after(SOON));
    assert!(future.poll().is_pending());
    let dropped = future.drop_future();
    assert_eq!(held.log.take(), "{terminal}");
    // Past the time, and nothing comes of it.
    timer.expires_after(2 * SOON);
    timer.wait().blocking().unwrap();
    assert_eq!((context.poll(), dropped.counts()), (0, (0, 0)));
}

#[test]
fn the_task_that_polled_last_is_woken() {
    /// Polls by two tasks in turn; the time is over then.
    fn moves<T>(context: &IoContext, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        let (first, last) = (Wakes::default(), Wakes::default());
        for wakes in [&first, &first, &last, &first, &last, &last] {
            let waker = wakes.waker();
            let polled = future.as_mut().poll(&mut Context::from_waker(&waker));
            assert!(polled.is_pending());
        }
        while last.count() == 0 {
            context.restart();
            context.run_one_for(SOON);
        }
        assert_eq!(first.wakers(), 0);
        assert_eq!((first.count(), last.count()), (0, 1));
        let waker = first.waker();
        let polled = future.as_mut().poll(&mut Context::from_waker(&waker));
        let Poll::Ready(output) = polled else {
            panic!("it is over")
        };
        output
    }

    let (context, limit) = (IoContext::new().unwrap(), 25 * SOON);
    let timer = never(&context);
    assert!(is_timeout(
        &moves(&context, timer.wait().cancel_after(limit)).unwrap_err()
    ));
    // In a group each has a waker of its own, which may be where that of the other was.
    let (one, other) = (never(&context), never(&context));
    let both = (
        one.wait().cancel_after(limit),
        other.wait().cancel_after(LATE),
    );
    let both = parallel_group(both).wait(wait_for_one());
    let (order, (one, other)) = moves(&context, both);
    assert_eq!(order, [0, 1]);
    assert_eq!(
        (outcome_of(&one), outcome_of(&other)),
        ("timeout", "cancelled")
    );
}

/// What the body has got of its operation before it was asked is told later, too.
#[test]
fn a_state_that_was_there_before_the_time_was_over() {
    let context = IoContext::new().unwrap();
    let timer = never(&context);
    let body = async move {
        let state = this_op::cancellation();
        assert!(state.requested().is_empty());
        let mut results = Vec::new();
        for _ in 0..2 {
            results.push(outcome_of(&timer.wait().await));
            assert_eq!(state.requested(), TERMINAL);
        }
        state.clear();
        timer.expires_after(SOON);
        results.push(outcome_of(&timer.wait().await));
        assert!(this_op::cancellation().requested().is_empty());
        results
    };
    let body = spawn(&context, body, Deferred);
    let results = ["cancelled", "cancelled", "ok"];
    assert_eq!(body.cancel_after(SOON).blocking(), results);
}

#[test]
fn a_dropped_context_drops_the_handler() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let alive = Alive::new(&log, "dropped");
    let token = consign(alive, outcome(&log));
    never(&context).async_wait(cancel_after(LATE, token));
    drop(context);
    assert_eq!(log.take(), "dropped");
    // And one that has not started fails by itself.
    let context = IoContext::new().unwrap();
    let timer = never(&context);
    drop(context);
    let mut future = Polled::new(timer.wait().cancel_after(LATE));
    let Poll::Ready(result) = future.poll() else {
        panic!("nobody will ever complete it")
    };
    assert_eq!(outcome_of(&result), "error");
}

#[test]
fn errors_of_ones_own() {
    #[derive(Debug, PartialEq)]
    enum Failure {
        Stopped,
        TooSlow(u32),
    }
    impl OperationError for Failure {
        fn is_cancelled(&self) -> bool {
            *self == Self::Stopped
        }
        fn into_timed_out(self) -> Self {
            Self::TooSlow(7)
        }
    }
    #[async_op]
    async fn async_own(context: &IoExecutor) -> Result<(), Failure> {
        let result = never(context).wait().await;
        result.map_err(|_| Failure::Stopped)
    }

    let context = IoContext::new().unwrap();
    let (result, id) = async_own(&context, cancel_after(SOON, append(1, Blocking)));
    assert_eq!((result, id), (Err(Failure::TooSlow(7)), 1));
}

/// The operation, its time and a request end at once, on three threads.
#[test]
fn boxed_errors() {
    type Boxed = Box<dyn std::error::Error + Send + Sync>;

    #[async_op]
    async fn async_boxed(timer: &Timer, text: &'static str) -> Result<u32, Boxed> {
        let number = text.parse()?;
        timer.wait().await?;
        Ok(number)
    }

    let context = IoContext::new().unwrap();
    let timer = never(&context);
    let limited = |text| boxed(&timer, text).cancel_after(SOON).blocking();
    let error = limited("7").unwrap_err();
    assert!(error.downcast_ref().is_some_and(is_timeout));
    // What failed otherwise is what it was.
    assert!(
        limited("seven")
            .unwrap_err()
            .is::<std::num::ParseIntError>()
    );
    timer.expires_after(Duration::ZERO);
    assert_eq!(limited("7").unwrap(), 7);
}

#[test]
fn a_group_is_cancelled_and_its_operations_time_out() {
    let context = IoContext::new().unwrap();
    let timer = never(&context);
    let group = parallel_group((timer.wait(),)).wait(wait_for_all());
    let (_, (result,)) = group.cancel_after(SOON).blocking();
    assert_eq!(outcome_of(&result), "cancelled");
    let group = parallel_group(vec![timer.wait().cancel_after(SOON)]);
    let (_, results) = group.wait(wait_for_all()).blocking();
    assert_eq!(outcome_of(&results[0]), "timeout");
}

#[test]
fn whoever_is_first_it_completes_once() {
    let context = IoContext::new().unwrap();
    let log = Log::new();
    let work = async_op::executor::WorkGuard::new(context.executor());
    thread::scope(|scope| {
        scope.spawn(|| context.run());
        for n in 0..300 {
            let held = Held::default();
            let signal = CancellationSignal::new();
            let limit = Duration::from_micros(n % 60);
            let token = bind_cancellation_slot(signal.slot(), outcome(&log));
            async_keep(&context, held.clone(), cancel_after(limit, token));
            scope.spawn(move || {
                let op = held.op.lock().unwrap().take();
                if let Some(op) = op {
                    op.complete(Ok(()));
                }
            });
            if n % 2 == 0 {
                signal.emit(TERMINAL);
            }
        }
        drop(work);
    });
    assert_eq!(log.take().split(' ').count(), 300);
}

/// "The token adapter works with any signature", where that has something to begin with.
#[test]
fn what_is_no_result_is_limited_too() {
    struct Rows(u32);

    impl Expire for Rows {}

    #[async_op]
    async fn async_rows(timer: &Timer) -> Rows {
        Rows(if timer.wait().await.is_ok() { 1 } else { 0 })
    }

    #[async_op(completes = fn(Option<u32>, bool))]
    async fn async_found(timer: &Timer) -> (Option<u32>, bool) {
        let result = timer.wait().await;
        (
            result.is_ok().then_some(1),
            is_cancelled(&result.unwrap_err()),
        )
    }

    let context = IoContext::new().unwrap();
    let timer = never(&context);
    assert_eq!(rows(&timer).cancel_after(SOON).blocking().0, 0);
    assert_eq!(found(&timer).cancel_after(SOON).blocking(), (None, true));
    async_found(
        &timer,
        cancel_after(SOON, |found: Option<u32>, is_cancelled: bool| {
            assert!(found.is_none() && is_cancelled);
        }),
    );
    context.restart();
    context.run();
}

#[test]
fn a_transfer_says_that_time_ran_out() {
    let context = IoContext::new().unwrap();
    let (a, b) = local_pair(&context);
    b.write_some("xabc").blocking().unwrap();
    // Then all of it has come.
    assert_eq!(a.read_some(&mut [0; 1]).blocking().unwrap(), 1);
    let mut buffer = [0; 8];
    let transfer = read(&a, &mut buffer, transfer_all())
        .cancel_after(SOON)
        .blocking();
    assert_eq!(transfer.bytes, 3);
    assert!(is_timeout(&transfer.result.unwrap_err()));
}

/// What came first is what it stopped for, however late its handler is called.
#[test]
fn a_limit_after_the_end_says_nothing() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let home = Manual::new("home", &log);
    let timer = never(&context);
    let held = Held::default();
    let start = Instant::now();
    timer.async_wait(bind_executor(
        home.clone(),
        cancel_after(SOON, outcome(&log)),
    ));
    async_keep(
        &context,
        held.clone(),
        bind_executor(home.clone(), cancel_after(SOON, outcome(&log))),
    );
    let channel = Channel::new(&context, 0);
    let received = outcome(&log);
    channel.async_receive(bind_executor(
        home.clone(),
        cancel_after(SOON, |result: io::Result<u32>| received(result.map(drop))),
    ));
    assert_eq!((timer.cancel(), channel.cancel()), (1, 1));
    let op = held.op.lock().unwrap().take().unwrap();
    op.complete(Err(cancelled()));
    assert_eq!(log.take(), "post:home post:home post:home");
    while start.elapsed() <= SOON {}
    context.poll();
    assert_eq!(home.run(), 3);
    assert_eq!(log.take(), "cancelled cancelled cancelled");
    assert_eq!(held.log.take(), "");
}

/// Nor is what it stopped for forgotten when it is asked for something else after that.
#[test]
fn a_request_after_the_limit_changes_nothing() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let home = Manual::new("home", &log);
    let group = CancellationGroup::new();
    let timer = never(&context);
    timer.async_wait(cancel_after(
        SOON,
        bind_cancellation_slot(group.slot(), bind_executor(home.clone(), outcome(&log))),
    ));
    let channel = Channel::new(&context, 0);
    let received = outcome(&log);
    channel.async_receive(cancel_after(
        SOON,
        bind_cancellation_slot(
            group.slot(),
            bind_executor(home.clone(), |result: io::Result<u32>| {
                received(result.map(drop));
            }),
        ),
    ));
    context.run();
    assert_eq!(log.take(), "post:home post:home");
    group.emit(CancellationType::TOTAL);
    assert_eq!(home.run(), 2);
    assert_eq!(log.take(), "timeout timeout");
}
