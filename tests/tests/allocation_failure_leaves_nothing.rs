//! Guarantee 8: an initiating function that gets no memory panics, with the
//! operation's name and the size, before anything has started.

use async_op::{Handler, IoContext, Task, Timer};
use async_op_tests::{Alive, HandlerForm, Log, Manual, Probe, Recorder, both_forms, panic_of};

both_forms! {
    fn in_the_initiating_function<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let home = Manual::new("home", &log);
        let recorder = Recorder::new(&log).fail_at(1);
        let form = F::default();
        // To know the size.
        form.start(&context, Probe::new(&log).on(home.clone()).allocating(&recorder));
        let size = recorder.live_layouts()[0].size();
        form.abandon();
        home.run();
        log.take();

        let form = F::default();
        let probe = Probe::new(&log).on(home.clone()).allocating(&recorder);
        let message = panic_of(|| form.start(&context, probe));
        let expected = format!("`{}` could not allocate {size} bytes for itself", F::NAMES[1]);
        assert_eq!(message, expected);
        assert_eq!(log.take(), "drop");
        recorder.assert_balanced();
        assert_eq!((home.queued(), home.work()), (0, 0));
        assert_eq!(context.run(), 0);
        assert!(context.stopped());
    }

    fn of_an_operation_that_completes_at_once<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let recorder = Recorder::new(&log).fail_at(0);
        let message = panic_of(|| F::start_now(&context, Probe::new(&log).allocating(&recorder)));
        assert!(message.starts_with(&format!("`{}` could not", F::NAMES[0])), "{message}");
        assert_eq!(log.take(), "drop");
        recorder.assert_balanced();
        assert_eq!(context.run(), 0);
    }

    fn inside_a_handler_it_unwinds_out_of_run<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let recorder = Recorder::new(&log).fail_at(0);
        let (executor, inner) = (context.executor(), log.clone());
        let allocator = recorder.clone();
        F::start_now(&context, Probe::calling(&log, move |_: (u32,)| {
            F::start_now(&executor, Probe::new(&inner).allocating(&allocator));
        }));
        panic_of(|| context.run());
        assert_eq!(log.take(), "call drop");
        recorder.assert_balanced();
        assert_eq!(context.run(), 0);
        assert!(context.stopped());
    }
}

#[test]
fn of_an_operation_awaited_inside_another() {
    use async_op::{Completion, IoExecutor, UseFuture, async_op};

    #[async_op]
    fn async_inner(_context: &IoExecutor, form: HandlerForm, op: Completion<fn(u32)>) {
        form.hold.put(op);
    }

    #[async_op]
    async fn async_outer(context: &IoExecutor, log: Log) -> u32 {
        let _alive = Alive::new(&log, "future");
        async_inner(context, HandlerForm::default(), UseFuture).await
    }

    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let recorder = Recorder::new(&log).fail_at(1);
    let probe = Probe::new(&log).allocating(&recorder);
    let message = panic_of(|| async_outer(&context, log.clone(), Handler(probe)));
    assert!(message.starts_with("`async_inner` could not"), "{message}");
    assert_eq!(log.take(), "A0 future D0 drop");
    recorder.assert_balanced();
    assert_eq!(context.run(), 0);
}

#[test]
fn of_a_timer() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let recorder = Recorder::new(&log).fail_at(0);
    let timer = Timer::new(&context);
    timer.expires_after(std::time::Duration::from_secs(3600));
    let probe = Probe::calling(&log, |_: (std::io::Result<()>,)| ());
    let message = panic_of(|| timer.async_wait(Handler(probe.allocating(&recorder))));
    assert!(message.starts_with("`async_wait` could not"), "{message}");
    assert_eq!(log.take(), "drop");
    recorder.assert_balanced();
    // Nobody waits.
    assert_eq!(timer.cancel(), 0);
    assert_eq!(context.run(), 0);
}

#[test]
fn of_a_task() {
    let log = Log::new();
    let recorder = Recorder::new(&log).fail_at(0);
    let alive = Alive::new(&log, "drop");
    let message = panic_of(|| Task::new_in(move || drop(alive), recorder.clone()));
    assert!(
        message.starts_with("`task` could not allocate"),
        "{message}"
    );
    assert_eq!(log.take(), "drop");
    recorder.assert_balanced();
}
