//! Thread pools.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use async_op::executor::{ThreadPool, post_call};
use async_op::{Blocking, Executor, UseFuture};
use async_op_tests::net::post;
use async_op_tests::{Alive, Log, panic_of, without_hanging};

#[test]
fn join_waits_for_all_work_and_may_be_called_again() {
    without_hanging(|| {
        let count = Arc::new(AtomicUsize::new(0));
        let pool = ThreadPool::new(2).unwrap();
        for _ in 0..100 {
            let (executor, count) = (pool.executor(), count.clone());
            post(&pool.executor(), move || {
                post(&executor, move || {
                    count.fetch_add(1, Ordering::SeqCst);
                });
            });
        }
        pool.join();
        assert_eq!(count.load(Ordering::SeqCst), 100);
        pool.join();
    });
}

#[test]
fn stop_leaves_what_is_queued() {
    without_hanging(|| {
        let log = Log::new();
        let pool = ThreadPool::new(1).unwrap();
        let (started, running) = mpsc::channel();
        let (go, wait) = mpsc::channel();
        post(&pool.executor(), move || {
            started.send(()).unwrap();
            wait.recv().unwrap();
        });
        running.recv().unwrap();
        let alive = Alive::new(&log, "dropped");
        post(&pool.executor(), move || drop(alive));
        pool.stop();
        go.send(()).unwrap();
        pool.join();
        assert_eq!(log.take(), "");
        drop(pool);
        assert_eq!(log.take(), "dropped");
    });
}

#[test]
fn attached_threads_run_its_tasks() {
    without_hanging(|| {
        let pool = Arc::new(ThreadPool::new(0).unwrap());
        let (sender, receiver) = mpsc::channel();
        let executor = pool.executor();
        post(&executor, move || {
            assert!(executor.runs_here());
            sender.send(thread::current().id()).unwrap();
        });
        pool.join();
        pool.attach();
        assert_eq!(receiver.recv(), Ok(thread::current().id()));
    });
}

#[test]
fn the_first_panic_is_resumed_in_join_and_no_thread_ends() {
    without_hanging(|| {
        let pool = ThreadPool::new(1).unwrap();
        post(&pool.executor(), || panic!("the first"));
        post(&pool.executor(), || panic!("the second"));
        assert_eq!(pollster::block_on(post_call(&pool, || 3, UseFuture)), 3);
        assert_eq!(panic_of(|| pool.join()), "the first");
        pool.join();
        // Dropped, it resumes none.
        let pool = ThreadPool::new(1).unwrap();
        post(&pool.executor(), || panic!("unheard"));
        assert_eq!(pollster::block_on(post_call(&pool, || 3, UseFuture)), 3);
        drop(pool);
    });
}

#[test]
fn joining_from_inside_is_refused_and_dropping_is_not() {
    without_hanging(|| {
        let pool = Arc::new(ThreadPool::new(1).unwrap());
        let inside = Arc::clone(&pool);
        let message = post_call(&*pool, move || panic_of(|| inside.join()), Blocking);
        assert!(message.contains("on one of its own threads"), "{message}");
        let (sender, receiver) = mpsc::channel();
        let executor = pool.executor();
        let inside = Arc::try_unwrap(pool).unwrap();
        post(&executor, move || {
            drop(inside);
            sender.send(()).unwrap();
        });
        receiver.recv().unwrap();
    });
}
