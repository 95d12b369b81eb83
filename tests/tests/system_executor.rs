//! The system executor: a pool of threads for the whole process.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use async_op::executor::{Strand, SystemContext, post_call};
use async_op::time::Timer;
use async_op::{Blocking, Deferred, Executor, SystemExecutor, post_on};
use async_op_tests::{panic_of, without_hanging};

/// One test at a time: two of them block a thread each of the two that there may be.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A handler that blocks does not stop the others, nor the timers.
#[test]
fn one_that_blocks_stops_no_other() {
    let _alone = alone();
    without_hanging(|| {
        let (go, wait) = mpsc::channel::<()>();
        let (entered, entering) = mpsc::channel();
        post_on(&SystemExecutor, move || {
            entered.send(()).unwrap();
            wait.recv().unwrap();
        });
        entering.recv().unwrap();
        for _ in 0..20 {
            assert_eq!(post_call(&SystemExecutor, || 7, Blocking), 7);
            let timer = Timer::new(&SystemExecutor);
            timer.expires_after(Duration::from_micros(100));
            timer.wait().blocking().unwrap();
        }
        go.send(()).unwrap();
    });
}

/// Two handlers wait for each other: they run at the same time.
#[test]
fn handlers_run_at_the_same_time() {
    let _alone = alone();
    without_hanging(|| {
        let ((one, to_one), (two, to_two)) = (mpsc::channel(), mpsc::channel());
        let first = move || {
            two.send(()).unwrap();
            to_one.recv().unwrap();
            thread::current().id()
        };
        let second = move || {
            one.send(()).unwrap();
            to_two.recv().unwrap();
            thread::current().id()
        };
        let both = (
            post_call(&SystemExecutor, first, Deferred),
            post_call(&SystemExecutor, second, Deferred),
        );
        let group = async_op::group::parallel_group(both);
        let (_, (first, second)) = group.wait(async_op::group::wait_for_all()).blocking();
        let ids: HashSet<_> = [first, second, thread::current().id()].into();
        assert_eq!(ids.len(), 3);
    });
}

/// A handler that panics ends no thread.
#[test]
fn after_a_panic() {
    let _alone = alone();
    without_hanging(|| {
        for _ in 0..20 {
            post_on(&SystemExecutor, || panic!("on purpose"));
            let here = SystemContext::get().unwrap().executor();
            assert!(post_call(
                &SystemExecutor,
                move || here.runs_here(),
                Blocking
            ));
        }
    });
}

/// A strand of it runs one by one, in order; and who is on a thread of it does not wait for it.
#[test]
fn a_strand_of_it_and_blocking_inside() {
    let _alone = alone();
    without_hanging(|| {
        let (strand, (sender, receiver)) = (Strand::new(SystemExecutor), mpsc::channel());
        for n in 0..1000 {
            let sender = sender.clone();
            post_on(&strand, move || sender.send(n).unwrap());
        }
        drop(sender);
        assert!(receiver.iter().eq(0..1000));
        let said = || {
            // Another of its threads may begin with the call at once, but not be done.
            let (_end, ended) = mpsc::channel::<()>();
            panic_of(move || post_call(&SystemExecutor, move || ended.recv(), Blocking))
        };
        let said = post_call(&SystemExecutor, said, Blocking);
        assert!(said.contains("for ever"), "{said}");
    });
}
