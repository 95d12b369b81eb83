//! `Mutex` and `Semaphore`: in turn, and nothing is kept by those who give up.

use std::future::Future;
use std::io::ErrorKind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use async_op::cancel::{CancellationSignal, CancellationType};
use async_op::sync::{Mutex, MutexGuard, Permit, Semaphore};
use async_op::time::Timer;
use async_op::{IoContext, bind_cancellation_slot, is_cancelled, is_timeout, spawn};
use async_op_tests::{
    Alive, CountingHeap, Log, Polled, heap_allocations_here, panic_of, without_hanging,
};

#[global_allocator]
static HEAP: CountingHeap = CountingHeap;

const SOON: Duration = Duration::from_millis(1);

fn pending<F: Future>(future: &mut Polled<F>) {
    assert!(future.poll().is_pending());
}

fn ready<F: Future>(future: &mut Polled<F>) -> F::Output {
    match future.poll() {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it is ready"),
    }
}

#[test]
fn a_mutex_is_locked_in_turn() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let mutex = Mutex::new(&context, 0);
    let held = mutex.try_lock().unwrap();
    for name in ["a", "b", "c"] {
        let log = log.clone();
        mutex.lock().callback(move |guard| {
            let mut guard = guard.unwrap();
            *guard += 1;
            log.push(format!("{name}{}", *guard));
        });
    }
    assert_eq!((context.poll(), &*log.take()), (0, ""));
    assert!(mutex.try_lock().is_none());
    drop(held);
    // It is the first one's already: nobody comes in between.
    assert!(mutex.try_lock().is_none());
    assert_eq!((context.run(), &*log.take()), (3, "a1 b2 c3"));
    assert_eq!(*mutex.try_lock().unwrap(), 3);
}

#[test]
fn a_mutex_is_held_across_awaits() {
    let context = IoContext::new().unwrap();
    let mutex = Mutex::new(&context, Vec::new());
    for n in 0..3 {
        let (mutex, timer) = (mutex.clone(), Timer::new(&context));
        let body = async move {
            let mut list = mutex.lock().await?;
            list.push(n);
            timer.expires_after(SOON);
            timer.wait().await?;
            list.push(n);
            Ok(())
        };
        spawn(&context, body, |result: std::io::Result<()>| {
            result.unwrap()
        });
    }
    context.run();
    assert_eq!(*mutex.lock().blocking().unwrap(), [0, 0, 1, 1, 2, 2]);
}

#[test]
fn those_who_give_up_a_mutex_leave_it_to_the_next() {
    let context = IoContext::new().unwrap();
    let mutex = Mutex::new(&context, 7);
    let held = mutex.try_lock().unwrap();
    let mut all: Vec<_> = (0..4).map(|_| Polled::new(mutex.lock())).collect();
    all.iter_mut().for_each(pending);
    // One that waits.
    assert_eq!(all.remove(1).drop_future().counts(), (0, 0));
    drop(held);
    // One that has been given it.
    assert_eq!(all.remove(0).drop_future().counts(), (1, 0));
    assert_eq!(*ready(&mut all[0]).unwrap(), 7);
    // The guard has been dropped, so it is the last one's.
    assert_eq!(*ready(&mut all[1]).unwrap(), 7);
    assert_eq!(*mutex.try_lock().unwrap(), 7);
}

#[test]
fn a_mutex_that_nobody_gives_back() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let mutex = Mutex::new(&context, Alive::new(&log, "dropped"));
    let held = mutex.try_lock().unwrap();
    let error = mutex.lock().cancel_after(SOON).blocking().unwrap_err();
    assert!(is_timeout(&error));
    let signal = CancellationSignal::new();
    let inner = log.clone();
    mutex.async_lock(bind_cancellation_slot(
        signal.slot(),
        move |guard: std::io::Result<MutexGuard<Alive>>| {
            assert!(is_cancelled(&guard.unwrap_err()));
            inner.push("cancelled");
        },
    ));
    signal.emit(CancellationType::TOTAL);
    context.restart();
    assert_eq!((context.run(), &*log.take()), (1, "cancelled"));
    mutex
        .lock()
        .callback(|guard| assert!(is_cancelled(&guard.unwrap_err())));
    assert_eq!(mutex.cancel(), 1);
    context.restart();
    assert_eq!(context.run(), 1);
    let mut waits = Polled::new(mutex.lock());
    pending(&mut waits);
    drop(context);
    assert_eq!(ready(&mut waits).unwrap_err().kind(), ErrorKind::Other);
    let mut late = Polled::new(mutex.lock());
    assert_eq!(ready(&mut late).unwrap_err().kind(), ErrorKind::Other);
    drop((mutex, waits, late));
    assert_eq!(log.take(), "");
    drop(held);
    assert_eq!(log.take(), "dropped");
}

#[test]
fn a_panic_unlocks_a_mutex() {
    let context = IoContext::new().unwrap();
    let mutex = Mutex::new(&context, 1);
    mutex.lock().callback(|guard| {
        *guard.unwrap() += 1;
        assert_eq!(1, 2, "on purpose");
    });
    assert!(panic_of(|| context.run()).contains("on purpose"));
    assert_eq!(*mutex.try_lock().unwrap(), 2);
}

#[test]
fn permits_are_acquired_in_turn() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let semaphore = Semaphore::new(&context, 2);
    let all = semaphore.try_acquire(2).unwrap();
    assert_eq!((all.count(), semaphore.available()), (2, 0));
    for (name, count) in [("one", 1), ("three", 3), ("two", 2)] {
        let log = log.clone();
        let wait = semaphore.acquire_many(count);
        wait.callback(move |permit| log.push(format!("{name}{}", permit.unwrap().count())));
    }
    assert_eq!(context.poll(), 0);
    drop(all);
    // Nobody overtakes: not those who come, nor the last one that waits.
    assert!(semaphore.try_acquire(1).is_none());
    assert_eq!((context.poll(), &*log.take()), (1, "one1"));
    assert!(semaphore.try_acquire(1).is_none());
    semaphore.add(1);
    assert_eq!((context.run(), &*log.take()), (2, "three3 two2"));
    assert_eq!(semaphore.available(), 3);
    semaphore.try_acquire(1).unwrap().forget();
    assert_eq!(semaphore.available(), 2);
}

#[test]
fn those_who_give_up_permits_leave_them_to_the_next() {
    let context = IoContext::new().unwrap();
    let semaphore = Semaphore::new(&context, 1);
    let mut many = Polled::new(semaphore.acquire_many(5));
    let mut one = Polled::new(semaphore.acquire());
    pending(&mut many);
    pending(&mut one);
    // Who stood in the way leaves.
    drop(many);
    assert_eq!((one.wakes(), semaphore.available()), (1, 0));
    // And who has been served gives it back.
    drop(one);
    assert_eq!(semaphore.available(), 1);
    let permit = semaphore.acquire().blocking().unwrap();
    let error = semaphore
        .acquire()
        .cancel_after(SOON)
        .blocking()
        .unwrap_err();
    assert!(is_timeout(&error));
    semaphore
        .acquire()
        .callback(|permit: std::io::Result<Permit>| {
            assert!(is_cancelled(&permit.unwrap_err()));
        });
    assert_eq!(semaphore.cancel(), 1);
    context.restart();
    assert_eq!(context.run(), 1);
    semaphore.acquire().callback(|permit| {
        assert_eq!(permit.unwrap_err().kind(), ErrorKind::BrokenPipe);
    });
    semaphore.close();
    context.restart();
    assert_eq!(context.run(), 1);
    drop(permit);
    let error = semaphore.acquire().blocking().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
}

#[test]
#[cfg_attr(async_op_sanitize, ignore = "recycling is off")]
fn without_the_heap() {
    let context = IoContext::new().unwrap();
    let (mutex, semaphore) = (Mutex::new(&context, 0), Semaphore::new(&context, 0));
    let mut before = 0;
    for round in 0..20 {
        if round == 3 {
            before = heap_allocations_here();
        }
        let held = mutex.try_lock();
        for _ in 0..10 {
            mutex.lock().callback(|guard| *guard.unwrap() += 1);
            semaphore
                .acquire()
                .callback(|permit| permit.unwrap().forget());
        }
        drop(held);
        semaphore.add(10);
        context.restart();
        assert_eq!(context.run(), 20);
    }
    assert_eq!(heap_allocations_here() - before, 0);
    assert_eq!(*mutex.try_lock().unwrap(), 200);
}

#[test]
fn on_several_threads() {
    const EACH: usize = 300;

    without_hanging(|| {
        let context = IoContext::new().unwrap();
        let (mutex, semaphore) = (Mutex::new(&context, 0_usize), Semaphore::new(&context, 2));
        let inside = AtomicUsize::new(0);
        thread::scope(|scope| {
            for thread in 0..4 {
                let (mutex, semaphore, inside) = (&mutex, &semaphore, &inside);
                scope.spawn(move || {
                    for n in 0..EACH {
                        // Some give up, at any time.
                        if (n + thread) % 3 == 0 {
                            let mut future = Polled::new(mutex.lock());
                            drop(future.poll());
                            let mut future = Polled::new(semaphore.acquire());
                            drop(future.poll());
                        }
                        *pollster::block_on(mutex.lock()).unwrap() += 1;
                        let _permit = pollster::block_on(semaphore.acquire()).unwrap();
                        assert!(inside.fetch_add(1, Ordering::SeqCst) < 2);
                        inside.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert_eq!(*mutex.try_lock().unwrap(), 4 * EACH);
        assert_eq!(semaphore.available(), 2);
    });
}
