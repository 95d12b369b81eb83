//! Waits for a time that have no timer.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use async_op::cancel::{CancellationSignal, CancellationType};
use async_op::executor::WorkGuard;
use async_op::test::TestContext;
use async_op::time::{async_sleep, sleep, sleep_until};
use async_op::{IoContext, bind_cancellation_slot, bind_executor, is_cancelled};
use async_op_tests::without_hanging;

const MOMENT: Duration = Duration::from_millis(1);
const FAR: Duration = Duration::from_secs(3600);

#[test]
fn the_while_begins_with_the_operation() {
    let context = TestContext::new();
    let start = context.now();
    let operation = sleep(&context, MOMENT);
    context.advance(5 * MOMENT);
    operation.callback(|result| result.unwrap());
    context.run();
    assert_eq!(context.now() - start, 6 * MOMENT);
}

#[test]
fn those_for_one_time_complete_in_the_order_of_their_start() {
    let context = TestContext::new();
    let log = Arc::new(Mutex::new(Vec::new()));
    let soon = context.now() + MOMENT;
    for (n, expiry) in [(2, soon + MOMENT), (0, soon), (1, soon), (3, soon + MOMENT)] {
        let log = Arc::clone(&log);
        sleep_until(&context, expiry).callback(move |result| {
            result.unwrap();
            log.lock().unwrap().push(n);
        });
    }
    assert_eq!(context.run(), 4);
    assert_eq!(*log.lock().unwrap(), [0, 1, 2, 3]);
}

#[test]
fn none_is_over_before_its_time() {
    let context = IoContext::new().unwrap();
    let expiry = Instant::now() + MOMENT;
    sleep_until(&context, expiry).callback(move |_| assert!(Instant::now() >= expiry));
    assert_eq!(context.run(), 1);
}

#[test]
fn nothing_to_wait_for() {
    let context = IoContext::new().unwrap();
    let cx = &mut Context::from_waker(Waker::noop());
    let none = sleep(&context, Duration::ZERO);
    assert!(matches!(pin!(none).poll(cx), Poll::Ready(Ok(()))));
    let past = sleep_until(&context, Instant::now());
    assert!(matches!(pin!(past).poll(cx), Poll::Ready(Ok(()))));
    sleep(&context, Duration::ZERO).callback(|result| result.unwrap());
    assert_eq!(context.poll(), 1);
}

#[test]
fn the_longest_is_far_away() {
    let context = IoContext::new().unwrap();
    sleep(&context, Duration::MAX).callback(|_| unreachable!("in a century"));
    assert_eq!(context.poll(), 0);
}

#[test]
fn what_is_cancelled_or_dropped_is_not_waited_for() {
    let context = IoContext::new().unwrap();
    let signal = CancellationSignal::new();
    let handler = |result: std::io::Result<()>| assert!(is_cancelled(&result.unwrap_err()));
    async_sleep(
        &context,
        FAR,
        bind_cancellation_slot(signal.slot(), handler),
    );
    {
        let cx = &mut Context::from_waker(Waker::noop());
        assert!(pin!(sleep(&context, FAR)).poll(cx).is_pending());
    }
    assert_eq!(context.poll(), 0);
    signal.emit(CancellationType::PARTIAL);
    assert_eq!(context.run(), 1);
}

#[test]
fn what_has_expired_is_not_cancelled() {
    let (context, elsewhere) = (IoContext::new().unwrap(), IoContext::new().unwrap());
    let signal = CancellationSignal::new();
    let handler = bind_executor(elsewhere.executor(), |result: std::io::Result<()>| {
        result.unwrap();
    });
    async_sleep(
        &context,
        MOMENT,
        bind_cancellation_slot(signal.slot(), handler),
    );
    assert_eq!(context.run(), 0);
    signal.emit(CancellationType::TERMINAL);
    assert_eq!(elsewhere.run(), 1);
}

#[test]
fn a_nearer_one_is_begun_by_another_thread_while_the_context_waits() {
    let context = Arc::new(IoContext::new().unwrap());
    let work = WorkGuard::new(context.executor());
    sleep(&context, FAR).callback(|_| {});
    let runner = {
        let context = Arc::clone(&context);
        std::thread::spawn(move || context.run_one())
    };
    sleep(&context, MOMENT).callback(|result| result.unwrap());
    assert_eq!(runner.join().unwrap(), 1);
    drop(work);
}

/// Of many, on several threads, each is called once, whoever is first.
#[test]
fn requests_race_with_the_time() {
    const SLEEPS: usize = 8;
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        let work = WorkGuard::new(context.executor());
        std::thread::scope(|scope| {
            scope.spawn(|| context.run());
            scope.spawn(|| context.run());
            for round in 0..2000 {
                let moment = Duration::from_micros(round % 100);
                let (sender, receiver) = mpsc::channel();
                let signals = [(); SLEEPS].map(|()| CancellationSignal::new());
                for (n, signal) in signals.iter().enumerate() {
                    let sender = sender.clone();
                    let handler = move |_: std::io::Result<()>| sender.send(n).unwrap();
                    async_sleep(
                        &context,
                        moment,
                        bind_cancellation_slot(signal.slot(), handler),
                    );
                }
                drop(sender);
                for signal in signals.iter().rev() {
                    signal.emit(CancellationType::TERMINAL);
                }
                let mut called: Vec<_> = receiver.iter().collect();
                called.sort_unstable();
                assert!(called.into_iter().eq(0..SLEEPS));
            }
            drop(work);
        });
    });
}

#[test]
fn its_context_is_dropped_while_its_handler_is_elsewhere() {
    let (context, elsewhere) = (IoContext::new().unwrap(), IoContext::new().unwrap());
    let handler = bind_executor(elsewhere.executor(), |result: std::io::Result<()>| {
        assert!(!is_cancelled(&result.unwrap_err()));
    });
    async_sleep(&context, FAR, handler);
    drop(context);
    assert_eq!(elsewhere.run(), 1);
}
