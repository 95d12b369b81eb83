//! Guarantee 12: cancellation is a request, and a cancelled operation still
//! completes, once.

use std::future::Future;
use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Weak};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use async_op::cancel::{CancellationSignal, CancellationSlot, CancellationType, cancelled};
use async_op::executor::WorkGuard;
use async_op::net::{TcpListener, TcpStream};
use async_op::sync::Channel;
use async_op::task::Task;
use async_op::time::Timer;
use async_op::{
    Blocking, Completion, Executor, Handler, IoContext, IoExecutor, UseFuture, async_op,
    bind_allocator, bind_cancellation_slot, bind_executor, is_cancelled, post_on, spawn, this_op,
};
use async_op_tests::net::{half_pair, listen, until_woken};
use async_op_tests::{
    Alive, AsyncForm, Form, Gate, HandlerForm, Log, Manual, Polled, Probe, Recorder, both_forms,
    without_hanging,
};

const TERMINAL: CancellationType = CancellationType::TERMINAL;
const PARTIAL: CancellationType = CancellationType::PARTIAL;
const TOTAL: CancellationType = CancellationType::TOTAL;
const ALL: CancellationType = CancellationType::ALL;

/// Of tests in which threads meet.
const ROUNDS: usize = if cfg!(windows) { 200 } else { 5_000 }; // Wine takes its time

/// A timer that does not expire.
fn never(context: &IoExecutor) -> Timer {
    let timer = Timer::new(context);
    timer.expires_after(Duration::from_secs(3600));
    timer
}

/// A handler that writes how an operation without a value went.
fn outcome(log: &Log) -> impl FnOnce(io::Result<()>) + Send + 'static {
    let log = log.clone();
    move |result| log.push(outcome_of(&result))
}

fn outcome_of<T>(result: &io::Result<T>) -> &'static str {
    match result {
        Ok(_) => "ok",
        Err(error) if is_cancelled(error) => "cancelled",
        Err(_) => "error",
    }
}

/// Handler form: completes when it is told to, or cancelled.
#[async_op]
fn async_until_cancelled(_context: &IoExecutor, hold: Hold, op: Completion<fn(io::Result<()>)>) {
    let weak = Arc::downgrade(&hold.0);
    op.on_cancel(move |_| {
        if let Some(op) = Hold::take_from(&weak) {
            op.complete(Err(cancelled()));
        }
    });
    *hold.0.lock().unwrap() = Some(op);
}

type Waiting = Completion<fn(io::Result<()>)>;
type Kept = std::sync::Mutex<Option<Waiting>>;

#[derive(Clone, Default)]
struct Hold(Arc<Kept>);

impl Hold {
    fn take_from(weak: &Weak<Kept>) -> Option<Waiting> {
        weak.upgrade()?.lock().unwrap().take()
    }

    fn take(&self) -> Option<Waiting> {
        self.0.lock().unwrap().take()
    }
}

/// Async form: terminal requests alone.
#[async_op]
async fn async_wait_twice(_context: &IoExecutor, timer: Timer) -> io::Result<()> {
    timer.wait().await?;
    timer.wait().await
}

#[async_op(cancellation = partial)]
async fn async_partial(_context: &IoExecutor, timer: Timer) -> io::Result<()> {
    timer.wait().await
}

#[async_op(cancellation = total)]
async fn async_total_over_terminal(context: &IoExecutor, timer: Timer) -> io::Result<()> {
    wait_twice(context, timer).await
}

#[test]
fn before_it_has_started_it_has_no_effect() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let signal = CancellationSignal::new();
    signal.emit(ALL);
    Timer::new(&context).async_wait(bind_cancellation_slot(signal.slot(), outcome(&log)));
    context.run();
    assert_eq!(log.take(), "ok");
    // Nor has it before the first poll.
    let mut wait =
        Polled::new(never(&context).async_wait(bind_cancellation_slot(signal.slot(), UseFuture)));
    signal.emit(ALL);
    assert!(wait.poll().is_pending());
    assert_eq!(wait.wakes(), 0);
}

#[test]
fn within_the_initiating_function() {
    #[async_op]
    fn async_now(
        _context: &IoExecutor,
        signal: Arc<CancellationSignal>,
        log: Log,
        op: Completion<fn(io::Result<()>)>,
    ) {
        signal.emit(TERMINAL);
        // Requested before anybody listened.
        op.on_cancel(move |kind| log.push(format!("{kind:?}")));
        op.complete(Ok(()));
    }
    #[async_op]
    async fn async_asked(
        _context: &IoExecutor,
        signal: Arc<CancellationSignal>,
        timer: Timer,
    ) -> io::Result<()> {
        signal.emit(TERMINAL);
        timer.wait().await
    }

    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let signal = Arc::new(CancellationSignal::new());
    let token = bind_cancellation_slot(signal.slot(), outcome(&log));
    async_now(&context, signal.clone(), log.clone(), token);
    assert_eq!(log.take(), "{terminal}");
    assert_eq!(context.run(), 1);
    assert_eq!(log.take(), "ok");
    let token = bind_cancellation_slot(signal.slot(), outcome(&log));
    async_asked(&context, signal.clone(), never(&context), token);
    context.restart();
    assert!(context.run() > 0);
    assert_eq!(log.take(), "cancelled");
    let hosted = async_asked(
        &context,
        signal.clone(),
        never(&context),
        bind_cancellation_slot(signal.slot(), UseFuture),
    );
    assert_eq!(outcome_of(&pollster::block_on(hosted)), "cancelled");
}

#[test]
fn while_it_is_outstanding() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let signal = CancellationSignal::new();
    never(&context).async_wait(bind_cancellation_slot(signal.slot(), outcome(&log)));
    signal.emit(TERMINAL);
    // The async form goes on where it belongs, not here.
    assert_eq!(log.take(), "");
    assert_eq!(context.run(), 1);
    assert_eq!(log.take(), "cancelled");

    let hold = Hold::default();
    let token = bind_cancellation_slot(signal.slot(), outcome(&log));
    async_until_cancelled(&context, hold.clone(), token);
    signal.emit(TERMINAL);
    assert_eq!(log.take(), "");
    context.restart();
    assert_eq!(context.run(), 1);
    assert_eq!(log.take(), "cancelled");
}

#[test]
fn while_it_is_hosted() {
    let context = IoContext::new().unwrap();
    let signal = CancellationSignal::new();
    let token = bind_cancellation_slot(signal.slot(), UseFuture);
    let mut wait = Polled::new(never(&context).async_wait(token));
    assert!(wait.poll().is_pending());
    signal.emit(TERMINAL);
    assert_eq!(wait.wakes(), 1);
    let Poll::Ready(result) = wait.poll() else {
        panic!("it was asked")
    };
    assert_eq!(outcome_of(&result), "cancelled");
    assert_eq!(wait.wakers(), 0);

    let hold = Hold::default();
    let token = bind_cancellation_slot(signal.slot(), UseFuture);
    let mut wait = Polled::new(async_until_cancelled(&context, hold.clone(), token));
    assert!(wait.poll().is_pending());
    signal.emit(TERMINAL);
    assert_eq!(wait.wakes(), 1);
    assert!(wait.poll().is_ready());
    assert_eq!(wait.wakers(), 0);
    assert_eq!(context.run(), 0);
}

#[test]
fn while_it_blocks() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        let signal = CancellationSignal::new();
        let slot = signal.slot();
        context.post(Task::new(move || signal.emit(TERMINAL)));
        let result = never(&context).async_wait(bind_cancellation_slot(slot, Blocking));
        assert!(is_cancelled(&result.unwrap_err()));
    });
}

#[test]
fn while_it_is_started_and_awaited() {
    let context = IoContext::new().unwrap();
    let signal = CancellationSignal::new();
    let timer = never(&context);
    let inner = spawn(&context, async move { timer.wait().await }, UseFuture);
    let outer = spawn(
        &context,
        inner,
        bind_cancellation_slot(signal.slot(), UseFuture),
    );
    let mut outer = Polled::new(outer);
    assert!(outer.poll().is_pending());
    context.poll();
    signal.emit(TERMINAL);
    assert!(outer.poll().is_pending());
    context.run();
    let Poll::Ready(result) = outer.poll() else {
        panic!("it was asked")
    };
    assert_eq!(outcome_of(&result), "cancelled");
}

#[test]
fn twice_and_after_it_has_completed() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let signal = CancellationSignal::new();
    never(&context).async_wait(bind_cancellation_slot(signal.slot(), outcome(&log)));
    signal.emit(TERMINAL);
    signal.emit(ALL);
    assert_eq!(context.run(), 1);
    assert_eq!(log.take(), "cancelled");
    signal.emit(ALL);
    context.restart();
    assert_eq!(context.run(), 0);

    let hold = Hold::default();
    let token = bind_cancellation_slot(signal.slot(), outcome(&log));
    async_until_cancelled(&context, hold.clone(), token);
    hold.take().unwrap().complete(Ok(()));
    signal.emit(ALL);
    context.restart();
    assert_eq!(context.run(), 1);
    assert_eq!(log.take(), "ok");
}

#[test]
fn inside_the_handler() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let signal = Arc::new(CancellationSignal::new());
    for wait in [Timer::new(&context), never(&context)] {
        let (inside, log) = (signal.clone(), log.clone());
        wait.async_wait(bind_cancellation_slot(
            signal.slot(),
            move |_: io::Result<()>| {
                inside.emit(ALL);
                log.push("called");
            },
        ));
        signal.emit(TERMINAL);
        context.restart();
        assert_eq!(context.run(), 1);
    }
    assert_eq!(log.take(), "called called");
}

#[test]
fn against_completion_on_another_thread() {
    without_hanging(|| {
        let context = Arc::new(IoContext::new().unwrap());
        let _work = WorkGuard::new(context.executor());
        let runner = Arc::clone(&context);
        let runner = thread::spawn(move || runner.run());
        let (called, outstanding) = (Arc::new(AtomicUsize::new(0)), Arc::new(Barrier::new(2)));
        let signal = Arc::new(CancellationSignal::new());
        let rounds = 2000;
        let (other, at) = (signal.clone(), outstanding.clone());
        let emitter = thread::spawn(move || {
            for _ in 0..rounds {
                at.wait();
                other.emit(TERMINAL);
            }
        });
        for round in 0..rounds {
            let called = called.clone();
            let count = move |_: io::Result<()>| {
                called.fetch_add(1, Ordering::SeqCst);
            };
            let token = bind_cancellation_slot(signal.slot(), count);
            if round % 2 == 0 {
                let hold = Hold::default();
                async_until_cancelled(&context, hold.clone(), token);
                outstanding.wait();
                if let Some(op) = hold.take() {
                    op.complete(Ok(()));
                }
            } else {
                let timer = never(&context);
                timer.async_wait(token);
                outstanding.wait();
                timer.cancel();
            }
        }
        emitter.join().unwrap();
        while called.load(Ordering::SeqCst) < rounds {
            thread::yield_now();
        }
        context.stop();
        runner.join().unwrap();
        assert_eq!(called.load(Ordering::SeqCst), rounds);
    });
}

#[test]
fn against_a_hosted_completion_on_another_thread() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        for _ in 0..500 {
            let signal = CancellationSignal::new();
            let hold = Hold::default();
            let token = bind_cancellation_slot(signal.slot(), UseFuture);
            let mut wait = Polled::new(async_until_cancelled(&context, hold.clone(), token));
            assert!(wait.poll().is_pending());
            thread::scope(|scope| {
                scope.spawn(|| signal.emit(TERMINAL));
                if let Some(op) = hold.take() {
                    op.complete(Ok(()));
                }
                while wait.poll().is_pending() {
                    thread::yield_now();
                }
            });
            assert_eq!(wait.wakers(), 0);
        }
    });
}

/// Returns which single requests an operation honours.
fn honoured<F: Future<Output = io::Result<()>> + Send>(
    start: impl Fn(IoExecutor, CancellationSlot) -> F,
) -> String {
    let context = IoContext::new().unwrap();
    let mut honoured = Vec::new();
    for kind in [TERMINAL, PARTIAL, TOTAL] {
        let signal = CancellationSignal::new();
        let mut wait = Polled::new(start(context.executor(), signal.slot()));
        assert!(wait.poll().is_pending());
        signal.emit(kind);
        if wait.poll().is_ready() {
            honoured.push(format!("{kind:?}"));
        }
    }
    honoured.join(" ")
}

#[test]
fn the_types_that_operations_honour() {
    macro_rules! of {
        (|$context:ident, $token:ident| $start:expr) => {
            honoured(|$context, slot| {
                let $token = bind_cancellation_slot(slot, UseFuture);
                $start
            })
        };
    }
    let terminal = "{terminal}";
    let partial = "{terminal} {partial}";
    let total = "{terminal} {partial} {total}";
    assert_eq!(of!(|c, t| never(&c).async_wait(t)), total);
    assert_eq!(of!(|c, t| async_wait_twice(&c, never(&c), t)), terminal);
    assert_eq!(of!(|c, t| async_partial(&c, never(&c), t)), partial);
    // The operation inside filters too.
    assert_eq!(
        of!(|c, t| async_total_over_terminal(&c, never(&c), t)),
        terminal
    );
    // In handler form the body decides.
    let hold = Hold::default();
    assert_eq!(
        of!(|c, t| async_until_cancelled(&c, hold.clone(), t)),
        total
    );
}

#[test]
fn the_types_that_operations_with_handlers_honour() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let signal = CancellationSignal::new();
    let timer = never(&context);
    let token = bind_cancellation_slot(signal.slot(), outcome(&log));
    async_wait_twice(&context, timer.clone(), token);
    signal.emit(TOTAL);
    signal.emit(PARTIAL | TOTAL);
    assert_eq!(context.poll(), 0);
    signal.emit(ALL);
    context.run();
    assert_eq!(log.take(), "cancelled");
    context.restart();
    let token = bind_cancellation_slot(signal.slot(), outcome(&log));
    async_partial(&context, timer.clone(), token);
    signal.emit(TOTAL);
    assert_eq!(context.poll(), 0);
    signal.emit(PARTIAL);
    context.run();
    assert_eq!(log.take(), "cancelled");
    context.restart();
    let token = bind_cancellation_slot(signal.slot(), outcome(&log));
    async_total_over_terminal(&context, timer, token);
    signal.emit(TOTAL);
    context.poll();
    assert_eq!(log.take(), "");
    signal.emit(TERMINAL);
    context.run();
    assert_eq!(log.take(), "cancelled");
}

#[test]
fn sockets_honour_every_type() {
    let context = IoContext::new().unwrap();
    let (stream, _peer) = half_pair(&context);
    let listener: TcpListener = listen(&context);
    for kind in [TERMINAL, PARTIAL, TOTAL] {
        let log = Log::new();
        let (read, accept) = (CancellationSignal::new(), CancellationSignal::new());
        let inner = log.clone();
        stream.async_read_some(
            [0; 8],
            bind_cancellation_slot(read.slot(), move |result: io::Result<usize>, _: [u8; 8]| {
                inner.push(outcome_of(&result));
            }),
        );
        let inner = log.clone();
        listener.async_accept(bind_cancellation_slot(
            accept.slot(),
            move |result: io::Result<(TcpStream, _)>| inner.push(outcome_of(&result)),
        ));
        read.emit(kind);
        accept.emit(kind);
        context.restart();
        assert_eq!(context.run(), 2);
        assert_eq!(log.take(), "cancelled cancelled");
    }
}

/// One that an event has woken looks again, and is in no list while it does.
#[test]
fn all_of_an_object_while_one_looks_again() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        let (stream, mut peer) = half_pair(&context);
        let (turn, handle) = (AtomicUsize::new(0), stream.clone());
        thread::scope(|scope| {
            scope.spawn(|| {
                for round in 0..ROUNDS {
                    while turn.load(Ordering::Acquire) != 2 * round + 1 {
                        thread::yield_now();
                    }
                    handle.cancel();
                    turn.store(2 * round + 2, Ordering::Release);
                }
            });
            for round in 0..ROUNDS {
                let mut read = Polled::new(stream.read_some([0; 2]));
                assert!(read.poll().is_pending());
                peer.write_all(b"x").unwrap();
                until_woken(&context, &read);
                // Taken by another one.
                assert_eq!(stream.read_some(&mut [0; 2]).blocking().unwrap(), 1);
                let wakes = read.wakes();
                turn.store(2 * round + 1, Ordering::Release);
                // So that each is first now and then.
                for _ in 0..round % 64 {
                    std::hint::spin_loop();
                }
                let mut polled = read.poll();
                while turn.load(Ordering::Acquire) != 2 * round + 2 {
                    thread::yield_now();
                }
                if polled.is_pending() {
                    assert_eq!(read.wakes(), wakes + 1, "round {round}");
                    polled = read.poll();
                }
                let Poll::Ready((result, _)) = polled else {
                    panic!("pending")
                };
                assert!(is_cancelled(&result.unwrap_err()));
            }
        });
    });
}

#[test]
fn nothing_stays_registered() {
    let context = IoContext::new().unwrap();
    let signal = CancellationSignal::new();
    let timer = never(&context);
    let token = bind_cancellation_slot(signal.slot(), UseFuture);
    let mut wait = Polled::new(timer.async_wait(token));
    assert!(wait.poll().is_pending());
    signal.emit(TERMINAL);
    assert!(wait.poll().is_ready());
    assert_eq!(timer.cancel(), 0);
    assert_eq!((wait.wakes(), wait.wakers()), (1, 0));

    let (stream, peer) = half_pair(&context);
    let mut buffer = [0; 8];
    let token = bind_cancellation_slot(signal.slot(), UseFuture);
    let mut read = Polled::new(stream.async_read_some(&mut buffer, token));
    assert!(read.poll().is_pending());
    signal.emit(TERMINAL);
    assert!(read.poll().is_ready());
    io::Write::write_all(&mut &peer, b"late").unwrap();
    let _work = WorkGuard::new(context.executor());
    context.poll();
    assert_eq!((read.wakes(), read.wakers()), (1, 0));
    drop(read);
    // Nothing was lost.
    assert_eq!(stream.read_some(&mut buffer).blocking().unwrap(), 4);
}

#[test]
fn what_was_done_before_is_told() {
    /// Reads until cancelled, and says how much it has read.
    #[async_op(cancellation = partial)]
    async fn async_count(stream: &TcpStream) -> (io::Result<()>, usize) {
        let mut count = 0;
        loop {
            let mut buffer = [0; 4];
            match stream.read_some(&mut buffer).await {
                Ok(n) => count += n,
                Err(error) => return (Err(error), count),
            }
        }
    }

    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let (stream, peer) = half_pair(&context);
    let signal = CancellationSignal::new();
    let inner = log.clone();
    let token = bind_cancellation_slot(
        signal.slot(),
        move |(result, count): (io::Result<()>, usize)| {
            inner.push(format!("{} after {count}", outcome_of(&result)));
        },
    );
    async_count(&stream, token);
    io::Write::write_all(&mut &peer, b"seven..").unwrap();
    assert_eq!(context.run_one(), 1);
    signal.emit(PARTIAL);
    context.run();
    assert_eq!(log.take(), "cancelled after 7");
}

#[test]
fn a_body_that_says_good_bye() {
    #[async_op]
    async fn async_polite(_context: &IoExecutor, timer: Timer, log: Log) -> io::Result<()> {
        let first = timer.wait().await;
        log.push(outcome_of(&first));
        // Until it is forgotten, all that is awaited ends so.
        log.push(outcome_of(&timer.wait().await));
        let cancellation = this_op::cancellation();
        log.push(format!("{:?}", cancellation.requested()));
        cancellation.clear();
        timer.expires_after(Duration::from_millis(1));
        log.push(outcome_of(&timer.wait().await));
        first
    }

    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let signal = CancellationSignal::new();
    let token = bind_cancellation_slot(signal.slot(), outcome(&log));
    async_polite(&context, never(&context), log.clone(), token);
    signal.emit(TERMINAL);
    context.run();
    assert_eq!(log.take(), "cancelled cancelled {terminal} ok cancelled");
    context.restart();
    let slot = signal.slot();
    context.post(Task::new(move || signal.emit(TERMINAL)));
    let token = bind_cancellation_slot(slot, Blocking);
    let result = async_polite(&context, never(&context), log.clone(), token);
    assert_eq!(outcome_of(&result), "cancelled");
    assert_eq!(log.take(), "cancelled cancelled {terminal} ok");
}

#[test]
fn filters() {
    #[async_op]
    async fn async_filtered(
        _context: &IoExecutor,
        gate: Gate,
        timer: Timer,
        log: Log,
    ) -> io::Result<()> {
        let cancellation = this_op::cancellation();
        cancellation.set_filters(PARTIAL | TERMINAL, TERMINAL);
        gate.wait().await;
        log.push(format!("{:?}", cancellation.requested()));
        timer.wait().await
    }

    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let signal = CancellationSignal::new();
    let (gate, timer) = (Gate::default(), never(&context));
    let token = bind_cancellation_slot(signal.slot(), outcome(&log));
    async_filtered(&context, gate.clone(), timer.clone(), log.clone(), token);
    signal.emit(TOTAL);
    signal.emit(PARTIAL);
    gate.open(1);
    context.poll();
    // It came in, and did not go out.
    assert_eq!(log.take(), "{partial}");
    signal.emit(TOTAL);
    context.poll();
    assert_eq!(log.take(), "");
    signal.emit(TERMINAL);
    context.run();
    assert_eq!(log.take(), "cancelled");
}

#[test]
fn the_next_request_reaches_an_operation_that_ignored_the_first() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let signal = CancellationSignal::new();
    let timer = never(&context);
    let inner = spawn(&context, async move { timer.wait().await }, UseFuture);
    #[async_op(cancellation = total)]
    async fn async_of(
        _context: &IoExecutor,
        inner: impl Future<Output = io::Result<()>> + Send,
    ) -> io::Result<()> {
        inner.await
    }
    let token = bind_cancellation_slot(signal.slot(), outcome(&log));
    async_of(&context, inner, token);
    context.poll();
    // What is spawned honours terminal requests alone.
    signal.emit(TOTAL);
    context.poll();
    assert_eq!(log.take(), "");
    signal.emit(TERMINAL);
    context.poll();
    assert_eq!(log.take(), "cancelled");
}

#[test]
fn one_signal_serves_the_operation_that_was_started_last() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let signal = CancellationSignal::new();
    for _ in 0..3 {
        never(&context).async_wait(bind_cancellation_slot(signal.slot(), outcome(&log)));
        signal.emit(TERMINAL);
        context.run();
        context.restart();
    }
    assert_eq!(log.take(), "cancelled cancelled cancelled");
    let (first, second) = (never(&context), never(&context));
    first.async_wait(bind_cancellation_slot(signal.slot(), outcome(&log)));
    second.async_wait(bind_cancellation_slot(signal.slot(), outcome(&log)));
    signal.emit(TERMINAL);
    assert_eq!(context.run_one(), 1);
    assert_eq!((first.cancel(), second.cancel()), (1, 0));
    context.run();
    assert_eq!(log.take(), "cancelled cancelled");
}

/// Three operations in turn, each of which has been asked when the next one begins, and
/// none of which has been polled since; the fourth is asked nothing.
#[test]
fn what_has_been_asked_outlives_the_start_of_the_next_operation() {
    fn asked_before_the_next(start: impl Fn(&IoContext, CancellationSlot, &Log, u32)) -> String {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let signal = CancellationSignal::new();
        for number in 1..=3 {
            start(&context, signal.slot(), &log, number);
            signal.emit(TERMINAL);
        }
        start(&context, signal.slot(), &log, 4);
        while context.poll() > 0 {}
        log.push("then");
        signal.emit(TERMINAL);
        while context.poll() > 0 {}
        log.take()
    }

    fn outcome<T>(log: &Log, number: u32) -> impl FnOnce(io::Result<T>) + Send + use<T> {
        let log = log.clone();
        move |result| log.push(format!("{number}:{}", outcome_of(&result)))
    }

    let expected = "1:cancelled 2:cancelled 3:cancelled then 4:cancelled";
    let channels = asked_before_the_next(|context, slot, log, number| {
        let channel = Channel::<u32>::new(context, 0);
        channel.async_receive(bind_cancellation_slot(slot, outcome(log, number)));
    });
    assert_eq!(channels, expected);
    let bodies = asked_before_the_next(|context, slot, log, number| {
        let (timer, log, end) = (never(context), log.clone(), outcome(log, number));
        let body = async move {
            let result = timer.wait().await;
            assert!(!this_op::cancellation().requested().is_empty());
            assert!(timer.wait().await.is_err(), "until it is forgotten");
            this_op::cancellation().clear();
            assert!(this_op::cancellation().requested().is_empty());
            timer.expires_after(Duration::ZERO);
            let farewell = timer.wait().await;
            log.push(outcome_of(&farewell));
            result
        };
        spawn(context, body, bind_cancellation_slot(slot, end));
    });
    let expected = "ok 1:cancelled ok 2:cancelled ok 3:cancelled then ok 4:cancelled";
    assert_eq!(bodies, expected);
}

/// The same of one in handler form, which listens when the slot serves another one already.
#[test]
fn what_has_been_asked_is_told_to_who_listens_later() {
    #[async_op]
    fn async_held(_context: &IoExecutor, hold: Hold, op: Completion<fn(io::Result<()>)>) {
        *hold.0.lock().unwrap() = Some(op);
    }

    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let (signal, hold) = (CancellationSignal::new(), Hold::default());
    let token = bind_cancellation_slot(signal.slot(), outcome(&log));
    async_held(&context, hold.clone(), token);
    signal.emit(TERMINAL);
    never(&context).async_wait(bind_cancellation_slot(signal.slot(), outcome(&log)));
    let op = hold.take().unwrap();
    assert_eq!(op.requested(), TERMINAL);
    let listens = log.clone();
    op.on_cancel(move |kind| listens.push(format!("{kind:?}")));
    assert_eq!(log.take(), "{terminal}");
    op.complete(Err(cancelled()));
    context.poll();
    assert_eq!(log.take(), "cancelled");
    assert_eq!(context.poll(), 0, "the second is asked nothing");
    signal.emit(TERMINAL);
    while context.poll() > 0 {}
    assert_eq!(log.take(), "cancelled");
}

#[test]
fn an_operation_that_never_starts_leaves_the_slot_alone() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let signal = CancellationSignal::new();
    never(&context).async_wait(bind_cancellation_slot(signal.slot(), outcome(&log)));
    let token = bind_cancellation_slot(signal.slot(), UseFuture);
    drop(never(&context).async_wait(token));
    signal.emit(TERMINAL);
    assert_eq!(context.poll(), 1);
    assert_eq!(log.take(), "cancelled");
}

both_forms! {
    fn a_signal_that_outlives_the_operation_keeps_none_of_it<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let recorder = Recorder::new(&log);
        let signal = CancellationSignal::new();
        let form = F::default();
        let probe = Probe::new(&log).allocating(&recorder);
        form.start(&context, bind_cancellation_slot(signal.slot(), probe));
        form.finish(1);
        context.run();
        assert_eq!(log.take(), "A0 D0 call");
        recorder.assert_balanced();
        signal.emit(ALL);
    }

    fn a_signal_that_is_dropped_changes_nothing_for_what_others_can_wake<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let signal = CancellationSignal::new();
        let form = F::default();
        form.start(&context, bind_cancellation_slot(signal.slot(), Probe::new(&log)));
        drop(signal);
        form.finish(1);
        context.run();
        assert_eq!(log.take(), "call");
    }
}

/// Waits for requests alone.
#[async_op]
async fn async_forever(_context: &IoExecutor) -> u32 {
    std::future::pending().await
}

#[test]
fn an_operation_that_only_a_dropped_signal_could_wake_is_abandoned() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let recorder = Recorder::new(&log);
    let signal = CancellationSignal::new();
    let probe = Probe::new(&log).allocating(&recorder);
    async_forever(
        &context,
        Handler(bind_cancellation_slot(signal.slot(), probe)),
    );
    assert_eq!(context.poll(), 0);
    assert_eq!(log.take(), "A0");
    drop(signal);
    context.run();
    assert_eq!(log.take(), "D0 drop");
    recorder.assert_balanced();
}

#[test]
fn an_operation_whose_signal_was_dropped_before_is_abandoned() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let recorder = Recorder::new(&log);
    let slot = CancellationSignal::new().slot();
    let probe = Probe::new(&log).allocating(&recorder);
    async_forever(
        &context,
        Handler(bind_cancellation_slot(slot.clone(), probe)),
    );
    assert_eq!(log.take(), "A0 D0 drop");
    recorder.assert_balanced();
    // Hosted in another, it does not keep that one.
    let probe = Probe::new(&log).allocating(&recorder);
    let hosted = async_forever(&context, bind_cancellation_slot(slot.clone(), UseFuture));
    spawn(&context, hosted, Handler(probe));
    context.run();
    assert_eq!(log.take(), "A1 D1 drop");
    recorder.assert_balanced();
    // Nor does it keep what a handler-form operation would have called.
    let alive = Alive::new(&log, "function");
    let form = HandlerForm::default();
    form.start(&context, bind_cancellation_slot(slot, Probe::new(&log)));
    let op = form.hold.take().unwrap();
    op.on_cancel(move |_| drop(alive));
    assert_eq!(log.take(), "function");
    op.complete(1);
}

#[test]
fn a_request_outlives_its_signal() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let signal = CancellationSignal::new();
    never(&context).async_wait(bind_cancellation_slot(signal.slot(), outcome(&log)));
    signal.emit(TERMINAL);
    drop(signal);
    context.run();
    assert_eq!(log.take(), "cancelled");
}

#[test]
fn a_function_is_called_once_and_without_a_lock() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let signal = Arc::new(CancellationSignal::new());
    let form = HandlerForm::default();
    let probe = Probe::new(&log);
    form.start(&context, bind_cancellation_slot(signal.slot(), probe));
    let op = form.hold.take().unwrap();
    op.on_cancel({
        let alive = Alive::new(&log, "replaced");
        move |_| drop(alive)
    });
    let (again, inner) = (signal.clone(), log.clone());
    op.on_cancel(move |kind| {
        again.emit(TOTAL);
        inner.push(format!("{kind:?}"));
    });
    assert_eq!(log.take(), "replaced");
    signal.emit(PARTIAL);
    signal.emit(PARTIAL);
    assert_eq!(log.take(), "{partial}");
    // Now: there have been requests already.
    let inner = log.clone();
    op.on_cancel(move |kind| inner.push(format!("{kind:?}")));
    assert_eq!(log.take(), "{partial, total}");
    op.complete(1);
    context.run();
    assert_eq!(log.take(), "call");
}

#[test]
fn a_handler_on_another_executor_with_an_allocator() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let home = Manual::new("home", &log);
    let recorder = Recorder::new(&log);
    let signal = CancellationSignal::new();
    let token = bind_executor(
        home.clone(),
        bind_allocator(
            recorder.clone(),
            bind_cancellation_slot(signal.slot(), outcome(&log)),
        ),
    );
    never(&context).async_wait(token);
    signal.emit(TERMINAL);
    assert_eq!(home.run(), 1);
    assert_eq!(log.take(), "A0 post:home D0 cancelled");
    recorder.assert_balanced();
}

#[test]
fn a_dropped_context_takes_what_its_signal_waits_for() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let recorder = Recorder::new(&log);
    let signal = CancellationSignal::new();
    let form = AsyncForm::default();
    let probe = Probe::new(&log).allocating(&recorder);
    form.start(&context, bind_cancellation_slot(signal.slot(), probe));
    signal.emit(TERMINAL);
    drop(context);
    assert_eq!(log.take(), "A0 D0 drop");
    recorder.assert_balanced();
    signal.emit(TERMINAL);
}

#[test]
fn operations_that_do_not_listen_complete_as_ever() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let signal = CancellationSignal::new();
    let inner = log.clone();
    post_on(
        &context,
        bind_cancellation_slot(signal.slot(), move || inner.push("posted")),
    );
    signal.emit(ALL);
    context.run();
    assert_eq!(log.take(), "posted");
}

#[test]
fn signals_and_slots_may_be_sent_and_shared() {
    fn check<T: Send + Sync>(_: &T) {}
    let signal = CancellationSignal::new();
    check(&signal);
    check(&signal.slot());
    assert!(signal.slot().is_connected());
    assert!(!CancellationSlot::default().is_connected());
    assert_eq!(TOTAL.and_weaker(), ALL);
    assert_eq!(PARTIAL.and_weaker(), TERMINAL | PARTIAL);
    assert_eq!(TERMINAL.and_weaker(), TERMINAL);
}

#[test]
fn the_error_is_the_systems_own() {
    // `ECANCELED`, or `ERROR_OPERATION_ABORTED`.
    #[cfg(unix)]
    let number = libc::ECANCELED;
    #[cfg(windows)]
    let number = 995;
    assert!(is_cancelled(&io::Error::from_raw_os_error(number)));
    assert!(!is_cancelled(&io::ErrorKind::Interrupted.into()));
    assert!(!is_cancelled(&io::ErrorKind::TimedOut.into()));
    let context = IoContext::new().unwrap();
    let timer = never(&context);
    let mut wait = Polled::new(timer.wait());
    assert!(wait.poll().is_pending());
    timer.cancel();
    let Poll::Ready(Err(error)) = wait.poll() else {
        panic!("it was cancelled")
    };
    assert!(is_cancelled(&error));
    assert_ne!(error.kind(), io::ErrorKind::Interrupted);
}

/// What is asked to stop is waited for all the same.
#[test]
fn a_request_does_not_abandon_an_operation_that_is_awaited() {
    #[async_op]
    fn async_deaf(_context: &IoExecutor, hold: Hold, op: Completion<fn(io::Result<()>)>) {
        *hold.0.lock().unwrap() = Some(op);
    }

    let context = IoContext::new().unwrap();
    let (signal, hold) = (CancellationSignal::new(), Hold::default());
    let token = bind_cancellation_slot(signal.slot(), UseFuture);
    let mut future = Polled::new(async_deaf(&context, hold.clone(), token));
    assert!(future.poll().is_pending());
    signal.emit(PARTIAL);
    assert!(future.poll().is_pending());
    let op = hold.take().unwrap();
    assert!(!op.is_abandoned(), "its future is still there");
    drop(future);
    assert!(op.is_abandoned());
    drop(op);
}

/// A queue of completions looks for what came before its function was there.
#[test]
fn what_has_been_asked_of_a_completion() {
    #[async_op]
    fn async_held(_context: &IoExecutor, hold: Hold, op: Completion<fn(io::Result<()>)>) {
        *hold.0.lock().unwrap() = Some(op);
    }

    // A handler, ...
    let context = IoContext::new().unwrap();
    let (signal, hold) = (CancellationSignal::new(), Hold::default());
    let token = bind_cancellation_slot(signal.slot(), |_: io::Result<()>| ());
    async_held(&context, hold.clone(), token);
    let op = hold.take().unwrap();
    assert!(op.requested().is_empty());
    signal.emit(PARTIAL);
    assert_eq!(op.requested(), PARTIAL);
    op.complete(Ok(()));
    assert_eq!(context.run(), 1);

    // ... or a future that is dropped.
    let mut future = Polled::new(async_held(&context, hold.clone(), UseFuture));
    assert!(future.poll().is_pending());
    let op = hold.take().unwrap();
    op.on_cancel(|_| ());
    assert!(op.requested().is_empty());
    drop(future);
    assert_eq!(op.requested(), TERMINAL);
    drop(op);
}

/// A waker is foreign: a panic of its clone leaves it where it was.
#[test]
fn a_request_that_panics_in_a_waker_can_be_made_again() {
    use std::future::Future;
    use std::pin::pin;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::task::{Context, RawWaker, RawWakerVTable, Waker};

    fn wake() {
        WAKES.fetch_add(1, Ordering::SeqCst);
    }

    static PANICS: AtomicBool = AtomicBool::new(false);
    static WAKES: AtomicUsize = AtomicUsize::new(0);
    static VTABLE: RawWakerVTable = RawWakerVTable::new(
        |data| {
            assert!(!PANICS.load(Ordering::SeqCst), "on purpose");
            RawWaker::new(data, &VTABLE)
        },
        |_| wake(),
        |_| wake(),
        |_| {},
    );

    let context = IoContext::new().unwrap();
    let signal = CancellationSignal::new();
    let token = bind_cancellation_slot(signal.slot(), UseFuture);
    let mut future = pin!(never(&context).async_wait(token));
    // SAFETY: the functions use statics alone, from any thread.
    let waker = unsafe { Waker::new(std::ptr::null(), &VTABLE) };
    let mut cx = Context::from_waker(&waker);
    assert!(future.as_mut().poll(&mut cx).is_pending());
    PANICS.store(true, Ordering::SeqCst);
    async_op_tests::panic_of(|| signal.emit(TERMINAL));
    PANICS.store(false, Ordering::SeqCst);
    assert_eq!(WAKES.load(Ordering::SeqCst), 0);
    signal.emit(TERMINAL);
    assert_eq!(WAKES.load(Ordering::SeqCst), 1);
    let Poll::Ready(result) = future.poll(&mut cx) else {
        panic!("it was asked")
    };
    assert_eq!(outcome_of(&result), "cancelled");
}

/// A request reaches a body that awaits a post as any other step: the wait ends, on whatever
/// executor the task is queued, and what is awaited next fails.
#[test]
fn a_body_that_awaits_a_post() {
    #[async_op]
    async fn async_polite(timer: &Timer, other: IoExecutor, log: Log) -> io::Result<u32> {
        post_on(&other, UseFuture).await;
        log.push(format!("{:?}", this_op::cancellation().requested()));
        // One that was there before ends no wait.
        post_on(timer, UseFuture).await;
        log.push("posted");
        timer.wait().await?;
        Ok(7)
    }

    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let other = IoContext::new().unwrap();
    let recorder = Recorder::new(&Log::new());
    let signal = CancellationSignal::new();
    let timer = Timer::new(&context);
    let inner = log.clone();
    let handler = move |result: io::Result<u32>| {
        inner.push(is_cancelled(&result.unwrap_err()).to_string());
    };
    let token = bind_cancellation_slot(signal.slot(), handler);
    let token = bind_allocator(recorder.clone(), token);
    async_polite(&timer, other.executor(), log.clone(), token);
    context.poll();
    assert_eq!(log.take(), "");
    signal.emit(TERMINAL);
    context.restart();
    context.run();
    assert_eq!(log.take(), "{terminal} posted true");
    // Nothing of the operation's is left in the queue.
    recorder.assert_balanced();
    assert_eq!(other.run(), 1);
}

/// One that awaits nothing but posts learns of it at once.
#[test]
fn a_body_that_awaits_posts_alone() {
    #[async_op]
    async fn async_busy(context: &IoExecutor) -> io::Result<()> {
        loop {
            this_op::or_cancelled(post_on(context, UseFuture)).await?;
        }
    }

    let context = IoContext::new().unwrap();
    let signal = CancellationSignal::new();
    let handler = |result: io::Result<()>| assert!(is_cancelled(&result.unwrap_err()));
    async_busy(&context, bind_cancellation_slot(signal.slot(), handler));
    for _ in 0..100 {
        assert_eq!(context.run_one(), 1);
    }
    signal.emit(TERMINAL);
    context.run();
}

/// From then on nobody asks it, however late its handler is called.
#[test]
fn when_it_has_completed_and_its_handler_waits() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let (home, signal) = (Manual::new("home", &log), CancellationSignal::new());
    let form = HandlerForm::default();
    let probe = Probe::new(&log).on(home.clone());
    form.start(&context, bind_cancellation_slot(signal.slot(), probe));
    let op = form.hold.take().unwrap();
    let (inner, alive) = (log.clone(), Alive::new(&log, "forgotten"));
    op.on_cancel(move |_| {
        inner.push("asked");
        drop(alive);
    });
    op.complete(1);
    assert_eq!(log.take(), "forgotten post:home");
    signal.emit(ALL);
    assert_eq!((home.run(), home.work()), (1, 0));
    assert_eq!(log.take(), "call");
}

/// A body may await so many operations in one poll; those that are put off until the next one
/// hear of what they are asked as well.
#[test]
fn all_of_many_posts_in_one_body() {
    #[async_op]
    async fn async_many(_context: &IoExecutor, never: Manual, count: usize) {
        let mut posts: Vec<_> = (0..count)
            .map(|_| Box::pin(post_on(&never, UseFuture)))
            .collect();
        std::future::poll_fn(|cx| {
            posts.retain_mut(|post| post.as_mut().poll(cx).is_pending());
            match posts.is_empty() {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await;
    }

    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let signal = CancellationSignal::new();
    for count in [1, 128, 129, 500] {
        let never = Manual::new("never", &Log::new());
        let inner = log.clone();
        let token = bind_cancellation_slot(signal.slot(), move || inner.push("all"));
        async_many(&context, never.clone(), count, token);
        while never.queued() < count || context.poll() > 0 {
            context.restart();
        }
        signal.emit(TERMINAL);
        for _ in 0..10 {
            context.restart();
            context.poll();
        }
        assert_eq!(log.take(), "all", "of {count}");
    }
}
