//! A context that several threads run: its tasks are for all of them, whoever
//! posts them, and whenever the threads come. Nobody arranges who is inside first.

use std::io::Write;
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use async_op::executor::{ThreadPool, WorkGuard};
use async_op::time::Timer;
use async_op::{IoContext, IoExecutor};
use async_op_tests::net::{half_pair, post};
use async_op_tests::without_hanging;

/// Posts tasks that end once `together` of them run at the same time, each on a thread
/// of its own.
fn post_meetings(executor: &IoExecutor, tasks: usize, together: &Arc<Barrier>) {
    for _ in 0..tasks {
        let together = Arc::clone(together);
        post(executor, move || {
            together.wait();
        });
    }
}

/// Runs `context` on `runners` threads, none of which waits for another; returns how many
/// tasks each ran.
fn run_on(context: &IoContext, runners: usize) -> Vec<usize> {
    thread::scope(|scope| {
        let runners: Vec<_> = (0..runners)
            .map(|_| scope.spawn(|| context.run()))
            .collect();
        runners.into_iter().map(|r| r.join().unwrap()).collect()
    })
}

#[test]
fn tasks_that_were_posted_before_the_runners_came() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        for (runners, rounds) in [(2, 300), (8, 100)] {
            for _ in 0..rounds {
                let together = Arc::new(Barrier::new(runners));
                post_meetings(&context, 64, &together);
                // At each meeting are all of them.
                assert_eq!(run_on(&context, runners), vec![64 / runners; runners]);
                context.restart();
            }
        }
    });
}

#[test]
fn tasks_that_a_foreign_thread_posts_while_the_runners_come() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        for (runners, rounds) in [(2, 300), (8, 100)] {
            for _ in 0..rounds {
                let executor = context.executor();
                let work = WorkGuard::new(executor);
                let poster = thread::spawn(move || {
                    post_meetings(&executor, 64, &Arc::new(Barrier::new(runners)));
                    drop(work);
                });
                assert_eq!(run_on(&context, runners), vec![64 / runners; runners]);
                poster.join().unwrap();
                context.restart();
            }
        }
    });
}

#[test]
fn tasks_that_a_handler_of_the_first_runner_posts() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        for (runners, rounds) in [(2, 300), (8, 100)] {
            for _ in 0..rounds {
                let executor = context.executor();
                post(&executor, move || {
                    post_meetings(&executor, 64, &Arc::new(Barrier::new(runners)));
                });
                let mut ran = run_on(&context, runners);
                ran.sort();
                // One of them was the first.
                assert_eq!(ran.pop(), Some(64 / runners + 1));
                assert_eq!(ran, vec![64 / runners; runners - 1]);
                context.restart();
            }
        }
    });
}

#[test]
fn a_handler_that_meets_what_it_has_posted() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        for (runners, rounds) in [(2, 300), (8, 100)] {
            for _ in 0..rounds {
                let executor = context.executor();
                post(&executor, move || {
                    let together = Arc::new(Barrier::new(runners));
                    post_meetings(&executor, runners - 1, &together);
                    together.wait();
                });
                assert_eq!(run_on(&context, runners), vec![1; runners]);
                context.restart();
            }
        }
    });
}

/// Whatever the first one has taken for itself while it was alone is for those who come.
#[test]
fn runners_that_come_when_the_first_is_held_in_a_task() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        for round in 0..300 {
            let runners = [2, 8][round % 2];
            let (executor, together) = (context.executor(), Arc::new(Barrier::new(runners)));
            let (held, waiting) = mpsc::channel();
            let own = Arc::clone(&together);
            let first = move || {
                if round % 3 == 0 {
                    // Or they are in the queue already.
                    post_meetings(&executor, runners - 1, &own);
                }
                held.send(()).unwrap();
                own.wait();
            };
            post(&executor, first);
            if round % 3 != 0 {
                post_meetings(&executor, runners - 1, &together);
            }
            thread::scope(|scope| {
                let first = scope.spawn(|| context.run());
                waiting.recv().unwrap();
                assert_eq!(run_on(&context, runners - 1), vec![1; runners - 1]);
                assert_eq!(first.join().unwrap(), 1);
            });
            context.restart();
        }
    });
}

/// Each comes when all of those before it are held.
#[test]
fn runners_that_come_one_after_another() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        for _ in 0..100 {
            let runners = 8;
            let together = Arc::new(Barrier::new(runners));
            let (held, waiting) = mpsc::channel();
            for _ in 0..runners {
                let (held, together) = (held.clone(), Arc::clone(&together));
                post(&context.executor(), move || {
                    held.send(thread::current().id()).unwrap();
                    together.wait();
                });
            }
            thread::scope(|scope| {
                for _ in 0..runners {
                    let runner = scope.spawn(|| assert_eq!(context.run(), 1));
                    assert_eq!(waiting.recv().unwrap(), runner.thread().id());
                }
            });
            context.restart();
        }
    });
}

/// One wait of one thread may have brought them all.
#[test]
fn handlers_of_timers_that_expire_together() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        for round in 0..200 {
            let runners = [2, 8][round % 2];
            let together = Arc::new(Barrier::new(runners));
            let deadline = Instant::now() + Duration::from_micros(500);
            for _ in 0..runners {
                let (timer, together) = (Timer::new(&context), Arc::clone(&together));
                timer.expires_at(deadline);
                timer.wait().callback(move |result| {
                    result.unwrap();
                    together.wait();
                });
            }
            while Instant::now() < deadline {
                thread::yield_now();
            }
            run_on(&context, runners);
            assert_eq!(Arc::strong_count(&together), 1);
            context.restart();
        }
    });
}

/// As above.
#[test]
fn handlers_of_sockets_that_are_ready_together() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        for runners in [2, 8] {
            let pairs: Vec<_> = (0..runners).map(|_| half_pair(&context)).collect();
            for _ in 0..100 {
                let together = Arc::new(Barrier::new(runners));
                for (stream, _) in &pairs {
                    let together = Arc::clone(&together);
                    stream.read_some([0; 4]).callback(move |result, buffer| {
                        assert_eq!(&buffer[..result.unwrap()], b"go");
                        together.wait();
                    });
                }
                for (_, peer) in &pairs {
                    (&*peer).write_all(b"go").unwrap();
                }
                run_on(&context, runners);
                assert_eq!(Arc::strong_count(&together), 1);
                context.restart();
            }
        }
    });
}

#[test]
fn pools_that_are_posted_to_at_once() {
    without_hanging(|| {
        for _ in 0..300 {
            let pool = ThreadPool::new(8).unwrap();
            let together = Arc::new(Barrier::new(8));
            let weak = Arc::downgrade(&together);
            post_meetings(&pool.executor(), 64, &together);
            drop(together);
            pool.join();
            assert!(weak.upgrade().is_none(), "a task is left");
        }
    });
}

#[test]
fn pools_whose_first_task_waits_for_what_it_posts() {
    without_hanging(|| {
        for _ in 0..300 {
            let pool = ThreadPool::new(2).unwrap();
            let executor = pool.executor();
            let (done, ended) = mpsc::channel();
            post(&executor, move || {
                let (sender, receiver) = mpsc::channel();
                post(&executor, move || {
                    sender.send(thread::current().id()).unwrap()
                });
                let other = receiver.recv().unwrap();
                done.send((thread::current().id(), other)).unwrap();
            });
            let (one, other) = ended.recv().unwrap();
            assert_ne!(one, other);
            pool.join();
        }
    });
}

#[test]
fn a_thread_that_is_lent_to_a_pool() {
    without_hanging(|| {
        for _ in 0..300 {
            let pool = ThreadPool::new(1).unwrap();
            let together = Arc::new(Barrier::new(2));
            post_meetings(&pool.executor(), 2, &together);
            thread::scope(|scope| {
                scope.spawn(|| pool.attach());
                pool.join();
            });
            assert_eq!(Arc::strong_count(&together), 1);
        }
    });
}
