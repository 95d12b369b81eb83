//! What one thread posts is run in that order: by a context that one thread at a time
//! runs, and by a strand, whoever runs it.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use async_op::executor::{Strand, WorkGuard};
use async_op::task::Task;
use async_op::{Executor, IoContext};
use async_op_tests::net::post;
use async_op_tests::without_hanging;

/// For each who posts, how many tasks have been posted and run.
struct Order {
    posted: Vec<AtomicUsize>,
    ran: Vec<AtomicUsize>,
    wrong: Mutex<Vec<String>>,
}

impl Order {
    fn new(posters: usize) -> Arc<Self> {
        let counters = || (0..posters).map(|_| AtomicUsize::new(0)).collect();
        Arc::new(Self {
            posted: counters(),
            ran: counters(),
            wrong: Mutex::default(),
        })
    }

    /// Makes the next task of `poster`, which does `more` when it runs.
    fn task(self: &Arc<Self>, poster: usize, more: impl FnOnce() + Send + 'static) -> Task {
        let n = self.posted[poster].fetch_add(1, Ordering::SeqCst);
        let this = Arc::clone(self);
        Task::new(move || {
            let now = this.ran[poster].fetch_add(1, Ordering::SeqCst);
            if now != n {
                let mut wrong = this.wrong.lock().unwrap();
                wrong.push(format!("task {n} of {poster} is number {now}"));
            }
            more();
        })
    }

    /// Checks the order, and that all have run, so many.
    fn check(&self, expected: usize) {
        assert!(self.wrong.lock().unwrap().is_empty(), "{:?}", self.wrong);
        let load = |n: &AtomicUsize| n.load(Ordering::SeqCst);
        let posted: Vec<_> = self.posted.iter().map(load).collect();
        let ran: Vec<_> = self.ran.iter().map(load).collect();
        assert_eq!(ran, posted);
        assert_eq!(ran.iter().sum::<usize>(), expected);
    }
}

/// The number of those who post from outside. Handlers are one more.
const OUTSIDE: usize = 3;
const TASKS: usize = 2000;

/// Posts from several threads, where each task posts one more in its turn and each
/// 100th a hundred, while `run` runs the context on one thread at a time, until it is told
/// that all have been posted.
fn post_to_one_runner(context: &IoContext, run: impl FnOnce(&AtomicBool)) {
    let order = Order::new(OUTSIDE + 1);
    let executor = context.executor();
    let (over, posting) = (AtomicBool::new(false), AtomicUsize::new(OUTSIDE));
    let work = WorkGuard::new(executor);
    let work = Mutex::new(Some(work));
    thread::scope(|scope| {
        for poster in 0..OUTSIDE {
            let (order, work, over, posting) = (&order, &work, &over, &posting);
            scope.spawn(move || {
                for n in 0..TASKS {
                    let inner = Arc::clone(order);
                    let more = move || {
                        let count = if n % 100 == 0 { 100 } else { 1 };
                        for _ in 0..count {
                            executor.post(inner.task(OUTSIDE, || ()));
                        }
                    };
                    executor.post(order.task(poster, more));
                }
                if posting.fetch_sub(1, Ordering::SeqCst) == 1 {
                    over.store(true, Ordering::SeqCst);
                    work.lock().unwrap().take();
                }
            });
        }
        run(&over);
    });
    context.restart();
    context.run();
    order.check(OUTSIDE * (2 * TASKS + TASKS / 100 * 99));
}

#[test]
fn by_one_runner() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        for _ in 0..20 {
            context.restart();
            post_to_one_runner(&context, |_| {
                context.run();
            });
        }
    });
}

#[test]
fn by_one_runner_that_comes_when_all_are_queued() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        for _ in 0..20 {
            context.restart();
            post_to_one_runner(&context, |over| {
                while !over.load(Ordering::SeqCst) {
                    thread::yield_now();
                }
            });
        }
    });
}

/// The `n`th of all ways to run a context, for a while.
fn run_somehow(context: &IoContext, n: usize) -> usize {
    context.restart();
    match n % 6 {
        0 => context.poll(),
        1 => context.run_one(),
        2 => context.poll_one(),
        3 => context.run_for(Duration::from_micros(20)),
        4 => context.run_one_for(Duration::from_micros(20)),
        _ => (0..100).map(|_| context.poll_one()).sum(),
    }
}

#[test]
fn by_one_runner_that_comes_and_goes() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        for round in 0..20 {
            post_to_one_runner(&context, |over| {
                for n in round.. {
                    run_somehow(&context, n);
                    if over.load(Ordering::SeqCst) {
                        break;
                    }
                }
            });
        }
    });
}

#[test]
fn by_many_runners_one_after_another() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        for round in 0..20 {
            post_to_one_runner(&context, |over| {
                for n in round.. {
                    thread::scope(|scope| {
                        scope.spawn(|| run_somehow(&context, n)).join().unwrap();
                    });
                    if over.load(Ordering::SeqCst) {
                        break;
                    }
                }
            });
        }
    });
}

/// Of a handler that posts: each to be run behind the one before.
#[test]
fn what_handlers_post_to_what_is_queued() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        let executor = context.executor();
        // Those of 0 are posted now, those of 1 by them, and those of 2 by these.
        let order = Order::new(3);
        for _ in 0..TASKS {
            let second = Arc::clone(&order);
            executor.post(order.task(0, move || {
                for _ in 0..2 {
                    let third = Arc::clone(&second);
                    executor.post(second.task(1, move || {
                        executor.post(third.task(2, || ()));
                    }));
                }
            }));
        }
        // A part of them at a time.
        let mut ran = 0;
        for n in 0..60 {
            ran += run_somehow(&context, n);
        }
        context.restart();
        assert_eq!(ran + context.run(), 5 * TASKS);
        order.check(5 * TASKS);
    });
}

/// Posts to a strand: from other threads, from its own tasks, and from handlers that are
/// none of it, each of which posts (and dispatches) some.
fn post_to_a_strand(context: &IoContext, runners: usize, run: fn(&IoContext, usize)) {
    const INSIDE: usize = OUTSIDE;
    const HANDLERS: usize = 50;
    const EACH: usize = 20;
    let tasks = 1000;
    let order = Order::new(OUTSIDE + 1 + HANDLERS);
    let strand = Strand::new(context.executor());
    let ended = AtomicUsize::new(0);
    thread::scope(|scope| {
        let posters: Vec<_> = (0..OUTSIDE)
            .map(|poster| {
                let (order, strand) = (&order, &strand);
                scope.spawn(move || {
                    for n in 0..tasks {
                        let (inner, again) = (Arc::clone(order), strand.clone());
                        let more = move || again.post(inner.task(INSIDE, || ()));
                        match n % 3 {
                            0 => strand.dispatch(order.task(poster, more)),
                            _ => strand.post(order.task(poster, more)),
                        }
                    }
                })
            })
            .collect();
        for handler in 0..HANDLERS {
            let (order, strand) = (Arc::clone(&order), strand.clone());
            post(&context.executor(), move || {
                for n in 0..EACH {
                    let task = order.task(OUTSIDE + 1 + handler, || ());
                    match n % 3 {
                        1 => strand.dispatch(task),
                        _ => strand.post(task),
                    }
                }
            });
        }
        for n in 0..runners {
            let ended = &ended;
            scope.spawn(move || {
                for n in n.. {
                    context.restart();
                    run(context, n);
                    if ended.load(Ordering::SeqCst) > 0 {
                        return;
                    }
                    thread::yield_now();
                }
            });
        }
        for poster in posters {
            poster.join().unwrap();
        }
        ended.store(1, Ordering::SeqCst);
    });
    context.restart();
    context.run();
    order.check(OUTSIDE * 2 * tasks + HANDLERS * EACH);
}

#[test]
fn by_a_strand_on_several_runners() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        for round in 0..40 {
            post_to_a_strand(&context, 1 + round % 4, |context, _| {
                context.run();
            });
        }
    });
}

#[test]
fn by_a_strand_on_runners_that_come_and_go() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        for round in 0..40 {
            post_to_a_strand(&context, 1 + round % 4, |context, n| {
                run_somehow(context, n);
            });
        }
    });
}

/// Nobody comes until all are queued, then several at once.
#[test]
fn by_a_strand_that_was_full_before_the_runners_came() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        for round in 0..40 {
            let order = Order::new(2);
            let strand = Strand::new(context.executor());
            for n in 0..1500 {
                let (inner, again) = (Arc::clone(&order), strand.clone());
                strand.post(order.task(0, move || {
                    again.post(inner.task(1, || ()));
                }));
                // Among others.
                if n % 5 == 0 {
                    post(&context.executor(), thread::yield_now);
                }
            }
            thread::scope(|scope| {
                for _ in 0..1 + round % 4 {
                    scope.spawn(|| context.run());
                }
            });
            order.check(3000);
            context.restart();
        }
    });
}
