//! Thread pools.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use async_op::executor::{Strand, ThreadPool, post_call};
use async_op::{Blocking, Executor, SystemExecutor, UseFuture};
use async_op_tests::net::post;
use async_op_tests::{Alive, Form, HandlerForm, Log, panic_of, without_hanging};

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

/// A thread that blocks leaves the functions of a pool to the pool.
#[test]
fn blocking_runs_nothing_on_the_thread_of_the_caller() {
    without_hanging(|| {
        let here = thread::current().id();
        for _ in 0..20 {
            let pool = ThreadPool::new(1).unwrap();
            let others = Arc::new(AtomicUsize::new(0));
            for _ in 0..10 {
                let others = Arc::clone(&others);
                post(&pool.executor(), move || {
                    assert_ne!(thread::current().id(), here);
                    others.fetch_add(1, Ordering::SeqCst);
                });
            }
            let there = post_call(&pool, || thread::current().id(), Blocking);
            assert_ne!(there, here);
            assert_eq!(others.load(Ordering::SeqCst), 10);
            pool.join();
        }
        let there = post_call(&SystemExecutor, || thread::current().id(), Blocking);
        assert_ne!(there, here);
    });
}

/// Without a thread of its own a pool has those that are lent to it, and no others.
#[test]
fn blocking_waits_for_a_thread_that_is_lent() {
    without_hanging(|| {
        let pool = ThreadPool::new(0).unwrap();
        let form = HandlerForm::default();
        thread::scope(|scope| {
            let lender = scope.spawn(|| {
                // Not before the operation waits for it.
                while !form.hold.is_kept() {
                    thread::yield_now();
                }
                let hold = form.hold.clone();
                let (ran, running) = mpsc::channel();
                post(&pool.executor(), move || {
                    ran.send(thread::current().id()).unwrap();
                    hold.take().expect("it has been started").complete(7);
                });
                pool.join();
                pool.attach();
                assert_eq!(running.recv(), Ok(thread::current().id()));
            });
            assert_eq!(form.operation(&pool.executor()).blocking(), 7);
            lender.join().unwrap();
        });
    });
}

#[test]
fn blocking_on_a_pool_that_is_over_panics() {
    without_hanging(|| {
        let over = "blocking on an operation of a `ThreadPool` that has been stopped or joined \
                    would wait for ever";
        for end in [ThreadPool::stop, ThreadPool::join] {
            let pool = ThreadPool::new(1).unwrap();
            end(&pool);
            pool.join();
            assert_eq!(panic_of(|| post_call(&pool, || {}, Blocking)), over);
        }
        // Stopped while somebody waits, with nobody to run it.
        let pool = Arc::new(ThreadPool::new(0).unwrap());
        let form = HandlerForm::default();
        let (hold, stopped) = (form.hold.clone(), Arc::clone(&pool));
        let stopper = thread::spawn(move || {
            while !hold.is_kept() {
                thread::yield_now();
            }
            stopped.stop();
        });
        assert_eq!(
            panic_of(|| form.operation(&pool.executor()).blocking()),
            over
        );
        stopper.join().unwrap();
    });
}

/// A thread of the pool would wait for itself, by way of a strand too. Of another pool it waits.
#[test]
fn blocking_inside() {
    without_hanging(|| {
        let (pool, other) = (ThreadPool::new(1).unwrap(), ThreadPool::new(1).unwrap());
        let (on_pool, on_other) = (pool.executor(), other.executor());
        let name = || thread::current().name().map(str::to_owned);
        let said = move || {
            let strand = Strand::new(on_pool);
            [
                panic_of(|| post_call(&on_pool, || 1, Blocking)),
                panic_of(|| post_call(&strand, || 1, Blocking)),
                format!(
                    "{:?}",
                    post_call(&on_other, move || on_pool.runs_here(), Blocking)
                ),
                post_call(&on_other, name, Blocking).unwrap(),
            ]
        };
        let [own, strand, is_own, there] = post_call(&pool, said, Blocking);
        assert!(
            own.contains("for ever") && strand.contains("for ever"),
            "{own}, {strand}"
        );
        assert_eq!(
            (is_own.as_str(), there.as_str()),
            ("false", "async-op pool 0")
        );
    });
}
