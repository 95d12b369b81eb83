//! A clock that stands still, and jumps where there is nothing else to do.

use std::io;
use std::sync::mpsc;
use std::time::Duration;

use async_op::executor::WorkGuard;
use async_op::test::TestContext;
use async_op::time::{Timer, WallTimer};
use async_op::{Blocking, Handler, IoContext, async_op, cancel_after, is_cancelled, is_timeout};
use async_op_tests::{Log, Probe, panic_of};

const HOUR: Duration = Duration::from_secs(3600);
const SECOND: Duration = Duration::from_secs(1);

#[test]
fn time_passes_where_nothing_else_can_run() {
    let context = TestContext::new();
    let log = Log::new();
    for (hours, name) in [(3, "three"), (1, "one"), (2, "two")] {
        let timer = Timer::new(&context);
        timer.expires_after(hours * HOUR);
        let log = log.clone();
        timer.wait().callback(move |result| {
            result.unwrap();
            log.push(name);
        });
    }
    assert_eq!(context.run_until_stalled(), 0);
    assert!(context.is_stalled());
    assert_eq!(context.elapsed(), Duration::ZERO);
    assert_eq!(context.run(), 3);
    assert!(!context.is_stalled());
    assert_eq!(context.elapsed(), 3 * HOUR);
    assert_eq!(log.take(), "one two three");
}

#[test]
fn each_timer_fires_at_its_time() {
    let context = TestContext::new();
    let timer = Timer::new(&context);
    timer.expires_after(HOUR);
    timer.wait().callback(|result| result.unwrap());
    assert_eq!(context.advance(HOUR - Duration::from_nanos(1)), 0);
    assert_eq!(context.advance(Duration::from_nanos(1)), 1);
    assert_eq!(context.elapsed(), HOUR);

    // What is set on the way counts, too.
    #[async_op]
    async fn async_ticks(context: &async_op::IoExecutor, log: Log) -> io::Result<()> {
        let timer = Timer::new(context);
        for _ in 0..10 {
            timer.expires_after(SECOND);
            timer.wait().await?;
            log.push("tick");
        }
        Ok(())
    }
    let log = Log::new();
    async_ticks(&context, log.clone(), |result: io::Result<()>| {
        result.unwrap();
    });
    context.advance(3 * SECOND);
    assert_eq!(log.take(), "tick tick tick");
    context.advance(SECOND / 2);
    assert_eq!(log.take(), "");
    context.advance(SECOND / 2);
    assert_eq!(log.take(), "tick");
    context.run();
    assert_eq!(log.take().split(' ').count(), 6);
    assert_eq!(context.elapsed(), HOUR + 10 * SECOND);
}

#[test]
fn a_new_timer_has_expired() {
    let context = TestContext::new();
    Timer::new(&context).wait().blocking().unwrap();
    WallTimer::new(&context).wait().blocking().unwrap();
    assert_eq!(context.elapsed(), Duration::ZERO);
}

#[test]
fn limits_go_by_the_clock() {
    let context = TestContext::new();
    let timer = Timer::new(&context);
    timer.expires_after(HOUR);
    let (sender, results) = mpsc::channel();
    let late = sender.clone();
    timer
        .wait()
        .cancel_after(30 * SECOND)
        .callback(move |result| sender.send(result).unwrap());
    timer
        .wait()
        .cancel_at(context.now() + 40 * SECOND)
        .callback(move |result| late.send(result).unwrap());
    context.advance(30 * SECOND - Duration::from_nanos(1));
    assert!(results.try_recv().is_err());
    context.advance(Duration::from_nanos(1));
    assert!(is_timeout(&results.try_recv().unwrap().unwrap_err()));
    assert!(results.try_recv().is_err());
    context.advance(10 * SECOND);
    assert!(is_timeout(&results.try_recv().unwrap().unwrap_err()));

    // Awaited, and by whoever blocks.
    let limited = timer.async_wait(cancel_after(30 * SECOND, Blocking));
    assert!(is_timeout(&limited.unwrap_err()));
    assert_eq!(context.elapsed(), 70 * SECOND);
    let before = timer.wait().cancel_after(2 * HOUR).blocking();
    before.unwrap();
    assert_eq!(context.elapsed(), HOUR);
}

#[test]
fn the_clock_on_the_wall_can_be_set() {
    let context = TestContext::new();
    let timer = WallTimer::new(&context);
    let noon = context.wall_clock() + 3 * HOUR;
    timer.expires_at(noon);
    let log = Log::new();
    timer.wait().with(Handler(Probe::calling(
        &log,
        |(result,): (io::Result<()>,)| {
            result.unwrap();
        },
    )));
    context.advance(HOUR);
    assert_eq!(context.wall_clock(), noon - 2 * HOUR);
    context.set_wall_clock(noon - SECOND);
    context.advance(10 * SECOND);
    assert_eq!(log.take(), "call");
    assert_eq!(context.wall_clock(), noon + 9 * SECOND);

    // Back, and it takes longer.
    timer.expires_at(noon + HOUR);
    context.set_wall_clock(noon - HOUR);
    let start = context.elapsed();
    timer.wait().blocking().unwrap();
    assert_eq!(context.elapsed() - start, 2 * HOUR);
}

#[test]
fn what_cannot_end_is_said_at_once() {
    let context = TestContext::new();
    let work = WorkGuard::new(context.executor());
    let timer = Timer::new(&context);
    timer.expires_after(HOUR);
    timer.wait().callback(|result| result.unwrap());
    let message = panic_of(|| context.run());
    assert!(
        message.starts_with("nothing can run, and no time"),
        "{message}"
    );
    assert_eq!(context.elapsed(), HOUR);
    drop(work);
    assert_eq!(context.run(), 0);
}

#[test]
fn nothing_may_be_left() {
    let hour = |context: &TestContext| {
        let timer = Timer::new(context);
        timer.expires_after(HOUR);
        timer.wait().detach();
    };
    let message = panic_of(|| hour(&TestContext::new()));
    assert!(message.starts_with("a test is over, but"), "{message}");
    #[cfg(feature = "tracing")]
    assert!(
        message.contains("async_wait (tests/tests/test_kit/time.rs:"),
        "{message}"
    );

    let mut held = None;
    let message = panic_of(|| {
        let context = TestContext::new();
        held = Some(WorkGuard::new(context.executor()));
    });
    assert!(message.starts_with("a test is over, but"), "{message}");
    drop(held);

    let mut context = TestContext::new();
    context.allow_outstanding();
    hour(&context);
    drop(context);

    // One panic is enough.
    let message = panic_of(|| {
        let context = TestContext::new();
        hour(&context);
        panic!("the first");
    });
    assert_eq!(message, "the first");
}

#[test]
fn other_contexts_have_the_time_of_the_system() {
    let context = TestContext::new();
    let other = IoContext::new().unwrap();
    context.advance(HOUR);
    let timer = Timer::new(&other);
    let before = std::time::Instant::now();
    timer.expires_after(HOUR);
    assert!(timer.expiry() >= before + HOUR);
    assert!(timer.expiry() <= std::time::Instant::now() + HOUR);
    timer
        .wait()
        .callback(|result| assert!(is_cancelled(&result.unwrap_err())));
    assert_eq!(other.poll(), 0);
    timer.cancel();
    assert_eq!(other.run(), 1);
}

#[test]
fn sockets_may_be_used() {
    use async_op_tests::net::local_pair;

    let context = TestContext::new();
    let (a, b) = local_pair(&context);
    let timer = Timer::new(&context);
    timer.expires_after(HOUR);
    let (sender, results) = mpsc::channel();
    a.read_some(vec![0; 8])
        .cancel_after(2 * HOUR)
        .callback(move |result, _| sender.send(result).unwrap());
    timer.wait().callback(move |result| {
        result.unwrap();
        b.try_write_some(b"hello").unwrap();
    });
    context.run();
    assert_eq!(results.try_recv().unwrap().unwrap(), 5);
    assert_eq!(context.elapsed(), HOUR);
}
