//! Tokens: handlers that stay on their thread.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::thread;

use async_op::token::local;
use async_op::{Handler, IoContext, bind_allocator, post_on};
use async_op_tests::{Alive, Form, HandlerForm, Log, Recorder, both_forms, message_of};

both_forms! {
    fn what_it_holds_need_not_be_send<F: Form>() {
        let context = IoContext::new().unwrap();
        let count = Rc::new(Cell::new(0));
        let (inner, form) = (Rc::clone(&count), F::default());
        form.start(&context, local(move |n: u32| inner.set(n)));
        form.finish(7);
        context.run();
        assert_eq!((count.get(), Rc::strong_count(&count)), (7, 1));
    }

    fn dropped_at_home_it_drops_what_it_holds<F: Form>() {
        let context = IoContext::new().unwrap();
        let held = Rc::new(());
        let (inner, form) = (Rc::clone(&held), F::default());
        form.start(&context, local(move |_: u32| drop(inner)));
        form.abandon();
        drop(context);
        assert_eq!(Rc::strong_count(&held), 1);
    }

    #[cfg_attr(async_op_sanitize, ignore = "leaks on purpose")]
    fn called_elsewhere_it_panics_and_leaks<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let recorder = Recorder::new(&log);
        let (alive, form) = (Alive::new(&log, "function"), F::default());
        let handler = local(move |_: u32| drop(alive));
        form.start(&context, bind_allocator(recorder.clone(), handler));
        form.finish(7);
        let panic = thread::scope(|scope| {
            let run = || catch_unwind(AssertUnwindSafe(|| context.run())).unwrap_err();
            scope.spawn(run).join().unwrap()
        });
        assert!(message_of(&*panic).contains("another thread than the one that made it"));
        assert_eq!(log.take(), "A0 D0");
        recorder.assert_balanced();
        assert_eq!(context.run(), 0);
    }
}

#[test]
#[cfg_attr(async_op_sanitize, ignore = "leaks on purpose")]
fn dropped_elsewhere_it_leaks() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let (alive, form) = (Alive::new(&log, "function"), HandlerForm::default());
    form.start(&context, local(move |_: u32| drop(alive)));
    thread::scope(|scope| scope.spawn(|| form.abandon()).join().unwrap());
    assert_eq!(log.take(), "");
}

#[test]
fn as_a_handler_and_as_a_token() {
    let context = IoContext::new().unwrap();
    let count = Rc::new(Cell::new(0));
    let (a, b) = (Rc::clone(&count), Rc::clone(&count));
    post_on(&context, local(move || a.set(a.get() + 1)));
    post_on(&context, Handler(local(move || b.set(b.get() + 1))));
    assert_eq!(context.run(), 2);
    assert_eq!(count.get(), 2);
}
