//! Guarantee 13: a future dropped in flight is deregistered. No event, timer or
//! waker of it fires later. In handler form it requests cancellation instead.

use std::io::Write;
use std::net;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use async_op::cancel::CancellationType;
use async_op::net::{TcpListener, TcpStream};
use async_op::time::Timer;
use async_op::{Handler, IoContext};
use async_op_tests::{AsyncForm, Form, HandlerForm, Log, Polled, Probe, without_hanging};

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn an_async_form_operation_keeps_no_waker() {
    let context = IoContext::new().unwrap();
    let timer = Timer::new(&context);
    timer.expires_after(HOUR);
    let mut future = Polled::new(timer.wait());
    assert!(future.poll().is_pending());
    assert_eq!(future.wakers(), 1);
    assert_eq!(future.drop_future().counts(), (0, 0));
    assert_eq!(timer.cancel(), 0);
    // Neither work nor a deadline is left.
    assert_eq!(context.run(), 0);
}

#[test]
fn a_timer_wait_that_is_dropped_is_not_woken() {
    let context = IoContext::new().unwrap();
    let timer = Timer::new(&context);
    timer.expires_after(Duration::from_millis(2));
    let mut dropped = Polled::new(timer.wait());
    let mut kept = Polled::new(timer.wait());
    assert!(dropped.poll().is_pending());
    assert!(kept.poll().is_pending());
    let dropped = dropped.drop_future();
    while kept.wakes() == 0 {
        context.run_for(Duration::from_millis(10));
    }
    assert!(matches!(kept.poll(), Poll::Ready(Ok(()))));
    assert_eq!((kept.wakes(), dropped.counts()), (1, (0, 0)));
}

#[test]
fn a_wait_of_which_the_time_has_come_may_be_dropped() {
    let context = IoContext::new().unwrap();
    let timer = Timer::new(&context);
    timer.expires_after(HOUR);
    let mut future = Polled::new(timer.wait());
    assert!(future.poll().is_pending());
    assert_eq!(timer.cancel(), 1);
    assert_eq!(future.wakes(), 1);
    assert_eq!(future.drop_future().counts(), (1, 0));
    assert_eq!(timer.cancel(), 0);
    assert_eq!(context.run(), 0);
}

fn connection(context: &IoContext) -> (TcpStream, net::TcpStream) {
    let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
    let client = net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let server = listener.accept().unwrap().0;
    (TcpStream::from_std(context, server).unwrap(), client)
}

#[test]
fn a_read_that_is_dropped_is_not_woken_and_has_read_nothing() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        let (stream, mut peer) = connection(&context);
        let mut buffer = [0; 8];
        let mut future = Polled::new(stream.read_some(&mut buffer));
        assert!(future.poll().is_pending());
        assert_eq!(context.poll(), 0);
        let dropped = future.drop_future();
        assert_eq!(dropped.counts(), (0, 0));
        peer.write_all(b"hello").unwrap();
        let n = stream.read_some(&mut buffer).blocking().unwrap();
        assert_eq!(&buffer[..n], b"hello");
        assert_eq!(dropped.counts(), (0, 0));
    });
}

#[test]
fn of_two_accepts_the_one_that_is_left_is_woken() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        let listener = TcpListener::bind(&context, ([127, 0, 0, 1], 0).into()).unwrap();
        let mut dropped = Polled::new(listener.accept());
        let mut kept = Polled::new(listener.accept());
        assert!(dropped.poll().is_pending());
        assert!(kept.poll().is_pending());
        let dropped = dropped.drop_future();
        let _peer = net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        while kept.wakes() == 0 {
            context.run_one_for(Duration::from_millis(10));
        }
        assert!(matches!(kept.poll(), Poll::Ready(Ok(_))));
        assert_eq!((kept.wakes(), dropped.counts()), (1, (0, 0)));
    });
}

#[test]
fn a_future_that_was_never_polled_leaves_nothing() {
    let context = IoContext::new().unwrap();
    let timer = Timer::new(&context);
    timer.expires_after(HOUR);
    drop(timer.wait());
    let form = HandlerForm::default();
    drop(form.future(&context));
    assert!(form.hold.take().is_none(), "it has not started");
    assert_eq!(timer.cancel(), 0);
    assert_eq!(context.run(), 0);
}

#[test]
fn in_handler_form_dropping_requests_terminal_cancellation() {
    let context = IoContext::new().unwrap();
    let form = HandlerForm::default();
    let mut future = Polled::new(form.future(&context));
    assert!(future.poll().is_pending());
    let op = form.hold.take().unwrap();
    let kinds = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&kinds);
    op.on_cancel(move |kind| seen.lock().unwrap().push(kind));
    assert!(!op.is_abandoned());
    assert_eq!(future.drop_future().counts(), (0, 0));
    assert_eq!(*kinds.lock().unwrap(), [CancellationType::TERMINAL]);
    assert!(op.is_abandoned());
    // Its work is over with the future; its result is discarded.
    assert_eq!(context.run(), 0);
    op.complete(1);
    assert_eq!(kinds.lock().unwrap().len(), 1);
}

#[test]
fn a_request_before_anybody_listens_is_heard_later() {
    let context = IoContext::new().unwrap();
    let form = HandlerForm::default();
    let mut future = Polled::new(form.future(&context));
    assert!(future.poll().is_pending());
    drop(future);
    let op = form.hold.take().unwrap();
    let log = Log::new();
    let inner = log.clone();
    op.on_cancel(move |_| inner.push("cancelled"));
    assert_eq!(log.take(), "cancelled");
}

#[test]
fn a_request_may_complete_the_operation_it_cancels() {
    let context = IoContext::new().unwrap();
    let form = HandlerForm::default();
    let mut future = Polled::new(form.future(&context));
    assert!(future.poll().is_pending());
    let op = form.hold.take().unwrap();
    form.hold.put(op);
    let log = Log::new();
    {
        let (hold, inner) = (form.hold.clone(), log.clone());
        let op = form.hold.take().unwrap();
        op.on_cancel(move |_| {
            hold.take().unwrap().complete(9);
            inner.push("completed");
        });
        form.hold.put(op);
    }
    drop(future);
    assert_eq!(log.take(), "completed");
    assert_eq!(context.run(), 0);
}

#[test]
fn a_frame_that_is_destroyed_drops_the_future_inside() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let form = AsyncForm::default();
    form.start(&context, Probe::new(&log));
    let timer = Timer::new(&context);
    timer.expires_after(HOUR);
    let probe = Probe::calling(&log, |_: (std::io::Result<()>,)| ());
    timer.async_wait(Handler(probe));
    drop(context);
    assert_eq!(log.take(), "drop");
    assert_eq!(timer.cancel(), 0);
    form.abandon();
    assert_eq!(log.take(), "drop");
}
