//! Timers: when they fire, in which order, and what cancels them.

use std::io::{self, ErrorKind};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use async_op::cancel::{CancellationGroup, CancellationSignal, CancellationType};
use async_op::time::{Timer, WallTimer};
use async_op::{
    IoContext, UseFuture, async_op, bind_cancellation_slot, bind_executor, is_cancelled,
};
use async_op_tests::net::{ThreadId, Wakes, drive, poll_with};
use async_op_tests::{Log, Manual, Polled, without_hanging};

const FAR: Duration = Duration::from_secs(3600);
const SHORT: Duration = Duration::from_millis(2);

/// A timer of `context` that never expires in a test.
fn far(context: &IoContext) -> Timer {
    let timer = Timer::new(context);
    timer.expires_after(FAR);
    timer
}

#[test]
fn a_time_in_the_past_completes_at_once() {
    let context = IoContext::new().unwrap();
    let timer = Timer::new(&context);
    let wakes = Wakes::default();
    let now = Instant::now();
    for expiry in [timer.expiry(), now, now - SHORT] {
        assert_eq!(timer.expires_at(expiry), 0);
        assert_eq!(timer.expiry(), expiry);
        let mut wait = pin!(timer.async_wait(UseFuture));
        let Poll::Ready(result) = poll_with(wait.as_mut(), &wakes.waker()) else {
            panic!("pending");
        };
        result.unwrap();
    }
    assert_eq!((wakes.count(), wakes.wakers()), (0, 0));
    // And by a callback too, though not inside the call.
    let (sender, receiver) = mpsc::channel();
    timer
        .wait()
        .callback(move |result| sender.send(result).unwrap());
    assert!(receiver.try_recv().is_err());
    assert_eq!(context.run(), 1);
    receiver.recv().unwrap().unwrap();
}

#[test]
fn a_timer_does_not_fire_early() {
    let context = IoContext::new().unwrap();
    let timer = Timer::new(&context);
    let start = Instant::now();
    timer.expires_after(SHORT);
    timer.wait().blocking().unwrap();
    assert!(start.elapsed() >= SHORT);
}

#[test]
fn waits_of_one_timer_complete_in_the_order_of_their_start() {
    let context = IoContext::new().unwrap();
    let timer = Timer::new(&context);
    timer.expires_after(SHORT);
    let log = Arc::new(Mutex::new(Vec::new()));
    for n in 0..5 {
        let log = Arc::clone(&log);
        timer.clone().wait().callback(move |result| {
            result.unwrap();
            log.lock().unwrap().push(n);
        });
    }
    // One task each: the handler is called where its operation is polled.
    assert_eq!(context.run(), 5);
    assert_eq!(*log.lock().unwrap(), [0, 1, 2, 3, 4]);
}

#[test]
fn timers_fire_in_the_order_of_their_expiry() {
    let context = IoContext::new().unwrap();
    let start = Instant::now();
    let log = Arc::new(Mutex::new(Vec::new()));
    let timers = [3, 1, 4, 1, 5, 2].map(|n| {
        let timer = Timer::new(&context);
        timer.expires_at(start + n * SHORT);
        let log = Arc::clone(&log);
        timer.wait().callback(move |_| log.lock().unwrap().push(n));
        timer
    });
    context.run();
    assert_eq!(*log.lock().unwrap(), [1, 1, 2, 3, 4, 5]);
    drop(timers);
}

/// The one that is first was to expire before all others, once: its place then is
/// not its place now. Be the context on time or late.
#[test]
fn timers_that_were_put_off_fire_in_the_order_of_their_expiry() {
    for is_late in [false, true] {
        let context = IoContext::new().unwrap();
        let start = Instant::now();
        let log = Arc::new(Mutex::new(Vec::new()));
        let timers = [3, 1, 2].map(|n| {
            let timer = Timer::new(&context);
            if n == 3 {
                timer.expires_at(start + SHORT / 2);
                timer.wait().callback(|_| {});
            }
            timer.expires_at(start + n * SHORT);
            let log = Arc::clone(&log);
            timer.wait().callback(move |result| {
                result.unwrap();
                assert!(Instant::now() >= start + n * SHORT);
                log.lock().unwrap().push(n);
            });
            timer
        });
        while is_late && Instant::now() < start + 4 * SHORT {
            thread::yield_now();
        }
        context.run();
        assert_eq!(*log.lock().unwrap(), [1, 2, 3], "late: {is_late}");
        drop(timers);
    }
}

#[test]
fn cancel_and_a_new_expiry_end_the_waits_there_are() {
    let context = IoContext::new().unwrap();
    let timer = far(&context);
    let log = Arc::new(Mutex::new(Vec::new()));
    let wait = |n| {
        let log = Arc::clone(&log);
        timer.wait().callback(move |result: std::io::Result<()>| {
            let outcome = result.map_err(|error| is_cancelled(&error));
            log.lock().unwrap().push((n, outcome));
        });
    };
    assert_eq!(timer.cancel(), 0);
    assert!(!timer.cancel_one());
    for n in 0..3 {
        wait(n);
    }
    assert!(timer.cancel_one());
    assert_eq!(timer.cancel(), 2);
    assert_eq!(timer.cancel(), 0);
    wait(3);
    assert_eq!(timer.expires_after(SHORT), 1);
    wait(4);
    wait(5);
    context.run();
    let cancelled = Err(true);
    assert_eq!(
        *log.lock().unwrap(),
        [
            (0, cancelled),
            (1, cancelled),
            (2, cancelled),
            (3, cancelled),
            (4, Ok(())),
            (5, Ok(())),
        ]
    );
}

#[test]
fn a_dropped_wait_leaves_nothing_to_wait_for() {
    let context = IoContext::new().unwrap();
    let timer = far(&context);
    let wakes = Wakes::default();
    let mut wait = Box::pin(timer.async_wait(UseFuture));
    assert!(poll_with(wait.as_mut(), &wakes.waker()).is_pending());
    drop(wait);
    assert_eq!(timer.cancel(), 0);
    assert_eq!((wakes.count(), wakes.wakers()), (0, 0));
    assert_eq!(context.run(), 0);
}

/// A wait for the new expiry is none for the old one, and not cancelled with those.
#[test]
fn a_wall_timer_is_set_in_one_step() {
    const ROUNDS: u64 = 3_000;
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        let timer = WallTimer::new(&context);
        let start = SystemTime::now() + FAR;
        let expiry = |round| start + Duration::from_secs(round);
        let (begun, set) = (AtomicU64::new(0), AtomicU64::new(0));
        thread::scope(|scope| {
            scope.spawn(|| {
                for round in 1..=ROUNDS {
                    while begun.load(Ordering::Acquire) < round - 1 {
                        thread::yield_now();
                    }
                    timer.expires_at(expiry(round));
                    set.store(round, Ordering::Release);
                }
            });
            for round in 1..=ROUNDS {
                let mut looks = 0_u32;
                while timer.expiry() < expiry(round) {
                    looks += 1;
                    if looks.is_multiple_of(100) {
                        thread::yield_now();
                    }
                }
                let mut wait = Polled::new(timer.wait());
                assert!(wait.poll().is_pending());
                while set.load(Ordering::Acquire) < round {
                    thread::yield_now();
                }
                assert!(wait.poll().is_pending(), "in round {round}");
                begun.store(round, Ordering::Release);
            }
        });
    });
}

#[test]
fn a_wall_timer_is_cancelled_while_a_wait_begins() {
    const ROUNDS: usize = 5_000;
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        let timer = WallTimer::new(&context);
        timer.expires_at(SystemTime::now() + FAR);
        let (turn, cancelled) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let until = |n| {
            while turn.load(Ordering::Acquire) != n {
                thread::yield_now();
            }
        };
        thread::scope(|scope| {
            scope.spawn(|| {
                for round in 0..ROUNDS {
                    until(2 * round + 1);
                    cancelled.store(timer.cancel(), Ordering::Relaxed);
                    turn.store(2 * round + 2, Ordering::Release);
                }
            });
            let mut lost = 0;
            for round in 0..ROUNDS {
                let mut wait = Polled::new(timer.wait());
                turn.store(2 * round + 1, Ordering::Release);
                let mut polled = wait.poll();
                until(2 * round + 2);
                if cancelled.load(Ordering::Relaxed) == 1 {
                    if polled.is_pending() {
                        lost += usize::from(wait.wakes() == 0);
                        polled = wait.poll();
                    }
                    let Poll::Ready(result) = polled else {
                        panic!("pending")
                    };
                    assert!(is_cancelled(&result.unwrap_err()));
                }
            }
            assert_eq!(lost, 0);
        });
    });
}

/// So many that none of this would end if it took time for each other one.
#[test]
fn many_wait_for_one_timer() {
    const MANY: usize = 400_000;
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        let timer = far(&context);
        let mut waits: Vec<_> = (0..MANY).map(|_| Box::pin(timer.wait())).collect();
        let wakes = Wakes::default();
        let waker = wakes.waker();
        for wait in &mut waits {
            assert!(poll_with(wait.as_mut(), &waker).is_pending());
        }
        for n in 1..=MANY / 2 {
            assert!(timer.cancel_one());
            assert_eq!(wakes.count(), n);
        }
        let mut rest = waits.split_off(MANY / 2);
        for mut wait in waits {
            let Poll::Ready(result) = poll_with(wait.as_mut(), &waker) else {
                panic!("pending")
            };
            assert!(is_cancelled(&result.unwrap_err()));
        }
        // From the first, from the last, and all others at once.
        let last = rest.split_off(MANY / 4);
        rest.into_iter().for_each(drop);
        last.into_iter().rev().take(MANY / 8).for_each(drop);
        assert_eq!(timer.cancel(), 0);
        assert_eq!(context.run(), 0);
    });
}

#[test]
fn the_longest_duration_is_far_away() {
    let context = IoContext::new().unwrap();
    let timer = Timer::new(&context);
    timer.expires_after(Duration::MAX);
    let wakes = Wakes::default();
    let mut wait = pin!(timer.async_wait(UseFuture));
    assert!(poll_with(wait.as_mut(), &wakes.waker()).is_pending());
    assert_eq!(context.run_for(SHORT), 0);
    assert_eq!(wakes.count(), 0);
    assert_eq!(timer.cancel(), 1);
    assert_eq!(wakes.count(), 1);
    assert!(is_cancelled(&drive(&context, wait).unwrap_err()));
}

#[test]
fn the_earliest_expiry_is_changed_while_a_runner_waits() {
    let context = IoContext::new().unwrap();
    let timer = far(&context);
    let (sender, receiver) = mpsc::channel();
    timer
        .wait()
        .callback(move |result| sender.send(result).unwrap());
    let (id_sender, id_receiver) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(|| {
            id_sender.send(ThreadId::current()).unwrap();
            context.run();
        });
        let runner = id_receiver.recv().unwrap();
        runner.until_it_waits_for_events();
        // A second timer is the earliest now: the wait has to be cut short.
        let second = Timer::new(&context);
        second.expires_after(SHORT);
        pollster::block_on(second.wait()).unwrap();
        runner.until_it_waits_for_events();
        // The first is made to expire: its waits are cancelled, and end.
        assert_eq!(timer.expires_after(SHORT), 1);
        assert!(is_cancelled(&receiver.recv().unwrap().unwrap_err()));
    });
}

#[test]
fn the_context_is_dropped_under_a_wait() {
    let context = IoContext::new().unwrap();
    let timer = far(&context);
    let wakes = Wakes::default();
    let mut wait = pin!(timer.async_wait(UseFuture));
    assert!(poll_with(wait.as_mut(), &wakes.waker()).is_pending());
    drop(context);
    assert_eq!((wakes.count(), wakes.wakers()), (1, 0));
    let error = pollster::block_on(wait).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Other);
    assert!(!is_cancelled(&error));
    // A new wait fails too, unless there is nothing to wait for.
    let error = timer.wait().blocking().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Other);
    timer.expires_at(Instant::now());
    timer.wait().blocking().unwrap();
}

#[test]
fn a_handler_owns_its_timer() {
    let context = IoContext::new().unwrap();
    let alive = Arc::new(());
    let timer = far(&context);
    let (owned, clone) = (timer.clone(), Arc::clone(&alive));
    timer.wait().callback(move |_| drop((owned, clone)));
    drop(timer);
    assert_eq!(context.poll(), 0);
    drop(context);
    assert_eq!(Arc::strong_count(&alive), 1);
}

/// A completion that was first wins, as it does of a wait with a handler: asked to stop
/// when its timer has expired, an operation that awaits the timer finds it expired.
#[test]
fn what_has_expired_is_not_cancelled_any_more() {
    #[async_op]
    async fn async_two(first: &Timer, second: &Timer) -> (io::Result<()>, io::Result<()>) {
        (first.wait().await, second.wait().await)
    }

    let (context, own) = (IoContext::new().unwrap(), IoContext::new().unwrap());
    let (first, second) = (Timer::new(&context), Timer::new(&context));
    first.expires_after(Duration::from_millis(1));
    // Also where the first has expired before it is waited for.
    second.expires_after(FAR);
    let (log, signal) = (Log::new(), CancellationSignal::new());
    let to = log.clone();
    let handler = move |(first, second): (io::Result<()>, io::Result<()>)| {
        to.push(format!(
            "{} {}",
            first.is_ok(),
            is_cancelled(&second.unwrap_err())
        ));
    };
    let token = bind_cancellation_slot(signal.slot(), handler);
    async_two(&first, &second, bind_executor(own.executor(), token));
    while Instant::now() <= first.expiry() {}
    context.poll();
    assert_eq!(first.cancel(), 0, "it has expired");
    signal.emit(CancellationType::TERMINAL);
    own.run();
    assert_eq!(log.take(), "true true");
}

/// By whoever, and however: nobody is told that it has been cancelled.
#[test]
fn what_has_expired_and_waits_for_its_handler_is_not_cancelled() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let home = Manual::new("home", &log);
    let timer = Timer::new(&context);
    timer.expires_after(Duration::from_millis(1));
    let (signal, group) = (CancellationSignal::new(), CancellationGroup::new());
    for slot in [signal.slot(), group.slot()] {
        let to = log.clone();
        let handler = move |result: io::Result<()>| to.push(format!("{}", result.is_ok()));
        let token = bind_cancellation_slot(slot, handler);
        timer.async_wait(bind_executor(home.clone(), token));
    }
    while home.queued() < 2 {
        context.poll();
    }
    assert!(timer.cancel() == 0 && !timer.cancel_one());
    signal.emit(CancellationType::TERMINAL);
    group.emit(CancellationType::TERMINAL);
    assert_eq!((timer.expires_after(FAR), context.run()), (0, 0));
    assert_eq!(home.run(), 2);
    assert_eq!(log.take(), "post:home post:home true true");
}
