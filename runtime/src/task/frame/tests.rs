use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::task::Waker;
use std::thread;

use super::*;
use crate::task::testing::{Count, CountDrop, Record, TestExecutor, site};

/// A place for the waker of a future.
type Place = Arc<Mutex<Option<Waker>>>;

/// A future made of a function that receives the number of the poll; counts its
/// drops.
fn future(
    drops: &Count,
    mut poll: impl FnMut(&mut Context<'_>, usize) -> Poll<()> + Send + 'static,
) -> impl Future<Output = ()> + Send + 'static {
    let dropped = CountDrop(drops.clone());
    let mut polls = 0;
    std::future::poll_fn(move |cx| {
        let _ = &dropped;
        polls += 1;
        poll(cx, polls)
    })
}

/// Starts `future` with the handler of `record`, on another I/O executor.
fn start_in(record: &Record, future: impl Future<Output = ()> + Send + 'static) {
    let io = TestExecutor::new();
    start::<fn(), _, _, _>(site(), io.clone(), future, record.handler());
    assert!(io.work() <= 1);
}

/// Stores the waker at the first poll, and is ready at the second.
fn pending_once(drops: &Count, place: &Place) -> impl Future<Output = ()> + Send + 'static {
    let place = Arc::clone(place);
    future(drops, move |cx, polls| {
        if polls == 2 {
            return Poll::Ready(());
        }
        *place.lock().unwrap() = Some(cx.waker().clone());
        Poll::Pending
    })
}

fn take(place: &Place) -> Waker {
    place
        .lock()
        .unwrap()
        .take()
        .expect("the future has been polled")
}

#[test]
fn ready_at_once_is_posted() {
    let (record, drops) = (Record::new(), Count::default());
    start_in(&record, future(&drops, |_, _| Poll::Ready(())));
    assert_eq!((drops.get(), record.called.get()), (1, 0));
    assert_eq!(record.memory.live(), 1);
    assert_eq!(record.executor.run(), 1);
    record.assert_over(1);
    assert_eq!(record.memory.total(), 1);
}

#[test]
fn ready_later_is_called_where_it_is_polled() {
    let (record, drops, place) = (Record::new(), Count::default(), Place::default());
    start_in(&record, pending_once(&drops, &place));
    assert_eq!(record.executor.run(), 0);
    take(&place).wake();
    assert_eq!(record.executor.run(), 1);
    record.assert_over(1);
    assert_eq!(drops.get(), 1);
    assert_eq!(record.memory.total(), 1);
}

#[test]
fn a_waker_that_outlives_the_operation_keeps_none_of_its_memory() {
    let (record, drops, place) = (Record::new(), Count::default(), Place::default());
    start_in(&record, pending_once(&drops, &place));
    let waker = take(&place);
    waker.wake_by_ref();
    record.executor.run();
    record.assert_over(1);
    let clone = waker.clone();
    waker.wake();
    clone.wake_by_ref();
    assert_eq!(record.executor.run(), 0);
    drop(clone);
    record.assert_over(1);
}

#[test]
fn a_future_that_wakes_itself_is_posted_once_per_poll() {
    let (record, drops) = (Record::new(), Count::default());
    start_in(
        &record,
        future(&drops, |cx, polls| {
            // In both ways, and more than once.
            cx.waker().wake_by_ref();
            let waker = cx.waker().clone();
            waker.wake();
            if polls == 4 {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        }),
    );
    assert_eq!(record.executor.run(), 3);
    record.assert_over(1);
    assert_eq!(drops.get(), 1);
}

#[test]
fn wakes_before_the_task_runs_are_one() {
    let (record, drops, place) = (Record::new(), Count::default(), Place::default());
    start_in(&record, pending_once(&drops, &place));
    let waker = take(&place);
    waker.wake_by_ref();
    waker.wake_by_ref();
    waker.wake();
    assert_eq!(record.executor.run(), 1);
    record.assert_over(1);
}

#[test]
fn the_waker_is_the_same_in_later_polls() {
    let (record, drops, place) = (Record::new(), Count::default(), Place::default());
    let kept = Arc::clone(&place);
    start_in(
        &record,
        future(&drops, move |cx, polls| {
            let mut kept = kept.lock().unwrap();
            if polls == 1 {
                *kept = Some(cx.waker().clone());
                return Poll::Pending;
            }
            assert!(kept.as_ref().unwrap().will_wake(cx.waker()));
            Poll::Ready(())
        }),
    );
    let waker = take(&place);
    *place.lock().unwrap() = Some(waker.clone());
    waker.wake();
    record.executor.run();
    record.assert_over(1);
}

#[test]
fn pending_without_a_waker_is_abandoned() {
    let (record, drops) = (Record::new(), Count::default());
    start_in(&record, future(&drops, |_, _| Poll::Pending));
    record.assert_over(0);
    assert_eq!(drops.get(), 1);
}

#[test]
fn pending_with_its_wakers_dropped_is_abandoned() {
    let (record, drops) = (Record::new(), Count::default());
    start_in(
        &record,
        future(&drops, |cx, _| {
            drop(cx.waker().clone());
            Poll::Pending
        }),
    );
    record.assert_over(0);
    assert_eq!(drops.get(), 1);
}

#[test]
fn the_last_waker_dropped_destroys_the_operation_on_its_executor() {
    let (record, drops, place) = (Record::new(), Count::default(), Place::default());
    start_in(&record, pending_once(&drops, &place));
    let waker = take(&place);
    let clone = waker.clone();
    drop(waker);
    assert_eq!(record.executor.run(), 0);
    thread::spawn(move || drop(clone)).join().unwrap();
    assert_eq!((drops.get(), record.dropped.get()), (0, 0));
    assert_eq!(record.executor.run(), 1);
    record.assert_over(0);
    assert_eq!(drops.get(), 1);
}

#[test]
fn woken_from_another_thread() {
    let (record, drops, place) = (Record::new(), Count::default(), Place::default());
    start_in(&record, pending_once(&drops, &place));
    let waker = take(&place);
    thread::spawn(move || waker.wake()).join().unwrap();
    assert_eq!(record.executor.run(), 1);
    record.assert_over(1);
    assert_eq!(drops.get(), 1);
}

#[test]
fn a_task_dropped_destroys_the_operation() {
    let (record, drops, place) = (Record::new(), Count::default(), Place::default());
    // With the future in it.
    start_in(&record, pending_once(&drops, &place));
    let waker = take(&place);
    waker.wake_by_ref();
    record.executor.clear();
    record.assert_over(0);
    assert_eq!(drops.get(), 1);
    waker.wake();

    // With the output.
    let (record, drops, outputs) = (Record::new(), Count::default(), Count::default());
    let output = CountDrop(outputs.clone());
    let ready = {
        let dropped = CountDrop(drops.clone());
        async move {
            drop(dropped);
            output
        }
    };
    start::<fn(CountDrop), _, _, _>(site(), TestExecutor::new(), ready, record.handler());
    assert_eq!((drops.get(), outputs.get()), (1, 0));
    record.executor.clear();
    record.assert_over(0);
    assert_eq!(outputs.get(), 1);
}

#[test]
fn a_panic_in_the_first_poll_leaves_the_initiating_function() {
    let (record, drops, place) = (Record::new(), Count::default(), Place::default());
    let kept = Arc::clone(&place);
    let started = catch_unwind(AssertUnwindSafe(|| {
        start_in(
            &record,
            future(&drops, move |cx, _| {
                *kept.lock().unwrap() = Some(cx.waker().clone());
                panic!("on purpose");
            }),
        );
    }));
    assert!(started.is_err());
    record.assert_over(0);
    assert_eq!(drops.get(), 1);
    take(&place).wake();
    assert_eq!(record.executor.run(), 0);
}

#[test]
fn a_panic_in_a_later_poll_leaves_the_executor() {
    let (record, drops, place) = (Record::new(), Count::default(), Place::default());
    let kept = Arc::clone(&place);
    start_in(
        &record,
        future(&drops, move |cx, polls| {
            assert_eq!(polls, 1, "on purpose");
            *kept.lock().unwrap() = Some(cx.waker().clone());
            Poll::Pending
        }),
    );
    let waker = take(&place);
    waker.wake_by_ref();
    let run = catch_unwind(AssertUnwindSafe(|| record.executor.run()));
    assert!(run.is_err());
    record.assert_over(0);
    assert_eq!(drops.get(), 1);
    waker.wake();
    assert_eq!(record.executor.run(), 0);
}

/// Ready at the given poll, or never; its drop panics.
struct PanicsOnDrop {
    ready_at: usize,
    polls: usize,
    place: Place,
}

impl Future for PanicsOnDrop {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.polls += 1;
        if self.polls == self.ready_at {
            return Poll::Ready(());
        }
        *self.place.lock().unwrap() = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for PanicsOnDrop {
    fn drop(&mut self) {
        panic!("on purpose");
    }
}

#[test]
fn a_panic_in_the_drop_of_the_future_destroys_the_operation() {
    for ready_at in [1, 2, usize::MAX] {
        let (record, place) = (Record::new(), Place::default());
        let body = PanicsOnDrop {
            ready_at,
            polls: 0,
            place: Arc::clone(&place),
        };
        let result = catch_unwind(AssertUnwindSafe(|| {
            start_in(&record, body);
            let waker = take(&place);
            if ready_at == 2 {
                waker.wake();
            } else {
                drop(waker);
            }
            record.executor.run();
        }));
        assert!(result.is_err());
        record.assert_over(0);
        assert_eq!(record.executor.run(), 0);
    }
}

#[test]
fn a_panic_in_the_drop_of_the_output_destroys_the_operation() {
    struct Output;
    impl Drop for Output {
        fn drop(&mut self) {
            panic!("on purpose");
        }
    }

    let record = Record::new();
    let ready = async { Output };
    start::<fn(Output), _, _, _>(site(), TestExecutor::new(), ready, record.handler());
    let cleared = catch_unwind(AssertUnwindSafe(|| record.executor.clear()));
    assert!(cleared.is_err());
    record.assert_over(0);
}

#[test]
fn a_wake_may_destroy_the_operation_within_itself() {
    /// Drops tasks at once, as a context does that is gone.
    #[derive(Clone, PartialEq)]
    struct Gone;
    impl Executor for Gone {
        fn post(&self, task: Task) {
            drop(task);
        }
    }
    struct OnGone {
        _dropped: CountDrop,
    }
    impl crate::handler::Associations for OnGone {
        fn executor<E: Executor>(&self, _io: &E) -> impl Executor {
            Gone
        }
    }
    impl CompletionHandler<fn()> for OnGone {
        fn complete(self, (): ()) {
            unreachable!("the context is gone");
        }
    }

    for by_wake in [true, false] {
        let (drops, handlers, place) = (Count::default(), Count::default(), Place::default());
        let handler = OnGone {
            _dropped: CountDrop(handlers.clone()),
        };
        let body = pending_once(&drops, &place);
        start::<fn(), _, _, _>(site(), TestExecutor::new(), body, handler);
        let waker = take(&place);
        if by_wake {
            waker.wake();
        } else {
            drop(waker);
        }
        assert_eq!((drops.get(), handlers.get()), (1, 1));
    }
}
