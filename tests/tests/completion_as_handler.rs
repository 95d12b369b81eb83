//! An operation that has not completed is the handler of the next one, as `self` is in
//! Asio's composed operations: "the associated executor, allocator, cancellation slot and
//! immediate executor of an intermediate handler are those of the final one".

use std::hint;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use async_op::adapter::{append, bind_immediate_executor, consign, redirect_error};
use async_op::cancel::{CancellationGroup, CancellationSignal, CancellationSlot, CancellationType};
use async_op::executor::{AnyExecutor, InlineOr, Strand, WorkGuard, post_call};
use async_op::group::{parallel_group, wait_for_all};
use async_op::sync::Channel;
use async_op::time::Timer;
use async_op::token::UsePromise;
use async_op::{
    Completion, Executor, IoContext, IoExecutor, UseFuture, async_op, bind_allocator,
    bind_cancellation_slot, bind_executor, cancel_after, is_cancelled, is_timeout, post_on, spawn,
};
use async_op_tests::net::{LocalStream, local_pair};
use async_op_tests::{
    CountingHeap, Log, Manual, Polled, Probe, Recorder, heap_allocations_here, panic_of,
    short_wait, without_hanging,
};
use futures_lite::future::poll_once;

#[global_allocator]
static HEAP: CountingHeap = CountingHeap;

type Waited = Completion<fn(io::Result<()>)>;

/// Waits for both, one after the other.
#[async_op]
fn async_both(first: &Timer, second: &Timer, op: Completion<fn(io::Result<()>)>) {
    let second = second.clone();
    first
        .wait()
        .callback_for(op, move |op, result| match result {
            Ok(()) => second.async_wait(op),
            Err(error) => op.complete(Err(error)),
        });
}

/// Waits, and says in which step it was.
#[async_op]
fn async_step(timer: &Timer, log: Log, op: Completion<fn(io::Result<()>)>) {
    timer.async_wait(op.then(move |op: Waited, result: io::Result<()>| {
        log.push("step");
        op.complete(result);
    }));
}

fn timer(context: &IoContext, after: Duration) -> Timer {
    let timer = Timer::new(context);
    timer.expires_after(after);
    timer
}

const LONG: Duration = Duration::from_secs(3600);

#[test]
fn steps_run_on_the_executor_of_the_handler() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let elsewhere = Manual::new("own", &log);
    let timer = timer(&context, Duration::ZERO);
    async_step(
        &timer,
        log.clone(),
        bind_executor(elsewhere.clone(), {
            let log = log.clone();
            move |_| log.push("handler")
        }),
    );
    while elsewhere.queued() == 0 {
        context.poll();
    }
    assert_eq!(log.take(), "post:own");
    assert_eq!(elsewhere.run(), 1);
    assert_eq!(log.take(), "step handler");
}

#[test]
fn steps_run_on_the_executor_of_the_first_object_where_the_handler_has_none() {
    let (first, second) = (IoContext::new().unwrap(), IoContext::new().unwrap());
    let log = Log::new();

    /// Waits on another context.
    #[async_op]
    fn async_elsewhere(
        _context: &IoExecutor,
        timer: Timer,
        log: Log,
        op: Completion<fn(io::Result<()>)>,
    ) {
        timer.wait().callback_for(op, move |op, result| {
            log.push("step");
            op.complete(result);
        });
    }

    let timer = timer(&second, Duration::ZERO);
    async_elsewhere(&first, timer, log.clone(), |_| {});
    second.run();
    assert_eq!(log.take(), "");
    assert_eq!(first.run(), 1);
    assert_eq!(log.take(), "step");
}

#[test]
fn steps_of_a_handler_on_a_strand_run_there() {
    let context = IoContext::new().unwrap();
    let strand = Strand::new(context.executor());
    let steps = Arc::new(AtomicUsize::new(0));

    #[async_op]
    fn async_steps(
        timer: &Timer,
        strand: Strand<IoExecutor>,
        steps: Arc<AtomicUsize>,
        op: Completion<fn(io::Result<()>)>,
    ) {
        assert!(op.executor() == Some(AnyExecutor::new(strand.clone())));
        let again = timer.clone();
        timer.wait().callback_for(op, move |op, result| {
            assert!(strand.runs_here());
            match steps.fetch_add(1, Ordering::SeqCst) {
                99 => op.complete(result),
                _ => async_steps(&again, strand, steps, op),
            }
        });
    }

    let token = bind_executor(strand.clone(), |result: io::Result<()>| result.unwrap());
    async_steps(
        &timer(&context, Duration::ZERO),
        strand,
        steps.clone(),
        token,
    );
    context.run();
    assert_eq!(steps.load(Ordering::SeqCst), 100);
}

#[test]
fn memory_of_steps_is_of_the_handlers_allocator() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let memory = Recorder::new(&log);
    let (first, second) = (
        timer(&context, Duration::ZERO),
        timer(&context, Duration::ZERO),
    );
    let probe = Probe::calling(&log, |(result,): (io::Result<()>,)| result.unwrap());
    async_both(
        &first,
        &second,
        async_op::Handler(probe.allocating(&memory)),
    );
    context.run();
    assert_eq!(log.take(), "A0 A1 D1 A2 D2 D0 call");
    memory.assert_balanced();
}

#[test]
fn a_loop_in_a_plain_function_keeps_one_block() {
    const ROUNDS: usize = 20_000;

    #[async_op]
    fn async_rounds(channel: &Channel<u32>, rounds: usize, op: Completion<fn(io::Result<u32>)>) {
        go_on(channel.clone(), rounds, op);
    }

    fn go_on(channel: Channel<u32>, rounds: usize, op: Completion<fn(io::Result<u32>)>) {
        let again = channel.clone();
        channel.try_send(1).unwrap();
        channel.receive().callback_for(op, move |op, result| {
            match rounds {
                1 => op.complete(result),
                // No more than what called this is on the stack.
                _ => go_on(again, rounds - 1, op),
            }
        });
    }

    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let signal = CancellationSignal::new();
    let channel = Channel::new(&context, 1);
    let to = log.clone();
    let handler = move |result: io::Result<u32>| to.push(format!("{}", result.unwrap()));
    let token = bind_cancellation_slot(signal.slot(), handler);
    async_rounds(&channel, ROUNDS, token);
    assert_eq!(context.run(), ROUNDS);
    assert_eq!(log.take(), "1");
}

#[test]
fn steps_take_nothing_from_the_heap() {
    let context = IoContext::new().unwrap();
    let signal = CancellationSignal::new();
    let (first, second) = (Timer::new(&context), Timer::new(&context));
    let mut heap = 0;
    for round in 0..20 {
        first.expires_after(short_wait(round));
        second.expires_after(short_wait(round));
        let before = heap_allocations_here();
        let handler = |result: io::Result<()>| result.unwrap();
        async_both(
            &first,
            &second,
            bind_cancellation_slot(signal.slot(), handler),
        );
        context.run();
        context.restart();
        heap = heap_allocations_here() - before;
    }
    if !cfg!(any(async_op_sanitize, feature = "tracing")) {
        assert_eq!(heap, 0);
    }
}

#[test]
fn requests_go_to_the_step_that_is_under_way() {
    for first_is_long in [true, false] {
        let (context, signal) = (IoContext::new().unwrap(), CancellationSignal::new());
        let (first, second) = (timer(&context, Duration::ZERO), timer(&context, LONG));
        if first_is_long {
            first.expires_after(LONG);
        }
        let (log, entry) = (Log::new(), "cancelled");
        let to = log.clone();
        async_both(
            &first,
            &second,
            bind_cancellation_slot(signal.slot(), move |result: io::Result<()>| {
                assert!(is_cancelled(&result.unwrap_err()));
                to.push(entry);
            }),
        );
        while !first_is_long && context.poll() == 0 {}
        signal.emit(CancellationType::TERMINAL);
        context.run();
        assert_eq!(log.take(), entry);
    }
}

#[test]
fn a_step_after_a_request_is_asked_as_it_begins() {
    let (context, signal) = (IoContext::new().unwrap(), CancellationSignal::new());

    /// Is asked to stop between two steps.
    #[async_op]
    fn async_interrupted(
        timer: &Timer,
        signal: Arc<CancellationSignal>,
        op: Completion<fn(io::Result<()>)>,
    ) {
        signal.emit(CancellationType::TERMINAL);
        assert_eq!(op.requested(), CancellationType::TERMINAL);
        timer.async_wait(op);
    }

    let (signal, timer) = (Arc::new(signal), timer(&context, LONG));
    let handler = |result: io::Result<()>| assert!(is_cancelled(&result.unwrap_err()));
    async_interrupted(
        &timer,
        signal.clone(),
        bind_cancellation_slot(signal.slot(), handler),
    );
    assert_eq!(context.run(), 1);

    // By way of a group, which has been asked before.
    let group = CancellationGroup::new();
    group.emit(CancellationType::TERMINAL);
    context.restart();
    let token = bind_cancellation_slot(group.slot(), handler);
    async_both(&timer, &timer, token);
    assert_eq!(context.run(), 1);
}

#[test]
fn a_step_that_is_not_to_be_asked_has_no_slot() {
    let (context, signal) = (
        IoContext::new().unwrap(),
        Arc::new(CancellationSignal::new()),
    );

    /// Says good-bye, asked to stop or not.
    #[async_op]
    fn async_good_bye(
        timer: &Timer,
        signal: Arc<CancellationSignal>,
        op: Completion<fn(io::Result<()>)>,
    ) {
        signal.emit(CancellationType::TERMINAL);
        timer.async_wait(bind_cancellation_slot(CancellationSlot::unconnected(), op));
    }

    let handler = |result: io::Result<()>| result.unwrap();
    let timer = timer(&context, Duration::ZERO);
    async_good_bye(
        &timer,
        signal.clone(),
        bind_cancellation_slot(signal.slot(), handler),
    );
    assert_eq!(context.run(), 1);
}

#[test]
fn requests_come_again_until_one_is_honoured() {
    let (context, signal) = (IoContext::new().unwrap(), CancellationSignal::new());
    let (a, b) = local_pair(&context);

    /// Reads whole messages, which a partial end is no end of.
    #[async_op]
    fn async_message(stream: &LocalStream, op: Completion<fn(io::Result<()>, [u8; 4])>) {
        async_op::io::async_read_exact(stream, [0; 4], op);
    }

    let log = Log::new();
    let to = log.clone();
    async_message(
        &a,
        bind_cancellation_slot(signal.slot(), move |result: io::Result<()>, _| {
            to.push(if is_cancelled(&result.unwrap_err()) {
                "cancelled"
            } else {
                "failed"
            });
        }),
    );
    signal.emit(CancellationType::TOTAL);
    signal.emit(CancellationType::PARTIAL);
    context.poll();
    assert_eq!(log.take(), "");
    signal.emit(CancellationType::TERMINAL);
    context.run();
    assert_eq!(log.take(), "cancelled");
    drop(b);
}

#[test]
fn a_time_limit_reaches_the_step() {
    let context = IoContext::new().unwrap();
    let (first, second) = (timer(&context, Duration::ZERO), timer(&context, LONG));
    let limit = Duration::from_millis(2);
    let handler = |result: io::Result<()>| assert!(is_timeout(&result.unwrap_err()));
    async_both(&first, &second, cancel_after(limit, handler));
    context.run();
    let error = both(&first, &second)
        .cancel_after(limit)
        .blocking()
        .unwrap_err();
    assert!(is_timeout(&error));
}

#[test]
fn a_future_that_is_dropped_ends_the_step() {
    let context = IoContext::new().unwrap();
    let (first, second) = (timer(&context, LONG), timer(&context, LONG));
    let mut future = Box::pin(async_both(&first, &second, UseFuture));
    assert!(pollster::block_on(poll_once(&mut future)).is_none());
    drop(future);
    // The step completes, and is followed by no other.
    context.run();
    assert_eq!(first.cancel() + second.cancel(), 0);
}

#[test]
fn awaited_in_an_operation_that_is_asked_to_stop_it_stops() {
    #[async_op]
    async fn async_outer(first: &Timer, second: &Timer) -> io::Result<()> {
        both(first, second).await
    }

    let (context, signal) = (IoContext::new().unwrap(), CancellationSignal::new());
    let (first, second) = (timer(&context, Duration::ZERO), timer(&context, LONG));
    let log = Log::new();
    let to = log.clone();
    async_outer(
        &first,
        &second,
        bind_cancellation_slot(signal.slot(), move |result: io::Result<()>| {
            assert!(is_cancelled(&result.unwrap_err()));
            to.push("cancelled");
        }),
    );
    while first.cancel() > 0 || context.poll() == 0 {}
    signal.emit(CancellationType::TERMINAL);
    context.run();
    assert_eq!(log.take(), "cancelled");
}

#[test]
fn the_function_of_on_cancel_comes_after_the_step() {
    let (context, signal) = (IoContext::new().unwrap(), CancellationSignal::new());
    let log = Log::new();

    #[async_op]
    fn async_kept(
        timer: &Timer,
        log: Log,
        kept: Arc<Mutex<Option<Waited>>>,
        op: Completion<fn(io::Result<()>)>,
    ) {
        timer.wait().callback_for(op, move |op, result| {
            result.unwrap();
            op.on_cancel(move |kind| log.push(format!("{kind:?}")));
            *kept.lock().unwrap() = Some(op);
        });
    }

    let timer = timer(&context, Duration::ZERO);
    let kept = Arc::default();
    async_kept(
        &timer,
        log.clone(),
        Arc::clone(&kept),
        bind_cancellation_slot(signal.slot(), |_: io::Result<()>| {}),
    );
    while context.poll() == 0 {}
    assert_eq!(log.take(), "");
    signal.emit(CancellationType::PARTIAL);
    assert_eq!(log.take(), format!("{:?}", CancellationType::PARTIAL));
    drop(kept.lock().unwrap().take());
}

#[test]
fn what_nobody_can_ask_any_more_is_dropped() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let signal = CancellationSignal::new();
    let timer = timer(&context, LONG);
    let probe = Probe::calling(&log, |(_,): (io::Result<()>,)| {});
    let token = bind_cancellation_slot(signal.slot(), async_op::Handler(probe));
    async_step(&timer, log.clone(), token);
    drop(signal);
    assert_eq!(timer.cancel(), 1);
    context.run();
    assert_eq!(log.take(), "step call");
}

#[test]
fn a_step_that_is_abandoned_abandons_the_operation() {
    let log = Log::new();
    let context = IoContext::new().unwrap();
    let memory = Recorder::new(&Log::new());
    let timer = timer(&context, LONG);
    let probe = Probe::calling(&log, |(_,): (io::Result<()>,)| {}).allocating(&memory);
    async_step(&timer, log.clone(), async_op::Handler(probe));
    drop(context);
    assert_eq!(log.take(), "drop");
    memory.assert_balanced();
}

#[test]
fn the_immediate_executor_is_that_of_the_handler() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let channel = Channel::new(&context, 8);

    #[async_op]
    fn async_twice(channel: &Channel<u32>, log: Log, op: Completion<fn(io::Result<u32>)>) {
        let again = channel.clone();
        channel.receive().callback_for(op, move |op, result| {
            log.push(format!("step {}", result.unwrap()));
            again.async_receive(op);
        });
        // Not inside this, by default.
    }

    let start = |inline: bool| {
        channel.try_send(1).unwrap();
        channel.try_send(2).unwrap();
        let to = log.clone();
        let handler =
            move |result: io::Result<u32>| to.push(format!("handler {}", result.unwrap()));
        let inline_or = InlineOr(context.executor());
        match inline {
            true => async_twice(
                &channel,
                log.clone(),
                bind_immediate_executor(inline_or, handler),
            ),
            false => async_twice(&channel, log.clone(), handler),
        }
        log.push("started");
        let count = context.run();
        context.restart();
        count
    };
    assert_eq!(start(false), 2);
    assert_eq!(log.take(), "started step 1 handler 2");
    assert_eq!(start(true), 0);
    assert_eq!(log.take(), "step 1 handler 2 started");
}

#[test]
fn one_inside_the_other() {
    #[async_op]
    fn async_outer(first: &Timer, second: &Timer, op: Completion<fn(io::Result<()>)>) {
        let (again, second) = (first.clone(), second.clone());
        async_both(
            first,
            &second.clone(),
            op.then(move |op: Waited, result: io::Result<()>| {
                result.unwrap();
                async_both(&again, &second, op);
            }),
        );
    }

    let (context, log) = (IoContext::new().unwrap(), Log::new());
    let memory = Recorder::new(&log);
    let (first, second) = (
        timer(&context, Duration::ZERO),
        timer(&context, Duration::ZERO),
    );
    let strand = Strand::new(context.executor());
    let to = log.clone();
    let here = strand.clone();
    let handler = move |result: io::Result<()>| {
        result.unwrap();
        assert!(here.runs_here());
        to.push("call");
    };
    async_outer(
        &first,
        &second,
        bind_executor(strand, bind_allocator(memory.clone(), handler)),
    );
    context.run();
    assert_eq!(log.take(), "A0 A1 A2 D2 A3 D3 D1 A4 A5 D5 A6 D6 D4 D0 call");
    memory.assert_balanced();
}

/// Limits, adapters and promises may be around it.
#[test]
fn adapters_around_it() {
    #[async_op]
    fn async_limited(timer: &Timer, limit: Duration, op: Completion<fn(io::Result<()>)>) {
        timer.async_wait(cancel_after(limit, op));
    }

    #[async_op]
    fn async_appended(timer: &Timer, op: Completion<fn(io::Result<()>, u32)>) {
        timer.async_wait(append(7, consign(vec![1, 2, 3], op)));
    }

    #[async_op]
    fn async_redirected(timer: &Timer, log: Log, op: Completion<fn(Option<()>)>) {
        let errors =
            move |error: io::Error| log.push(if is_timeout(&error) { "time" } else { "stop" });
        timer.async_wait(redirect_error(errors, op));
    }

    #[async_op]
    fn async_promised(timer: &Timer, op: Completion<fn(io::Result<()>)>) {
        timer.async_wait(UsePromise).async_wait(op);
    }

    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let (now, never) = (timer(&context, Duration::ZERO), timer(&context, LONG));
    let short = Duration::from_millis(1);
    let (result, n) = appended(&now).blocking();
    assert!(result.is_ok() && n == 7);
    let expires = |result: io::Result<()>| assert!(is_timeout(&result.unwrap_err()));
    expires(limited(&never, short).blocking());
    for (inside, outside) in [(short, LONG), (LONG, short)] {
        expires(limited(&never, inside).cancel_after(outside).blocking());
    }
    expires(promised(&never).cancel_after(short).blocking());
    let redirected = redirected(&never, log.clone()).cancel_after(short);
    assert_eq!((redirected.blocking(), log.take()), (None, "stop".into()));

    // A request goes through the limit.
    let signal = CancellationSignal::new();
    let to = log.clone();
    let handler = move |result: io::Result<()>| {
        to.push(format!("{}", is_cancelled(&result.unwrap_err())));
    };
    async_limited(
        &never,
        LONG,
        bind_cancellation_slot(signal.slot(), handler.clone()),
    );
    async_promised(&never, handler);
    signal.emit(CancellationType::TERMINAL);
    assert_eq!(never.cancel(), 1);
    context.restart();
    context.run();
    assert_eq!(log.take(), "true true");
}

#[test]
fn groups_and_what_is_spawned_and_posted_as_steps() {
    type Two = Completion<fn(bool, bool)>;

    #[async_op]
    fn async_group(a: &Timer, b: &Timer, op: Completion<fn(bool, bool)>) {
        let then = op.then(
            |op: Two, _: [usize; 2], (a, b): (io::Result<()>, io::Result<()>)| {
                op.complete(a.is_ok(), b.is_ok());
            },
        );
        parallel_group((a.wait(), b.wait())).async_wait(wait_for_all(), then);
    }

    #[async_op]
    fn async_spawned(context: &IoExecutor, timer: Timer, op: Completion<fn(io::Result<()>)>) {
        spawn(context, async move { timer.wait().await }, op);
    }

    #[async_op]
    fn async_called(context: &IoExecutor, op: Completion<fn(u32)>) {
        post_call(context, || 7, op);
    }

    #[async_op]
    fn async_posted(on: &Manual, op: Completion<fn()>) {
        post_on(on, op);
    }

    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let (now, never) = (timer(&context, Duration::ZERO), timer(&context, LONG));
    let (memory, signal) = (Recorder::new(&Log::new()), CancellationSignal::new());
    let strand = Strand::new(context.executor());
    let (to, here) = (log.clone(), strand.clone());
    let handler = move |a: bool, b: bool| to.push(format!("{a} {b} {}", here.runs_here()));
    let token = bind_cancellation_slot(signal.slot(), handler);
    let token = bind_allocator(memory.clone(), token);
    async_group(&now, &never, bind_executor(strand, token));
    context.poll();
    signal.emit(CancellationType::TERMINAL);
    context.run();
    assert_eq!(log.take(), "true false true");
    memory.assert_balanced();

    let short = Duration::from_millis(1);
    let spawned = spawned(&context, never).cancel_after(short);
    assert!(is_timeout(&spawned.blocking().unwrap_err()));
    assert_eq!(called(&context).blocking(), 7);

    let home = Manual::new("home", &log);
    let mut future = Polled::new(posted(&home));
    assert!(future.poll().is_pending());
    assert_eq!(home.run(), 1);
    future.ready();
    // Whoever drops it abandons both.
    let mut future = Polled::new(posted(&home));
    assert!(future.poll().is_pending());
    drop(home.pop());
    assert!(panic_of(|| future.poll()).contains("abandoned"));
}

/// The rounds of a loop, asked by another thread at any time: each is asked, or knows before.
#[test]
fn asked_from_another_thread_between_steps() {
    const ROUNDS: usize = if cfg!(any(miri, windows)) { 20 } else { 1_000 };

    #[async_op]
    fn async_rounds(timer: &Timer, op: Completion<fn(usize)>) {
        go_on(timer.clone(), 0, op);
    }

    fn go_on(timer: Timer, rounds: usize, op: Completion<fn(usize)>) {
        let again = timer.clone();
        timer
            .wait()
            .callback_for(op, move |op, result| match result {
                Ok(()) => go_on(again, rounds + 1, op),
                Err(_) => op.complete(rounds),
            });
    }

    without_hanging(|| {
        let (context, other) = (IoContext::new().unwrap(), IoContext::new().unwrap());
        let work = [&context, &other].map(|context| WorkGuard::new(context.executor()));
        thread::scope(|scope| {
            for context in [&context, &other] {
                scope.spawn(|| context.run());
            }
            let now = timer(&context, Duration::ZERO);
            for round in 0..ROUNDS {
                let (sender, receiver) = mpsc::channel();
                let signal = CancellationSignal::new();
                let handler = move |rounds: usize| sender.send(rounds).unwrap();
                let token = bind_cancellation_slot(signal.slot(), handler);
                async_rounds(&now, bind_executor(other.executor(), token));
                for _ in 0..round % 50 * 40 {
                    hint::spin_loop();
                }
                signal.emit(CancellationType::TERMINAL);
                receiver.recv().unwrap();
                assert!(receiver.recv().is_err(), "once");
            }
            drop(work);
        });
    });
}
