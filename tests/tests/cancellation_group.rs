//! A group asks all of its operations to stop, those that are started later too,
//! and does not grow with those that are over.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use async_op::cancel::{CancellationGroup, CancellationType, cancelled};
use async_op::executor::WorkGuard;
use async_op::group::{parallel_group, wait_for_all};
use async_op::task::Task;
use async_op::time::Timer;
use async_op::{
    Blocking, Completion, Executor, Handler, IoContext, IoExecutor, UseFuture, async_op,
    bind_cancellation_slot, cancel_after, is_cancelled, spawn, this_op,
};
use async_op_tests::{
    Alive, CountingHeap, Form, HandlerForm, Log, Polled, Probe, Recorder, heap_allocations_here,
    panic_of, without_hanging,
};

#[global_allocator]
static HEAP: CountingHeap = CountingHeap;

const TERMINAL: CancellationType = CancellationType::TERMINAL;
const TOTAL: CancellationType = CancellationType::TOTAL;
const ALL: CancellationType = CancellationType::ALL;
const HOUR: Duration = Duration::from_secs(3600);

/// A timer that does not expire.
fn never(context: &IoExecutor) -> Timer {
    let timer = Timer::new(context);
    timer.expires_after(HOUR);
    timer
}

fn outcome_of<T>(result: &io::Result<T>) -> &'static str {
    match result {
        Ok(_) => "ok",
        Err(error) if is_cancelled(error) => "cancelled",
        Err(_) => "error",
    }
}

fn outcome(log: &Log) -> impl FnOnce(io::Result<()>) + Send + 'static {
    let log = log.clone();
    move |result| log.push(outcome_of(&result))
}

/// Terminal requests alone.
#[async_op]
async fn async_session(_context: &IoExecutor, timer: Timer) -> io::Result<()> {
    timer.wait().await
}

/// Handler form: completes as soon as it is asked, where it is asked.
#[async_op]
fn async_until_asked(_context: &IoExecutor, hold: HandlerHold, op: Completion<fn(io::Result<()>)>) {
    let weak = Arc::downgrade(&hold.0);
    op.on_cancel(move |_| {
        let op = weak.upgrade().and_then(|hold| hold.lock().unwrap().take());
        if let Some(op) = op {
            op.complete(Err(cancelled()));
        }
    });
    let mut place = hold.0.lock().unwrap();
    if op.requested().is_empty() {
        *place = Some(op);
    } else {
        drop(place);
        op.complete(Err(cancelled()));
    }
}

#[derive(Clone, Default)]
struct HandlerHold(Arc<Mutex<Option<Waiting>>>);

type Waiting = Completion<fn(io::Result<()>)>;

#[test]
fn all_that_are_under_way() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let all = CancellationGroup::new();
    let timer = never(&context);
    let holds = [HandlerHold::default(), HandlerHold::default()];
    for hold in &holds {
        timer.async_wait(bind_cancellation_slot(all.slot(), outcome(&log)));
        let wait = timer.clone();
        let token = bind_cancellation_slot(all.slot(), outcome(&log));
        spawn(&context, async move { wait.wait().await }, token);
        let token = bind_cancellation_slot(all.slot(), outcome(&log));
        async_until_asked(&context, hold.clone(), token);
    }
    // One that is not of the group.
    let other = never(&context);
    other.async_wait(outcome(&log));
    context.poll();
    assert_eq!(log.take(), "");
    all.emit(TERMINAL);
    context.poll();
    assert_eq!(log.take(), ["cancelled"; 6].join(" "));
    other.expires_after(Duration::ZERO);
    context.run();
    assert_eq!(log.take(), "cancelled");
}

/// Says good-bye in its own time, whatever has been asked before.
#[async_op]
async fn async_parting(_context: &IoExecutor, timer: Timer) -> io::Result<()> {
    this_op::cancellation().clear();
    timer.wait().await
}

/// Calls `function` when it is asked.
#[async_op]
fn async_calling(
    _context: &IoExecutor,
    function: impl FnOnce() + Send + 'static,
    hold: HandlerHold,
    op: Completion<fn(io::Result<()>)>,
) {
    op.on_cancel(move |_| function());
    *hold.0.lock().unwrap() = Some(op);
}

/// An operation that begins while the others are asked knows of the request: it is not
/// asked again in the place of one that has ended.
#[test]
fn each_request_reaches_an_operation_once() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let all = CancellationGroup::new();
    let [first, second] = [HandlerHold::default(), HandlerHold::default()];
    let replace = {
        let (second, log, slot) = (second.clone(), log.clone(), all.slot());
        let executor = context.executor();
        move || {
            drop(second.0.lock().unwrap().take());
            let token = bind_cancellation_slot(slot, outcome(&log));
            async_parting(&executor, never(&executor), token);
        }
    };
    let token = bind_cancellation_slot(all.slot(), outcome(&log));
    async_calling(&context, replace, first.clone(), token);
    let token = bind_cancellation_slot(all.slot(), outcome(&log));
    async_until_asked(&context, second, token);
    all.emit(TERMINAL);
    context.poll();
    assert_eq!(log.take(), "");
    all.emit(TERMINAL);
    context.poll();
    assert_eq!(log.take(), "cancelled");
    drop(first.0.lock().unwrap().take());
}

#[test]
fn one_slot_serves_all() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let all = CancellationGroup::new();
    let slot = all.slot();
    for _ in 0..3 {
        never(&context).async_wait(bind_cancellation_slot(slot.clone(), outcome(&log)));
    }
    let mut hosted =
        Polled::new(never(&context).async_wait(bind_cancellation_slot(slot, UseFuture)));
    assert!(hosted.poll().is_pending());
    all.clone().emit(TERMINAL);
    assert_eq!(outcome_of(&hosted.ready()), "cancelled");
    assert_eq!(hosted.wakers(), 0);
    context.run();
    assert_eq!(log.take(), "cancelled cancelled cancelled");
}

#[test]
fn those_that_are_started_later() {
    without_hanging(|| {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let all = CancellationGroup::new();
        assert!(all.requested().is_empty());
        all.emit(TERMINAL);
        assert_eq!(all.requested(), TERMINAL);
        let timer = never(&context);
        // Not inside the initiating function.
        timer.async_wait(bind_cancellation_slot(all.slot(), outcome(&log)));
        let hold = HandlerHold::default();
        let token = bind_cancellation_slot(all.slot(), outcome(&log));
        async_until_asked(&context, hold.clone(), token);
        let wait = timer.clone();
        let token = bind_cancellation_slot(all.slot(), outcome(&log));
        spawn(&context, async move { wait.wait().await }, token);
        let token = cancel_after(HOUR, bind_cancellation_slot(all.slot(), outcome(&log)));
        timer.async_wait(token);
        assert_eq!(log.take(), "");
        context.run();
        assert_eq!(log.take(), ["cancelled"; 4].join(" "));
        assert!(hold.0.lock().unwrap().is_none());

        let token = bind_cancellation_slot(all.slot(), Blocking);
        assert_eq!(outcome_of(&timer.async_wait(token)), "cancelled");
        let token = cancel_after(HOUR, bind_cancellation_slot(all.slot(), Blocking));
        assert_eq!(
            outcome_of(&session(&context, timer.clone()).with(token)),
            "cancelled"
        );
        let token = bind_cancellation_slot(all.slot(), Blocking);
        let limited = session(&context, timer.clone()).cancel_after(HOUR);
        assert_eq!(outcome_of(&limited.with(token)), "cancelled");
        let waits = parallel_group((timer.wait(), timer.wait())).wait(wait_for_all());
        let (_, (first, second)) = waits.with(bind_cancellation_slot(all.slot(), Blocking));
        assert_eq!([outcome_of(&first), outcome_of(&second)], ["cancelled"; 2]);
    });
}

#[test]
fn a_stronger_request_after_one_that_was_not_honoured() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let all = CancellationGroup::new();
    let start = || {
        let token = bind_cancellation_slot(all.slot(), outcome(&log));
        async_session(&context, never(&context), token);
        context.restart();
        context.poll();
    };
    start();
    all.emit(TOTAL);
    start();
    assert_eq!(log.take(), "");
    all.emit(TERMINAL);
    context.run();
    assert_eq!(log.take(), "cancelled cancelled");
    assert_eq!(all.requested(), TOTAL | TERMINAL);
    start();
    context.run();
    assert_eq!(log.take(), "cancelled");
    all.emit(ALL);
}

#[test]
fn from_inside_handlers() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let all = CancellationGroup::new();
    let holds: [HandlerHold; 3] = Default::default();
    for hold in &holds {
        let (inside, log, executor) = (all.clone(), log.clone(), context.executor());
        let again = hold.clone();
        let handler = move |result: io::Result<()>| {
            log.push(outcome_of(&result));
            inside.emit(ALL);
            // One more, in a place that has just become free.
            let token = bind_cancellation_slot(inside.slot(), outcome(&log));
            async_until_asked(&executor, again, token);
            inside.emit(ALL);
        };
        let token = bind_cancellation_slot(all.slot(), handler);
        async_until_asked(&context, hold.clone(), token);
    }
    // On the context: the handlers run inside `emit`.
    let notes = log.clone();
    context.post(Task::new(move || {
        all.emit(TERMINAL);
        notes.push("emitted");
    }));
    context.run();
    let called = "cancelled cancelled cancelled";
    assert_eq!(log.take(), format!("{called} emitted {called}"));
}

#[test]
fn a_dropped_group_asks_nobody() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let all = CancellationGroup::new();
    let timer = never(&context);
    timer.async_wait(bind_cancellation_slot(all.slot(), outcome(&log)));
    let slot = all.slot();
    drop(all.clone());
    drop(all);
    timer.async_wait(bind_cancellation_slot(slot, outcome(&log)));
    context.poll();
    assert_eq!(log.take(), "");
    timer.expires_after(Duration::ZERO);
    context.run();
    assert_eq!(log.take(), "cancelled cancelled");
}

#[test]
fn a_request_outlives_the_group() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let all = CancellationGroup::new();
    let timer = never(&context);
    timer.async_wait(bind_cancellation_slot(all.slot(), outcome(&log)));
    let slot = all.slot();
    all.emit(TERMINAL);
    drop(all);
    async_session(&context, timer, bind_cancellation_slot(slot, outcome(&log)));
    context.run();
    assert_eq!(log.take(), "cancelled cancelled");
}

#[test]
fn operations_that_only_a_dropped_group_could_wake_are_abandoned() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let recorder = Recorder::new(&log);
    let all = CancellationGroup::new();
    let slot = all.slot();
    let start = |slot| {
        let probe = Probe::new(&log).allocating(&recorder);
        let forever = this_op::until_cancelled();
        let handler = Handler(bind_cancellation_slot(slot, probe));
        spawn(
            &context,
            async { u32::from(forever.await.is_empty()) },
            handler,
        );
        context.restart();
        context.poll();
    };
    start(slot.clone());
    assert_eq!(log.take(), "A0");
    drop(all);
    context.run();
    assert_eq!(log.take(), "D0 drop");
    start(slot.clone());
    assert_eq!(log.take(), "A1 D1 drop");
    recorder.assert_balanced();
    // Nor is a function kept that nobody would call.
    let alive = Alive::new(&log, "function");
    let form = HandlerForm::default();
    form.start(&context, bind_cancellation_slot(slot, Probe::new(&log)));
    let op = form.hold.take().unwrap();
    op.on_cancel(move |_| drop(alive));
    assert_eq!(log.take(), "function");
    op.complete(1);
}

#[test]
fn an_operation_that_is_over_is_not_asked() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let all = CancellationGroup::new();
    let form = HandlerForm::default();
    let alive = Alive::new(&log, "function");
    form.start(
        &context,
        bind_cancellation_slot(all.slot(), Probe::new(&log)),
    );
    let op = form.hold.take().unwrap();
    op.on_cancel(move |_| drop(alive));
    op.complete(1);
    context.run();
    assert_eq!(log.take(), "function call");
    all.emit(ALL);
}

#[test]
fn the_rest_is_asked_by_the_next_request_if_one_panics() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let all = CancellationGroup::new();
    let form = HandlerForm::default();
    form.start(
        &context,
        bind_cancellation_slot(all.slot(), Probe::new(&log)),
    );
    let op = form.hold.take().unwrap();
    op.on_cancel(|_| panic!("no"));
    never(&context).async_wait(bind_cancellation_slot(all.slot(), outcome(&log)));
    assert_eq!(panic_of(|| all.emit(TERMINAL)), "no");
    all.emit(TERMINAL);
    op.complete(1);
    context.run();
    assert_eq!(log.take(), "cancelled call");
}

#[test]
fn a_dropped_context_takes_what_the_group_could_ask() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let all = CancellationGroup::new();
    let alive = Alive::new(&log, "handler");
    let handler = move |_: io::Result<()>| drop(alive);
    never(&context).async_wait(bind_cancellation_slot(all.slot(), handler));
    drop(context);
    assert_eq!(log.take(), "handler");
    all.emit(ALL);
}

/// A million operations, ten at a time, some of them hosted: the group takes what
/// ten need.
#[test]
#[cfg_attr(async_op_sanitize, ignore = "recycling is off")]
#[cfg_attr(feature = "tracing", ignore = "the list of what is outstanding grows")]
fn it_does_not_grow() {
    const ROUNDS: usize = 100_000;
    let context = IoContext::new().unwrap();
    let all = CancellationGroup::new();
    let timer = Timer::new(&context); // has expired already
    let called = Arc::new(AtomicUsize::new(0));
    let mut before = 0;
    for round in 0..ROUNDS {
        if round == ROUNDS / 100 {
            before = heap_allocations_here();
        }
        for _ in 0..9 {
            let called = called.clone();
            let handler = move |result: io::Result<()>| {
                result.unwrap();
                called.fetch_add(1, Ordering::Relaxed);
            };
            timer.async_wait(bind_cancellation_slot(all.slot(), handler));
        }
        timer
            .async_wait(bind_cancellation_slot(all.slot(), Blocking))
            .unwrap();
        context.restart();
        context.run();
    }
    assert_eq!(heap_allocations_here() - before, 0);
    assert_eq!(called.load(Ordering::Relaxed), 9 * ROUNDS);
    all.emit(ALL);
}

/// Operations start, end and are asked, each on threads of its own; none that
/// waits for ever is left.
#[test]
fn on_several_threads() {
    const STARTERS: usize = 3;
    without_hanging(|| {
        for _ in 0..200 {
            let context = Arc::new(IoContext::new().unwrap());
            let work = WorkGuard::new(context.executor());
            let runner = Arc::clone(&context);
            let runner = thread::spawn(move || runner.run());
            let all = CancellationGroup::new();
            let (ended, started) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let (at, is_over) = (Barrier::new(STARTERS + 1), AtomicBool::new(false));
            thread::scope(|scope| {
                for _ in 0..STARTERS {
                    scope.spawn(|| {
                        let timers = [never(&context), Timer::new(&context)];
                        at.wait();
                        loop {
                            // One round more than the request.
                            let is_last = is_over.load(Ordering::Relaxed);
                            for timer in &timers {
                                let ended = ended.clone();
                                let handler = move |_: io::Result<()>| {
                                    ended.fetch_add(1, Ordering::Relaxed);
                                };
                                started.fetch_add(1, Ordering::Relaxed);
                                let token = bind_cancellation_slot(all.slot(), handler);
                                timer.async_wait(token);
                            }
                            if is_last {
                                break;
                            }
                        }
                    });
                }
                at.wait();
                thread::yield_now();
                all.emit(TOTAL);
                all.emit(TERMINAL);
                is_over.store(true, Ordering::Relaxed);
            });
            drop(work);
            runner.join().unwrap();
            let count = |count: &AtomicUsize| count.load(Ordering::Relaxed);
            assert_eq!(count(&ended), count(&started));
        }
    });
}

/// The last handle goes while operations start and end elsewhere.
#[test]
fn dropped_while_operations_come_and_go() {
    without_hanging(|| {
        for _ in 0..500 {
            let all = CancellationGroup::new();
            let slot = all.slot();
            let at = Arc::new(Barrier::new(2));
            let there = Arc::clone(&at);
            let thread = thread::spawn(move || {
                there.wait();
                drop(all);
            });
            let context = IoContext::new().unwrap();
            let timer = never(&context);
            at.wait();
            for _ in 0..20 {
                let token = bind_cancellation_slot(slot.clone(), UseFuture);
                let mut wait = Polled::new(timer.async_wait(token));
                assert!(matches!(wait.poll(), Poll::Pending));
            }
            thread.join().unwrap();
        }
    });
}

#[test]
fn groups_may_be_sent_and_shared() {
    fn is_send_and_sync<T: Send + Sync + Clone + Default + 'static>() {}
    is_send_and_sync::<CancellationGroup>();
    let all = CancellationGroup::default();
    all.emit(TERMINAL);
    assert_eq!(
        format!("{all:?}"),
        "CancellationGroup { requested: {terminal}, .. }"
    );
}
