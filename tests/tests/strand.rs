//! Strands: one task at a time, in order, without allocating.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use async_op::executor::{Strand, WorkGuard};
use async_op::task::Task;
use async_op::{Executor, IoContext};
use async_op_tests::net::post;
use async_op_tests::{
    Alive, CountingHeap, Log, Manual, Recorder, heap_allocations_here, without_hanging,
};

#[global_allocator]
static HEAP: CountingHeap = CountingHeap;

/// A function that writes `entry`.
fn note(log: &Log, entry: &'static str) -> impl FnOnce() + Send + 'static {
    let log = log.clone();
    move || log.push(entry)
}

#[test]
fn never_two_at_once_and_in_the_order_of_each_thread() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        let strand = Strand::new(context.executor());
        let busy = Arc::new(AtomicBool::new(false));
        let seen = Arc::new(Mutex::new([0; 2]));
        let tasks = 2000;
        let work = WorkGuard::new(context.executor());
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| context.run());
            }
            let posting = [0, 1].map(|thread| {
                let (strand, busy, seen) = (&strand, &busy, &seen);
                scope.spawn(move || {
                    for n in 0..tasks {
                        let (busy, seen) = (busy.clone(), seen.clone());
                        let task = Task::new(move || {
                            assert!(!busy.swap(true, Ordering::SeqCst));
                            let mut seen = seen.try_lock().unwrap();
                            assert_eq!(seen[thread], n);
                            seen[thread] += 1;
                            drop(seen);
                            busy.store(false, Ordering::SeqCst);
                        });
                        match n % 2 {
                            0 => strand.post(task),
                            _ => strand.dispatch(task),
                        }
                    }
                })
            });
            for thread in posting {
                thread.join().unwrap();
            }
            drop(work);
        });
        assert_eq!(*seen.lock().unwrap(), [tasks; 2]);
    });
}

#[test]
fn what_is_dispatched_runs_in_place_inside_it() {
    let log = Log::new();
    let home = Manual::new("home", &log);
    let strand = Strand::new(home.clone());
    let (inside, inner) = (strand.clone(), log.clone());
    post(&strand, move || {
        assert!(inside.runs_here());
        post(&inside, note(&inner, "posted"));
        inside.dispatch(Task::new(note(&inner, "dispatched")));
        inner.push("end");
    });
    assert!(!strand.runs_here());
    assert_eq!(home.run(), 2);
    assert_eq!(log.take(), "post:home dispatched end post:home posted");
}

#[test]
fn what_is_dispatched_to_an_idle_one_runs_in_place_inside_the_inner_executor() {
    let log = Log::new();
    let home = Manual::new("home", &log);
    let strand = Strand::new(home.clone());
    strand.dispatch(Task::new(note(&log, "elsewhere")));
    assert_eq!(log.take(), "post:home");
    let (inside, inner) = (strand.clone(), log.clone());
    post(&home, move || {
        // Queued behind what is there.
        inside.dispatch(Task::new(note(&inner, "busy")));
        inner.push("end");
    });
    assert_eq!(home.run(), 2);
    assert_eq!(log.take(), "post:home elsewhere busy end");
    let inner = log.clone();
    post(&home, move || {
        strand.dispatch(Task::new(note(&inner, "idle")));
        inner.push("end");
    });
    home.run();
    assert_eq!(log.take(), "post:home idle end");
}

#[test]
fn it_lets_others_run_between_its_batches() {
    fn again(strand: Strand<Manual>, log: Log, left: usize) {
        let inside = strand.clone();
        post(&strand, move || {
            log.push("strand");
            if left > 0 {
                again(inside, log, left - 1);
            }
        });
    }

    let log = Log::new();
    let home = Manual::new("home", &Log::new());
    again(Strand::new(home.clone()), log.clone(), 2);
    post(&home, note(&log, "other"));
    home.run();
    assert_eq!(log.take(), "strand other strand strand");
}

#[test]
fn a_panic_leaves_the_rest_for_later() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let strand = Strand::new(context.executor());
    post(&strand, || panic!("on purpose"));
    post(&strand, note(&log, "second"));
    catch_unwind(AssertUnwindSafe(|| context.run())).unwrap_err();
    post(&strand, note(&log, "third"));
    assert!(!strand.runs_here());
    context.run();
    assert_eq!(log.take(), "second third");
}

#[test]
#[cfg_attr(async_op_sanitize, ignore = "recycling is off")]
fn posting_allocates_nothing() {
    let context = IoContext::new().unwrap();
    let strand = Strand::new(context.executor());
    let mut before = 0;
    for _ in 0..3 {
        before = heap_allocations_here();
        for _ in 0..100 {
            strand.post(Task::new(|| ()));
        }
        assert!(context.run() > 0);
        context.restart();
    }
    assert_eq!(heap_allocations_here() - before, 0);
}

#[test]
fn a_dead_inner_executor_drops_its_tasks() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let recorder = Recorder::new(&log);
    let strand = Strand::new(context.executor());
    let task = |entry| {
        let alive = Alive::new(&log, entry);
        Task::new_in(move || drop(alive), recorder.clone())
    };
    strand.post(task("first"));
    strand.post(task("second"));
    drop(context);
    assert_eq!(log.take(), "A0 A1 D0 first D1 second");
    strand.post(task("late"));
    strand.dispatch(task("later"));
    assert_eq!(log.take(), "A2 D2 late A3 D3 later");
    recorder.assert_balanced();
}

#[test]
fn a_task_dropped_with_the_context_may_post_to_it() {
    struct PostOnDrop(Strand<async_op::IoExecutor>, Log);
    impl Drop for PostOnDrop {
        fn drop(&mut self) {
            let alive = Alive::new(&self.1, "posted");
            post(&self.0, move || drop(alive));
        }
    }

    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let strand = Strand::new(context.executor());
    let posts = PostOnDrop(strand.clone(), log.clone());
    post(&strand, move || drop(posts));
    drop(context);
    assert_eq!(log.take(), "posted");
}

#[test]
fn its_handles_may_go_before_its_tasks() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let strand = Strand::new(context.executor());
    post(&strand, note(&log, "run"));
    drop(strand);
    context.run();
    assert_eq!(log.take(), "run");
}

#[test]
fn strands_in_strands() {
    let (count, context) = (Arc::new(AtomicUsize::new(0)), IoContext::new().unwrap());
    let outer = Strand::new(context.executor());
    let inner = Strand::new(outer.clone());
    assert!(inner == inner.clone() && inner != Strand::new(outer.clone()));
    let (both, counter) = ((outer.clone(), inner.clone()), count.clone());
    post(&inner, move || {
        assert!(both.0.runs_here() && both.1.runs_here());
        counter.fetch_add(1, Ordering::SeqCst);
    });
    context.run();
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

struct PanicsOnDrop;

impl Drop for PanicsOnDrop {
    fn drop(&mut self) {
        panic!("on purpose");
    }
}

#[test]
fn a_panic_in_the_drop_of_a_task_spares_the_others() {
    let log = Log::new();
    let home = Manual::new("home", &log);
    let strand = Strand::new(home.clone());
    let (panics, alive) = (PanicsOnDrop, Alive::new(&log, "second"));
    post(&strand, move || drop(panics));
    // Holds the strand, as an operation bound to it does.
    let own = strand.clone();
    post(&strand, move || drop((alive, own)));
    log.take();
    let task = home.pop();
    catch_unwind(AssertUnwindSafe(|| drop(task))).unwrap_err();
    assert_eq!(log.take(), "second");
    // And it goes on.
    post(&strand, note(&log, "run"));
    assert_eq!(home.run(), 1);
    assert_eq!(log.take(), "post:home run");
}

/// An executor that panics while its flag is set.
struct Panics(Manual, Arc<AtomicBool>);

impl Panics {
    fn check(&self) {
        assert!(!self.1.load(Ordering::SeqCst), "on purpose");
    }
}

impl Clone for Panics {
    fn clone(&self) -> Self {
        self.check();
        Self(self.0.clone(), self.1.clone())
    }
}

impl PartialEq for Panics {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Executor for Panics {
    fn post(&self, task: Task) {
        self.check();
        self.0.post(task);
    }

    fn runs_here(&self) -> bool {
        self.check();
        self.0.runs_here()
    }
}

#[test]
fn a_panic_in_the_inner_executor_leaves_the_strand_usable() {
    let log = Log::new();
    let (home, panics) = (Manual::new("home", &log), Arc::new(AtomicBool::new(false)));
    let strand = Strand::new(Panics(home.clone(), panics.clone()));
    let submits: [fn(&Strand<Panics>, Task); 2] = [Strand::post, Strand::dispatch];
    for submit in submits {
        panics.store(true, Ordering::SeqCst);
        let alive = Alive::new(&log, "lost");
        let task = Task::new(move || drop(alive));
        catch_unwind(AssertUnwindSafe(|| submit(&strand, task))).unwrap_err();
        assert_eq!(log.take(), "lost");
        panics.store(false, Ordering::SeqCst);
        submit(&strand, Task::new(note(&log, "run")));
        assert_eq!(home.run(), 1);
        assert_eq!(log.take(), "post:home run");
    }
}
