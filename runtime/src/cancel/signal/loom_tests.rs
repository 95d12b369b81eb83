//! Models of requests against completions: either wins, and the operation ends
//! once. That its memory is used by nobody afterwards is what [`Record`] and the
//! shim's atomics check.

use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use loom::sync::Mutex;
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;

use super::*;
use crate::adapter::bind::bind_cancellation_slot;
use crate::cancel::CancellationGroup;
use crate::completion::Completion;
use crate::meta::Meta;
use crate::site::Site;
use crate::task::scope;
use crate::task::testing::{Count, CountDrop, META, Record, TestExecutor, bounded, site};
use crate::task::{block, frame, slot};
use crate::trace::Trace;

type Op = Completion<fn(CountDrop)>;

/// What an operation in handler form and its backend share.
#[derive(Clone, Default)]
struct Backend {
    op: Arc<Mutex<Option<Op>>>,
    results: Count,
    /// Calls and drops of the functions for requests.
    asked: Count,
    forgotten: Count,
}

impl Backend {
    /// Completes the operation unless somebody has.
    fn complete(&self) {
        let op = self.op.lock().unwrap().take();
        if let Some(op) = op {
            op.complete(CountDrop(self.results.clone()));
        }
    }

    /// Starts an operation that completes when it is asked to stop.
    fn start(&self, record: &Record, slot: CancellationSlot) {
        let op = self.start_deaf(record, slot);
        self.listen(&op);
        *self.op.lock().unwrap() = Some(op);
    }

    fn start_deaf(&self, record: &Record, slot: CancellationSlot) -> Op {
        let handler = bind_cancellation_slot(slot, record.handler());
        block::new(site(), record.executor.clone(), handler).unwrap()
    }

    fn listen(&self, op: &Op) {
        let (this, dropped) = (self.clone(), CountDrop(self.forgotten.clone()));
        op.on_cancel(move |_| {
            this.asked.add();
            this.complete();
            drop(dropped);
        });
    }

    /// Asserts that the operation completed, and nothing of it is left.
    fn assert_over(&self, record: &Record) {
        record.executor.run();
        record.assert_over(1);
        assert_eq!(self.results.get(), 1, "results");
        assert!(self.asked.get() <= 1, "asked more than once");
        assert_eq!(self.forgotten.get(), 1, "drops of the function");
    }
}

#[test]
fn loom_emit_against_complete() {
    bounded(4).check(|| {
        let (record, backend) = (Record::new(), Backend::default());
        let signal = CancellationSignal::new();
        backend.start(&record, signal.slot());
        let other = backend.clone();
        let completes = thread::spawn(move || other.complete());
        signal.emit(CancellationType::TERMINAL);
        completes.join().unwrap();
        backend.assert_over(&record);
    });
}

/// The handler runs, and the memory goes, on a third thread.
#[test]
fn loom_emit_against_complete_and_the_handler() {
    bounded(2).check(|| {
        let (record, backend) = (Record::new(), Backend::default());
        let signal = CancellationSignal::new();
        backend.start(&record, signal.slot());
        let (other, executor) = (backend.clone(), record.executor.clone());
        let completes = thread::spawn(move || other.complete());
        let runs = thread::spawn(move || executor.run());
        signal.emit(CancellationType::TERMINAL);
        completes.join().unwrap();
        runs.join().unwrap();
        backend.assert_over(&record);
    });
}

/// A request is not lost on an operation that is about to listen.
#[test]
fn loom_emit_against_a_function_that_is_set() {
    loom::model(|| {
        let (record, backend) = (Record::new(), Backend::default());
        let signal = Arc::new(CancellationSignal::new());
        let op = backend.start_deaf(&record, signal.slot());
        let other = Arc::clone(&signal);
        let emits = thread::spawn(move || other.emit(CancellationType::TERMINAL));
        backend.listen(&op);
        emits.join().unwrap();
        assert_eq!(backend.asked.get(), 1);
        op.complete(CountDrop(backend.results.clone()));
        backend.assert_over(&record);
    });
}

/// A request while one operation follows another finds one of them: the first knows it still
/// when it is polled, with the slot in the service of the second.
#[test]
fn loom_emit_against_the_start_of_the_next_operation() {
    bounded(3).check(|| {
        let (records, open) = ([Record::new(), Record::new()], Arc::default());
        let signal = Arc::new(CancellationSignal::new());
        let first = start_frame(&records[0], signal.slot(), &open, |_| ());
        let other = Arc::clone(&signal);
        let emits = thread::spawn(move || other.emit(CancellationType::TERMINAL));
        let second = start_frame(&records[1], signal.slot(), &open, |_| ());
        emits.join().unwrap();
        // Who has not been asked is abandoned: nobody else would wake it.
        drop(signal);
        for record in &records {
            record.executor.run();
        }
        let called = records[0].called.get();
        assert_eq!(called + records[1].called.get(), 1, "asked");
        records[0].assert_over(called);
        records[1].assert_over(1 - called);
        assert_eq!((first.get(), second.get()), (1, 1));
    });
}

/// Nor is it on one that is started on behalf of the other, before it begins or after.
#[test]
fn loom_emit_against_a_next_operation() {
    bounded(4).check(|| {
        let (records, signal) = ([Record::new(), Record::new()], CancellationSignal::new());
        let (outer, next) = (Backend::default(), Backend::default());
        let signal = Arc::new(signal);
        let op = outer.start_deaf(&records[0], signal.slot());
        let other = Arc::clone(&signal);
        let emits = thread::spawn(move || other.emit(CancellationType::TERMINAL));
        next.start(&records[1], op.pass_on());
        emits.join().unwrap();
        assert_eq!(next.asked.get(), 1, "the request is lost");
        next.complete(); // unless the function has, when it was there already
        next.assert_over(&records[1]);
        drop(op);
        assert_eq!(records[0].executor.run(), 0);
    });
}

/// The same of an operation whose future is dropped.
#[test]
fn loom_drop_of_a_future_against_a_next_operation() {
    bounded(4).check(|| {
        let (record, next) = (Record::new(), Backend::default());
        let (future, op) = slot::new::<fn(CountDrop)>(site(), Trace::none(site()));
        let drops = thread::spawn(move || drop(future));
        next.start(&record, op.pass_on());
        drops.join().unwrap();
        assert_eq!(next.asked.get(), 1, "the request is lost");
        next.complete();
        next.assert_over(&record);
        op.complete(CountDrop(Count::default()));
    });
}

/// The request reaches one of two operations that the slot serves in turn, or
/// none.
#[test]
fn loom_emit_against_a_slot_that_goes_on_to_another() {
    bounded(4).check(|| {
        let signal = Arc::new(CancellationSignal::new());
        let records = [Record::new(), Record::new()];
        let backends = [Backend::default(), Backend::default()];
        backends[0].start(&records[0], signal.slot());
        let other = Arc::clone(&signal);
        let emits = thread::spawn(move || other.emit(CancellationType::TERMINAL));
        backends[0].complete();
        records[0].executor.run();
        backends[1].start(&records[1], signal.slot());
        emits.join().unwrap();
        backends[1].complete();
        backends[0].assert_over(&records[0]);
        backends[1].assert_over(&records[1]);
        assert!(backends[0].asked.get() + backends[1].asked.get() <= 1);
    });
}

/// So it is when the second starts before the first has completed: the end of
/// the first leaves the second its service.
#[test]
fn loom_the_end_of_one_operation_against_the_start_of_another() {
    bounded(4).check(|| {
        let signal = CancellationSignal::new();
        let records = [Record::new(), Record::new()];
        let backends = [Backend::default(), Backend::default()];
        backends[0].start(&records[0], signal.slot());
        let (executor, backend) = (records[0].executor.clone(), backends[0].clone());
        let ends = thread::spawn(move || {
            backend.complete();
            executor.run();
        });
        backends[1].start(&records[1], signal.slot());
        signal.emit(CancellationType::TERMINAL);
        assert_eq!(backends[1].asked.get(), 1, "the request is lost");
        ends.join().unwrap();
        backends[0].assert_over(&records[0]);
        backends[1].assert_over(&records[1]);
    });
}

#[test]
fn loom_drop_of_the_signal_against_complete() {
    bounded(4).check(|| {
        let (record, backend) = (Record::new(), Backend::default());
        let signal = CancellationSignal::new();
        backend.start(&record, signal.slot());
        let drops = thread::spawn(move || drop(signal));
        backend.complete();
        record.executor.run();
        drops.join().unwrap();
        backend.assert_over(&record);
        assert_eq!(backend.asked.get(), 0);
    });
}

/// Starts a frame that is ready once its gate is open, or it has been asked to
/// stop; gives its waker to `keep` at each poll. Returns the count of drops of
/// the future.
fn start_frame(
    record: &Record,
    slot: CancellationSlot,
    open: &Arc<AtomicBool>,
    keep: impl FnMut(&mut Context<'_>) + Send + 'static,
) -> Count {
    let drops = Count::default();
    let future = until_open_or_asked(&drops, open, keep);
    let handler = bind_cancellation_slot(slot, record.handler());
    frame::start::<fn(), _, _, _>(site(), record.executor.clone(), future, handler);
    drops
}

/// The same, to be polled for the first time by the executor.
fn spawn_frame(record: &Record, slot: CancellationSlot) -> Count {
    let drops = Count::default();
    let future = until_open_or_asked(&drops, &Arc::default(), |_| ());
    let handler = bind_cancellation_slot(slot, record.handler());
    let executor = record.executor.clone();
    frame::spawn::<fn(), _, _, _>(site(), executor, future, handler, frame::Submit::Post);
    drops
}

fn until_open_or_asked(
    drops: &Count,
    open: &Arc<AtomicBool>,
    mut keep: impl FnMut(&mut Context<'_>) + Send + 'static,
) -> impl Future<Output = ()> + Send + 'static {
    let (open, dropped) = (Arc::clone(open), CountDrop(drops.clone()));
    std::future::poll_fn(move |cx| {
        let _ = &dropped;
        keep(cx);
        if open.load(Ordering::Relaxed) || !scope::requested().is_empty() {
            return Poll::Ready(());
        }
        Poll::Pending
    })
}

#[test]
fn loom_emit_against_pending() {
    loom::model(|| {
        let record = Record::new();
        let signal = Arc::new(CancellationSignal::new());
        let thread = Arc::new(Mutex::new(None));
        let (place, emitter) = (Arc::clone(&thread), Arc::clone(&signal));
        let drops = start_frame(&record, signal.slot(), &Arc::default(), move |_| {
            let mut place = place.lock().unwrap();
            if place.is_none() {
                let emitter = Arc::clone(&emitter);
                *place = Some(thread::spawn(move || {
                    emitter.emit(CancellationType::TERMINAL);
                }));
            }
        });
        record.executor.run();
        let emits = thread.lock().unwrap().take();
        emits.unwrap().join().unwrap();
        record.executor.run();
        record.assert_over(1);
        assert_eq!(drops.get(), 1);
    });
}

/// One that waits for one thing is over when it is polled again, whoever has woken it; its
/// work on the I/O executor has ended by then, and the request finds it or nobody.
#[test]
fn loom_emit_against_wake_of_a_frame_that_waits_once() {
    static ONCE: Meta = META.waiting_once();
    bounded(3).check(|| {
        let (record, io) = (Record::new(), TestExecutor::new());
        let signal = CancellationSignal::new();
        let (polls, drops) = (Count::default(), Count::default());
        let (open, place) = (Arc::default(), Arc::new(Mutex::new(None::<Waker>)));
        let future = until_open_or_asked(&drops, &open, {
            let (place, polls) = (Arc::clone(&place), polls.clone());
            move |cx| {
                if polls.get() == 0 {
                    *place.lock().unwrap() = Some(cx.waker().clone());
                }
                polls.add();
            }
        });
        let handler = bind_cancellation_slot(signal.slot(), record.handler());
        frame::start::<fn(), _, _, _>(Site::here(&ONCE), io.clone(), future, handler);
        assert_eq!(io.work(), 1);
        let waker = place.lock().unwrap().take().unwrap();
        let emits = thread::spawn(move || signal.emit(CancellationType::TERMINAL));
        let executor = record.executor.clone();
        let runs = thread::spawn(move || executor.run());
        open.store(true, Ordering::Relaxed);
        waker.wake();
        emits.join().unwrap();
        runs.join().unwrap();
        record.executor.run();
        record.assert_over(1);
        assert_eq!((polls.get(), drops.get(), io.work()), (2, 1, 0));
    });
}

/// The frame is woken by its backend and by a request, and becomes ready.
#[test]
fn loom_emit_against_wake_of_a_frame() {
    bounded(3).check(|| {
        let record = Record::new();
        let signal = Arc::new(CancellationSignal::new());
        let (open, place) = (Arc::default(), Arc::new(Mutex::new(None::<Waker>)));
        let drops = start_frame(&record, signal.slot(), &open, {
            let place = Arc::clone(&place);
            move |cx| {
                let previous = place.lock().unwrap().replace(cx.waker().clone());
                drop(previous);
            }
        });
        let waker = place.lock().unwrap().take().unwrap();
        let emits = thread::spawn(move || signal.emit(CancellationType::TERMINAL));
        let wakes = thread::spawn(move || {
            open.store(true, Ordering::Relaxed);
            waker.wake();
        });
        record.executor.run();
        emits.join().unwrap();
        wakes.join().unwrap();
        record.executor.run();
        record.assert_over(1);
        assert_eq!(drops.get(), 1);
        drop(place.lock().unwrap().take());
    });
}

/// The signal's waker and another are the last two: the frame is abandoned, once.
#[test]
fn loom_drop_of_the_signal_against_drop_of_a_waker() {
    bounded(4).check(|| {
        let record = Record::new();
        let signal = CancellationSignal::new();
        let place = Arc::new(Mutex::new(None::<Waker>));
        let drops = start_frame(&record, signal.slot(), &Arc::default(), {
            let place = Arc::clone(&place);
            move |cx| *place.lock().unwrap() = Some(cx.waker().clone())
        });
        let waker = place.lock().unwrap().take();
        let thread = thread::spawn(move || drop(signal));
        drop(waker);
        thread.join().unwrap();
        assert_eq!(record.executor.run(), 1);
        record.assert_over(0);
        assert_eq!(drops.get(), 1);
    });
}

/// The signal goes while the frame is being polled for the first time, and
/// nobody else could wake it.
#[test]
fn loom_drop_of_the_signal_against_pending() {
    loom::model(|| {
        let record = Record::new();
        let signal = Arc::new(Mutex::new(Some(CancellationSignal::new())));
        let slot = signal.lock().unwrap().as_ref().unwrap().slot();
        let thread = Arc::new(Mutex::new(None));
        let place = Arc::clone(&thread);
        let drops = start_frame(&record, slot, &Arc::default(), move |_| {
            let signal = signal.lock().unwrap().take();
            *place.lock().unwrap() = Some(thread::spawn(move || drop(signal)));
        });
        let dropping = thread.lock().unwrap().take();
        dropping.unwrap().join().unwrap();
        record.executor.run();
        record.assert_over(0);
        assert_eq!(drops.get(), 1);
    });
}

/// The stub is there before the first poll, and wakers of it while the frame is
/// still in the queue.
#[test]
fn loom_emit_against_the_first_poll_of_a_spawned_frame() {
    loom::model(|| {
        let record = Record::new();
        let signal = Arc::new(CancellationSignal::new());
        let drops = spawn_frame(&record, signal.slot());
        let emits = thread::spawn(move || signal.emit(CancellationType::TERMINAL));
        record.executor.run();
        emits.join().unwrap();
        record.executor.run();
        record.assert_over(1);
        assert_eq!(drops.get(), 1);
    });
}

#[test]
fn loom_drop_of_the_signal_against_the_first_poll_of_a_spawned_frame() {
    loom::model(|| {
        let record = Record::new();
        let signal = CancellationSignal::new();
        let drops = spawn_frame(&record, signal.slot());
        let thread = thread::spawn(move || drop(signal));
        record.executor.run();
        thread.join().unwrap();
        record.executor.run();
        record.assert_over(0);
        assert_eq!(drops.get(), 1);
    });
}

/// Its task is dropped, as with a context, while it is asked to stop.
#[test]
fn loom_emit_against_a_spawned_frame_that_is_dropped() {
    loom::model(|| {
        let record = Record::new();
        let signal = Arc::new(CancellationSignal::new());
        let drops = spawn_frame(&record, signal.slot());
        let emits = thread::spawn(move || signal.emit(CancellationType::TERMINAL));
        record.executor.clear();
        emits.join().unwrap();
        assert_eq!(record.executor.run(), 0);
        record.assert_over(0);
        assert_eq!(drops.get(), 1);
    });
}

/// Of a group: an operation is asked, whether it begins before the request or after.
#[test]
fn loom_emit_of_a_group_against_the_start_of_an_operation() {
    bounded(4).check(|| {
        let record = Record::new();
        let all = CancellationGroup::new();
        let slot = all.slot();
        let emits = thread::spawn(move || all.emit(CancellationType::TERMINAL));
        let drops = start_frame(&record, slot, &Arc::default(), |_| ());
        emits.join().unwrap();
        record.executor.run();
        record.assert_over(1);
        assert_eq!(drops.get(), 1);
    });
}

/// One operation ends, and the next takes its place, while both may be asked.
#[test]
fn loom_emit_of_a_group_against_the_end_of_an_operation() {
    bounded(3).check(|| {
        let records = [Record::new(), Record::new()];
        let backend = Backend::default();
        let all = CancellationGroup::new();
        backend.start(&records[0], all.slot());
        let slot = all.slot();
        let emits = thread::spawn(move || all.emit(CancellationType::TERMINAL));
        backend.complete();
        records[0].executor.run();
        let drops = start_frame(&records[1], slot, &Arc::default(), |_| ());
        emits.join().unwrap();
        backend.assert_over(&records[0]);
        records[1].executor.run();
        records[1].assert_over(1);
        assert_eq!(drops.get(), 1);
    });
}

/// The last handle goes while an operation begins that nobody else could wake.
#[test]
fn loom_drop_of_a_group_against_the_start_of_an_operation() {
    bounded(4).check(|| {
        let record = Record::new();
        let all = CancellationGroup::new();
        let slot = all.slot();
        let drops_group = thread::spawn(move || drop(all));
        let drops = start_frame(&record, slot, &Arc::default(), |_| ());
        drops_group.join().unwrap();
        record.executor.run();
        record.assert_over(0);
        assert_eq!(drops.get(), 1);
    });
}

#[test]
fn loom_drop_of_a_group_against_complete() {
    bounded(4).check(|| {
        let (record, backend) = (Record::new(), Backend::default());
        let all = CancellationGroup::new();
        backend.start(&record, all.slot());
        let drops = thread::spawn(move || drop(all));
        backend.complete();
        record.executor.run();
        drops.join().unwrap();
        backend.assert_over(&record);
        assert_eq!(backend.asked.get(), 0);
    });
}
