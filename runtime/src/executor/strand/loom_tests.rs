//! Models of the strand. That no two of its tasks run at once is what loom's
//! cell checks: each task writes to the same one.

use std::sync::Arc;

use loom::cell::UnsafeCell;
use loom::thread;

use super::Strand;
use crate::executor::Executor;
use crate::task::Task;
use crate::task::testing::{Count, TestExecutor};

/// A count that only one task at a time may touch.
struct Exclusive(UnsafeCell<usize>);

// SAFETY: shared between tasks of one strand; loom reports it if they overlap.
unsafe impl Send for Exclusive {}

// SAFETY: as above.
unsafe impl Sync for Exclusive {}

fn adds_to(count: &Arc<Exclusive>, ran: &Count) -> Task {
    let (count, ran) = (Arc::clone(count), ran.clone());
    Task::new(move || {
        count.0.with_mut(|count| {
            // SAFETY: this task alone runs in the strand.
            unsafe { *count += 1 };
        });
        ran.add();
    })
}

fn total(count: &Exclusive) -> usize {
    // SAFETY: the threads have ended.
    count.0.with(|count| unsafe { *count })
}

#[test]
fn loom_posts_of_two_threads_that_run_the_inner_executor() {
    loom::model(|| {
        let inner = TestExecutor::new();
        let strand = Strand::new(inner.clone());
        let (count, ran) = (Arc::new(Exclusive(UnsafeCell::new(0))), Count::default());
        let other = {
            let (strand, inner) = (strand.clone(), inner.clone());
            let task = adds_to(&count, &ran);
            thread::spawn(move || {
                strand.post(task);
                inner.run();
            })
        };
        strand.post(adds_to(&count, &ran));
        inner.run();
        other.join().unwrap();
        // What one thread posted while the other was leaving.
        inner.run();
        assert_eq!((total(&count), ran.get()), (2, 2));
    });
}

#[test]
fn loom_post_from_inside_against_a_post_from_outside() {
    loom::model(|| {
        let inner = TestExecutor::new();
        let strand = Strand::new(inner.clone());
        let (count, ran) = (Arc::new(Exclusive(UnsafeCell::new(0))), Count::default());
        let (again, second) = (strand.clone(), adds_to(&count, &ran));
        strand.post(Task::new(move || again.post(second)));
        let other = {
            let (strand, task) = (strand.clone(), adds_to(&count, &ran));
            thread::spawn(move || strand.post(task))
        };
        inner.run();
        other.join().unwrap();
        inner.run();
        assert_eq!((total(&count), ran.get()), (2, 2));
    });
}

#[test]
fn loom_post_against_an_inner_executor_that_drops_its_tasks() {
    loom::model(|| {
        let inner = TestExecutor::new();
        let strand = Strand::new(inner.clone());
        let (count, ran) = (Arc::new(Exclusive(UnsafeCell::new(0))), Count::default());
        strand.post(adds_to(&count, &ran));
        let other = {
            let (strand, task) = (strand.clone(), adds_to(&count, &ran));
            thread::spawn(move || strand.post(task))
        };
        inner.clear();
        other.join().unwrap();
        inner.clear();
        assert_eq!(ran.get(), 0);
        // Neither task is left behind in the strand.
        assert_eq!(Arc::strong_count(&count), 1);
    });
}
