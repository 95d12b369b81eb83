//! How long the other end may say nothing: from when it could, and while it has to.

use std::io::{ErrorKind, Write};
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use async_op::net::pipeline::{Exchange, Pipeline};
use async_op::test::{Probe, Script, TestContext, Wire, pair};
use async_op::time::Timer;
use async_op::token::UsePromise;
use async_op::{IoContext, SystemExecutor};
use async_op_tests::without_hanging;

use crate::Client;
use crate::lines::{Ask, Lines, Reply};

const SILENCE: Duration = Duration::from_secs(100);

fn silent(mut lines: Lines, greeting: bool) -> Lines {
    lines.greeting = greeting;
    lines.limits.silence = Some(SILENCE);
    lines
}

fn pause(context: &TestContext, duration: Duration) {
    let timer = Timer::new(context);
    timer.expires_after(duration);
    timer.wait().blocking().unwrap();
}

/// A connection that has taken long to make says nothing of the reply.
#[test]
fn it_counts_from_the_connection() {
    let context = TestContext::new();
    let script = Script::new()
        .write("hello\n")
        .wait(SILENCE / 2)
        .read("welcome\n")
        .write("password\n")
        .wait(SILENCE * 4 / 10)
        .read("granted\n")
        .write("echo one\n")
        .wait(SILENCE * 9 / 10)
        .read("=one\n");
    let lines = silent(Lines::over([script.on(&context)]), true);
    let client = Client::with(&context, lines);
    assert_eq!(client.echo("one"), "one");
}

/// Somebody takes a part, and does something else for a while, in which nobody runs the context.
#[test]
fn while_nobody_looks_there_is_none() {
    const SHORT: Duration = Duration::from_millis(500);
    without_hanging(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let accepted = thread::spawn(move || listener.accept().unwrap().0);
        let context = IoContext::new().unwrap();
        let mut lines = silent(Lines::new(address), false);
        lines.limits.silence = Some(SHORT);
        let client = Client::with(&context, lines);
        let rows = client.pipeline.open(client.make(Ask::Rows(2))).unwrap();
        let first = rows.async_next_part(UsePromise);
        let mut server = accepted.join().unwrap();
        server.write_all(b"-0\n").unwrap();
        assert_eq!(first.wait().blocking().unwrap().unwrap(), "0");
        let elsewhere = Timer::new(&SystemExecutor);
        elsewhere.expires_after(SHORT + SHORT / 5);
        elsewhere.wait().blocking().unwrap();
        server.write_all(b"-1\n=2\n").unwrap();
        assert_eq!(rows.next_part().blocking().unwrap().unwrap(), "1");
        assert_eq!(rows.reply().blocking().unwrap().0, "2");
    });
}

/// An upload takes its time; somebody waits behind it.
#[test]
fn an_upload_has_no_reply_before_its_end() {
    let context = TestContext::new();
    let rounds = 20;
    let script = Script::new()
        .any_writes()
        .wait(SILENCE * rounds + SILENCE / 2)
        .read("=20\n=behind\n");
    let client = Client::with(&context, silent(Lines::over([script.on(&context)]), false));
    let put = client.pipeline.open(client.make(Ask::Put)).unwrap();
    let behind = Probe::<(std::io::Result<Reply>,)>::new();
    let ask = client.ask(Ask::Echo("behind".into()));
    ask.with(behind.handler());
    for _ in 0..rounds {
        pause(&context, SILENCE);
        let chunk = client.make(Ask::Chunk("x".into()));
        put.send(chunk).blocking().unwrap();
    }
    assert_eq!(context.elapsed(), SILENCE * rounds);
    put.finish(client.make(Ask::LastChunk(String::new())))
        .unwrap();
    assert_eq!(put.reply().blocking().unwrap().0, "20");
    context.run_until_stalled();
    assert_eq!(behind.take().0.unwrap().0, "behind");
}

/// One who takes nothing of an upload, and one who says nothing after it.
#[test]
fn of_one_who_is_told() {
    let begin = |context: &TestContext, client: &Client| -> Exchange<Lines> {
        let put = client.pipeline.open(client.make(Ask::Put)).unwrap();
        let chunk = client.make(Ask::Chunk("x".into()));
        put.send(chunk).blocking().unwrap();
        pause(context, SILENCE * 3);
        put
    };
    let context = TestContext::new();
    let (ours, theirs) = Wire::new().room(100).connect(&context);
    let client = Client::with(&context, silent(Lines::over([ours]), false));
    let put = begin(&context, &client);
    let start = context.elapsed();
    let chunk = client.make(Ask::Chunk("x".repeat(1000)));
    let error = put.send(chunk).blocking().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert_eq!(context.elapsed() - start, SILENCE);
    drop(theirs);

    let (ours, theirs) = pair(&context);
    let client = Client::with(&context, silent(Lines::over([ours]), false));
    let put = begin(&context, &client);
    let start = context.elapsed();
    put.finish(client.make(Ask::LastChunk(String::new())))
        .unwrap();
    let error = put.reply().blocking().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert_eq!(context.elapsed() - start, SILENCE);
    drop(theirs);
}

/// One that has been asked again and again is as silent as before.
#[test]
fn it_is_no_less_for_being_asked_again() {
    let context = TestContext::new();
    let (ours, theirs) = pair(&context);
    let client = Client::with(&context, silent(Lines::over([ours]), false));
    let pipeline: &Pipeline<Lines> = &client.pipeline;
    let first = pipeline.async_request(client.make(Ask::Fired), UsePromise);
    for _ in 0..3 {
        pause(&context, SILENCE * 3 / 10);
        client.ask(Ask::Fired).detach();
    }
    let error = first.wait().blocking().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert_eq!(context.elapsed(), SILENCE);
    drop(theirs);
}
