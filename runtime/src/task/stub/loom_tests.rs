//! Models of a frame and its wakers.
//!
//! That the stub is freed once, after all uses, and not leaked, is what the
//! shim's atomics check; that the frame has one user at a time, the cell of
//! [`Body`]; that it is freed once, the allocator of [`Record`].

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use loom::sync::Mutex;
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use loom::thread::{self, JoinHandle};

use crate::shim::UnsafeCell;
use crate::task::frame;
use crate::task::testing::{Count, Record, bounded, site};

/// A future that may be used by one thread at a time.
struct Body<F> {
    poll: F,
    polls: usize,
    drops: Count,
    alone: UnsafeCell<()>,
}

impl<F: FnMut(&mut Context<'_>, usize) -> Poll<()> + Unpin> Future for Body<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.alone.with_mut(|_| ());
        self.polls += 1;
        let polls = self.polls;
        (self.poll)(cx, polls)
    }
}

impl<F> Drop for Body<F> {
    fn drop(&mut self) {
        self.alone.with_mut(|_| ());
        self.drops.add();
    }
}

/// The threads of a model, which its future starts.
#[derive(Clone, Default)]
struct Threads(Arc<std::sync::Mutex<Vec<JoinHandle<()>>>>);

impl Threads {
    fn spawn(&self, body: impl FnOnce() + 'static) {
        let thread = thread::spawn(body);
        self.0.lock().unwrap().push(thread);
    }

    fn join(&self) {
        let threads = mem::take(&mut *self.0.lock().unwrap());
        for thread in threads {
            thread.join().unwrap();
        }
    }
}

/// Starts a frame whose future calls `poll`, with the number of the poll, until
/// that is ready; returns the count of drops of the future.
fn start(
    record: &Record,
    poll: impl FnMut(&mut Context<'_>, usize) -> Poll<()> + Send + Unpin + 'static,
) -> Count {
    let drops = Count::default();
    let body = Body {
        poll,
        polls: 0,
        drops: drops.clone(),
        alone: UnsafeCell::new(()),
    };
    let executor = record.executor.clone();
    frame::start::<fn(), _, _, _>(site(), executor, body, record.handler());
    drops
}

/// Explores a model with at most three preemptions, which keeps the larger
/// models to seconds; every pair of transitions still meets in either order.
fn check_bounded(model: impl Fn() + Send + Sync + 'static) {
    bounded(3).check(model);
}

#[test]
fn loom_wake_against_pending() {
    loom::model(|| {
        let (record, threads) = (Record::new(), Threads::default());
        let drops = start(&record, {
            let threads = threads.clone();
            let ready = Arc::new(AtomicBool::new(false));
            move |cx, polls| {
                if polls == 1 {
                    let (waker, ready) = (cx.waker().clone(), Arc::clone(&ready));
                    threads.spawn(move || {
                        // Relaxed: the wake publishes it.
                        ready.store(true, Ordering::Relaxed);
                        waker.wake();
                    });
                    return Poll::Pending;
                }
                assert!(ready.load(Ordering::Relaxed), "woken for nothing");
                Poll::Ready(())
            }
        });
        record.executor.run();
        threads.join();
        record.executor.run();
        record.assert_over(1);
        assert_eq!(drops.get(), 1);
    });
}

/// Two wakes meet each other and every state. The last poll must see what came
/// before either, also where the second wake found the frame woken already.
#[test]
fn loom_two_wakes_against_polls() {
    check_bounded(|| {
        let (record, threads) = (Record::new(), Threads::default());
        let drops = start(&record, {
            let threads = threads.clone();
            let wakes = [(); 2].map(|()| Arc::new(AtomicBool::new(false)));
            move |cx, polls| {
                if polls == 1 {
                    for wake in &wakes {
                        let (waker, wake) = (cx.waker().clone(), Arc::clone(wake));
                        threads.spawn(move || {
                            wake.store(true, Ordering::Relaxed);
                            waker.wake_by_ref();
                        });
                    }
                }
                if wakes.iter().all(|wake| wake.load(Ordering::Relaxed)) {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            }
        });
        record.executor.run();
        threads.join();
        record.executor.run();
        record.assert_over(1);
        assert_eq!(drops.get(), 1);
    });
}

#[test]
fn loom_waker_outlives_the_operation() {
    loom::model(|| {
        let (record, threads) = (Record::new(), Threads::default());
        let drops = start(&record, {
            let threads = threads.clone();
            move |cx, polls| {
                if polls == 1 {
                    let waker = cx.waker().clone();
                    threads.spawn(move || {
                        let other = waker.clone();
                        waker.wake();
                        other.wake();
                    });
                    return Poll::Pending;
                }
                Poll::Ready(())
            }
        });
        record.executor.run();
        threads.join();
        record.executor.run();
        record.assert_over(1);
        assert_eq!(drops.get(), 1);
    });
}

#[test]
fn loom_ready_at_once_against_wake_and_drop() {
    check_bounded(|| {
        let (record, threads) = (Record::new(), Threads::default());
        let drops = start(&record, {
            let threads = threads.clone();
            move |cx, _| {
                let (woken, dropped) = (cx.waker().clone(), cx.waker().clone());
                threads.spawn(move || woken.wake());
                threads.spawn(move || drop(dropped));
                Poll::Ready(())
            }
        });
        assert_eq!(record.called.get(), 0);
        assert_eq!(record.executor.run(), 1);
        threads.join();
        assert_eq!(record.executor.run(), 0);
        record.assert_over(1);
        assert_eq!(drops.get(), 1);
    });
}

/// Whichever drop is the last: the frame is destroyed, by its poll or through
/// its executor, and never polled again.
#[test]
fn loom_last_waker_dropped_against_pending() {
    check_bounded(|| {
        let (record, threads) = (Record::new(), Threads::default());
        let drops = start(&record, {
            let threads = threads.clone();
            move |cx, polls| {
                assert_eq!(polls, 1);
                let (first, second) = (cx.waker().clone(), cx.waker().clone());
                threads.spawn(move || {
                    let clone = first.clone();
                    drop(first);
                    drop(clone);
                });
                threads.spawn(move || drop(second));
                Poll::Pending
            }
        });
        threads.join();
        record.executor.run();
        record.assert_over(0);
        assert_eq!(drops.get(), 1);
    });
}

/// A drop may make another waker the last, but not take its wake away.
#[test]
fn loom_wake_against_drop_of_another_waker() {
    check_bounded(|| {
        let (record, threads) = (Record::new(), Threads::default());
        let drops = start(&record, {
            let threads = threads.clone();
            move |cx, polls| {
                if polls == 1 {
                    let (woken, dropped) = (cx.waker().clone(), cx.waker().clone());
                    threads.spawn(move || woken.wake());
                    threads.spawn(move || drop(dropped));
                    return Poll::Pending;
                }
                Poll::Ready(())
            }
        });
        record.executor.run();
        threads.join();
        record.executor.run();
        record.assert_over(1);
        assert_eq!(drops.get(), 1);
    });
}

/// Two threads wake and run the frame, so that it goes from one to the other
/// through the state and the queue.
#[test]
fn loom_frame_runs_on_two_threads() {
    check_bounded(|| {
        let record = Record::new();
        let place = Arc::new(Mutex::new(None::<Waker>));
        let polled = Arc::new(AtomicUsize::new(0));
        let drops = start(&record, {
            let (place, polled) = (Arc::clone(&place), Arc::clone(&polled));
            move |cx, polls| {
                polled.store(polls, Ordering::Relaxed);
                if polls == 3 {
                    return Poll::Ready(());
                }
                let previous = place.lock().unwrap().replace(cx.waker().clone());
                drop(previous);
                Poll::Pending
            }
        });
        let wake_and_run = {
            let record = record.clone();
            move || {
                let waker = place.lock().unwrap().take();
                if let Some(waker) = waker {
                    waker.wake();
                }
                record.executor.run();
            }
        };
        let thread = thread::spawn(wake_and_run.clone());
        wake_and_run();
        thread.join().unwrap();
        if polled.load(Ordering::Relaxed) < 3 {
            wake_and_run();
        }
        record.assert_over(1);
        assert_eq!(drops.get(), 1);
    });
}

/// Two threads use the poller's waker during the first poll, by reference: each
/// may make the stub, and one is kept.
#[test]
fn loom_stub_made_by_two_threads() {
    check_bounded(|| {
        let record = Record::new();
        let drops = start(&record, move |cx, polls| {
            if polls == 2 {
                return Poll::Ready(());
            }
            // SAFETY: the thread is joined before the poll is over, which loom
            // has no way to say.
            let waker: &'static Waker = unsafe { mem::transmute(cx.waker()) };
            let thread = thread::spawn(|| waker.wake_by_ref());
            drop(cx.waker().clone());
            thread.join().unwrap();
            Poll::Pending
        });
        assert_eq!(record.executor.run(), 1);
        record.assert_over(1);
        assert_eq!(drops.get(), 1);
    });
}
