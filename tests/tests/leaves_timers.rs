//! Waits of timers with handlers, as programs mix them.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use async_op::cancel::{CancellationSignal, CancellationType};
use async_op::executor::WorkGuard;
use async_op::time::Timer;
use async_op::{IoContext, bind_cancellation_slot, bind_executor, is_cancelled};
use async_op_tests::net::post;
use async_op_tests::without_hanging;

const FAR: Duration = Duration::from_secs(3600);
const TERMINAL: CancellationType = CancellationType::TERMINAL;

fn until(time: Instant) {
    while Instant::now() < time {
        std::hint::spin_loop();
    }
}

#[test]
fn a_wait_that_starts_when_the_time_has_come_keeps_its_turn() {
    let context = IoContext::new().unwrap();
    let timer = Timer::new(&context);
    let expiry = Instant::now() + Duration::from_millis(1);
    timer.expires_at(expiry);
    let log = Arc::new(Mutex::new(Vec::new()));
    let wait = |n| {
        let log = Arc::clone(&log);
        timer.wait().callback(move |result| {
            result.unwrap();
            log.lock().unwrap().push(n);
        });
    };
    wait(0);
    wait(1);
    until(expiry);
    wait(2);
    context.run();
    assert_eq!(*log.lock().unwrap(), [0, 1, 2]);
}

#[test]
fn a_wait_that_is_over_is_not_cancelled() {
    for is_found in [false, true] {
        let context = IoContext::new().unwrap();
        let timer = Timer::new(&context);
        // Not before both wait, on a slow machine either.
        let expiry = Instant::now() + Duration::from_millis(100);
        timer.expires_at(expiry);
        let ok = Arc::new(Mutex::new(Vec::new()));
        for n in 0..2 {
            let ok = Arc::clone(&ok);
            timer
                .wait()
                .callback(move |result| ok.lock().unwrap().push((n, result.is_ok())));
        }
        until(expiry);
        // Both are found at once; the first is called.
        let ran = if is_found { context.poll_one() } else { 0 };
        assert_eq!(ran, usize::from(is_found));
        assert_eq!(timer.expires_after(FAR), if is_found { 0 } else { 2 });
        context.run();
        assert_eq!(*ok.lock().unwrap(), [(0, is_found), (1, is_found)]);
    }
}

/// Those who begin while it is late are told with the others, whatever they are.
#[test]
fn late_waits_by_callback_and_awaited() {
    let context = IoContext::new().unwrap();
    let timer = Timer::new(&context);
    let expiry = Instant::now() + Duration::from_millis(1);
    timer.expires_at(expiry);
    let log = Arc::new(Mutex::new(Vec::new()));
    let callback = |n| {
        let log = Arc::clone(&log);
        timer.wait().callback(move |result| {
            result.unwrap();
            log.lock().unwrap().push(n);
        });
    };
    let spawned = |n| {
        let (log, timer) = (Arc::clone(&log), timer.clone());
        async_op::spawn(
            &context.executor(),
            async move {
                timer.wait().await.unwrap();
                log.lock().unwrap().push(n);
            },
            async_op::Detached,
        );
    };
    callback(0);
    spawned(1);
    // Polled once it is posted.
    context.poll();
    until(expiry);
    callback(2);
    spawned(3);
    callback(4);
    context.restart();
    context.run();
    let log = std::mem::take(&mut *log.lock().unwrap());
    assert_eq!(log.len(), 5);
    assert!(log.iter().filter(|n| *n % 2 == 0).eq(&[0, 2, 4]), "{log:?}");
    assert!(log.iter().filter(|n| *n % 2 == 1).eq(&[1, 3]), "{log:?}");
}

struct Push(usize, Arc<Mutex<Vec<usize>>>);
impl Wake for Push {
    fn wake(self: Arc<Self>) {
        self.1.lock().unwrap().push(self.0);
    }
}

/// Those who are awaited are woken, and handlers posted, in one order; as the handlers
/// run later, only each kind by itself is compared.
#[test]
fn callbacks_and_futures_of_one_timer_in_turn() {
    for cancelled in [0, 3, 10, 50] {
        let context = IoContext::new().unwrap();
        let timer = Timer::new(&context);
        timer.expires_after(Duration::from_millis(2));
        let called = Arc::new(Mutex::new(Vec::new()));
        let woken = Arc::new(Mutex::new(Vec::new()));
        let mut futures: Vec<(usize, Pin<Box<dyn Future<Output = _> + Send>>)> = Vec::new();
        for n in 0..50 {
            if n % 3 == 0 {
                let mut wait = Box::pin(timer.wait());
                let waker = Waker::from(Arc::new(Push(n, woken.clone())));
                if wait
                    .as_mut()
                    .poll(&mut Context::from_waker(&waker))
                    .is_pending()
                {
                    futures.push((n, wait));
                }
            } else {
                let called = called.clone();
                timer.wait().callback(move |result| {
                    called.lock().unwrap().push((n, result.is_ok()));
                });
            }
        }
        let started = Instant::now() < timer.expiry();
        for _ in 0..cancelled {
            timer.cancel_one();
        }
        // Woken by the cancellation; not yet polled: its place is not free.
        let with_the_last = called.clone();
        timer.wait().callback(move |result| {
            with_the_last.lock().unwrap().push((50, result.is_ok()));
        });
        let in_time = started && Instant::now() < timer.expiry();
        // Those who are awaited count as work until they are polled.
        while called.lock().unwrap().len() < 34 {
            context.poll();
        }
        if !in_time {
            continue;
        }
        let expected: Vec<_> = (0..51)
            .filter(|n| n % 3 != 0)
            .map(|n| (n, n >= cancelled))
            .collect();
        assert_eq!(*called.lock().unwrap(), expected);
        let expected: Vec<_> = (0..50).filter(|n| n % 3 == 0).collect();
        assert_eq!(*woken.lock().unwrap(), expected);
        for (n, mut wait) in futures {
            let waker = Waker::noop();
            let ready = wait.as_mut().poll(&mut Context::from_waker(waker));
            let std::task::Poll::Ready(result) = ready else {
                panic!("pending")
            };
            assert_eq!(result.is_ok(), n >= cancelled);
        }
    }
}

#[test]
fn thousands_at_once_set_again_and_cancelled_inside_of_handlers() {
    without_hanging(|| {
        const N: usize = 5000;
        for threads in [1, 2, 4] {
            let context = Arc::new(IoContext::new().unwrap());
            let other = Arc::new(IoContext::new().unwrap());
            let work = WorkGuard::new(other.executor());
            let timers: Arc<Vec<Timer>> = Arc::new((0..N).map(|_| Timer::new(&context)).collect());
            let now = Instant::now();
            let calls: Arc<Vec<[AtomicUsize; 3]>> =
                Arc::new((0..N).map(|_| Default::default()).collect());
            let total = Arc::new(AtomicUsize::new(0));
            for (n, timer) in timers.iter().enumerate() {
                timer.expires_at(now + Duration::from_micros((n % 7) as u64 * 300));
                let (calls, total, timers) = (calls.clone(), total.clone(), timers.clone());
                let handler = move |result: std::io::Result<()>| {
                    let how = usize::from(result.is_err());
                    calls[n][how].fetch_add(1, Ordering::SeqCst);
                    total.fetch_add(1, Ordering::SeqCst);
                    let next = &timers[(n * 31 + 17) % N];
                    match n % 5 {
                        0 => {
                            next.cancel();
                        }
                        1 => {
                            next.expires_after(Duration::from_micros(200));
                        }
                        2 => {
                            next.cancel_one();
                        }
                        _ => {}
                    }
                    // Once more, of the own timer.
                    timers[n].expires_after(Duration::from_micros((n % 3) as u64 * 100));
                    let (calls, total) = (calls.clone(), total.clone());
                    timers[n].wait().callback(move |_| {
                        calls[n][2].fetch_add(1, Ordering::SeqCst);
                        total.fetch_add(1, Ordering::SeqCst);
                    });
                };
                match n % 2 {
                    0 => timer.async_wait(handler),
                    _ => timer.async_wait(bind_executor(other.executor(), handler)),
                }
            }
            let o = other.clone();
            let on_other = thread::spawn(move || o.run());
            // The handlers on the other context start waits again on this one, which may
            // have no work for a moment.
            while total.load(Ordering::SeqCst) < 2 * N {
                thread::scope(|scope| {
                    for _ in 0..threads {
                        scope.spawn(|| context.run());
                    }
                });
                context.restart();
            }
            drop(work);
            on_other.join().unwrap();
            for each in calls.iter() {
                let [a, b, c] = [0, 1, 2].map(|n: usize| each[n].load(Ordering::SeqCst));
                assert_eq!((a + b, c), (1, 1));
            }
            assert_eq!(total.load(Ordering::SeqCst), 2 * N);
        }
    });
}

#[test]
fn run_returns_when_the_last_wait_is_over_and_not_before() {
    without_hanging(|| {
        for _ in 0..200 {
            let context = IoContext::new().unwrap();
            let far = Timer::new(&context);
            far.expires_after(FAR);
            let near = Timer::new(&context);
            let called = Arc::new(AtomicUsize::new(0));
            let c = called.clone();
            far.wait().callback(move |result| {
                assert!(is_cancelled(&result.unwrap_err()));
                c.fetch_add(1, Ordering::SeqCst);
            });
            // A nearer one after the farther.
            near.expires_after(Duration::from_micros(300));
            let c = called.clone();
            near.wait().callback(move |result| {
                result.unwrap();
                c.fetch_add(1, Ordering::SeqCst);
                far.cancel();
            });
            assert_eq!(context.run(), 2);
            assert_eq!(called.load(Ordering::SeqCst), 2);
        }
    });
}

#[test]
fn a_nearer_one_is_set_by_another_thread_while_the_context_waits() {
    without_hanging(|| {
        for _ in 0..300 {
            let context = IoContext::new().unwrap();
            let far = Timer::new(&context);
            far.expires_after(FAR);
            far.wait().callback(|_| ());
            thread::scope(|scope| {
                scope.spawn(|| context.run());
                for n in (0..10_u64).rev() {
                    let near = Timer::new(&context);
                    near.expires_after(Duration::from_micros(n * 50));
                    near.wait().blocking().unwrap();
                }
                far.cancel();
            });
        }
    });
}

#[test]
fn stopped_and_restarted_while_timers_fire() {
    without_hanging(|| {
        let context = Arc::new(IoContext::new().unwrap());
        let count = Arc::new(AtomicUsize::new(0));
        let now = Instant::now();
        let timers: Vec<_> = (0..1000_u64)
            .map(|n| {
                let timer = Timer::new(&context);
                timer.expires_at(now + Duration::from_micros(n * 10));
                let (count, context) = (count.clone(), Arc::downgrade(&context));
                timer.wait().callback(move |result| {
                    result.unwrap();
                    count.fetch_add(1, Ordering::SeqCst);
                    if n % 3 == 0 {
                        context.upgrade().unwrap().stop();
                    }
                });
                timer
            })
            .collect();
        let mut rounds = 0;
        while count.load(Ordering::SeqCst) < 1000 {
            match rounds % 4 {
                0 => context.run(),
                1 => context.poll(),
                2 => context.run_for(Duration::from_micros(100)),
                _ => context.run_one(),
            };
            context.restart();
            rounds += 1;
        }
        assert_eq!(context.run(), 0);
        drop(timers);
    });
}

#[test]
fn slots_and_cancel_and_expiry_race() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        let work = WorkGuard::new(context.executor());
        thread::scope(|scope| {
            scope.spawn(|| context.run());
            scope.spawn(|| context.run());
            for round in 0..3000_u64 {
                let timer = Timer::new(&context);
                let signals: Vec<_> = (0..8).map(|_| CancellationSignal::new()).collect();
                let calls: Arc<Vec<AtomicUsize>> =
                    Arc::new((0..8).map(|_| AtomicUsize::new(0)).collect());
                timer.expires_after(Duration::from_micros(round % 100));
                let (sender, receiver) = std::sync::mpsc::channel();
                for (n, signal) in signals.iter().enumerate() {
                    let (calls, sender) = (calls.clone(), sender.clone());
                    timer.async_wait(bind_cancellation_slot(
                        signal.slot(),
                        move |_: std::io::Result<()>| {
                            calls[n].fetch_add(1, Ordering::SeqCst);
                            sender.send(()).unwrap();
                        },
                    ));
                }
                drop(sender);
                match round % 4 {
                    0 => {
                        for signal in signals.iter().rev() {
                            signal.emit(TERMINAL);
                            signal.emit(TERMINAL);
                        }
                    }
                    1 => {
                        timer.cancel();
                    }
                    2 => {
                        drop(timer);
                        drop(signals);
                    }
                    _ => {
                        timer.cancel_one();
                        signals[3].emit(TERMINAL);
                        timer.expires_after(Duration::from_micros(20));
                    }
                }
                for _ in 0..8 {
                    receiver.recv().unwrap();
                }
                assert!(receiver.recv().is_err());
                assert!(calls.iter().all(|c| c.load(Ordering::SeqCst) == 1));
            }
            drop(work);
        });
    });
}

#[test]
fn the_context_goes_while_waits_have_handlers_elsewhere() {
    without_hanging(|| {
        for round in 0..200 {
            let other = IoContext::new().unwrap();
            let context = IoContext::new().unwrap();
            let called = Arc::new(AtomicUsize::new(0));
            let timer = Timer::new(&context);
            timer.expires_after(if round % 2 == 0 {
                FAR
            } else {
                Duration::from_micros(1)
            });
            for n in 0..10 {
                let called = called.clone();
                let alive = called.clone();
                let handler = move |_: std::io::Result<()>| {
                    called.fetch_add(1, Ordering::SeqCst);
                };
                match n % 2 {
                    0 => timer.async_wait(bind_executor(other.executor(), handler)),
                    _ => timer.async_wait(handler),
                }
                drop(alive);
            }
            if round % 4 == 3 {
                context.poll();
            }
            drop(context);
            let ran = other.run();
            // Of those on the context itself, none is called after its end.
            assert_eq!(ran, 5);
            assert!(called.load(Ordering::SeqCst) >= 5);
            drop(timer);
            assert_eq!(Arc::strong_count(&called), 1);
        }
    });
}

#[test]
fn a_timer_of_a_context_that_is_gone() {
    let other = IoContext::new().unwrap();
    let context = IoContext::new().unwrap();
    let timer = Timer::new(&context);
    timer.expires_after(FAR);
    timer.async_wait(bind_executor(
        other.executor(),
        |result: std::io::Result<()>| {
            assert!(!is_cancelled(&result.unwrap_err()));
        },
    ));
    drop(context);
    assert_eq!(other.run(), 1);
    other.restart();
    // And one that is made in its place must not be asked.
    let next = IoContext::new().unwrap();
    for _ in 0..3 {
        timer.async_wait(bind_executor(
            other.executor(),
            |result: std::io::Result<()>| {
                assert!(!is_cancelled(&result.unwrap_err()));
            },
        ));
    }
    timer.expires_after(FAR);
    timer.cancel();
    assert_eq!(other.run(), 3);
    assert_eq!(next.run(), 0);
    next.restart();
    post(&next.executor(), || ());
    assert_eq!(next.run(), 1);
}

/// A host that waits for the descriptor, as long as it is told.
#[test]
#[cfg(target_os = "linux")]
fn hosted_with_timers() {
    use std::os::fd::{AsFd, AsRawFd};
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        let count = Arc::new(AtomicUsize::new(0));
        let now = Instant::now();
        let _timers: Vec<_> = (0..200_u64)
            .map(|n| {
                let timer = Timer::new(&context);
                // In no order.
                timer.expires_at(now + Duration::from_micros((n * 7919) % 20_000));
                let count = count.clone();
                timer.wait().callback(move |result| {
                    result.unwrap();
                    count.fetch_add(1, Ordering::SeqCst);
                });
                timer
            })
            .collect();
        let mut polls = 0;
        while count.load(Ordering::SeqCst) < 200 {
            let timeout = context
                .timeout()
                .map_or(-1, |left| left.as_millis() as i32 + 1);
            let mut host = libc::pollfd {
                fd: context.as_fd().as_raw_fd(),
                events: libc::POLLIN,
                revents: 0,
            };
            // SAFETY: one entry, which lives until the call returns.
            unsafe { libc::poll(&raw mut host, 1, timeout) };
            polls += 1;
            if polls % 3 == 0 {
                context.run_for(Duration::from_micros(100));
            } else {
                context.poll();
            }
        }
        assert!(polls < 2000, "it does not spin: {polls}");
    });
}
