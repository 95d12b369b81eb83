//! What runs inside the poll of an operation without being a part of it: its
//! allocator serves nothing there, and requests to stop it concern nothing there.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_op::cancel::{CancellationSignal, CancellationType};
use async_op::executor::dispatch_on;
use async_op::time::Timer;
use async_op::token::{Promise, UsePromise};
use async_op::{
    Completion, IoContext, IoExecutor, SystemExecutor, async_op, bind_allocator,
    bind_cancellation_slot, is_cancelled, post_on, this_op,
};
use async_op_tests::{Log, Recorder};

const HOUR: Duration = Duration::from_secs(3600);

type Stored = Arc<Mutex<Option<Completion<fn()>>>>;
type Seen<T> = Arc<Mutex<Option<T>>>;

#[async_op]
fn async_stored(_context: &IoExecutor, stored: Stored, op: Completion<fn()>) {
    *stored.lock().unwrap() = Some(op);
}

/// Waits; asked to stop, calls `then` within its poll.
#[async_op]
async fn async_stopped<F: FnOnce() + Send>(context: &IoExecutor, then: F) {
    let timer = Timer::new(context);
    timer.expires_after(HOUR);
    assert!(is_cancelled(&timer.wait().await.unwrap_err()));
    assert!(!this_op::cancellation().requested().is_empty());
    then();
}

/// Runs `then` within the poll of an operation that has been asked to stop.
fn within_a_stopped_poll(context: &IoContext, then: impl FnOnce() + Send + 'static) {
    let signal = CancellationSignal::new();
    async_stopped(context, then, bind_cancellation_slot(signal.slot(), || {}));
    signal.emit(CancellationType::TERMINAL);
    context.run();
}

/// Waits for a moment; fails where somebody else's request gets through.
fn waits() -> io::Result<()> {
    let timer = Timer::new(&SystemExecutor);
    timer.expires_after(Duration::from_millis(1));
    timer.wait().blocking()
}

#[test]
fn the_handler_of_another_operation() {
    let context = IoContext::new().unwrap();
    let (stored, seen) = (Stored::default(), Seen::default());
    let result = Arc::clone(&seen);
    async_stored(&context, Arc::clone(&stored), move || {
        *result.lock().unwrap() = Some(waits());
    });
    within_a_stopped_poll(&context, move || {
        let op = stored.lock().unwrap().take().unwrap();
        op.complete();
    });
    seen.lock().unwrap().take().unwrap().unwrap();
}

#[test]
fn the_memory_of_what_a_handler_starts() {
    let context = IoContext::new().unwrap();
    let (stored, kept) = (
        Stored::default(),
        Seen::<Promise<fn(io::Result<()>)>>::default(),
    );
    let (keep, executor) = (Arc::clone(&kept), context.executor());
    async_stored(&context, Arc::clone(&stored), move || {
        let timer = Timer::new(&executor);
        timer.expires_after(HOUR);
        *keep.lock().unwrap() = Some(timer.async_wait(UsePromise));
    });
    let allocator = Recorder::new(&Log::default());
    let signal = CancellationSignal::new();
    let then = move || {
        let op = stored.lock().unwrap().take().unwrap();
        op.complete();
    };
    let token = bind_cancellation_slot(signal.slot(), || {});
    async_stopped(&context, then, bind_allocator(allocator.clone(), token));
    signal.emit(CancellationType::TERMINAL);
    context.run_for(Duration::from_millis(20));
    // The one that was stopped is over; the other one waits.
    assert!(kept.lock().unwrap().is_some());
    assert_eq!(allocator.live(), 0);
    drop(kept.lock().unwrap().take());
}

#[test]
fn the_task_of_another_context() {
    let (context, other) = (IoContext::new().unwrap(), IoContext::new().unwrap());
    let seen = Seen::default();
    let result = Arc::clone(&seen);
    post_on(&other, move || *result.lock().unwrap() = Some(waits()));
    within_a_stopped_poll(&context, move || assert_eq!(other.run(), 1));
    seen.lock().unwrap().take().unwrap().unwrap();
}

#[test]
fn what_is_dispatched_at_once() {
    let context = IoContext::new().unwrap();
    let (seen, executor) = (Seen::default(), context.executor());
    let result = Arc::clone(&seen);
    within_a_stopped_poll(&context, move || {
        dispatch_on(&executor, move || *result.lock().unwrap() = Some(waits()));
    });
    seen.lock().unwrap().take().unwrap().unwrap();
}

#[test]
fn the_body_of_an_operation_that_is_started() {
    #[async_op]
    fn async_look(_context: &IoExecutor, seen: Seen<bool>, op: Completion<fn()>) {
        let is_asked = !this_op::cancellation().requested().is_empty();
        *seen.lock().unwrap() = Some(is_asked);
        op.complete();
    }

    let context = IoContext::new().unwrap();
    let (seen, executor) = (Seen::default(), context.executor());
    let out = Arc::clone(&seen);
    within_a_stopped_poll(&context, move || async_look(&executor, out, || {}));
    assert_eq!(seen.lock().unwrap().take(), Some(false));
}

#[test]
fn what_a_request_to_stop_calls() {
    #[async_op]
    fn async_listening(_context: &IoExecutor, seen: Seen<io::Result<()>>, op: Completion<fn()>) {
        let stored = Arc::new(Mutex::new(None));
        let waiting = Arc::clone(&stored);
        op.on_cancel(move |_| {
            *seen.lock().unwrap() = Some(waits());
            drop(waiting.lock().unwrap().take());
        });
        *stored.lock().unwrap() = Some(op);
    }

    let context = IoContext::new().unwrap();
    let (seen, listening) = (Seen::default(), CancellationSignal::new());
    let token = bind_cancellation_slot(listening.slot(), || {});
    async_listening(&context, Arc::clone(&seen), token);
    within_a_stopped_poll(&context, move || listening.emit(CancellationType::TERMINAL));
    seen.lock().unwrap().take().unwrap().unwrap();
}
