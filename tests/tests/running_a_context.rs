//! `run` and its relatives: what they return, and when.

use std::io;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use async_op::adapter::cancel_at;
use async_op::executor::{Strand, WorkGuard};
use async_op::task::Task;
use async_op::time::Timer;
use async_op::{Completion, Executor, IoContext, IoExecutor, async_op, bind_executor};
use async_op_tests::{Form, HandlerForm, Log, Probe, both_forms, without_hanging};

const HOUR: Duration = Duration::from_secs(3600);

/// Posts a task that writes `entry`.
fn post(executor: &IoExecutor, log: &Log, entry: &'static str) {
    let log = log.clone();
    executor.post(Task::new(move || log.push(entry)));
}

#[test]
fn a_new_context_is_not_stopped_and_has_nothing_to_do() {
    let context = IoContext::new().unwrap();
    assert!(!context.stopped());
    assert_eq!(context.run(), 0);
    assert!(context.stopped());
}

#[test]
fn out_of_work_it_is_stopped_until_restart() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    assert_eq!(context.run(), 0);
    post(&context, &log, "a");
    assert_eq!(context.run(), 0);
    assert_eq!(
        (context.run_one(), context.poll(), context.poll_one()),
        (0, 0, 0)
    );
    assert!(context.stopped());
    context.restart();
    assert!(!context.stopped());
    assert_eq!(context.run(), 1);
    assert_eq!(log.take(), "a");
}

#[test]
fn tasks_run_in_the_order_they_were_posted_in() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    for entry in ["a", "b", "c"] {
        post(&context, &log, entry);
    }
    assert_eq!(context.run(), 3);
    assert_eq!(log.take(), "a b c");
}

#[test]
fn post_defer_and_dispatch_inside_a_handler() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let (executor, inner) = (context.executor(), log.clone());
    context.post(Task::new(move || {
        let task = |entry| {
            let log = inner.clone();
            Task::new(move || log.push(entry))
        };
        executor.post(task("posted"));
        executor.defer(task("deferred"));
        executor.dispatch(task("dispatched"));
        inner.push("outer");
    }));
    post(&context, &log, "next");
    assert!(!context.runs_here());
    assert_eq!(context.run(), 4);
    assert_eq!(log.take(), "dispatched outer next posted deferred");
}

#[test]
fn run_one_runs_one() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    post(&context, &log, "a");
    post(&context, &log, "b");
    assert_eq!(context.run_one(), 1);
    assert_eq!(log.take(), "a");
    assert_eq!(context.run_one(), 1);
    assert_eq!(log.take(), "b");
    assert_eq!(context.run_one(), 0);
    assert!(context.stopped());
}

#[test]
fn run_one_waits_for_its_task() {
    without_hanging(|| {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let timer = Timer::new(&context);
        timer.expires_after(Duration::from_millis(1));
        let inner = log.clone();
        timer.wait().callback(move |_| inner.push("waited"));
        assert_eq!(context.run_one(), 1);
        assert_eq!(log.take(), "waited");
    });
}

#[test]
fn poll_runs_what_is_ready_and_does_not_wait() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let timer = Timer::new(&context);
    timer.expires_after(HOUR);
    timer.wait().detach();
    assert_eq!(context.poll(), 0);
    assert!(!context.stopped());
    let (executor, inner) = (context.executor(), log.clone());
    context.post(Task::new(move || {
        post(&executor, &inner, "b");
        inner.push("a");
    }));
    assert_eq!(context.poll(), 2);
    assert_eq!(log.take(), "a b");
    assert_eq!(timer.cancel(), 1);
    assert_eq!(context.poll(), 1);
    assert_eq!(context.poll(), 0);
    assert!(context.stopped());
}

#[test]
fn poll_one_runs_one() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    post(&context, &log, "a");
    post(&context, &log, "b");
    assert_eq!(context.poll_one(), 1);
    assert_eq!(log.take(), "a");
    assert_eq!(context.poll_one(), 1);
    assert_eq!(log.take(), "b");
    assert_eq!(context.poll_one(), 0);
}

#[test]
fn poll_sees_timers_that_are_due() {
    let context = IoContext::new().unwrap();
    let timer = Timer::new(&context);
    let due = Instant::now() + Duration::from_millis(1);
    timer.expires_at(due);
    timer.wait().detach();
    while Instant::now() < due {
        thread::yield_now();
    }
    assert_eq!(context.poll(), 1);
}

#[test]
fn a_bounded_run_ends_at_its_time_and_not_before() {
    let context = IoContext::new().unwrap();
    let guard = WorkGuard::new(context.executor());
    let start = Instant::now();
    let duration = Duration::from_millis(5);
    assert_eq!(context.run_for(duration), 0);
    assert!(start.elapsed() >= duration);
    let deadline = Instant::now() + duration;
    assert_eq!(context.run_until(deadline), 0);
    assert!(Instant::now() >= deadline);
    let deadline = Instant::now() + duration;
    assert_eq!(context.run_one_until(deadline), 0);
    assert!(Instant::now() >= deadline);
    let start = Instant::now();
    assert_eq!(context.run_one_for(duration), 0);
    assert!(start.elapsed() >= duration);
    assert!(!context.stopped());
    drop(guard);
    assert_eq!(context.run_for(Duration::MAX), 0);
    assert!(context.stopped());
}

#[test]
fn a_bounded_run_ends_for_want_of_work() {
    without_hanging(|| {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        post(&context, &log, "a");
        assert_eq!(context.run_for(HOUR), 1);
        assert!(context.stopped());
        assert_eq!(context.run_for(HOUR), 0);
    });
}

#[test]
fn a_bounded_run_one_ends_with_its_task() {
    without_hanging(|| {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let _guard = WorkGuard::new(context.executor());
        post(&context, &log, "a");
        post(&context, &log, "b");
        assert_eq!(context.run_one_for(HOUR), 1);
        assert_eq!(context.run_one_until(Instant::now() + HOUR), 1);
    });
}

/// Posts a task that posts itself, for ever.
fn post_for_ever(executor: IoExecutor) {
    executor.post(Task::new(move || post_for_ever(executor)));
}

#[test]
fn a_bounded_run_ends_though_handlers_go_on_for_ever() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        post_for_ever(context.executor());
        assert!(context.run_for(Duration::from_millis(5)) > 0);
        assert!(context.run_until(Instant::now() + Duration::from_millis(5)) > 0);
        assert!(!context.stopped());
    });
}

#[test]
fn a_handler_that_goes_on_for_ever_starves_nobody() {
    without_hanging(|| {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        post_for_ever(context.executor());
        let timer = Timer::new(&context);
        timer.expires_after(Duration::from_millis(1));
        let inner = log.clone();
        timer.wait().callback(move |_| inner.push("timer"));
        // In a loop of calls that run one task each.
        while log.take().is_empty() {
            assert_eq!(context.poll_one(), 1);
        }
        // Inside one call, too, and for what comes from another thread.
        thread::scope(|scope| {
            let runner = scope.spawn(|| context.run());
            let (sender, receiver) = mpsc::channel();
            context.post(Task::new(move || sender.send(()).unwrap()));
            receiver.recv().unwrap();
            timer.expires_after(Duration::from_millis(1));
            let (sender, receiver) = mpsc::channel();
            timer.wait().callback(move |_| sender.send(()).unwrap());
            receiver.recv().unwrap();
            context.stop();
            assert!(runner.join().unwrap() > 0);
        });
    });
}

#[test]
fn stop_ends_run_and_keeps_what_is_queued() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let log2 = log.clone();
    let context = std::sync::Arc::new(context);
    let own = std::sync::Arc::clone(&context);
    context.post(Task::new(move || {
        own.stop();
        log2.push("stopped");
    }));
    post(&context, &log, "after");
    assert_eq!(context.run(), 1);
    assert_eq!(log.take(), "stopped");
    assert!(context.stopped());
    assert_eq!(
        (context.run(), context.run_one(), context.poll()),
        (0, 0, 0)
    );
    context.restart();
    assert_eq!(context.run(), 1);
    assert_eq!(log.take(), "after");
}

#[test]
fn stop_from_another_thread_ends_every_run() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        let _guard = WorkGuard::new(context.executor());
        thread::scope(|scope| {
            let runners: Vec<_> = (0..3).map(|_| scope.spawn(|| context.run())).collect();
            context.stop();
            for runner in runners {
                assert_eq!(runner.join().unwrap(), 0);
            }
        });
        context.restart();
        assert_eq!(context.poll(), 0);
        assert!(!context.stopped());
    });
}

#[test]
fn a_nested_call_runs_what_there_is_and_does_not_stop_the_context() {
    without_hanging(|| {
        type Nested = fn(&IoContext) -> usize;
        let calls: [(Nested, usize); 5] = [
            (IoContext::run, 2),
            (IoContext::run_one, 1),
            (IoContext::poll, 2),
            (IoContext::poll_one, 1),
            (|context| context.run_for(HOUR), 2),
        ];
        for (nested, ran) in calls {
            let (log, context) = (Log::new(), std::sync::Arc::new(IoContext::new().unwrap()));
            let (own, inner) = (std::sync::Arc::clone(&context), log.clone());
            context.post(Task::new(move || {
                inner.push("outer");
                assert_eq!(nested(&own), ran);
                inner.push("back");
                // The outer call goes on, and waits for what starts now.
                assert!(!own.stopped());
                let timer = Timer::new(&own);
                timer.expires_after(Duration::from_millis(1));
                timer.wait().callback(move |_| inner.push("timer"));
            }));
            post(&context, &log, "a");
            post(&context, &log, "b");
            assert_eq!(context.run() + ran, 4);
            let expected = ["outer a b back timer", "outer a back b timer"];
            assert_eq!(log.take(), expected[2 - ran]);
            assert!(context.stopped());
        }
    });
}

both_forms! {
    fn a_nested_call_does_not_wait_for_the_operation_whose_handler_makes_it<F: Form>() {
        without_hanging(|| {
            for on_a_strand in [false, true] {
                let context = std::sync::Arc::new(IoContext::new().unwrap());
                let (own, form) = (std::sync::Arc::clone(&context), F::default());
                let (sender, receiver) = mpsc::channel();
                let nested = move |_: u32| sender.send((own.run(), own.stopped())).unwrap();
                if on_a_strand {
                    let strand = Strand::new(context.executor());
                    form.operation(&context).with(bind_executor(strand, nested));
                } else {
                    form.operation(&context).with(nested);
                }
                context.post(Task::new(move || form.finish(1)));
                context.run();
                assert_eq!(receiver.recv().unwrap(), (0, false));
                assert!(context.stopped());
            }
        });
    }
}

/// Completes when it is asked to stop, inside of the request.
#[async_op]
fn async_until_asked(_context: &IoExecutor, op: Completion<fn(io::Result<()>)>) {
    let place = std::sync::Arc::new(std::sync::Mutex::new(
        None::<Completion<fn(io::Result<()>)>>,
    ));
    let own = std::sync::Arc::clone(&place);
    op.on_cancel(move |_| {
        let op = own.lock().unwrap().take();
        op.expect("asked once").complete(Ok(()));
    });
    *place.lock().unwrap() = Some(op);
}

/// The handler is called by the clock. What expires with it has been taken out of the
/// reactor by then, and is not woken yet.
#[test]
fn a_nested_call_inside_a_waker_runs_what_is_woken_after_it() {
    without_hanging(|| {
        let (log, context) = (Log::new(), std::sync::Arc::new(IoContext::new().unwrap()));
        let at = Instant::now() + Duration::from_millis(200);
        let (own, inner) = (std::sync::Arc::clone(&context), log.clone());
        let nested = move |_: io::Result<()>| {
            inner.push("handler");
            own.run();
            inner.push("back");
        };
        async_until_asked(&context, cancel_at(at, nested));
        let timer = Timer::new(&context);
        timer.expires_at(at);
        for entry in ["first", "second"] {
            let log = log.clone();
            timer.wait().callback(move |_| log.push(entry));
        }
        context.run();
        assert_eq!(log.take(), "handler first second back");
    });
}

#[test]
fn a_context_inside_a_handler_of_another() {
    let (log, one, two) = (
        Log::new(),
        IoContext::new().unwrap(),
        IoContext::new().unwrap(),
    );
    let (outer, inner) = (one.executor(), log.clone());
    one.post(Task::new(move || {
        let own = inner.clone();
        two.post(Task::new(move || {
            assert!(outer.runs_here());
            post(&outer, &own, "posted out");
            own.push("inner");
        }));
        assert_eq!(two.run(), 1);
        inner.push("outer");
    }));
    assert_eq!(one.run(), 2);
    assert_eq!(log.take(), "inner outer posted out");
}

#[test]
fn a_post_from_another_thread_ends_the_wait() {
    without_hanging(|| {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let guard = WorkGuard::new(context.executor());
        thread::scope(|scope| {
            let runner = scope.spawn(|| context.run());
            for _ in 0..1000 {
                let (sender, receiver) = mpsc::channel();
                context.post(Task::new(move || sender.send(()).unwrap()));
                receiver.recv().unwrap();
            }
            post(&context, &log, "last");
            drop(guard);
            assert_eq!(runner.join().unwrap(), 1001);
        });
        assert_eq!(log.take(), "last");
    });
}

#[test]
fn a_timer_set_by_another_thread_ends_the_wait() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        let far = Timer::new(&context);
        far.expires_after(HOUR);
        far.wait().detach();
        thread::scope(|scope| {
            let runner = scope.spawn(|| context.run());
            for _ in 0..20 {
                let (sender, receiver) = mpsc::channel();
                let near = Timer::new(&context);
                near.expires_after(Duration::from_micros(100));
                near.wait().callback(move |_| sender.send(()).unwrap());
                receiver.recv().unwrap();
            }
            far.cancel();
            assert_eq!(runner.join().unwrap(), 21);
        });
    });
}

#[test]
fn a_guard_counts_until_it_is_reset() {
    let context = IoContext::new().unwrap();
    let mut guard = WorkGuard::new(context.executor());
    let clone = guard.clone();
    assert!(guard.owns_work());
    guard.reset();
    guard.reset();
    assert!(!guard.owns_work() && guard.executor().is_none());
    drop(guard.clone());
    assert_eq!(context.poll(), 0);
    assert!(!context.stopped());
    drop(clone);
    assert_eq!(context.run(), 0);
}

#[test]
fn results_count_tasks_not_events() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    for _ in 0..3 {
        HandlerForm::start_now(&context, Probe::new(&log));
    }
    assert_eq!(context.run(), 3);
    assert_eq!(log.take(), "call call call");
}
