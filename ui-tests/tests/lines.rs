//! What names a place in the source names the author's, or the caller's: panics,
//! `#[track_caller]`, backtraces, and what is lost.

use async_op::{Blocking, Completion, SystemExecutor, UseFuture, async_op};
use std::backtrace::Backtrace;
use std::panic::{self, Location};
use std::pin::pin;
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};

/// Where the body of a handler form was called from.
#[track_caller]
#[async_op(executor = SystemExecutor)]
fn async_caller(op: Completion<fn(&'static Location<'static>)>) {
    op.complete(Location::caller());
}

#[async_op(executor = SystemExecutor)]
fn async_lost(_op: Completion<fn()>) {}

#[test]
fn what_is_lost_is_named() {
    let message = message_of_panic(|| lost().blocking());
    assert!(message.starts_with("`async_lost`"), "{message}");
}

fn message_of_panic(function: impl FnOnce() + panic::UnwindSafe) -> String {
    let panic = panic::catch_unwind(function).expect_err("it panics");
    match panic.downcast::<String>() {
        Ok(message) => *message,
        Err(_) => panic!("a panic without values"),
    }
}

#[test]
fn a_body_sees_the_place_of_the_operation() {
    let of_token = async_caller(Blocking);
    let of_twin = caller().blocking();
    assert_eq!(of_token.file(), file!());
    assert_eq!(of_twin.file(), file!());
}

#[async_op(executor = SystemExecutor)]
async fn async_fails(n: u32) -> u32 {
    assert_ne!(n, 1, "one");
    n
}

const LINE_OF_FAILURE: u32 = line!() - 4;

#[test]
fn a_panic_is_where_the_body_panics() {
    let (lines, line) = mpsc::channel();
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let location = info.location().expect("panics have places");
        lines
            .send((location.file().to_owned(), location.line()))
            .expect("the test waits");
    }));
    let result = panic::catch_unwind(|| {
        let future = pin!(async_fails(1, UseFuture));
        let _: Poll<u32> = future.poll(&mut Context::from_waker(Waker::noop()));
    });
    panic::set_hook(before);
    assert!(result.is_err());
    let place = line.try_iter().find(|(file, _)| file == file!());
    assert_eq!(place, Some((file!().to_owned(), LINE_OF_FAILURE)));
}

#[inline(never)]
#[async_op(executor = SystemExecutor)]
async fn async_trace() -> String {
    Backtrace::force_capture().to_string()
}

const LINE_OF_TRACE: u32 = line!() - 3;

#[inline(never)]
#[async_op(executor = SystemExecutor)]
fn async_trace_of_handler(op: Completion<fn(String)>) {
    let trace = Backtrace::force_capture().to_string();
    op.complete(trace);
}

const LINE_OF_HANDLER: u32 = line!() - 4;

#[test]
fn a_backtrace_has_the_lines_of_author_and_caller() {
    let line = line!() + 2;
    let mut trace = String::new();
    let future = async { trace = async_trace(UseFuture).await };
    let _: Poll<()> = pin!(future).poll(&mut Context::from_waker(Waker::noop()));
    assert_frames(&trace, &["async_trace_body"], &[LINE_OF_TRACE, line]);

    let line = line!() + 1;
    let trace = trace_of_handler().blocking();
    assert_frames(
        &trace,
        &["async_trace_of_handler_body"],
        &[LINE_OF_HANDLER, line],
    );
}

#[track_caller]
fn assert_frames(trace: &str, names: &[&str], lines: &[u32]) {
    let file = file!().rsplit('/').next().expect("a name");
    for name in names {
        assert!(trace.contains(name), "{name} is not in\n{trace}");
    }
    for line in lines {
        let place = format!("{file}:{line}:");
        assert!(trace.contains(&place), "{place} is not in\n{trace}");
    }
}
