//! Guarantee 1: a handler is called at most once, and may be dropped uncalled.

use std::sync::Barrier;
use std::task::Poll;
use std::thread;

use async_op::IoContext;
use async_op_tests::{Log, Polled, Probe, both_forms};

both_forms! {
    fn called_once_when_it_completes_at_once<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        F::start_now(&context, Probe::new(&log));
        assert_eq!(context.run(), 1);
        assert_eq!(log.take(), "call");
        drop(context);
        assert_eq!(log.take(), "");
    }

    fn called_once_when_it_completes_later_on_the_same_thread<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let form = F::default();
        form.start(&context, Probe::new(&log));
        assert_eq!(context.poll(), 0);
        form.finish(1);
        assert_eq!(context.run(), 1);
        assert_eq!(log.take(), "call");
        drop(context);
        assert_eq!(log.take(), "");
    }

    fn called_once_when_it_completes_on_another_thread<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let form = F::default();
        let home = thread::current().id();
        form.start(&context, Probe::calling(&log, move |(value,): (u32,)| {
            assert_eq!((value, thread::current().id()), (7, home));
        }));
        let go = Barrier::new(2);
        thread::scope(|scope| {
            scope.spawn(|| {
                go.wait();
                form.finish(7);
            });
            go.wait();
            assert_eq!(context.run(), 1);
        });
        assert_eq!(log.take(), "call");
    }

    fn dropped_uncalled_when_it_is_abandoned<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let form = F::default();
        form.start(&context, Probe::new(&log));
        form.abandon();
        context.run();
        assert_eq!(log.take(), "drop");
        drop(context);
        assert_eq!(log.take(), "");
    }

    fn dropped_uncalled_when_the_context_is_dropped_before_it_runs<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let form = F::default();
        F::start_now(&context, Probe::new(&log));
        form.start(&context, Probe::new(&log));
        form.finish(1);
        assert_eq!(log.take(), "");
        drop(context);
        assert_eq!(log.take(), "drop drop");
    }

    fn dropped_uncalled_when_it_completes_after_the_context_is_gone<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let form = F::default();
        form.start(&context, Probe::new(&log));
        drop(context);
        assert_eq!(log.take(), "");
        form.finish(1);
        assert_eq!(log.take(), "drop");
    }

    fn a_hosted_operation_yields_once<F: Form>() {
        let context = IoContext::new().unwrap();
        assert_eq!(pollster::block_on(F::future_now(&context)), 1);

        let form = F::default();
        let mut future = Polled::new(form.future(&context));
        assert!(future.poll().is_pending());
        thread::scope(|scope| scope.spawn(|| form.finish(5)).join().unwrap());
        assert_eq!(future.wakes(), 1);
        assert_eq!(future.poll(), Poll::Ready(5));
        assert_eq!(future.wakes(), 1);
    }
}
