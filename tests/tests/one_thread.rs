//! A context for one thread at a time: as any other, but for a second `run`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use async_op::executor::{Strand, WorkGuard};
use async_op::task::Task;
use async_op::time::Timer;
use async_op::{Executor, IoContext};
use async_op_tests::{Log, panic_of, without_hanging};

const WORDS: &str = "an `IoContext::for_one_thread` is being run by another thread, or driven by \
                     one that blocks on an operation: make it with `IoContext::new`, or run it on \
                     one thread at a time";

#[test]
fn tasks_run_in_order_wherever_they_come_from() {
    let context = IoContext::for_one_thread().unwrap();
    let (executor, log) = (context.executor(), Log::new());
    let strand = Strand::new(executor);
    for n in 0..3 {
        let log = log.clone();
        context.post(Task::new(move || {
            log.push(format!("{n}"));
            executor.post(Task::new(move || log.push(format!("{n}'"))));
        }));
    }
    let last = log.clone();
    strand.post(Task::new(move || last.push("strand")));
    assert_eq!(context.run(), 7);
    assert_eq!(log.take(), "0 1 2 strand 0' 1' 2'");
}

#[test]
fn a_second_run_at_the_same_time_panics_and_disturbs_nobody() {
    without_hanging(|| {
        let context = Arc::new(IoContext::for_one_thread().unwrap());
        let work = WorkGuard::new(context.executor());
        let (entered, entering) = mpsc::channel();
        let first = Arc::clone(&context);
        context.post(Task::new(move || entered.send(()).unwrap()));
        let runner = thread::spawn(move || first.run());
        entering.recv().unwrap();
        for second in [
            IoContext::run,
            IoContext::run_one,
            IoContext::poll,
            IoContext::poll_one,
        ] {
            assert_eq!(panic_of(|| second(&context)), WORDS);
        }
        // A handler may go on with it, on the thread that runs it.
        let (inner, ran) = (Arc::clone(&context), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&ran);
        context.post(Task::new(move || {
            inner.post(Task::new(|| ()));
            count.store(inner.poll(), Ordering::SeqCst);
        }));
        drop(work);
        assert_eq!(runner.join().unwrap(), 2);
        assert_eq!(ran.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn another_thread_may_run_it_next() {
    let context = IoContext::for_one_thread().unwrap();
    for _ in 0..3 {
        context.post(Task::new(|| ()));
        let ran = thread::scope(|scope| scope.spawn(|| context.run()).join().unwrap());
        assert_eq!(ran, 1);
        context.restart();
        context.post(Task::new(|| panic!("on purpose")));
        catch_unwind(AssertUnwindSafe(|| context.run())).unwrap_err();
        context.restart();
    }
}

#[test]
fn any_number_of_threads_may_block_on_it() {
    without_hanging(|| {
        let context = IoContext::for_one_thread().unwrap();
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for n in 0..50 {
                        let timer = Timer::new(&context);
                        timer.expires_after(Duration::from_micros(n * 7 % 100));
                        timer.wait().blocking().unwrap();
                    }
                });
            }
        });
    });
}

#[test]
fn what_other_threads_post_wakes_it() {
    without_hanging(|| {
        let context = IoContext::for_one_thread().unwrap();
        let work = WorkGuard::new(context.executor());
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..100 {
                    let (sender, receiver) = mpsc::channel();
                    context.post(Task::new(move || sender.send(()).unwrap()));
                    receiver.recv().unwrap();
                }
                over.store(true, Ordering::SeqCst);
                drop(work);
            });
            assert_eq!(context.run(), 100);
        });
        assert!(over.load(Ordering::SeqCst));
    });
}
