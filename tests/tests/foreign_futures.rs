//! A request to stop ends the wait for a future that is not ours.

use std::future::{pending, ready};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use async_op::cancel::{CancellationSignal, CancellationType};
use async_op::group::{parallel_group, wait_for_one};
use async_op::task::Task;
use async_op::{
    Blocking, Executor, IoContext, IoExecutor, SystemExecutor, UseFuture, async_op,
    bind_cancellation_slot, cancel_after, is_cancelled, is_timeout, spawn, this_op,
};
use async_op_tests::{Alive, CountingHeap, Log, Polled, heap_allocations_here, without_hanging};
use tokio::sync::{Mutex, mpsc};

#[global_allocator]
static HEAP: CountingHeap = CountingHeap;

const TERMINAL: CancellationType = CancellationType::TERMINAL;
const TOTAL: CancellationType = CancellationType::TOTAL;
const SOON: Duration = Duration::from_millis(1);

type Jobs = Arc<Mutex<mpsc::UnboundedReceiver<u32>>>;

fn jobs() -> (mpsc::UnboundedSender<u32>, Jobs) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (sender, Arc::new(Mutex::new(receiver)))
}

fn outcome_of<T: std::fmt::Debug>(result: &io::Result<T>) -> String {
    match result {
        Ok(value) => format!("{value:?}"),
        Err(error) if is_cancelled(error) => "cancelled".to_owned(),
        Err(error) if is_timeout(error) => "timeout".to_owned(),
        Err(error) => error.to_string(),
    }
}

fn outcome(log: &Log) -> impl FnOnce(io::Result<u32>) + Send + 'static {
    let log = log.clone();
    move |result| log.push(outcome_of(&result))
}

#[async_op]
async fn async_next(_context: &IoExecutor, jobs: Jobs) -> io::Result<u32> {
    let mut jobs = this_op::or_cancelled(jobs.lock()).await?;
    let job = this_op::or_cancelled(jobs.recv()).await?;
    job.ok_or_else(|| io::ErrorKind::BrokenPipe.into())
}

#[async_op(cancellation = total)]
async fn async_next_total(context: &IoExecutor, jobs: Jobs) -> io::Result<u32> {
    next(context, jobs).await
}

#[async_op(cancellation = total)]
async fn async_any_next(_context: &IoExecutor, jobs: Jobs) -> io::Result<u32> {
    let mut jobs = jobs.lock().await;
    let job = this_op::or_cancelled(jobs.recv()).await?;
    Ok(job.unwrap_or_default())
}

#[test]
fn called_back() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let (sender, jobs) = jobs();
    let signal = CancellationSignal::new();
    let start = || {
        let token = bind_cancellation_slot(signal.slot(), outcome(&log));
        async_next(&context, jobs.clone(), token);
        context.restart();
        context.poll();
    };
    start();
    sender.send(7).unwrap();
    context.run();
    start();
    signal.emit(TERMINAL);
    assert_eq!(log.take(), "7");
    context.run();
    assert_eq!(log.take(), "cancelled");
    // The next one is not concerned, and nothing was lost.
    start();
    sender.send(8).unwrap();
    context.run();
    assert_eq!(log.take(), "8");
}

#[test]
fn with_a_limit_over_every_token() {
    without_hanging(|| {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let (sender, jobs) = jobs();
        async_next(&context, jobs.clone(), cancel_after(SOON, outcome(&log)));
        context.run();
        context.restart();
        let limited = || next(&context, jobs.clone()).cancel_after(SOON);
        log.push(outcome_of(&limited().blocking()));
        let (limited, executor) = (limited(), context.executor());
        log.push(outcome_of(&spawn(&context, limited, Blocking)));
        // On another executor than the one that waits.
        let (here, there) = (SystemExecutor, jobs.clone());
        let hosted = async move { next(&executor, there).await };
        let hosted = spawn(&here, hosted, UseFuture);
        let limited = spawn(&here, hosted, cancel_after(SOON, UseFuture));
        log.push(outcome_of(&pollster::block_on(limited)));
        assert_eq!(log.take(), "timeout timeout timeout timeout");
        sender.send(1).unwrap();
        log.push(outcome_of(&next(&context, jobs).blocking()));
        assert_eq!(log.take(), "1");
    });
}

#[test]
fn while_it_blocks() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        let (_sender, jobs) = jobs();
        let signal = CancellationSignal::new();
        let slot = signal.slot();
        context.post(Task::new(move || signal.emit(TERMINAL)));
        let token = bind_cancellation_slot(slot, Blocking);
        let result = async_next(&context, jobs, token);
        assert!(is_cancelled(&result.unwrap_err()));
    });
}

#[test]
fn while_it_is_hosted() {
    let context = IoContext::new().unwrap();
    let (_sender, jobs) = jobs();
    let signal = CancellationSignal::new();
    let token = bind_cancellation_slot(signal.slot(), UseFuture);
    let mut next = Polled::new(async_next(&context, jobs, token));
    assert!(next.poll().is_pending());
    assert_eq!(next.wakes(), 0);
    signal.emit(TERMINAL);
    assert_eq!(next.wakes(), 1);
    assert!(is_cancelled(&next.ready().unwrap_err()));
    assert_eq!(next.wakers(), 0);
}

#[test]
fn within_a_group() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let ((sender, first), (_other, second)) = (jobs(), jobs());
    let group = parallel_group((next(&context, first), next(&context, second)));
    let end = log.clone();
    group
        .wait(wait_for_one())
        .callback(move |order, (first, second)| {
            end.push(format!(
                "{order:?} {} {}",
                outcome_of(&first),
                outcome_of(&second)
            ));
        });
    context.poll();
    sender.send(3).unwrap();
    context.run();
    assert_eq!(log.take(), "[0, 1] 3 cancelled");
    let ((sender, first), (_other, second)) = (jobs(), jobs());
    let waits: Vec<_> = [second, first].map(|jobs| next(&context, jobs)).into();
    let end = log.clone();
    parallel_group(waits)
        .wait(wait_for_one())
        .callback(move |order, results| {
            end.push(format!(
                "{order:?} {} {}",
                outcome_of(&results[0]),
                outcome_of(&results[1])
            ));
        });
    context.restart();
    context.poll();
    sender.send(4).unwrap();
    context.run();
    assert_eq!(log.take(), "[1, 0] cancelled 4");
}

#[test]
fn requests_that_are_not_honoured_do_not_count() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let signal = CancellationSignal::new();
    let (_sender, jobs) = jobs();
    let token = || bind_cancellation_slot(signal.slot(), outcome(&log));
    // The inner one is a filter.
    for honours_total in [false, false, true] {
        match honours_total {
            true => async_any_next(&context, jobs.clone(), token()),
            false => async_next_total(&context, jobs.clone(), token()),
        }
        signal.emit(TOTAL);
        context.restart();
        context.poll();
        log.push(if honours_total { "total" } else { "terminal" });
        signal.emit(TERMINAL);
        context.run();
    }
    let said = "terminal cancelled terminal cancelled cancelled total";
    assert_eq!(log.take(), said);
}

#[test]
fn until_the_request_is_cleared() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let signal = Arc::new(CancellationSignal::new());
    let (inside, notes) = (signal.clone(), log.clone());
    let work = async move {
        inside.emit(TERMINAL);
        notes.push(outcome_of(&this_op::or_cancelled(ready(1)).await));
        notes.push(format!("{:?}", this_op::until_cancelled().await));
        this_op::cancellation().clear();
        this_op::or_cancelled(ready(2)).await
    };
    let token = bind_cancellation_slot(signal.slot(), outcome(&log));
    spawn(&context, work, token);
    context.run();
    assert_eq!(log.take(), "cancelled {terminal} 2");
}

#[test]
fn the_future_is_dropped_before_the_error_and_not_polled_again() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let (signal, polls) = (CancellationSignal::new(), Arc::new(AtomicUsize::new(0)));
    let (notes, count) = (log.clone(), polls.clone());
    let work = async move {
        let alive = Alive::new(&notes, "dropped");
        let future = std::future::poll_fn(move |_| {
            let _ = &alive;
            // Ready at the second poll, which does not come.
            match count.fetch_add(1, Ordering::Relaxed) {
                0 => Poll::Pending,
                _ => Poll::Ready(5),
            }
        });
        let result = this_op::or_cancelled(future).await;
        notes.push("failed");
        result
    };
    let token = bind_cancellation_slot(signal.slot(), outcome(&log));
    spawn(&context, work, token);
    context.poll();
    signal.emit(TERMINAL);
    context.run();
    assert_eq!(log.take(), "dropped failed cancelled");
    assert_eq!(polls.load(Ordering::Relaxed), 1);
}

#[test]
fn dropped_it_drops_the_future() {
    let log = Log::new();
    let alive = Alive::new(&log, "dropped");
    let mut waits = Polled::new(this_op::or_cancelled(async move {
        let _alive = alive;
        pending::<()>().await;
    }));
    assert!(waits.poll().is_pending());
    assert_eq!(log.take(), "");
    drop(waits);
    assert_eq!(log.take(), "dropped");
    // And with its context.
    let context = IoContext::new().unwrap();
    let (_sender, jobs) = jobs();
    async_next(&context, jobs.clone(), outcome(&log));
    assert!(jobs.try_lock().is_err());
    context.poll();
    drop(context);
    assert_eq!(log.take(), "");
}

#[test]
fn outside_any_operation_it_awaits() {
    let (sender, mut receiver) = mpsc::channel(1);
    let mut waits = Polled::new(this_op::or_cancelled(receiver.recv()));
    assert!(waits.poll().is_pending());
    sender.try_send(1).unwrap();
    assert_eq!(waits.wakes(), 1);
    assert_eq!(waits.ready().unwrap(), Some(1));
    assert!(Polled::new(this_op::until_cancelled()).poll().is_pending());
}

#[test]
#[cfg_attr(async_op_sanitize, ignore = "recycling is off")]
fn without_the_heap() {
    let (context, signal) = (IoContext::new().unwrap(), CancellationSignal::new());
    let mut before = 0;
    for round in 0..110 {
        if round == 10 {
            before = heap_allocations_here();
        }
        let work = this_op::or_cancelled(pending::<()>());
        let token = bind_cancellation_slot(signal.slot(), |result: io::Result<()>| {
            assert!(is_cancelled(&result.unwrap_err()));
        });
        spawn(&context, work, token);
        context.restart();
        context.poll();
        signal.emit(TERMINAL);
        context.run();
    }
    assert_eq!(heap_allocations_here() - before, 0);
}
