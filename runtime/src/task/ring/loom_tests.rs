//! Models of the owner of a ring against one who takes tasks from it: each task goes to
//! one of them, with all that it holds, and none is overlooked by both.

use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, AtomicUsize};
use loom::thread;

use super::*;
use crate::shim::UnsafeCell;
use crate::task::testing::bounded;

/// Runs once, or loom says that two threads were at it.
fn task(ran: &Arc<AtomicUsize>) -> Task {
    let (ran, once) = (Arc::clone(ran), UnsafeCell::new(()));
    Task::new(move || {
        once.with_mut(|_| ());
        ran.fetch_add(1, Ordering::Relaxed);
    })
}

fn push(ring: &Ring, ran: &Arc<AtomicUsize>) -> Result<usize, Task> {
    // SAFETY: all models push on one thread.
    unsafe { ring.push(task(ran)) }
}

fn take(ring: &Ring, share: impl FnOnce(usize) -> usize) -> usize {
    let mut taken = TaskQueue::default();
    ring.take(share, &mut taken);
    let mut count = 0;
    while let Some(task) = taken.pop() {
        task.run();
        count += 1;
    }
    count
}

fn pop_all(ring: &Ring) -> usize {
    let mut count = 0;
    while let Some(task) = ring.pop() {
        task.run();
        count += 1;
    }
    count
}

/// More tasks than there is room for, while another takes `share` of them, once or twice.
fn against_one_who_takes(preemptions: usize, times: usize, share: fn(usize) -> usize) {
    bounded(preemptions).check(move || {
        let (ring, ran) = (Arc::new(Ring::new()), Arc::new(AtomicUsize::new(0)));
        let other = Arc::clone(&ring);
        let thief = thread::spawn(move || (0..times).map(|_| take(&other, share)).sum::<usize>());
        let mut mine = 0;
        for _ in 0..CAPACITY + 1 {
            if let Err(task) = push(&ring, &ran) {
                task.run();
                mine += 1;
            }
        }
        mine += pop_all(&ring);
        let theirs = thief.join().unwrap();
        assert_eq!(mine + theirs, CAPACITY + 1);
        assert_eq!(ran.load(Ordering::Relaxed), CAPACITY + 1);
        assert_eq!(ring.len(), 0);
    });
}

#[test]
fn loom_owner_against_one_who_takes_all() {
    against_one_who_takes(4, 1, |len| len);
}

#[test]
fn loom_owner_against_one_who_takes_half_twice() {
    against_one_who_takes(4, 2, |len| len.div_ceil(2));
}

/// The slots are written a second time while the other still reads.
#[test]
fn loom_slots_are_used_again() {
    bounded(3).check(|| {
        let (ring, ran) = (Arc::new(Ring::new()), Arc::new(AtomicUsize::new(0)));
        let other = Arc::clone(&ring);
        let thief = thread::spawn(move || take(&other, |len| len));
        let mut mine = 0;
        for _ in 0..3 {
            assert!(push(&ring, &ran).is_ok());
            mine += pop_all(&ring);
        }
        assert_eq!(mine + thief.join().unwrap(), 3);
        assert_eq!(ran.load(Ordering::Relaxed), 3);
    });
}

/// Whoever goes to sleep says so and then looks; whoever has pushed looks who sleeps.
#[test]
fn loom_a_sleeper_sees_the_task_or_the_owner_sees_the_sleeper() {
    loom::model(|| {
        let (ring, ran) = (Arc::new(Ring::new()), Arc::new(AtomicUsize::new(0)));
        let sleeps = Arc::new(AtomicBool::new(false));
        let (other, flag) = (Arc::clone(&ring), Arc::clone(&sleeps));
        let sleeper = thread::spawn(move || {
            flag.store(true, Ordering::SeqCst);
            other.len() == 1
        });
        assert!(push(&ring, &ran).is_ok());
        let seen_by_owner = sleeps.load(Ordering::SeqCst);
        assert!(seen_by_owner | sleeper.join().unwrap());
        assert_eq!(pop_all(&ring), 1);
    });
}
