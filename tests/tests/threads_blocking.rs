//! Many threads that block on one context: one of them at a time drives it, whoever leaves
//! hands that over, and nobody is woken for nothing.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use async_op::time::Timer;
use async_op::{Blocking, IoContext, IoExecutor};
use async_op_tests::net::post;
use async_op_tests::{AsyncForm, Form, HandlerForm, panic_of, without_hanging};

const STOPPED: &str = "blocking on an operation of a stopped `IoContext` would wait for ever: \
                       call `restart` first";

const HOUR: Duration = Duration::from_secs(3600);

/// Blocks on a timer.
fn wait(executor: &IoExecutor, after: Duration) -> io::Result<()> {
    let timer = Timer::new(executor);
    timer.expires_after(after);
    timer.async_wait(Blocking)
}

/// An order of `0..len` for each `seed`.
fn shuffled(len: usize, seed: usize) -> Vec<usize> {
    let mut state = 2 * seed as u64 + 1;
    let mut random = || {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        (state >> 33) as usize
    };
    let mut order: Vec<_> = (0..len).collect();
    for n in (1..len).rev() {
        order.swap(n, random() % (n + 1));
    }
    order
}

/// The operations of the crowd, and how often its threads have waited in the system.
struct Crowd {
    operations: usize,
    waits: usize,
}

/// 64 threads wait for a timer of one context again and again; nobody else runs it.
fn crowd() -> Crowd {
    const EACH: usize = 50;
    let context = IoContext::new().unwrap();
    let (operations, waits) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..64 {
            scope.spawn(|| {
                let before = waits_of_this_thread();
                let timer = Timer::new(&context);
                for _ in 0..EACH {
                    timer.expires_after(Duration::from_micros(200));
                    timer.async_wait(Blocking).unwrap();
                    operations.fetch_add(1, Ordering::Relaxed);
                }
                waits.fetch_add(waits_of_this_thread() - before, Ordering::Relaxed);
            });
        }
    });
    assert_eq!(operations.load(Ordering::Relaxed), 64 * EACH);
    assert_eq!(context.run(), 0);
    Crowd {
        operations: operations.into_inner(),
        waits: waits.into_inner(),
    }
}

/// Returns how often the calling thread has waited; 0 where the system does not tell.
fn waits_of_this_thread() -> usize {
    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    line.map_or(0, |count| count.trim().parse().unwrap())
}

#[test]
fn no_operation_of_a_crowd_is_lost() {
    without_hanging(|| {
        for _ in 0..3 {
            crowd();
        }
    });
}

/// One wait for the operation itself; the rest is for who is handed the driving over,
/// and for locks.
#[test]
#[cfg(target_os = "linux")]
fn nobody_in_a_crowd_is_woken_for_others() {
    without_hanging(|| {
        let Crowd { operations, waits } = crowd();
        let start = 64 * 4;
        assert!(
            waits <= 3 * operations + start,
            "{waits} waits for {operations} operations"
        );
        assert!(waits > operations / 10, "only {waits}: not counted?");
    });
}

/// Each blocks once, and is gone.
#[test]
fn threads_that_leave_when_their_timer_has_expired() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        for round in 0..200 {
            let threads = [2, 8, 3, 16][round % 4];
            thread::scope(|scope| {
                for n in shuffled(threads, round) {
                    // Some of them at the same time.
                    let after = Duration::from_micros(50 * (n / 2) as u64);
                    let context = &context;
                    scope.spawn(move || wait(context, after).unwrap());
                }
            });
        }
        assert_eq!(context.run(), 0);
    });
}

/// Starts an operation on each of `threads`, and lets `complete` complete them: it is
/// told which of them leaves, when that has left.
fn threads_that_leave(
    context: &IoContext,
    threads: usize,
    complete: impl FnOnce(&[HandlerForm], &dyn Fn(usize)),
) {
    let forms: Vec<_> = (0..threads).map(|_| HandlerForm::default()).collect();
    let (left, leaving) = mpsc::channel();
    thread::scope(|scope| {
        for (n, form) in forms.iter().enumerate() {
            let left = left.clone();
            scope.spawn(move || {
                assert_eq!(form.operation(context).blocking(), n as u32);
                left.send(n).unwrap();
            });
        }
        drop(left);
        complete(&forms, &|n| assert_eq!(leaving.recv().unwrap(), n));
    });
}

/// Completes an operation when it has been started.
fn finish(form: &HandlerForm, n: usize) {
    loop {
        if let Some(op) = form.hold.take() {
            return op.complete(n as u32);
        }
        thread::yield_now();
    }
}

#[test]
fn threads_that_leave_one_after_another_in_many_orders() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        for round in 0..200 {
            let threads = 2 + round % 7;
            threads_that_leave(&context, threads, |forms, until_left| {
                for n in shuffled(threads, round) {
                    // Whoever drives the context has to do it.
                    let form = forms[n].clone();
                    post(&context.executor(), move || finish(&form, n));
                    until_left(n);
                }
            });
        }
        assert_eq!(context.run(), 0);
    });
}

#[test]
fn operations_that_a_foreign_thread_completes() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        for round in 0..30 {
            threads_that_leave(&context, 64, |forms, until_left| {
                for n in shuffled(64, round) {
                    finish(&forms[n], n);
                    if round % 2 == 0 {
                        until_left(n);
                    }
                }
            });
        }
        assert_eq!(context.run(), 0);
    });
}

/// Half of them wait for a timer, half for others.
#[test]
fn operations_of_both_kinds() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        for round in 0..30 {
            threads_that_leave(&context, 16, |forms, _| {
                thread::scope(|scope| {
                    for _ in 0..16 {
                        let context = &context;
                        scope.spawn(|| {
                            for _ in 0..3 {
                                wait(context, Duration::from_micros(100)).unwrap();
                            }
                        });
                    }
                    for n in shuffled(16, round) {
                        finish(&forms[n], n);
                    }
                });
            });
        }
    });
}

/// The other may be inside, or come, or go, when this thread begins to block.
#[test]
fn beside_a_thread_that_runs_the_context_for_a_while() {
    type Call = fn(&IoContext) -> usize;
    let calls: [Call; 5] = [
        |context| context.run_for(Duration::from_micros(100)),
        |context| context.poll(),
        |context| context.run_one(),
        |context| context.run_one_for(Duration::from_micros(50)),
        |context| catch_unwind(AssertUnwindSafe(|| context.run())).unwrap_or(0),
    ];
    without_hanging(move || {
        let context = IoContext::new().unwrap();
        for round in 0..400 {
            // For those that wait for one.
            post(&context.executor(), || ());
            if round % 5 == 4 {
                post(&context.executor(), || {
                    std::panic::resume_unwind(Box::new("on purpose"))
                });
            }
            context.restart();
            thread::scope(|scope| {
                let runner = scope.spawn(|| calls[round % 5](&context));
                // The panic may be this thread's.
                while catch_unwind(AssertUnwindSafe(|| {
                    wait(&context, Duration::from_micros(300)).unwrap();
                }))
                .is_err()
                {}
                runner.join().unwrap();
            });
            context.restart();
            context.run();
        }
    });
}

#[test]
fn a_context_that_is_stopped() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        for round in 0..100 {
            thread::scope(|scope| {
                let threads: Vec<_> = (0..8)
                    .map(|_| scope.spawn(|| panic_of(|| wait(&context, HOUR))))
                    .collect();
                if round % 2 == 0 {
                    until_driven(&context);
                }
                context.stop();
                for thread in threads {
                    assert_eq!(thread.join().unwrap(), STOPPED);
                }
            });
            context.restart();
            assert_eq!(context.run(), 0);
            context.restart();
        }
    });
}

#[test]
fn a_context_that_is_dropped() {
    without_hanging(|| {
        for round in 0..100 {
            let context = IoContext::new().unwrap();
            let executor = context.executor();
            thread::scope(|scope| {
                let threads: Vec<_> = (0..8)
                    .map(|_| scope.spawn(move || wait(&executor, HOUR)))
                    .collect();
                if round % 2 == 0 {
                    until_driven(&executor);
                }
                drop(context);
                for thread in threads {
                    let error = thread.join().unwrap().unwrap_err();
                    assert_eq!(error.kind(), io::ErrorKind::Other);
                }
            });
        }
    });
}

/// Returns when somebody runs the context.
fn until_driven(executor: &IoExecutor) {
    let (sender, receiver) = mpsc::channel();
    post(executor, move || sender.send(()).unwrap());
    receiver.recv().unwrap();
}

/// One is told to drive as it leaves, and what it waits for is completed just then by a
/// thread that does not run the context. The third waits for a timer.
#[test]
fn a_thread_that_is_to_drive_and_need_not() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        for round in 0..1000 {
            let form = AsyncForm::default();
            thread::scope(|scope| {
                let blocked = form.clone();
                let context = &context;
                scope.spawn(move || blocked.operation(context).blocking());
                scope.spawn(move || wait(context, Duration::from_micros(round % 97)).unwrap());
                wait(context, Duration::from_micros(round % 89)).unwrap();
                for _ in 0..round % 500 {
                    std::hint::spin_loop();
                }
                form.finish(1);
            });
        }
    });
}
