//! Guarantee 6: an outstanding operation holds work on the I/O executor and on
//! the handler's executor, until the handler has returned.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicIsize, Ordering};
use std::sync::{Arc, Barrier};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use async_op::cancel::{CancellationSignal, CancellationType};
use async_op::executor::Strand;
use async_op::sync::{Channel, Mutex, Semaphore};
use async_op::task::Task;
use async_op::time::Timer;
use async_op::{
    Executor, Handler, IoContext, IoExecutor, bind_cancellation_slot, bind_executor, is_cancelled,
};
use async_op_tests::{Log, Manual, Polled, Probe, both_forms, panic_of, without_hanging};

both_forms! {
    fn on_the_handlers_executor_until_the_handler_has_returned<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let home = Manual::new("home", &log);
        let form = F::default();
        let seen = home.clone();
        let probe = Probe::calling(&log, move |_: (u32,)| assert_eq!(seen.work(), 1));
        form.start(&context, probe.on(home.clone()));
        assert_eq!(home.work(), 1);
        form.finish(1);
        assert_eq!(home.work(), 1);
        assert_eq!(home.run(), 1);
        assert_eq!(home.work(), 0);
    }

    fn at_once_too<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let home = Manual::new("home", &log);
        let seen = home.clone();
        let probe = Probe::calling(&log, move |_: (u32,)| assert_eq!(seen.work(), 1));
        F::start_now(&context, probe.on(home.clone()));
        assert_eq!((home.work(), context.run()), (1, 0));
        assert_eq!(home.run(), 1);
        assert_eq!(home.work(), 0);
    }

    fn until_an_abandoned_handler_has_been_dropped<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let home = Manual::new("home", &log);
        let form = F::default();
        form.start(&context, Probe::new(&log).on(home.clone()));
        form.abandon();
        home.run();
        assert_eq!(home.work(), 0);
        assert_eq!(context.run(), 0);
    }

    fn until_a_panicking_handler_has_unwound<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let home = Manual::new("home", &log);
        let probe = Probe::calling(&log, move |_: (u32,)| panic!("on purpose"));
        F::start_now(&context, probe.on(home.clone()));
        assert_eq!(panic_of(|| home.run()), "on purpose");
        assert_eq!((home.work(), context.run()), (0, 0));
    }

    /// What is over keeps nobody in `run`: not the handler that calls that, either.
    fn a_handler_elsewhere_may_run_the_context_of_its_operation<F: Form>() {
        without_hanging(|| {
            let (log, one) = (Log::new(), Arc::new(IoContext::new().unwrap()));
            let two = IoContext::new().unwrap();
            let form = F::default();
            let inside = Arc::clone(&one);
            let probe = Probe::calling(&log, move |_: (u32,)| assert_eq!(inside.run(), 0));
            form.start(&one, probe.on(two.executor()));
            two.post(Task::new(move || form.finish(1)));
            two.run();
            assert_eq!(log.take(), "call");
        });
    }

    fn the_io_context_runs_on_while_it_is_outstanding<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let form = F::default();
        form.start(&context, Probe::new(&log));
        assert_eq!(context.poll(), 0);
        assert!(!context.stopped());
        assert_eq!(context.run_for(Duration::from_millis(1)), 0);
        assert!(!context.stopped());
        form.finish(1);
        assert_eq!(context.run(), 1);
        assert!(context.stopped());
    }

    /// Nobody holds work but the operation: were there a gap between
    /// completion and handler, `run` would return 0 in some round.
    fn run_does_not_return_between_completion_and_handler<F: Form>() {
        without_hanging(|| {
            let (one, two) = (IoContext::new().unwrap(), IoContext::new().unwrap());
            for _ in 0..500 {
                let (log, form, start) = (Log::new(), F::default(), Barrier::new(2));
                form.start(&one, Probe::new(&log).on(two.executor()));
                thread::scope(|scope| {
                    scope.spawn(|| {
                        start.wait();
                        form.finish(1);
                    });
                    start.wait();
                    assert_eq!(two.run(), 1);
                });
                assert_eq!(log.take(), "call");
                assert_eq!(one.run(), 0);
                one.restart();
                two.restart();
            }
        });
    }

    fn a_hosted_operation_from_its_first_poll_until_it_is_ready<F: Form>() {
        let context = IoContext::new().unwrap();
        let form = F::default();
        let mut future = Polled::new(form.future(&context));
        assert_eq!(context.run(), 0);
        context.restart();
        assert!(future.poll().is_pending());
        assert_eq!(context.poll(), 0);
        assert!(!context.stopped());
        form.finish(1);
        assert_eq!(context.poll(), 0);
        assert!(!context.stopped());
        assert_eq!(future.poll(), Poll::Ready(1));
        assert_eq!(context.run(), 0);
        assert!(context.stopped());
    }

    fn a_hosted_operation_until_it_is_dropped<F: Form>() {
        let context = IoContext::new().unwrap();
        let form = F::default();
        let mut future = Polled::new(form.future(&context));
        assert!(future.poll().is_pending());
        assert_eq!(context.poll(), 0);
        assert!(!context.stopped());
        drop(future);
        assert_eq!(context.run(), 0);
    }
}

#[test]
fn a_handler_on_another_context_keeps_that_one_running() {
    without_hanging(|| {
        let (one, two) = (IoContext::new().unwrap(), IoContext::new().unwrap());
        let timer = Timer::new(&one);
        timer.expires_after(Duration::from_millis(1));
        let log = Log::new();
        let probe = Probe::calling(&log, |_: (std::io::Result<()>,)| ());
        timer.async_wait(Handler(probe.on(two.executor())));
        thread::scope(|scope| {
            let second = scope.spawn(|| two.run());
            assert_eq!(one.run(), 0);
            assert_eq!(second.join().unwrap(), 1);
        });
    });
}

#[test]
fn work_given_back_inside_run_counts() {
    let context = IoContext::new().unwrap();
    let guard = async_op::executor::WorkGuard::new(context.executor());
    let clone = guard.clone();
    context.post(Task::new(move || drop(guard)));
    assert_eq!(context.poll(), 1);
    assert!(!context.stopped());
    drop(clone);
    assert_eq!(context.run(), 0);
    assert!(context.stopped());
}

/// Counts the work on a context, and panics, once, when some of it is finished.
#[derive(Clone)]
struct Fragile {
    inner: IoExecutor,
    work: Arc<AtomicIsize>,
    panics: Arc<AtomicBool>,
}

impl PartialEq for Fragile {
    fn eq(&self, other: &Self) -> bool {
        self.inner == other.inner
    }
}

impl Executor for Fragile {
    fn post(&self, task: Task) {
        self.inner.post(task);
    }

    fn runs_here(&self) -> bool {
        self.inner.runs_here()
    }

    fn context(&self) -> Option<IoExecutor> {
        Some(self.inner)
    }

    fn work_started(&self) {
        self.work.fetch_add(1, Ordering::Relaxed);
        self.inner.work_started();
    }

    fn work_finished(&self) {
        self.work.fetch_sub(1, Ordering::Relaxed);
        self.inner.work_finished();
        assert!(!self.panics.swap(false, Ordering::Relaxed), "on purpose");
    }
}

#[test]
fn work_is_given_back_once_though_that_panics() {
    let context = IoContext::new().unwrap();
    let fragile = Fragile {
        inner: context.executor(),
        work: Arc::default(),
        panics: Arc::new(AtomicBool::new(true)),
    };
    let work = Arc::clone(&fragile.work);
    Timer::new(&context).async_wait(bind_executor(fragile, |_: std::io::Result<()>| {}));
    assert_eq!(panic_of(|| context.run()), "on purpose");
    assert_eq!(work.load(Ordering::Relaxed), 0);
}

/// A handler that says how an operation went.
fn says<T, E>(log: Log) -> impl FnOnce(Result<T, E>) + Send + 'static {
    move |result| log.push(if result.is_ok() { "ok" } else { "error" })
}

/// Starts an operation of one context whose handler is on another, and has it complete: the
/// first is out of work before the second has run.
fn over_once_it_is_submitted<D>(
    start: impl FnOnce(&IoContext, IoExecutor, Log) -> D,
    finish: impl FnOnce(D),
) {
    let (log, one, two) = (
        Log::new(),
        IoContext::new().unwrap(),
        IoContext::new().unwrap(),
    );
    let started = start(&one, two.executor(), log.clone());
    assert_eq!(one.poll(), 0);
    assert!(!one.stopped());
    finish(started);
    assert_eq!((one.run(), log.take()), (0, String::new()));
    assert_eq!((two.run(), log.take()), (1, "ok".into()));
}

/// As what waits for the system.
#[test]
fn waits_for_others_hold_it_until_they_are_served() {
    without_hanging(|| {
        over_once_it_is_submitted(
            |context, other, log| {
                let channel = Channel::new(context, 0);
                channel.async_receive(bind_executor(other, says(log)));
                channel
            },
            |channel| channel.try_send(1).unwrap(),
        );
        over_once_it_is_submitted(
            |context, other, log| {
                let channel = Channel::new(&Strand::new(context.executor()), 0);
                channel.async_send(1, bind_executor(other, says(log)));
                channel
            },
            |channel| assert_eq!(channel.try_receive().unwrap(), 1),
        );
        over_once_it_is_submitted(
            |context, other, log| {
                let semaphore = Semaphore::new(context, 0);
                semaphore.async_acquire_many(2, bind_executor(other, says(log)));
                semaphore
            },
            |semaphore| semaphore.add(2),
        );
        over_once_it_is_submitted(
            |context, other, log| {
                let semaphore = Semaphore::new(context, 0);
                semaphore.async_acquire(bind_executor(other, says(log)));
                semaphore
            },
            |semaphore| semaphore.add(1),
        );
        over_once_it_is_submitted(
            |context, other, log| {
                let mutex = Mutex::new(context, 7);
                let guard = mutex.try_lock().unwrap();
                mutex.async_lock(bind_executor(other, says(log)));
                guard
            },
            drop,
        );
    });
}

#[test]
fn a_wait_for_others_that_is_asked_to_stop_holds_nothing() {
    without_hanging(|| {
        let (one, two) = (IoContext::new().unwrap(), IoContext::new().unwrap());
        let (log, signal) = (Log::new(), CancellationSignal::new());
        let to = log.clone();
        let handler = move |result: io::Result<u32>| {
            to.push(format!("{}", is_cancelled(&result.unwrap_err())));
        };
        let token = bind_cancellation_slot(signal.slot(), handler);
        Channel::new(&one, 0).async_receive(bind_executor(two.executor(), token));
        assert_eq!(one.poll(), 0);
        assert!(!one.stopped());
        signal.emit(CancellationType::TERMINAL);
        assert_eq!((one.run(), two.run()), (0, 1));
        assert_eq!(log.take(), "true");
    });
}
