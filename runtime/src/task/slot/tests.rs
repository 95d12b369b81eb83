use std::future::Future;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Wake;
use std::thread;

use super::*;
use crate::initiation::from_fn;
use crate::task::frame;
use crate::task::testing::{Count, CountDrop, META, Record, TestExecutor, site};
use crate::trace::Trace;

type Signature = fn(CountDrop);

fn slot() -> (SlotFuture<Signature>, Completion<Signature>) {
    new(site(), Trace::none(site()))
}

struct CountWakes(Count);

impl Wake for CountWakes {
    fn wake(self: Arc<Self>) {
        self.0.add();
    }
}

fn waker() -> (Count, Waker) {
    let wakes = Count::default();
    (wakes.clone(), Waker::from(Arc::new(CountWakes(wakes))))
}

/// A value whose drop panics, after it has been counted.
struct PanicsOnDrop(Count);

impl Drop for PanicsOnDrop {
    fn drop(&mut self) {
        self.0.add();
        panic!("on purpose");
    }
}

/// Runs `body`, which panics; returns the message.
fn panics(body: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(body)).expect_err("a panic");
    match panic.downcast::<String>() {
        Ok(message) => *message,
        Err(panic) => panic.downcast_ref::<&str>().unwrap().to_string(),
    }
}

/// Runs `body` inside a frame of `record`, to its end.
fn in_frame(record: &Record, body: impl Future<Output = ()> + Send + 'static) {
    frame::start::<fn(), _, _, _>(site(), TestExecutor::new(), body, record.handler());
}

/// Polls a future once.
async fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    std::future::poll_fn(|cx| Poll::Ready(Pin::new(&mut *future).poll(cx))).await
}

#[test]
fn completed_on_another_thread() {
    let (mut future, op) = slot();
    let drops = Count::default();
    let (wakes, waker) = waker();
    let mut cx = Context::from_waker(&waker);
    assert!(future.poll(&mut cx).is_pending());
    assert!(future.poll(&mut cx).is_pending());
    let result = CountDrop(drops.clone());
    thread::spawn(move || op.complete(result)).join().unwrap();
    assert_eq!((wakes.get(), drops.get()), (1, 0));
    assert!(future.poll(&mut cx).is_ready());
    assert_eq!(drops.get(), 1);
}

#[test]
fn a_waker_that_was_replaced_is_not_woken() {
    let (mut future, op) = slot();
    let (first_wakes, first) = waker();
    let (second_wakes, second) = waker();
    assert!(future.poll(&mut Context::from_waker(&first)).is_pending());
    assert!(future.poll(&mut Context::from_waker(&second)).is_pending());
    op.complete(CountDrop(Count::default()));
    assert_eq!((first_wakes.get(), second_wakes.get()), (0, 1));
}

#[test]
fn an_abandoned_operation_panics_in_its_future_with_its_name() {
    let (mut future, op) = slot();
    let (wakes, waker) = waker();
    let mut cx = Context::from_waker(&waker);
    assert!(future.poll(&mut cx).is_pending());
    drop(op);
    assert_eq!(wakes.get(), 1);
    let message = panics(|| drop(future.poll(&mut cx)));
    assert!(message.contains("`async_test` was abandoned"), "{message}");
}

#[test]
fn dropping_the_future_requests_and_the_result_is_dropped() {
    let (future, op) = slot();
    let (requests, drops) = (Count::default(), Count::default());
    op.on_cancel({
        let requests = requests.clone();
        move |kind| {
            assert_eq!(kind, CancellationType::TERMINAL);
            requests.add();
        }
    });
    assert!(!op.is_abandoned());
    drop(future);
    assert!(op.is_abandoned());
    assert_eq!(requests.get(), 1);
    op.complete(CountDrop(drops.clone()));
    assert_eq!((requests.get(), drops.get()), (1, 1));
}

#[test]
#[cfg_attr(async_op_sanitize, ignore = "leaks on purpose")]
fn a_forgotten_future_leaves_the_completer_its_half() {
    let (mut future, op) = slot();
    let drops = Count::default();
    let (wakes, waker) = waker();
    assert!(future.poll(&mut Context::from_waker(&waker)).is_pending());
    mem::forget(future);
    op.complete(CountDrop(drops.clone()));
    // Leaked with the slot, as was asked for.
    assert_eq!((wakes.get(), drops.get()), (1, 0));
}

#[test]
fn a_panic_in_the_drop_of_the_hook_does_not_lose_the_result() {
    let (mut future, op) = slot();
    let hooks = Count::default();
    let (wakes, waker) = waker();
    let mut cx = Context::from_waker(&waker);
    assert!(future.poll(&mut cx).is_pending());
    let hook = PanicsOnDrop(hooks.clone());
    op.on_cancel(move |_| drop(hook));
    panics(|| op.complete(CountDrop(Count::default())));
    assert_eq!((hooks.get(), wakes.get()), (1, 1));
    assert!(future.poll(&mut cx).is_ready());
}

/// The next three run in a frame, whose allocator tells whether the slot has
/// been freed.
#[test]
fn a_panic_in_the_hook_does_not_leak_the_slot() {
    let record = Record::new();
    let live = record.memory.watch();
    in_frame(&record, async move {
        let (future, op) = slot();
        op.on_cancel(|_| panic!("on purpose"));
        panics(|| drop(future));
        assert_eq!(live(), 2);
        op.complete(CountDrop(Count::default()));
        assert_eq!(live(), 1);
    });
    record.executor.run();
    record.assert_over(1);
}

#[test]
fn a_panic_in_the_drop_of_the_result_does_not_leak_the_slot() {
    let record = Record::new();
    let live = record.memory.watch();
    in_frame(&record, async move {
        for future_first in [true, false] {
            let results = Count::default();
            let result = PanicsOnDrop(results.clone());
            let (future, op) = new::<fn(PanicsOnDrop)>(site(), Trace::none(site()));
            assert_eq!(live(), 2);
            if future_first {
                drop(future);
                panics(|| op.complete(result));
            } else {
                op.complete(result);
                panics(|| drop(future));
            }
            assert_eq!((results.get(), live()), (1, 1));
        }
    });
    record.executor.run();
    record.assert_over(1);
}

#[test]
fn a_slot_goes_back_to_the_allocator_of_its_frame_from_anywhere() {
    let record = Record::new();
    let held = Arc::new(std::sync::Mutex::new(None));
    in_frame(&record, {
        let (live, held) = (record.memory.watch(), Arc::clone(&held));
        async move {
            let body = |op: Completion<fn(u32)>| *held.lock().unwrap() = Some(op);
            let operation = from_fn(&META, TestExecutor::new(), body);
            let mut future = pin!(operation);
            assert_eq!(live(), 1);
            assert!(poll_once(&mut future).await.is_pending());
            assert_eq!(live(), 2);
            assert_eq!(future.await, 7);
            assert_eq!(live(), 1);
        }
    });
    let op = held.lock().unwrap().take().unwrap();
    thread::spawn(move || op.complete(7)).join().unwrap();
    assert_eq!(record.executor.run(), 1);
    record.assert_over(1);
}
