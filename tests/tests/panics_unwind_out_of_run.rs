//! Guarantee 9: a panic of a handler, of a poll or of the drop of a future
//! unwinds out of `run` and leaves the context usable, with nothing lost.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use async_op::task::Task;
use async_op::test::TestContext;
use async_op::time::Timer;
use async_op::{Blocking, Executor, Handler, IoContext, IoExecutor, async_op};
use async_op_tests::{Form, Gate, Log, Manual, Probe, Recorder, both_forms, panic_of};

both_forms! {
    fn a_panicking_handler<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        for _ in 0..3 {
            F::start_now(&context, Probe::new(&log));
            F::start_now(&context, Probe::calling(&log, |_: (u32,)| panic!("on purpose")));
        }
        for _ in 0..3 {
            assert_eq!(panic_of(|| context.run()), "on purpose");
            assert!(!context.stopped());
            assert_eq!(log.take(), "call call");
        }
        assert_eq!(context.run(), 0);
        assert!(context.stopped());
    }

    fn tasks_posted_before_the_panic_are_kept_in_order<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let (executor, inner) = (context.executor(), log.clone());
        F::start_now(&context, Probe::calling(&log, move |_: (u32,)| {
            for entry in ["a", "b"] {
                let inner = inner.clone();
                executor.post(Task::new(move || inner.push(entry)));
            }
            panic!("on purpose");
        }));
        assert_eq!(panic_of(|| context.run()), "on purpose");
        let inner = log.clone();
        context.post(Task::new(move || inner.push("c")));
        assert_eq!(context.run(), 3);
        assert_eq!(log.take(), "call a b c");
    }

    fn a_panicking_handler_in_each_kind_of_run<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let runs: [fn(&IoContext) -> usize; 6] = [
            IoContext::run,
            IoContext::run_one,
            IoContext::poll,
            IoContext::poll_one,
            |context| context.run_for(Duration::from_secs(60)),
            |context| context.run_one_for(Duration::from_secs(60)),
        ];
        for run in runs {
            F::start_now(&context, Probe::calling(&log, |_: (u32,)| panic!("on purpose")));
            F::start_now(&context, Probe::new(&log));
            assert_eq!(panic_of(|| run(&context)), "on purpose");
            assert_eq!(run(&context), 1);
            assert_eq!(log.take(), "call call");
            context.restart();
        }
    }
}

#[async_op]
async fn async_panic(_context: &IoExecutor, gate: Gate) -> u32 {
    let first = gate.wait().await;
    assert_eq!(first, 1, "in the poll");
    gate.wait().await
}

#[test]
fn a_panicking_later_poll() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let recorder = Recorder::new(&log);
    let gate = Gate::default();
    let probe = Probe::new(&log).allocating(&recorder);
    async_panic(&context, gate.clone(), Handler(probe));
    gate.open(2);
    context.post(Task::new({
        let log = log.clone();
        move || log.push("next")
    }));
    assert!(panic_of(|| context.run()).contains("in the poll"));
    assert_eq!(log.take(), "A0 D0 drop");
    recorder.assert_balanced();
    assert_eq!(context.run(), 1);
    assert_eq!(log.take(), "next");
    assert!(context.stopped());
}

#[test]
fn a_panicking_first_poll_unwinds_out_of_the_initiating_function() {
    #[async_op]
    async fn async_panic_now(_context: &IoExecutor) -> u32 {
        poll_fn(|_| -> Poll<u32> { panic!("on purpose") }).await
    }

    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let recorder = Recorder::new(&log);
    let home = Manual::new("home", &log);
    let probe = Probe::new(&log).on(home.clone()).allocating(&recorder);
    assert_eq!(
        panic_of(|| async_panic_now(&context, Handler(probe))),
        "on purpose"
    );
    assert_eq!(log.take(), "A0 D0 drop");
    recorder.assert_balanced();
    assert_eq!((home.work(), context.run()), (0, 0));
}

#[test]
fn a_panicking_body_in_handler_form() {
    use async_op::Completion;

    #[async_op]
    fn async_panic_body(_context: &IoExecutor, op: Completion<fn(u32)>) {
        let _op = op;
        panic!("on purpose");
    }

    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let recorder = Recorder::new(&log);
    let probe = Probe::new(&log).allocating(&recorder);
    assert_eq!(
        panic_of(|| async_panic_body(&context, Handler(probe))),
        "on purpose"
    );
    assert_eq!(log.take(), "A0 D0 drop");
    recorder.assert_balanced();
    assert_eq!(context.run(), 0);
}

struct PanicOnDrop;

impl Drop for PanicOnDrop {
    fn drop(&mut self) {
        panic!("in the drop");
    }
}

#[async_op]
async fn async_panic_drop(_context: &IoExecutor, gate: Gate) -> u32 {
    let _guard = PanicOnDrop;
    gate.wait().await
}

#[test]
fn a_panicking_drop_of_a_future_that_is_ready() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let recorder = Recorder::new(&log);
    let gate = Gate::default();
    let probe = Probe::new(&log).allocating(&recorder);
    async_panic_drop(&context, gate.clone(), Handler(probe));
    gate.open(1);
    assert_eq!(panic_of(|| context.run()), "in the drop");
    assert_eq!(log.take(), "A0 D0 drop");
    recorder.assert_balanced();
    assert_eq!(context.run(), 0);
    assert!(context.stopped());
}

#[test]
fn a_panicking_drop_of_a_future_that_is_abandoned() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let recorder = Recorder::new(&log);
    let gate = Gate::default();
    let probe = Probe::new(&log).allocating(&recorder);
    async_panic_drop(&context, gate.clone(), Handler(probe));
    drop(gate.take_waker());
    assert_eq!(panic_of(|| context.run()), "in the drop");
    assert_eq!(log.take(), "A0 D0 drop");
    recorder.assert_balanced();
    assert_eq!(context.run(), 0);
}

#[test]
fn timers_that_expired_together_with_a_panic_are_kept() {
    let (log, context) = (Log::new(), TestContext::new());
    let timer = Timer::new(&context);
    timer.expires_after(Duration::from_millis(50));
    for n in 0..4 {
        let log = log.clone();
        timer.wait().callback(move |result| {
            result.unwrap();
            log.push(n.to_string());
            assert!(n % 2 == 1, "on purpose");
        });
    }
    assert!(panic_of(|| context.run()).contains("on purpose"));
    assert!(panic_of(|| context.run()).contains("on purpose"));
    assert_eq!(context.run(), 1);
    assert_eq!(log.take(), "0 1 2 3");
}

#[test]
fn the_initiating_function_of_a_handler_that_panicked_is_forgotten() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let (executor, inner) = (context.executor(), log.clone());
    // Delivered inside the initiating function, by its immediate executor.
    let probe = Probe::calling(&log, |_: (u32,)| panic!("on purpose"));
    let probe = probe.immediately_at(executor);
    context.post(Task::new(move || {
        async_op_tests::HandlerForm::start_now(&executor, probe);
    }));
    assert_eq!(panic_of(|| context.run()), "on purpose");
    async_op_tests::HandlerForm::start_now(&context, Probe::new(&inner));
    assert_eq!(log.take(), "call");
    assert_eq!(context.run(), 1);
    assert_eq!(log.take(), "call");
}

#[test]
fn another_runner_goes_on() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let guard = async_op::executor::WorkGuard::new(context.executor());
    std::thread::scope(|scope| {
        let runners: Vec<_> = (0..2)
            .map(|_| scope.spawn(|| std::panic::catch_unwind(|| context.run())))
            .collect();
        for _ in 0..100 {
            let log = log.clone();
            context.post(Task::new(move || log.push("x")));
        }
        context.post(Task::new(|| panic!("on purpose")));
        for _ in 0..100 {
            let log = log.clone();
            context.post(Task::new(move || log.push("x")));
        }
        drop(guard);
        let results: Vec<_> = runners.into_iter().map(|r| r.join().unwrap()).collect();
        assert_eq!(results.iter().filter(|result| result.is_err()).count(), 1);
    });
    context.restart();
    context.run();
    assert_eq!(log.take().split(' ').count(), 200);
}

#[test]
fn a_blocking_caller_that_drives_sees_the_panic() {
    let context = IoContext::new().unwrap();
    let timer = Timer::new(&context);
    timer.expires_after(Duration::from_secs(3600));
    context.post(Task::new(|| panic!("on purpose")));
    assert_eq!(panic_of(|| timer.async_wait(Blocking)), "on purpose");
    // Its wait is over.
    assert_eq!(timer.cancel(), 0);
    assert_eq!(context.run(), 0);
}
