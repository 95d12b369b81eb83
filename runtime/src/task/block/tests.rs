use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use super::*;
use crate::cancel::{CancellationSignal, CancellationSlot};
use crate::executor::PostOnly;
use crate::handler::Associations;
use crate::task::testing::{Count, CountDrop, Record, Recorded, TestExecutor, site};

type Op = Completion<fn(CountDrop)>;

fn start<H: CompletionHandler<fn(CountDrop)>>(handler: H) -> Op {
    new(site(), TestExecutor::new(), handler).expect("there is memory")
}

/// A handler with an immediate executor of its own.
struct Immediate<I>(Recorded, I);

impl<I: Executor> Associations for Immediate<I> {
    fn executor<E: Executor>(&self, io: &E) -> impl Executor {
        self.0.executor(io)
    }

    fn immediate_executor<E: Executor>(&self, _io: &E) -> impl Executor {
        self.1.clone()
    }

    fn allocator(&self) -> impl OperationAllocator {
        self.0.allocator()
    }
}

impl<I: Executor> CompletionHandler<fn(CountDrop)> for Immediate<I> {
    fn complete(self, args: (CountDrop,)) {
        CompletionHandler::<fn(CountDrop)>::complete(self.0, args);
    }
}

#[test]
fn an_immediate_completion_is_posted_once() {
    let (record, results) = (Record::new(), Count::default());
    let result = CountDrop(results.clone());
    start(record.handler()).initiate(|op| op.complete(result));
    assert_eq!((record.called.get(), results.get()), (0, 0));
    assert_eq!(record.executor.run(), 1);
    record.assert_over(1);
    assert_eq!(results.get(), 1);
    assert_eq!(record.memory.total(), 1);
}

#[test]
fn an_immediate_executor_of_the_default_type_is_not_taken_for_the_default() {
    let (record, results) = (Record::new(), Count::default());
    let other = TestExecutor::new();
    let result = CountDrop(results.clone());
    start(Immediate(record.handler(), PostOnly(other.clone()))).initiate(|op| op.complete(result));
    assert_eq!(other.run(), 1);
    assert_eq!(record.called.get(), 0, "called on an executor not its own");
    assert_eq!(record.executor.run(), 1);
    record.assert_over(1);
}

#[test]
fn completed_on_another_thread() {
    let (record, results) = (Record::new(), Count::default());
    let op = start(record.handler());
    let result = CountDrop(results.clone());
    thread::spawn(move || op.complete(result)).join().unwrap();
    assert_eq!(record.called.get(), 0);
    assert_eq!(record.executor.run(), 1);
    record.assert_over(1);
    assert_eq!(results.get(), 1);
}

#[test]
fn a_completion_dropped_drops_the_handler() {
    let record = Record::new();
    drop(start(record.handler()));
    record.assert_over(0);
}

#[test]
fn a_task_dropped_drops_arguments_and_handler() {
    let (record, results) = (Record::new(), Count::default());
    start(record.handler()).complete(CountDrop(results.clone()));
    record.executor.clear();
    record.assert_over(0);
    assert_eq!(results.get(), 1);
}

#[test]
fn a_panic_in_an_executor_abandons_the_operation() {
    /// Cannot be copied.
    #[derive(PartialEq)]
    struct Panics;
    impl Clone for Panics {
        fn clone(&self) -> Self {
            panic!("on purpose");
        }
    }
    impl Executor for Panics {
        fn post(&self, task: Task) {
            task.run();
        }
    }

    struct OnPanics<I> {
        immediate: I,
        _dropped: CountDrop,
    }
    impl<I: Executor> Associations for OnPanics<I> {
        fn executor<E: Executor>(&self, _io: &E) -> impl Executor {
            Panics
        }

        fn immediate_executor<E: Executor>(&self, _io: &E) -> impl Executor {
            self.immediate.clone()
        }
    }
    impl<I: Executor> CompletionHandler<fn(CountDrop)> for OnPanics<I> {
        fn complete(self, _: (CountDrop,)) {
            unreachable!("the executor panics");
        }
    }

    let (handlers, results) = (Count::default(), Count::default());
    let immediate = TestExecutor::new();
    let handler = || OnPanics {
        immediate: immediate.clone(),
        _dropped: CountDrop(handlers.clone()),
    };

    // Within `complete`.
    let op = start(handler());
    let result = CountDrop(results.clone());
    assert!(catch_unwind(AssertUnwindSafe(|| op.complete(result))).is_err());
    assert_eq!((handlers.get(), results.get()), (1, 1));

    // On the way from the immediate executor.
    let result = CountDrop(results.clone());
    start(handler()).initiate(|op| op.complete(result));
    assert!(catch_unwind(AssertUnwindSafe(|| immediate.run())).is_err());
    assert_eq!((handlers.get(), results.get()), (2, 2));
}

struct PanicsOnDrop;

impl Drop for PanicsOnDrop {
    fn drop(&mut self) {
        panic!("on purpose");
    }
}

/// A handler that can be asked to stop.
struct Stoppable(Recorded, CancellationSlot);

impl Associations for Stoppable {
    fn executor<E: Executor>(&self, io: &E) -> impl Executor {
        self.0.executor(io)
    }

    fn allocator(&self) -> impl OperationAllocator {
        self.0.allocator()
    }

    fn cancellation_slot(&self) -> CancellationSlot {
        self.1.clone()
    }
}

impl CompletionHandler<fn(CountDrop)> for Stoppable {
    fn complete(self, args: (CountDrop,)) {
        CompletionHandler::<fn(CountDrop)>::complete(self.0, args);
    }
}

#[test]
fn a_panic_in_the_drop_of_the_function_leaks_nothing() {
    let signal = CancellationSignal::new();
    // Of an operation that is abandoned, ..
    let record = Record::new();
    let op = start(Stoppable(record.handler(), signal.slot()));
    let panics = PanicsOnDrop;
    op.on_cancel(move |_| drop(panics));
    catch_unwind(AssertUnwindSafe(|| drop(op))).unwrap_err();
    record.assert_over(0);

    // .. of one that completes: it is over as that is called, wherever its handler is, ..
    let (record, results) = (Record::new(), Count::default());
    let op = start(Stoppable(record.handler(), signal.slot()));
    let panics = PanicsOnDrop;
    op.on_cancel(move |_| drop(panics));
    let result = CountDrop(results.clone());
    catch_unwind(AssertUnwindSafe(|| op.complete(result))).unwrap_err();
    assert_eq!(record.executor.run(), 0);
    record.assert_over(0);
    assert_eq!(results.get(), 1);

    // .. and of one whose slot goes on to serve another.
    let first = Record::new();
    let op = start(Stoppable(first.handler(), signal.slot()));
    let panics = PanicsOnDrop;
    op.on_cancel(move |_| drop(panics));
    let second = Record::new();
    let handler = Stoppable(second.handler(), signal.slot());
    catch_unwind(AssertUnwindSafe(|| start(handler))).unwrap_err();
    second.assert_over(0);
    drop(op);
    first.assert_over(0);
}
