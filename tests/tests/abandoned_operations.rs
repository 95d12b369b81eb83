//! Guarantee 11: an abandoned operation drops its handler, and a future that
//! waits for it panics rather than hang. I/O on a context that is gone is an
//! error.

use std::io;
use std::time::Duration;

use async_op::executor::{defer_call, defer_on, dispatch_call, dispatch_on, post_call};
use async_op::net::{TcpListener, TcpStream};
use async_op::task::Task;
use async_op::time::Timer;
use async_op::{
    Blocking, Executor, Handler, IoContext, SystemExecutor, UseFuture, bind_executor, post_on,
    spawn,
};
use async_op_tests::{
    Form, HandlerForm, Log, Manual, Polled, Probe, both_forms, panic_of, without_hanging,
};

/// Checks what a waiter panics with; where operations are traced, the line that
/// made the operation follows.
fn assert_abandoned(message: &str, name: &str) {
    let rest = "was abandoned: its `Completion`, or its task, was dropped without a result, \
                perhaps by a panic";
    let rest = message.strip_prefix(&format!("`{name}` {rest}"));
    let rest = rest.unwrap_or_else(|| panic!("{message}"));
    if cfg!(feature = "tracing") {
        assert!(rest.starts_with("; it was started at "), "{message}");
    } else {
        assert_eq!(rest, "");
    }
}

#[test]
fn a_future_panics_with_the_name_of_the_operation() {
    let context = IoContext::new().unwrap();
    let form = HandlerForm::default();
    let mut future = Polled::new(form.future(&context));
    assert!(future.poll().is_pending());
    form.abandon();
    assert_eq!(future.wakes(), 1);
    assert_abandoned(&panic_of(|| future.poll()), "async_handler_later");
    drop(future);
    assert_eq!(context.run(), 0);
}

#[test]
fn a_blocking_caller_panics_with_the_name_of_the_operation() {
    let context = IoContext::new().unwrap();
    let form = HandlerForm::default();
    let inner = form.clone();
    context.post(Task::new(move || inner.abandon()));
    let message = panic_of(|| form.operation(&context).blocking());
    assert_abandoned(&message, "async_handler_later");
    assert_eq!(context.run(), 0);
}

#[test]
fn a_future_that_panics_is_said_to_have_done_so_perhaps() {
    let panicking = async { panic!("on the thread of the system context") };
    let spawned = spawn(&*SystemExecutor, panicking, UseFuture);
    let message = panic_of(|| pollster::block_on(spawned));
    assert_abandoned(&message, "spawn");
}

/// An executor whose event loop is gone.
#[derive(Clone, PartialEq)]
struct Gone;

impl Executor for Gone {
    fn post(&self, task: Task) {
        drop(task);
    }
}

#[test]
fn an_executor_that_drops_its_tasks_panics_the_waiter_with_a_name() {
    let context = IoContext::new().unwrap();
    for (name, message) in [
        ("spawn", panic_of(|| spawn(&Gone, async { 1 }, Blocking))),
        ("post_call", panic_of(|| post_call(&Gone, || 1, Blocking))),
        (
            "dispatch_call",
            panic_of(|| dispatch_call(&Gone, || 1, Blocking)),
        ),
        ("defer_call", panic_of(|| defer_call(&Gone, || 1, Blocking))),
        ("post", panic_of(|| post_on(&Gone, Blocking))),
        ("dispatch", panic_of(|| dispatch_on(&Gone, Blocking))),
        ("defer", panic_of(|| defer_on(&Gone, Blocking))),
        (
            "bind_executor",
            panic_of(|| Timer::new(&context).async_wait(bind_executor(Gone, Blocking))),
        ),
    ] {
        assert_abandoned(&message, name);
    }
}

#[test]
fn a_frame_that_awaits_an_abandoned_operation_panics() {
    use async_op::{IoExecutor, async_op};

    #[async_op]
    async fn async_outer(context: &IoExecutor, form: HandlerForm) -> u32 {
        form.operation(context).await
    }

    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let form = HandlerForm::default();
    async_outer(&context, form.clone(), Handler(Probe::new(&log)));
    form.abandon();
    assert_abandoned(&panic_of(|| context.run()), "async_handler_later");
    assert_eq!(log.take(), "drop");
    assert_eq!(context.run(), 0);
}

both_forms! {
    /// The handler is dropped on its own executor in the async form, where the
    /// completion is in the handler form.
    fn a_handler_on_another_executor_is_dropped<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let home = Manual::new("home", &log);
        let form = F::default();
        form.start(&context, Probe::new(&log).on(home.clone()));
        form.abandon();
        home.run();
        assert!(log.take().ends_with("drop"));
        assert_eq!((home.work(), context.run()), (0, 0));
    }

    fn a_completion_within_the_call_that_drops_it_leaves_nothing<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let home = Manual::new("home", &log);
        F::start_now(&context, Probe::new(&log).on(home.clone()));
        drop(home.pop());
        assert_eq!(log.take(), "post:home drop");
        assert_eq!((home.work(), context.run()), (0, 0));
    }
}

fn assert_gone<T>(result: io::Result<T>) {
    let error = result.err().expect("an error");
    assert_eq!(error.kind(), io::ErrorKind::Other);
    assert_eq!(
        error.to_string(),
        "the `IoContext` of this object has been dropped"
    );
}

#[test]
fn io_on_a_context_that_is_gone_is_an_error() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        let executor = context.executor();
        let listener = TcpListener::bind(&context, ([127, 0, 0, 1], 0).into()).unwrap();
        let address = listener.local_addr().unwrap();
        let peer = std::net::TcpStream::connect(address).unwrap();
        let stream = listener.accept().blocking().unwrap().0;
        let timer = Timer::new(&context);
        timer.expires_after(Duration::from_secs(3600));
        let stranger = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        drop(context);

        assert_gone(timer.wait().blocking());
        assert_gone(pollster::block_on(timer.wait()));
        assert_gone(stream.async_read_some(&mut [0; 8], Blocking));
        assert_gone(stream.write_some(b"x").blocking());
        assert_gone(listener.accept().blocking());
        assert_gone(TcpListener::bind(&executor, ([127, 0, 0, 1], 0).into()));
        assert_gone(TcpListener::from_std(&executor, stranger));
        assert_gone(TcpStream::connect(&executor, address).blocking());
        assert_gone(TcpStream::from_std(&executor, peer));
    });
}

#[test]
fn handlers_on_a_context_that_is_gone_are_dropped() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let timer = Timer::new(&context);
    timer.expires_after(Duration::from_secs(3600));
    drop(context);
    let probe = Probe::calling(&log, |_: (io::Result<()>,)| ());
    timer.async_wait(Handler(probe));
    assert_eq!(log.take(), "drop");
}

#[test]
fn a_handler_elsewhere_receives_the_error() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let home = Manual::new("home", &log);
    let timer = Timer::new(&context);
    timer.expires_after(Duration::from_secs(3600));
    drop(context);
    let probe = Probe::calling(&log, |(result,): (io::Result<()>,)| assert_gone(result));
    timer.async_wait(Handler(probe.on(home.clone())));
    assert_eq!(home.run(), 1);
    assert_eq!(log.take(), "post:home call");
    assert_eq!(home.work(), 0);
}
