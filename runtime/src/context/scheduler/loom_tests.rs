//! Models of the counting rule: `run` returns only when there is nothing left
//! to do, and then always does. (That it does is loom's own check: a runner
//! that is not woken is a deadlock.)
//!
//! And models of the drop of a context against what comes from other threads:
//! an operation is completed or destroyed, once, wherever it is.
//!
//! Most have no reactor; runners wait on the condition variable then. In the others nothing
//! but an interrupt, or an event that brings nothing, ends a wait in the reactor.

use loom::model::Builder;
use loom::sync::Arc;
use loom::sync::atomic::AtomicUsize;
use loom::thread;

use super::*;
use crate::alloc::OperationAllocator;
use crate::context::IoExecutor;
use crate::context::bounds::Bounds;
use crate::context::bounds::Wait;
use crate::executor::{Executor, Strand, Unblock, WorkGuard};
use crate::handler::{Associations, CompletionHandler};
use crate::signature::Signature;
use crate::task::testing::{Count, CountDrop, Recorder, bounded, site};
use crate::task::{block, frame};

/// A context, and how many things have been done on it.
#[derive(Clone)]
struct Model {
    executor: IoExecutor,
    done: Arc<AtomicUsize>,
}

impl Model {
    fn new() -> Self {
        // Not one that has served an earlier execution of the model.
        let scheduler: &_ = Box::leak(Box::new(Scheduler::new()));
        let waker = blocking::driver_waker(scheduler);
        assert!(scheduler.waker.set(waker).is_ok());
        Self {
            executor: IoExecutor {
                scheduler,
                generation: 0,
            },
            done: Arc::new(AtomicUsize::new(0)),
        }
    }

    /// With a reactor.
    fn with_reactor() -> Self {
        let model = Self::new();
        let reactor = Reactor::new(Clock::of_system()).expect("a reactor");
        model.executor.scheduler.lock().reactor = Some(std::sync::Arc::new(reactor));
        model
    }

    /// What ends the wait in the reactor, and tells nobody that it does.
    fn event(&self) -> impl FnOnce() + Send + use<> {
        let reactor = self.executor.scheduler.lock().reactor.clone();
        move || reactor.expect("a reactor").interrupt()
    }

    /// Frees the context, which loom would report as leaked.
    fn free(self) {
        let scheduler = std::ptr::from_ref(self.executor.scheduler).cast_mut();
        assert_eq!(Arc::strong_count(&self.done), 1, "nobody else has a handle");
        // SAFETY: leaked in `new`, and no longer used: all that had a handle
        // had a count of `done` too, but for the guards, which are released.
        drop(unsafe { Box::from_raw(scheduler) });
    }

    fn post(&self, function: impl FnOnce(&Self) + Send + 'static) {
        let this = self.clone();
        self.executor.post(Task::new(move || function(&this)));
    }

    fn guard(&self) -> WorkGuard<IoExecutor> {
        WorkGuard::new(self.executor)
    }

    fn finish_one(&self) {
        self.done.fetch_add(1, Ordering::Relaxed);
    }

    fn bounded(&self, limit: usize, wait: Wait) -> usize {
        let bounds = Bounds {
            limit,
            wait,
            unblock: None,
            nested: false,
        };
        self.executor.scheduler.run(0, &bounds)
    }

    fn run(&self) -> usize {
        self.bounded(usize::MAX, Wait::Forever)
    }

    /// Runs until all work is over, which is when `expected` things are done.
    fn run_all(&self, expected: usize) {
        self.run();
        assert_eq!(self.done.load(Ordering::Relaxed), expected, "too early");
        let shared = self.executor.scheduler.lock();
        assert!(shared.out_of_work && shared.queue.is_empty());
        drop(shared);
        assert_eq!(self.executor.scheduler.busy.life.count(), 0);
    }

    /// Runs on this thread and another until all work is over.
    fn run_on_two(&self, expected: usize) {
        let this = self.clone();
        let other = thread::spawn(move || this.run_all(expected));
        self.run_all(expected);
        other.join().unwrap();
        let shared = self.executor.scheduler.lock();
        shared.crew.assert_all_gone();
    }
}

/// Not every schedule. Two preemptions are enough for each known way to get the
/// rule wrong.
fn bounded_model(preemptions: usize, body: impl Fn(&Model) + Send + Sync + 'static) {
    check(&bounded(preemptions), body);
}

fn check(builder: &Builder, body: impl Fn(&Model) + Send + Sync + 'static) {
    builder.check(move || {
        let model = Model::new();
        body(&model);
        model.free();
    });
}

fn model_with_reactor(preemptions: usize, body: impl Fn(&Model) + Send + Sync + 'static) {
    bounded(preemptions).check(move || {
        let model = Model::with_reactor();
        body(&model);
        model.free();
    });
}

/// A runner that is alone, to which another thread does something after an event.
fn alone(
    expected: usize,
    act: impl Fn(&Model, WorkGuard<IoExecutor>) + Copy + Send + Sync + 'static,
) {
    model_with_reactor(4, move |model| {
        let (guard, event, this) = (model.guard(), model.event(), model.clone());
        let other = thread::spawn(move || {
            event();
            act(&this, guard);
        });
        model.run();
        other.join().unwrap();
        assert_eq!(model.done.load(Ordering::Relaxed), expected, "too early");
        model.executor.scheduler.lock().crew.assert_all_gone();
    });
}

#[test]
fn loom_alone_and_a_task_is_posted() {
    alone(1, |model, guard| {
        model.post(Model::finish_one);
        drop(guard);
    });
}

#[test]
fn loom_alone_and_the_last_task_is_posted() {
    alone(1, |model, guard| {
        model.post(move |model| {
            model.finish_one();
            drop(guard);
        });
    });
}

#[test]
fn loom_alone_and_the_work_ends() {
    alone(0, |_, guard| drop(guard));
}

#[test]
fn loom_alone_and_the_context_is_stopped() {
    alone(0, |model, _guard| model.executor.scheduler.stop());
}

#[test]
fn loom_alone_and_the_context_is_dropped() {
    alone(0, |model, _guard| model.close());
}

#[test]
fn loom_alone_and_a_deadline_is_set() {
    alone(0, |model, guard| {
        let IoExecutor { scheduler, .. } = model.executor;
        scheduler.interrupt(model.executor.generation);
        drop(guard);
    });
}

/// Whoever joins finds in the books whether the first one sleeps.
#[test]
fn loom_alone_and_another_joins() {
    model_with_reactor(3, |model| {
        let (guard, event) = (model.guard(), model.event());
        let this = model.clone();
        let other = thread::spawn(move || {
            event();
            this.post(move |model| {
                model.post(Model::finish_one);
                drop(guard);
            });
            this.run_all(1);
        });
        model.run_all(1);
        other.join().unwrap();
        model.executor.scheduler.lock().crew.assert_all_gone();
    });
}

#[test]
fn loom_alone_and_unblocked() {
    model_with_reactor(4, |model| {
        let unblock = Unblock::new();
        let waker = unblock.waker();
        let (guard, event) = (model.guard(), model.event());
        let other = thread::spawn(move || {
            event();
            waker.wake();
        });
        let IoExecutor { scheduler, .. } = model.executor;
        scheduler.block(model.executor.generation, &unblock);
        other.join().unwrap();
        drop(guard);
        scheduler.lock().crew.assert_all_gone();
    });
}

#[test]
fn a_handler_posts_while_the_other_runner_goes_idle() {
    bounded_model(4, |model| {
        model.post(|model| model.post(Model::finish_one));
        model.run_on_two(1);
    });
}

#[test]
fn a_handler_defers_while_the_other_runner_goes_idle() {
    bounded_model(4, |model| {
        model.post(|model| {
            let this = model.clone();
            model.executor.defer(Task::new(move || this.finish_one()));
        });
        model.run_on_two(1);
    });
}

#[test]
fn a_handler_starts_and_finishes_work() {
    bounded_model(4, |model| {
        model.post(|model| {
            let first = model.guard();
            let second = first.clone();
            drop(first);
            model.post(move |model| {
                model.finish_one();
                drop(second);
            });
        });
        model.run_on_two(1);
    });
}

#[test]
fn a_guard_is_released_by_a_foreign_thread() {
    bounded_model(3, |model| {
        let guard = model.guard();
        let this = model.clone();
        let foreign = thread::spawn(move || {
            this.finish_one();
            drop(guard);
        });
        model.run_on_two(1);
        foreign.join().unwrap();
    });
}

#[test]
fn a_foreign_thread_posts_and_releases_its_guard() {
    bounded_model(3, |model| {
        let guard = model.guard();
        let this = model.clone();
        let foreign = thread::spawn(move || {
            this.post(Model::finish_one);
            drop(guard);
        });
        model.run_on_two(1);
        foreign.join().unwrap();
    });
}

#[test]
fn a_guard_taken_inside_is_released_outside() {
    bounded_model(3, |model| {
        let foreign = std::sync::Arc::new(std::sync::Mutex::new(None));
        let place = std::sync::Arc::clone(&foreign);
        model.post(move |model| {
            let guard = model.guard();
            let this = model.clone();
            let thread = thread::spawn(move || {
                this.finish_one();
                drop(guard);
            });
            *place.lock().unwrap() = Some(thread);
        });
        model.run_on_two(1);
        let foreign = foreign.lock().unwrap().take();
        foreign.unwrap().join().unwrap();
    });
}

#[test]
fn a_guard_taken_outside_is_released_inside() {
    bounded_model(4, |model| {
        let guard = model.guard();
        let this = model.clone();
        let runner = thread::spawn(move || this.run_all(1));
        model.post(move |model| {
            model.finish_one();
            drop(guard);
        });
        runner.join().unwrap();
    });
}

#[test]
fn a_runner_leaves_while_the_other_waits() {
    bounded_model(4, |model| {
        model.post(|model| model.post(Model::finish_one));
        let this = model.clone();
        let other = thread::spawn(move || this.run_all(1));
        // It may go with a task in its queue, and work of its own.
        model.bounded(1, Wait::Forever);
        other.join().unwrap();
    });
}

#[test]
fn a_runner_that_does_not_wait_meets_one_that_does() {
    bounded_model(4, |model| {
        model.post(|model| {
            let guard = model.guard();
            model.post(move |model| {
                drop(guard);
                model.finish_one();
            });
        });
        let this = model.clone();
        let other = thread::spawn(move || this.run_all(1));
        model.bounded(usize::MAX, Wait::Never);
        other.join().unwrap();
    });
}

#[test]
fn a_nested_run_returns_before_the_context_stops() {
    bounded_model(4, |model| {
        model.post(|model| {
            let guard = model.guard();
            model.post(move |_| drop(guard));
            model.run();
            model.post(Model::finish_one);
        });
        model.run_on_two(1);
    });
}

#[test]
fn a_nested_run_waits_for_a_foreign_thread() {
    bounded_model(2, |model| {
        let guard = model.guard();
        let foreign = thread::spawn(move || drop(guard));
        model.post(|model| {
            model.run();
            model.post(Model::finish_one);
        });
        model.run_on_two(1);
        foreign.join().unwrap();
    });
}

#[test]
fn nested_runs_on_two_threads() {
    bounded_model(4, |model| {
        for _ in 0..2 {
            model.post(|model| {
                model.run();
                model.post(Model::finish_one);
            });
        }
        model.run_on_two(2);
    });
}

#[test]
fn a_handler_stops_the_context_while_the_other_runner_waits() {
    bounded_model(4, |model| {
        let guard = model.guard();
        model.post(|model| model.executor.scheduler.stop());
        let this = model.clone();
        let other = thread::spawn(move || this.run());
        assert_eq!(model.run() + other.join().unwrap(), 1);
        drop(guard);
    });
}

/// A flag that a thread of a model waits for.
#[derive(Clone, Default)]
struct Flag(Arc<(Mutex<bool>, Condvar)>);

impl Flag {
    fn set(&self) {
        *self.0.0.lock() = true;
        self.0.1.notify_one();
    }

    fn wait(&self) {
        let mut is_set = self.0.0.lock();
        while !*is_set {
            is_set = self.0.1.wait(is_set);
        }
    }
}

#[test]
fn loom_a_handler_waits_for_what_it_has_posted() {
    bounded_model(3, |model| {
        model.post(|model| {
            let flag = Flag::default();
            let other = flag.clone();
            model.post(move |model| {
                model.finish_one();
                other.set();
            });
            flag.wait();
        });
        model.run_on_two(1);
    });
}

/// At the same seat.
#[test]
fn loom_a_task_waits_for_a_later_one() {
    bounded_model(3, |model| {
        model.post(|model| {
            let flag = Flag::default();
            let other = flag.clone();
            model.post(move |model| {
                flag.wait();
                model.finish_one();
            });
            model.post(move |model| {
                other.set();
                model.finish_one();
            });
        });
        model.run_on_two(2);
    });
}

#[test]
fn loom_two_tasks_wait_for_each_other() {
    bounded_model(3, |model| {
        let flags = [Flag::default(), Flag::default()];
        for n in 0..2 {
            let flags = flags.clone();
            model.post(move |model| {
                flags[n].set();
                flags[1 - n].wait();
                model.finish_one();
            });
        }
        drop(flags);
        model.run_on_two(2);
    });
}

/// More than there is room for at a seat, in the order in which they were posted where
/// one thread runs them; and all of them where there are two.
#[test]
fn loom_more_tasks_than_a_seat_has_room_for() {
    bounded_model(3, |model| {
        model.post(|model| {
            for _ in 0..4 {
                model.post(Model::finish_one);
            }
        });
        model.run_on_two(4);
    });
}

#[test]
fn loom_a_foreign_post_meets_runners_that_go_to_sleep() {
    bounded_model(3, |model| {
        let guard = model.guard();
        let this = model.clone();
        let foreign = thread::spawn(move || {
            this.post(Model::finish_one);
            this.post(move |model| {
                model.finish_one();
                drop(guard);
            });
        });
        model.run_on_two(2);
        foreign.join().unwrap();
    });
}

impl Model {
    /// Blocks until a task that this posts has run.
    fn post_and_block(&self) {
        let unblock = Unblock::new();
        let waker = unblock.waker();
        self.post(move |model| {
            model.finish_one();
            waker.wake();
        });
        let IoExecutor { scheduler, .. } = self.executor;
        scheduler.block(self.executor.generation, &unblock);
        assert!(unblock.is_set());
    }
}

/// Whoever drives leaves when it is unblocked, and the other drives.
#[test]
fn loom_two_threads_block() {
    bounded_model(3, |model| {
        let this = model.clone();
        let other = thread::spawn(move || this.post_and_block());
        model.post_and_block();
        other.join().unwrap();
        assert_eq!(model.done.load(Ordering::Relaxed), 2);
        assert!(model.executor.scheduler.lock().followers.is_empty());
    });
}

#[test]
fn loom_three_threads_block() {
    bounded_model(2, |model| {
        let others = [(); 2].map(|()| {
            let this = model.clone();
            thread::spawn(move || this.post_and_block())
        });
        model.post_and_block();
        for other in others {
            other.join().unwrap();
        }
        assert_eq!(model.done.load(Ordering::Relaxed), 3);
    });
}

#[test]
fn loom_a_thread_blocks_while_a_runner_leaves() {
    bounded_model(3, |model| {
        let this = model.clone();
        let runner = thread::spawn(move || this.bounded(1, Wait::Never));
        model.post_and_block();
        runner.join().unwrap();
        assert_eq!(model.done.load(Ordering::Relaxed), 1);
    });
}

/// What is blocked on is completed by a thread that does not run the context.
#[test]
fn loom_a_blocked_thread_is_woken_from_outside() {
    bounded_model(3, |model| {
        let unblock = Unblock::new();
        let waker = unblock.waker();
        let guard = model.guard();
        let other = thread::spawn(move || waker.wake());
        let IoExecutor { scheduler, .. } = model.executor;
        scheduler.block(model.executor.generation, &unblock);
        other.join().unwrap();
        drop(guard);
    });
}

#[test]
fn loom_posts_against_the_drop_of_the_context() {
    bounded_model(3, |model| {
        let dropped = Count::default();
        let tasks = [(); 2].map(|()| CountDrop(dropped.clone()));
        let this = model.clone();
        let other = thread::spawn(move || {
            for task in tasks {
                this.executor.post(Task::new(move || drop(task)));
            }
        });
        model.close();
        other.join().unwrap();
        assert_eq!(dropped.get(), 2);
        assert!(model.executor.scheduler.lock().queue.is_empty());
    });
}

/// A runner that posts to its own seat while another thread drops the context.
#[test]
fn loom_posts_of_a_runner_against_the_drop_of_the_context() {
    bounded_model(3, |model| {
        let dropped = Count::default();
        let task = CountDrop(dropped.clone());
        let this = model.clone();
        let runner = thread::spawn(move || {
            this.post(|model| model.executor.post(Task::new(move || drop(task))));
            this.run();
        });
        model.close();
        runner.join().unwrap();
        assert_eq!(dropped.get(), 1);
    });
}

/// What became of an operation with a handler on the context itself.
#[derive(Clone, Default)]
struct Fate {
    called: Count,
    dropped: Count,
    memory: Recorder,
}

struct Doomed {
    called: Count,
    memory: Recorder,
    _dropped: CountDrop,
}

impl Fate {
    fn handler(&self) -> Doomed {
        Doomed {
            called: self.called.clone(),
            memory: self.memory.clone(),
            _dropped: CountDrop(self.dropped.clone()),
        }
    }

    /// Asserts that the handler is gone, and the memory of the operation.
    fn assert_over(&self, called: std::ops::RangeInclusive<usize>) {
        assert!(called.contains(&self.called.get()), "calls");
        assert_eq!(self.dropped.get(), 1, "drops of the handler");
        assert_eq!(self.memory.live(), 0, "blocks of the operation");
    }
}

impl Associations for Doomed {
    fn allocator(&self) -> impl OperationAllocator {
        self.memory.clone()
    }
}

impl<S: Signature> CompletionHandler<S> for Doomed {
    fn complete(self, _: S::Args) {
        self.called.add();
    }
}

/// A waker of a future, for another thread.
type Place = std::sync::Arc<std::sync::Mutex<Option<Waker>>>;

impl Model {
    fn close(&self) {
        self.executor.scheduler.close(self.executor.generation);
    }

    /// Starts an operation whose future waits until it is woken.
    fn start_frame(&self, fate: &Fate) -> Waker {
        let place = Place::default();
        let future = std::future::poll_fn({
            let place = Place::clone(&place);
            let mut is_pending = true;
            move |cx| {
                if std::mem::take(&mut is_pending) {
                    *place.lock().unwrap() = Some(cx.waker().clone());
                    return std::task::Poll::Pending;
                }
                std::task::Poll::Ready(())
            }
        });
        frame::start::<fn(), _, _, _>(site(), self.executor, future, fate.handler());
        let waker = place.lock().unwrap().take();
        waker.expect("it has been polled")
    }
}

#[test]
fn loom_completion_against_the_drop_of_the_context() {
    bounded_model(4, |model| {
        let fate = Fate::default();
        let op = block::new::<fn(CountDrop), _, _>(site(), model.executor, fate.handler()).unwrap();
        let results = Count::default();
        let result = CountDrop(results.clone());
        let other = thread::spawn(move || op.complete(result));
        model.close();
        other.join().unwrap();
        fate.assert_over(0..=0);
        assert_eq!(results.get(), 1);
    });
}

#[test]
fn loom_completion_against_the_drop_of_a_context_that_runs() {
    bounded_model(2, |model| {
        let fate = Fate::default();
        let op = block::new::<fn(), _, _>(site(), model.executor, fate.handler()).unwrap();
        let this = model.clone();
        let runner = thread::spawn(move || this.run());
        let other = thread::spawn(move || op.complete());
        model.close();
        other.join().unwrap();
        runner.join().unwrap();
        fate.assert_over(0..=1);
    });
}

#[test]
fn loom_wake_against_the_drop_of_the_context() {
    bounded_model(4, |model| {
        let fate = Fate::default();
        let waker = model.start_frame(&fate);
        let other = thread::spawn(move || waker.wake());
        model.close();
        other.join().unwrap();
        fate.assert_over(0..=0);
    });
}

#[test]
fn loom_wake_against_the_drop_of_a_context_that_runs() {
    bounded_model(2, |model| {
        let fate = Fate::default();
        let waker = model.start_frame(&fate);
        let this = model.clone();
        let runner = thread::spawn(move || this.run());
        let other = thread::spawn(move || waker.wake());
        model.close();
        other.join().unwrap();
        runner.join().unwrap();
        fate.assert_over(0..=1);
    });
}

/// Nobody wakes it any more: it is destroyed by its executor, which is gone, or
/// with that.
#[test]
fn loom_drop_of_the_last_waker_against_the_drop_of_the_context() {
    bounded_model(4, |model| {
        let fate = Fate::default();
        let waker = model.start_frame(&fate);
        let other = thread::spawn(move || drop(waker));
        model.close();
        other.join().unwrap();
        fate.assert_over(0..=0);
    });
}

#[test]
fn loom_post_to_a_strand_against_the_drop_of_the_context() {
    bounded_model(4, |model| {
        let strand = Strand::new(model.executor);
        let dropped = Count::default();
        let task = || {
            let (dropped, own) = (CountDrop(dropped.clone()), strand.clone());
            Task::new(move || drop((dropped, own)))
        };
        strand.post(task());
        let (late, other) = (task(), strand.clone());
        let other = thread::spawn(move || other.post(late));
        model.close();
        other.join().unwrap();
        assert_eq!(dropped.get(), 2);
    });
}

/// A guard of the dropped context counts neither for nor against the next one
/// that uses its state.
#[test]
fn loom_guard_against_the_drop_of_the_context() {
    bounded_model(4, |model| {
        let guard = model.guard();
        let other = thread::spawn(move || drop(guard.clone()));
        model.close();
        let scheduler = model.executor.scheduler;
        let generation = scheduler.lock().generation;
        let next = WorkGuard::new(IoExecutor {
            scheduler,
            generation,
        });
        assert_eq!(scheduler.busy.life.count(), 1);
        other.join().unwrap();
        assert_eq!(scheduler.busy.life.count(), 1);
        drop(next);
        assert_eq!(scheduler.busy.life.count(), 0);
    });
}

/// A handler that owns the context, on a thread that runs it.
#[test]
fn loom_completion_against_a_handler_that_drops_the_context() {
    bounded_model(3, |model| {
        let fate = Fate::default();
        let op = block::new::<fn(), _, _>(site(), model.executor, fate.handler()).unwrap();
        model.post(Model::close);
        let other = thread::spawn(move || op.complete());
        model.run();
        other.join().unwrap();
        fate.assert_over(0..=1);
        assert_eq!(model.executor.scheduler.lock().crew.active, 0);
    });
}
