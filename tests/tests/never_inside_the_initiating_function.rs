//! Guarantee 2: a handler is not called inside the initiating function, unless
//! its immediate executor allows it.

use async_op::task::Task;
use async_op::time::Timer;
use async_op::{Completion, Executor, IoContext, IoExecutor, async_op};
use async_op_tests::{Form, Hold, Inline, Log, Manual, Probe, both_forms};

both_forms! {
    fn outside_the_context<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        F::start_now(&context, Probe::new(&log));
        log.push("initiated");
        assert_eq!(context.run(), 1);
        assert_eq!(log.take(), "initiated call");
    }

    fn inside_a_handler_of_the_context<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let (executor, inner) = (context.executor(), log.clone());
        context.post(Task::new(move || {
            F::start_now(&executor, Probe::new(&inner));
            inner.push("initiated");
        }));
        assert_eq!(context.run(), 2);
        assert_eq!(log.take(), "initiated call");
    }

    fn inside_the_handler_of_another_operation<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let (executor, inner) = (context.executor(), log.clone());
        F::start_now(&context, Probe::calling(&log, move |_: (u32,)| {
            F::start_now(&executor, Probe::new(&inner));
            inner.push("initiated");
        }));
        assert_eq!(context.run(), 2);
        assert_eq!(log.take(), "call initiated call");
    }

    fn on_an_executor_that_runs_here<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let home = Manual::new("home", &log);
        let (executor, inner, on) = (context.executor(), log.clone(), home.clone());
        home.post(Task::new(move || {
            F::start_now(&executor, Probe::new(&inner).on(on));
            inner.push("initiated");
        }));
        assert_eq!(home.run(), 2);
        assert_eq!(log.take(), "post:home post:home initiated call");
    }

    fn an_immediate_executor_that_runs_here_allows_it<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let (executor, inner) = (context.executor(), log.clone());
        let start = move || {
            F::start_now(&executor, Probe::new(&inner).immediately_at(executor));
            inner.push("initiated");
        };
        start();
        assert_eq!(log.take(), "initiated");
        context.post(Task::new(start));
        assert_eq!(context.run(), 2);
        assert_eq!(log.take(), "call call initiated");
    }

    fn an_inline_immediate_executor_allows_it_where_the_handler_may_run<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let home = Manual::new("home", &log);
        let inline = Inline(Manual::new("behind", &log));
        let probe = Probe::new(&log).on(home.clone()).immediately_at(inline.clone());
        F::start_now(&context, probe);
        log.push("initiated");
        assert_eq!(home.run(), 1);
        assert_eq!(log.take(), "dispatch:inline post:home initiated call");

        let probe = Probe::new(&log).on(home.clone()).immediately_at(inline);
        let (executor, inner) = (context.executor(), log.clone());
        home.post(Task::new(move || {
            F::start_now(&executor, probe);
            inner.push("initiated");
        }));
        assert_eq!(home.run(), 1);
        assert_eq!(log.take(), "post:home dispatch:inline dispatch:home call initiated");
    }
}

#[async_op]
fn async_finish_other(_context: &IoExecutor, other: Hold, log: Log, op: Completion<fn(u32)>) {
    other.take().expect("started before").complete(1);
    log.push("between");
    op.complete(2);
    log.push("body");
}

#[test]
fn another_operation_may_be_delivered_inside_a_body_its_own_may_not() {
    use async_op::Handler;

    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let (executor, inner) = (context.executor(), log.clone());
    context.post(Task::new(move || {
        let earlier = async_op_tests::HandlerForm::default();
        earlier.start(&executor, Probe::new(&inner));
        let probe = Probe::calling(&inner, {
            let inner = inner.clone();
            move |_: (u32,)| inner.push("own")
        });
        async_finish_other(&executor, earlier.hold, inner.clone(), Handler(probe));
        inner.push("initiated");
    }));
    assert_eq!(context.run(), 2);
    assert_eq!(log.take(), "call between body initiated call own");
}

#[test]
fn a_timer_that_has_expired_completes_after_the_call() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let timer = Timer::new(&context);
    let inner = log.clone();
    timer.wait().callback(move |result| {
        result.unwrap();
        inner.push("call");
    });
    log.push("initiated");
    assert_eq!(context.run(), 1);
    assert_eq!(log.take(), "initiated call");
}
