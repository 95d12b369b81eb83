//! A connection that takes nothing any more, and has not said all: who asks meanwhile is served
//! by the next one.

use std::io::{self, ErrorKind};
use std::pin::pin;
use std::time::Duration;

use async_op::io::{read_to_end, read_until, write_all};
use async_op::net::AnyStream;
use async_op::net::pipeline::Pipeline;
use async_op::test::{TestContext, pair};
use async_op::token::UsePromise;
use async_op::{IoContext, IoExecutor, is_cancelled, spawn};
use async_op_tests::{Step, TestStream};
use futures_lite::future::{block_on, poll_once};

use crate::lines::{Ask, Lines, Request, Token};

/// So long the last words are waited for.
const LAST_WORDS: Duration = Duration::from_secs(1);

fn ask(ask: Ask) -> Request {
    Request(ask, Token::default())
}

fn echo(text: &str) -> Request {
    ask(Ask::Echo(text.to_owned()))
}

/// A stream that takes nothing, of which `words` can be read when it is resumed.
fn dead(executor: &IoExecutor, words: &str) -> TestStream {
    TestStream::new(executor, words.as_bytes())
        .reads([Step::Stall])
        .writes([Step::Fail(ErrorKind::BrokenPipe)])
}

/// A stream whose other end reads so many lines, and then says this.
fn alive(context: &TestContext, lines: usize, says: &'static str) -> AnyStream {
    let (ours, theirs) = pair(context);
    let play = async move {
        let mut seen = Vec::new();
        for _ in 0..lines {
            let end = read_until(&theirs, &mut seen, b'\n').await.unwrap();
            seen.drain(..end);
        }
        write_all(&theirs, says).await.unwrap();
        let _ = read_to_end(&theirs, &mut seen).await;
    };
    spawn(context, play, |()| {});
    AnyStream::new(ours)
}

fn over<const NUMBERS: usize>(
    streams: impl IntoIterator<Item = AnyStream>,
    change: impl FnOnce(&mut Lines<NUMBERS>),
) -> Lines<NUMBERS> {
    let mut lines = Lines::over(streams);
    lines.greeting = false;
    change(&mut lines);
    lines
}

#[test]
fn who_asks_meanwhile_is_served_by_the_next() {
    served_by_the_next::<0>();
    served_by_the_next::<1>();
}

fn served_by_the_next<const NUMBERS: usize>() {
    let context = TestContext::new();
    let streams = [
        AnyStream::new(dead(&context, "")),
        alive(&context, 7, "=one\n-row\n=1\n=2\n"),
    ];
    let pipeline = Pipeline::new(&context, over::<NUMBERS>(streams, |_| {}));
    let first = pipeline.async_request(echo("first"), UsePromise);
    context.run_until_stalled();
    assert!(pipeline.is_connected());
    let one = pipeline.async_request(echo("one"), UsePromise);
    let given_up = pipeline
        .request(echo("nobody"))
        .cancel_after(Duration::ZERO);
    assert!(async_op::is_timeout(&given_up.blocking().unwrap_err()));
    let rows = pipeline.open(ask(Ask::Rows(1))).unwrap();
    let fire = pipeline.async_request(ask(Ask::Fire("fired".into())), UsePromise);
    drop(pipeline.open(ask(Ask::Rows(2))).unwrap());
    let put = pipeline.open(ask(Ask::Put)).unwrap();
    let sent = put.async_send(ask(Ask::Chunk("a".into())), UsePromise);
    put.finish(ask(Ask::LastChunk("b".into()))).unwrap();

    let error = first.wait().blocking().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    assert_eq!(context.elapsed(), LAST_WORDS);
    assert_eq!(one.wait().blocking().unwrap().0, "one");
    assert_eq!(rows.next_part().blocking().unwrap().unwrap(), "row");
    assert_eq!(rows.reply().blocking().unwrap().0, "1");
    assert_eq!(fire.wait().blocking().unwrap().0, "fired");
    sent.wait().blocking().unwrap();
    assert_eq!(put.reply().blocking().unwrap().0, "2");
    assert_eq!(context.elapsed(), LAST_WORDS);
}

/// What it may still say is not waited for where nobody wants it.
#[test]
fn the_next_one_waits_for_nobody() {
    for words in ["=first\n", ""] {
        let context = TestContext::new();
        let dead = dead(&context, words);
        let streams = [AnyStream::new(dead.clone()), alive(&context, 1, "=one\n")];
        let pipeline = Pipeline::new(&context, over::<0>(streams, |_| {}));
        let first = pipeline.async_request(echo("first"), UsePromise);
        context.run_until_stalled();
        let one = pipeline.async_request(echo("one"), UsePromise);
        if words.is_empty() {
            drop(first);
        } else {
            dead.resume();
            assert_eq!(first.wait().blocking().unwrap().0, "first");
        }
        assert_eq!(one.wait().blocking().unwrap().0, "one");
        assert_eq!(context.elapsed(), Duration::ZERO);
    }
}

/// Who has been answered leaves nothing to wait for, and asks the next one.
#[test]
fn nobody_waits_for_it() {
    let context = TestContext::new();
    let dead = dead(&context, "=first\n");
    let streams = [AnyStream::new(dead.clone()), alive(&context, 1, "=one\n")];
    let pipeline = Pipeline::new(&context, over::<0>(streams, |_| {}));
    let first = pipeline.async_request(echo("first"), UsePromise);
    context.run_until_stalled();
    dead.resume();
    assert_eq!(first.wait().blocking().unwrap().0, "first");
    context.run_until_stalled();
    assert!(!pipeline.is_connected());
    assert_eq!(pipeline.request(echo("one")).blocking().unwrap().0, "one");
    assert_eq!(context.elapsed(), Duration::ZERO);
}

#[test]
fn where_there_is_no_next_one() {
    let context = TestContext::new();
    let dead = dead(&context, "");
    let lines = over::<0>([AnyStream::new(dead.clone())], |it| it.reconnects = false);
    let pipeline = Pipeline::new(&context, lines);
    let first = pipeline.async_request(echo("first"), UsePromise);
    context.run_until_stalled();
    let is_told = |error: io::Error| assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    is_told(pipeline.request(echo("one")).blocking().unwrap_err());
    is_told(pipeline.open(ask(Ask::Rows(1))).unwrap_err());
    assert_eq!(context.elapsed(), Duration::ZERO);
    dead.resume();
    is_told(first.wait().blocking().unwrap_err());
    is_told(pipeline.request(echo("one")).blocking().unwrap_err());
}

#[test]
fn the_next_one_cannot_be_made() {
    let context = TestContext::new();
    let dead = dead(&context, "");
    let pipeline = Pipeline::new(&context, over::<0>([AnyStream::new(dead.clone())], |_| {}));
    let first = pipeline.async_request(echo("first"), UsePromise);
    context.run_until_stalled();
    let one = pipeline.async_request(echo("one"), UsePromise);
    dead.resume();
    let error = first.wait().blocking().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    let error = one.wait().blocking().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn it_is_closed() {
    let context = TestContext::new();
    let streams = [
        AnyStream::new(dead(&context, "")),
        alive(&context, 1, "=two\n"),
    ];
    let pipeline = Pipeline::new(&context, over::<0>(streams, |_| {}));
    let first = pipeline.async_request(echo("first"), UsePromise);
    context.run_until_stalled();
    let one = pipeline.async_request(echo("one"), UsePromise);
    pipeline.close();
    assert!(is_cancelled(&first.wait().blocking().unwrap_err()));
    assert!(is_cancelled(&one.wait().blocking().unwrap_err()));
    assert_eq!(pipeline.request(echo("two")).blocking().unwrap().0, "two");
}

#[test]
fn the_context_goes() {
    let context = IoContext::new().unwrap();
    let dead = dead(&context, "");
    let pipeline = Pipeline::new(&context, over::<0>([AnyStream::new(dead)], |_| {}));
    let mut first = pin!(pipeline.request(echo("first")));
    assert!(block_on(poll_once(first.as_mut())).is_none());
    while !pipeline.is_connected() {
        context.poll();
    }
    let mut one = pin!(pipeline.request(echo("one")));
    assert!(block_on(poll_once(one.as_mut())).is_none());
    drop(context);
    block_on(first).unwrap_err();
    block_on(one).unwrap_err();
}
