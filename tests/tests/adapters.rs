//! What adapters do to the results of an operation, and to what they hold.

use std::io;

use async_op::adapter::{append, consign, prepend, redirect_error};
use async_op::executor::post_call;
use async_op::{Blocking, Handler, IoContext, UseFuture};
use async_op_tests::{Alive, Form, HandlerForm, Log, Polled, Recorder, both_forms, panic_of};

/// A handler that writes `call` to a log, as a closure.
fn calls(log: &Log) -> impl FnOnce(u32) + Send + 'static {
    let log = log.clone();
    move |n| log.push(format!("call{n}"))
}

both_forms! {
    fn values_are_kept_until_the_handler_has_returned<F: Form>() {
        let (log, context, form) = (Log::new(), IoContext::new().unwrap(), F::default());
        let token = consign(
            (Alive::new(&log, "outer"), Alive::new(&log, "second")),
            consign(Alive::new(&log, "inner"), calls(&log)),
        );
        form.operation(&context).with(token);
        form.finish(7);
        assert_eq!(log.take(), "");
        assert_eq!(context.run(), 1);
        assert_eq!(log.take(), "call7 inner outer second");
    }

    fn values_go_with_a_handler_that_is_dropped<F: Form>() {
        let (log, context, form) = (Log::new(), IoContext::new().unwrap(), F::default());
        let token = consign(Alive::new(&log, "value"), calls(&log));
        form.operation(&context).with(token);
        form.abandon();
        context.run();
        assert_eq!(log.take(), "value");
    }

    fn values_are_kept_until_a_future_is_ready<F: Form>() {
        let (log, context, form) = (Log::new(), IoContext::new().unwrap(), F::default());
        let token = consign(Alive::new(&log, "value"), UseFuture);
        let mut future = Polled::new(form.operation(&context).with(token));
        assert!(future.poll().is_pending());
        form.finish(7);
        assert_eq!(log.take(), "");
        assert!(future.poll().is_ready());
        assert_eq!(log.take(), "value");

        let form = F::default();
        let token = consign(Alive::new(&log, "value"), UseFuture);
        let mut future = Polled::new(form.operation(&context).with(token));
        assert!(future.poll().is_pending());
        drop(future);
        assert_eq!(log.take(), "value");
    }
}

#[test]
fn values_are_kept_while_the_handler_unwinds() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let form = HandlerForm::default();
    let inner = log.clone();
    let token = consign(Alive::new(&log, "value"), move |n: u32| {
        inner.push("call");
        assert_ne!(n, 1, "on purpose");
    });
    form.operation(&context).with(token);
    form.finish(1);
    assert!(panic_of(|| context.run()).contains("on purpose"));
    assert_eq!(log.take(), "call value");
}

#[test]
fn adapters_are_part_of_the_one_block() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let memory = Recorder::new(&log);
    let form = HandlerForm::default();
    let token = async_op::bind_allocator(
        memory.clone(),
        append([1_u64; 4], prepend("x", consign([2_u64; 4], Handler(Four)))),
    );
    form.operation(&context).with(token);
    assert_eq!(memory.live(), 1);
    form.finish(1);
    context.run();
    assert_eq!(log.take(), "A0 D0");
    memory.assert_balanced();
}

struct Four;

impl async_op::Associations for Four {}
impl async_op::CompletionHandler<fn(&'static str, u32, [u64; 4])> for Four {
    fn complete(self, (name, n, numbers): (&'static str, u32, [u64; 4])) {
        assert_eq!((name, n, numbers), ("x", 1, [1; 4]));
    }
}

#[test]
fn up_to_eight_arguments() {
    let context = IoContext::new().unwrap();
    let token = append(
        1,
        append(
            2,
            append(
                3,
                prepend('a', prepend('b', prepend('c', append(4, Blocking)))),
            ),
        ),
    );
    assert_eq!(
        post_call(&context, || 0, token),
        ('c', 'b', 'a', 0, 1, 2, 3, 4)
    );
}

#[test]
fn an_error_is_redirected_and_what_follows_it_is_not() {
    let context = IoContext::new().unwrap();
    let log = Log::new();
    for fails in [false, true] {
        let outcome = move || match fails {
            true => Err(io::Error::other("on purpose")),
            false => Ok(1),
        };
        let inner = log.clone();
        let function = move |error: io::Error| inner.push(error.to_string());
        let token = append("rest", redirect_error(function, Blocking));
        let (value, rest) = post_call(&context, outcome, token);
        assert_eq!((value, rest), ((!fails).then_some(1), "rest"));
    }
    assert_eq!(log.take(), "on purpose");
}
