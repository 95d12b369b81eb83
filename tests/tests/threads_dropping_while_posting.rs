//! A context is dropped while other threads post to it, and go on when it is gone: the
//! drop ends, and each task has run or been dropped, once.

use std::cell::Cell;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use async_op::executor::{Strand, ThreadPool};
use async_op::task::Task;
use async_op::time::Timer;
use async_op::{Executor, IoContext, IoExecutor};
use async_op_tests::net::post;
use async_op_tests::without_hanging;

const POSTERS: usize = 4;
const ROUNDS: usize = 8;

/// So many tasks are queued at the most, for the sake of memory.
const QUEUED: usize = 1000;

/// What has become of the tasks that were posted.
#[derive(Default)]
struct Tally {
    made: AtomicUsize,
    ran: AtomicUsize,
    dropped: AtomicUsize,
    /// The posters are to end.
    over: AtomicBool,
}

impl Tally {
    fn posted(&self) -> usize {
        self.made.load(Ordering::SeqCst)
    }

    fn ended(&self) -> usize {
        self.ran.load(Ordering::SeqCst) + self.dropped.load(Ordering::SeqCst)
    }

    fn is_full(&self) -> bool {
        let ended = self.ended();
        self.posted() - ended > QUEUED
    }

    /// Waits until so many tasks have been posted.
    fn until_posted(&self, count: usize) {
        while self.posted() < count {
            thread::yield_now();
        }
    }
}

/// What a task owns.
struct Counted {
    tally: Arc<Tally>,
    ran: bool,
}

impl Counted {
    fn new(tally: &Arc<Tally>) -> Self {
        tally.made.fetch_add(1, Ordering::SeqCst);
        Self {
            tally: Arc::clone(tally),
            ran: false,
        }
    }

    fn run(mut self) {
        self.ran = true;
        self.tally.ran.fetch_add(1, Ordering::SeqCst);
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if !self.ran {
            self.tally.dropped.fetch_add(1, Ordering::SeqCst);
            // Those who post are faster than whoever drops.
            thread::yield_now();
        }
    }
}

/// Posts to `executor` from several threads, without end: before, while and after `body`
/// is called.
fn while_others_post<E: Executor>(executor: &E, body: impl FnOnce(&Arc<Tally>)) {
    let tally = Arc::new(Tally::default());
    thread::scope(|scope| {
        for _ in 0..POSTERS {
            let (executor, tally) = (executor.clone(), Arc::clone(&tally));
            scope.spawn(move || {
                while !tally.over.load(Ordering::SeqCst) {
                    if tally.is_full() {
                        thread::yield_now();
                        continue;
                    }
                    let counted = Counted::new(&tally);
                    post(&executor, move || counted.run());
                }
            });
        }
        tally.until_posted(1000);
        body(&tally);
        tally.until_posted(tally.posted() + 1000);
        tally.over.store(true, Ordering::SeqCst);
    });
    assert_eq!(tally.ended(), tally.posted());
    assert_eq!(Arc::strong_count(&tally), 1);
}

/// Blocks on an operation of a context until that is dropped: runs it meanwhile.
fn blocks(executor: &IoExecutor) {
    let timer = Timer::new(executor);
    timer.expires_after(Duration::from_secs(3600));
    let error = timer.wait().blocking().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::Other);
}

fn drop_it<E: Executor>(on: fn(IoExecutor) -> E) {
    for round in 0..ROUNDS {
        let context = IoContext::new().unwrap();
        let executor = on(context.executor());
        while_others_post(&executor, |_| {
            if round % 4 == 0 {
                context.run_for(Duration::from_millis(1));
            }
            drop(context);
        });
    }
}

fn drop_it_while_threads_are_inside<E: Executor>(on: fn(IoExecutor) -> E) {
    for round in 0..ROUNDS {
        let context = IoContext::new().unwrap();
        let inner = context.executor();
        while_others_post(&on(inner), |tally| {
            thread::scope(|scope| {
                for _ in 0..1 + round % 3 {
                    scope.spawn(move || blocks(&inner));
                }
                if round % 2 == 0 {
                    // One of them has run some.
                    while tally.ran.load(Ordering::SeqCst) == 0 {
                        thread::yield_now();
                    }
                }
                drop(context);
            });
        });
    }
}

fn drop_it_in_its_own_handler<E: Executor>(on: fn(IoExecutor) -> E) {
    for round in 0..ROUNDS {
        let context = IoContext::new().unwrap();
        let inner = context.executor();
        let executor = on(inner);
        let owner = executor.clone();
        while_others_post(&executor, |tally| {
            let dropped = Arc::new(AtomicBool::new(false));
            let (done, tally) = (Arc::clone(&dropped), Arc::clone(tally));
            let context = Mutex::new(Some(context));
            post(&owner.clone(), move || {
                let context = context.lock().unwrap().take();
                drop(context);
                // Here too it is refused.
                let counted = Counted::new(&tally);
                post(&owner, move || counted.run());
                done.store(true, Ordering::SeqCst);
            });
            thread::scope(|scope| {
                for _ in 0..1 + round % 3 {
                    scope.spawn(move || blocks(&inner));
                }
            });
            assert!(dropped.load(Ordering::SeqCst));
        });
    }
}

macro_rules! while_others_post_to {
    ($($name:ident: $on:expr;)*) => {$(
        mod $name {
            use super::*;

            #[test]
            fn it_is_dropped() {
                without_hanging(|| drop_it($on));
            }

            #[test]
            fn it_is_dropped_while_threads_are_inside() {
                without_hanging(|| drop_it_while_threads_are_inside($on));
            }

            #[test]
            fn it_is_dropped_in_its_own_handler() {
                without_hanging(|| drop_it_in_its_own_handler($on));
            }
        }
    )*};
}

while_others_post_to! {
    the_context: |executor| executor;
    a_strand: Strand::new;
}

#[test]
fn a_pool() {
    for on_strand in [false, true] {
        without_hanging(move || {
            for round in 0..ROUNDS {
                let pool = ThreadPool::new(1 + round % 3).unwrap();
                let executor = pool.executor();
                match on_strand {
                    false => while_others_post(&executor, |_| drop(pool)),
                    true => while_others_post(&Strand::new(executor), |_| drop(pool)),
                }
            }
        });
    }
}

/// Posts another of its kind when it is dropped, as long as that is queued.
struct Again<E: Executor> {
    executor: E,
    counted: Option<Counted>,
    left: usize,
}

thread_local! {
    static INSIDE_POST: Cell<bool> = const { Cell::new(false) };
}

impl<E: Executor> Again<E> {
    fn post(executor: &E, tally: &Arc<Tally>, left: usize) {
        let again = Self {
            executor: executor.clone(),
            counted: Some(Counted::new(tally)),
            left,
        };
        let outer = INSIDE_POST.replace(true);
        // Nobody runs it.
        executor.post(Task::new(move || drop(again)));
        INSIDE_POST.set(outer);
    }
}

impl<E: Executor> Drop for Again<E> {
    fn drop(&mut self) {
        let counted = self.counted.take().unwrap();
        // Dropped where it was posted, it was refused: or there would be no end to it.
        if !INSIDE_POST.get() && self.left > 0 {
            Self::post(&self.executor, &counted.tally, self.left - 1);
        }
    }
}

fn with_tasks_that_post_again<E: Executor>(on: fn(IoExecutor) -> E, times: usize) {
    for _ in 0..ROUNDS {
        let context = IoContext::new().unwrap();
        let executor = on(context.executor());
        let tally = Arc::new(Tally::default());
        for _ in 0..10 {
            Again::post(&executor, &tally, times);
        }
        drop(context);
        assert_eq!(tally.dropped.load(Ordering::SeqCst), tally.posted());
        assert_eq!(Arc::strong_count(&tally), 1);
    }
}

#[test]
fn tasks_whose_drop_posts_again_once() {
    without_hanging(|| {
        with_tasks_that_post_again(|executor| executor, 1);
        with_tasks_that_post_again(Strand::new, 1);
    });
}

/// The drops of their tasks post again, from wherever they are.
#[test]
fn tasks_of_other_threads_whose_drop_posts_again() {
    without_hanging(|| {
        for _ in 0..ROUNDS {
            let context = IoContext::new().unwrap();
            let executor = context.executor();
            let (tally, over) = (Arc::new(Tally::default()), AtomicBool::new(false));
            thread::scope(|scope| {
                for _ in 0..POSTERS {
                    scope.spawn(|| {
                        while !over.load(Ordering::SeqCst) {
                            if !tally.is_full() {
                                Again::post(&executor, &tally, 2);
                            }
                            thread::yield_now();
                        }
                    });
                }
                tally.until_posted(1000);
                drop(context);
                over.store(true, Ordering::SeqCst);
            });
            assert_eq!(tally.dropped.load(Ordering::SeqCst), tally.posted());
        }
    });
}
