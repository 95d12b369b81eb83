//! Models of the two halves of a slot on two threads.
//!
//! That the slot is freed once, after all uses, and not leaked, is what the
//! shim's atomics check; that arguments and waker have one user at a time, the
//! shim's cells.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use loom::sync::Mutex;
use loom::thread;

use super::{SlotFuture, new};
use crate::completion::Completion;
use crate::task::testing::{Count, CountDrop, site};
use crate::trace::Trace;

type Signature = fn(CountDrop);

fn slot() -> (SlotFuture<Signature>, Completion<Signature>) {
    new(site(), Trace::none(site()))
}

#[derive(Default)]
struct CountWakes(Count);

impl Wake for CountWakes {
    fn wake(self: Arc<Self>) {
        self.0.add();
    }
}

fn waker() -> (Arc<CountWakes>, Waker) {
    let wakes = Arc::<CountWakes>::default();
    (Arc::clone(&wakes), Waker::from(wakes))
}

/// Asserts that nobody has a clone of the waker.
fn assert_unused(wakes: &Arc<CountWakes>, waker: Waker) {
    drop(waker);
    assert_eq!(Arc::strong_count(wakes), 1, "a waker is left");
}

#[test]
fn loom_complete_against_polls_with_changed_waker() {
    loom::model(|| {
        let drops = Count::default();
        let (mut future, op) = slot();
        let thread = thread::spawn({
            let result = CountDrop(drops.clone());
            move || op.complete(result)
        });
        let (first_wakes, first) = waker();
        let (second_wakes, second) = waker();
        let mut poll = future.poll(&mut Context::from_waker(&first));
        if poll.is_pending() {
            poll = future.poll(&mut Context::from_waker(&second));
        }
        let was_pending = poll.is_pending();
        thread.join().unwrap();
        if was_pending {
            assert_eq!(first_wakes.0.get(), 0, "woken after it was replaced");
            assert_eq!(second_wakes.0.get(), 1, "the wake is lost");
            poll = future.poll(&mut Context::from_waker(&second));
        } else {
            assert_eq!(second_wakes.0.get(), 0, "woken, and ready before");
        }
        assert_eq!(drops.get(), 0);
        let Poll::Ready((result,)) = poll else {
            panic!("completed, but pending");
        };
        drop(result);
        assert_eq!(drops.get(), 1);
        assert_unused(&first_wakes, first);
        assert_unused(&second_wakes, second);
    });
}

#[test]
fn loom_complete_against_polls_with_the_same_waker() {
    loom::model(|| {
        let drops = Count::default();
        let (mut future, op) = slot();
        let thread = thread::spawn({
            let result = CountDrop(drops.clone());
            move || op.complete(result)
        });
        let (wakes, waker) = waker();
        let mut cx = Context::from_waker(&waker);
        let was_ready = future.poll(&mut cx).is_ready() || future.poll(&mut cx).is_ready();
        thread.join().unwrap();
        if !was_ready {
            assert_eq!(wakes.0.get(), 1);
            assert!(future.poll(&mut cx).is_ready());
        }
        assert_eq!(drops.get(), 1);
        drop(future);
        assert_unused(&wakes, waker);
    });
}

#[test]
fn loom_complete_against_drop_of_the_future() {
    loom::model(|| {
        let drops = Count::default();
        let (mut future, op) = slot();
        let (wakes, waker) = waker();
        assert!(future.poll(&mut Context::from_waker(&waker)).is_pending());
        let thread = thread::spawn({
            let result = CountDrop(drops.clone());
            move || op.complete(result)
        });
        drop(future);
        thread.join().unwrap();
        assert_eq!(drops.get(), 1);
        assert!(wakes.0.get() <= 1);
        assert_unused(&wakes, waker);
    });
}

#[test]
fn loom_abandon_against_poll() {
    loom::model(|| {
        let (mut future, op) = slot();
        let (wakes, waker) = waker();
        let thread = thread::spawn(move || drop(op));
        let mut poll = || {
            let mut cx = Context::from_waker(&waker);
            catch_unwind(AssertUnwindSafe(|| future.poll(&mut cx).is_ready()))
        };
        let first = poll();
        thread.join().unwrap();
        if let Ok(is_ready) = first {
            assert!(!is_ready);
            assert_eq!(wakes.0.get(), 1);
            assert!(poll().is_err());
        }
        drop(future);
        assert_unused(&wakes, waker);
    });
}

#[test]
fn loom_abandon_against_drop_of_the_future() {
    loom::model(|| {
        let (mut future, op) = slot();
        let (wakes, waker) = waker();
        assert!(future.poll(&mut Context::from_waker(&waker)).is_pending());
        let thread = thread::spawn(move || drop(op));
        drop(future);
        thread.join().unwrap();
        assert_unused(&wakes, waker);
    });
}

/// The backend completes the operation while its future is dropped, and the
/// hook would too: one of the two finds the `Completion`.
#[test]
fn loom_request_against_complete() {
    loom::model(|| {
        let (results, hooks) = (Count::default(), Count::default());
        let (future, op) = slot();
        let backend = Arc::new(Mutex::new(None));
        let complete = {
            let (backend, results) = (Arc::clone(&backend), results.clone());
            move || {
                let op: Option<Completion<Signature>> = backend.lock().unwrap().take();
                if let Some(op) = op {
                    op.complete(CountDrop(results));
                }
            }
        };
        op.on_cancel({
            let (complete, hook) = (complete.clone(), CountDrop(hooks.clone()));
            move |_| {
                complete();
                drop(hook);
            }
        });
        *backend.lock().unwrap() = Some(op);
        let thread = thread::spawn(complete);
        drop(future);
        thread.join().unwrap();
        assert_eq!(results.get(), 1);
        assert_eq!(hooks.get(), 1);
    });
}
