//! The other end dies, lies or is silent: all who wait are told why, and the next request
//! works.

use std::io::{self, ErrorKind};
#[cfg(unix)]
use std::io::{Read, Write};
#[cfg(unix)]
use std::net::Shutdown;
use std::time::Duration;

#[cfg(unix)]
use async_op::IoContext;
use async_op::io::{read_to_end, read_until, write_all};
#[cfg(unix)]
use async_op::net::UnixStream;
use async_op::spawn;
use async_op::test::{TestContext, TestStream, pair};
use async_op::token::UsePromise;
use async_op_tests::Step;

use crate::Client;
use crate::lines::{Ask, Lines};

/// What a connection comes to: it reads so many lines, says something, and closes, or keeps
/// still until the end.
struct Act {
    lines: usize,
    reply: &'static [u8],
    closes: bool,
}

fn say(lines: usize, reply: &'static [u8]) -> Act {
    Act {
        lines,
        reply,
        closes: false,
    }
}

fn say_and_close(lines: usize, reply: &'static [u8]) -> Act {
    Act {
        closes: true,
        ..say(lines, reply)
    }
}

async fn play(act: Act, stream: TestStream) {
    let mut seen = Vec::new();
    for _ in 0..act.lines {
        let end = read_until(&stream, &mut seen, b'\n').await.unwrap();
        seen.drain(..end);
    }
    write_all(&stream, act.reply).await.unwrap();
    if !act.closes {
        let _ = read_to_end(&stream, &mut seen).await;
    }
}

/// A protocol whose connections come to these acts, in turn.
fn lines<const N: usize>(context: &TestContext, acts: [Act; N]) -> Lines {
    let streams = acts.map(|act| {
        let (ours, theirs) = pair(context);
        spawn(context, play(act, theirs), |()| {});
        ours
    });
    let mut lines = Lines::over(streams);
    lines.greeting = false;
    lines
}

/// Has three asked, who are told the same, and then one who is answered.
fn fails_then_works(first: Act, change: impl FnOnce(&mut Lines)) -> io::Error {
    let context = TestContext::new();
    let mut lines = lines(&context, [first, say(1, b"=fine\n")]);
    change(&mut lines);
    let client = Client::with(&context, lines);
    let ask = |ask| client.pipeline.async_request(client.make(ask), UsePromise);
    let waiting = [
        ask(Ask::Echo("one".into())),
        ask(Ask::Late("two".into())),
        ask(Ask::Echo("three".into())),
    ];
    let rows = client.pipeline.open(client.make(Ask::Rows(1))).unwrap();
    let message = client.pipeline.async_next_message(UsePromise);
    let errors = waiting.map(|it| it.wait().blocking().unwrap_err());
    let message = message.wait().blocking().unwrap_err();
    let lost = rows.next_part().blocking().unwrap_err();
    let again = rows.reply().blocking().unwrap_err();
    drop(rows);
    assert!(!client.pipeline.is_connected());
    assert_eq!(client.token.count(), 1);
    assert_eq!(client.echo("next"), "fine");
    let [error, others @ ..] = errors;
    for other in others.into_iter().chain([message, lost, again]) {
        assert_eq!(other.to_string(), error.to_string());
        assert_eq!(other.kind(), error.kind());
    }
    error
}

#[test]
fn it_closes() {
    let error = fails_then_works(say_and_close(4, b""), |_| {});
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
}

#[test]
fn it_closes_in_the_middle_of_a_reply() {
    let error = fails_then_works(say_and_close(4, b"=hal"), |_| {});
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
}

#[test]
fn it_speaks_another_language() {
    for garbage in [
        &b"HTTP/1.1 400 Bad Request\r\n"[..],
        b"\n",
        b"\0\0\0\0\n",
        b"#x y\n",
    ] {
        let error = fails_then_works(say(4, garbage), |_| {});
        assert_eq!(error.kind(), ErrorKind::InvalidData);
    }
}

#[test]
fn it_says_nothing_in_greeting() {
    let error = fails_then_works(say(1, b""), |lines| {
        // Once only.
        lines.limits.silence = Some(Duration::from_secs(50));
        lines.greeting_once();
    });
    assert_eq!(error.kind(), ErrorKind::TimedOut);
}

#[test]
fn it_refuses_the_password() {
    let error = fails_then_works(say(1, b"welcome\nno\n"), |lines| lines.greeting_once());
    assert_eq!(error.to_string(), "no");
}

#[test]
fn it_answers_what_nobody_has_asked() {
    let context = TestContext::new();
    let acts = [
        say(1, b"=one\n=two\n"),
        say(1, b"=one\n-part\n"),
        say(1, b"=fine\n"),
    ];
    let client = Client::with(&context, lines(&context, acts));
    for _ in 0..2 {
        assert_eq!(client.echo("one"), "one");
        assert!(!client.pipeline.is_connected());
    }
    assert_eq!(client.echo("one"), "fine");
}

/// Messages without end, and nobody who takes them.
#[test]
fn it_has_much_to_tell() {
    let context = TestContext::new();
    let (endless, theirs) = pair(&context);
    let tells = async move { while write_all(&theirs, "!x\n".repeat(100)).await.0.is_ok() {} };
    spawn(&context, tells, |()| {});
    let (next, theirs) = pair(&context);
    spawn(&context, play(say(1, b"=fine\n"), theirs), |()| {});
    let mut lines = Lines::over([endless, next]);
    lines.greeting = false;
    lines.limits.messages = 1000;
    let client = Client::with(&context, lines);
    let error = client.ask(Ask::Fired).blocking().unwrap_err();
    assert!(error.to_string().contains("messages"), "{error}");
    assert_eq!(client.echo("next"), "fine");
}

/// It takes nothing: what waits at the door can go.
#[test]
fn it_does_not_read() {
    let context = TestContext::new();
    let (ours, _theirs) = pair(&context);
    let mut lines = Lines::over([ours]);
    lines.greeting = false;
    let client = Client::with(&context, lines);
    let large = "x".repeat(20 << 20);
    let first = client
        .pipeline
        .async_request(client.make(Ask::Echo(large)), UsePromise);
    let limit = Duration::from_secs(10);
    for _ in 0..5 {
        let ask = client.ask(Ask::Fired).cancel_after(limit);
        assert!(async_op::is_timeout(&ask.blocking().unwrap_err()));
        let fire = client.ask(Ask::Fire("x".into())).cancel_after(limit);
        assert!(async_op::is_timeout(&fire.blocking().unwrap_err()));
    }
    assert_eq!(context.elapsed(), 10 * limit);
    client.pipeline.close();
    assert!(async_op::is_cancelled(
        &first.wait().blocking().unwrap_err()
    ));
    assert_eq!(client.token.count(), 1);
}

/// It answers some, says why it goes, and goes: what is written meanwhile fails, and all that
/// it has said is heard.
#[cfg(unix)]
#[test]
fn its_last_words() {
    for (words, kind) in [
        (Some("what"), ErrorKind::InvalidData),
        (None, ErrorKind::BrokenPipe),
    ] {
        let context = IoContext::new().unwrap();
        let (ours, mut theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let ours = UnixStream::from_std(&context, ours).unwrap();
        let mut lines = Lines::over([ours]);
        lines.greeting = false;
        let client = Client::with(&context, lines);
        let pipeline = &client.pipeline;
        let asked = [(); 3].map(|()| pipeline.async_request(client.make(Ask::Fired), UsePromise));
        context.poll();
        theirs.read_exact(&mut [0; 18]).unwrap();
        theirs.write_all(b"=0\n=1\n").unwrap();
        // If there is no word, nor an end, it takes nothing, and that is all.
        let stays = match words {
            Some(words) => theirs.write_all(format!("{words}\n").as_bytes()).ok(),
            None => theirs.shutdown(Shutdown::Read).ok(),
        };
        let stays = (words.is_none() && stays.is_some()).then_some(theirs);
        let late = pipeline.async_request(client.make(Ask::Fired), UsePromise);
        let [first, second, third] = asked.map(|it| it.wait().blocking());
        assert_eq!((&*first.unwrap().0, &*second.unwrap().0), ("0", "1"));
        assert_eq!(third.unwrap_err().kind(), kind);
        assert_eq!(late.wait().blocking().unwrap_err().kind(), kind);
        drop(stays);
    }
}

/// A stream that takes no byte, and does not say why.
#[test]
fn it_takes_nothing() {
    let context = TestContext::new();
    let stream = async_op_tests::TestStream::new(&context, b"")
        .reads([Step::Stall])
        .writes([Step::End]);
    let mut lines = Lines::over([stream]);
    lines.greeting = false;
    let client = Client::with(&context, lines);
    let error = client.ask(Ask::Fired).blocking().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WriteZero);
    context.run_until_stalled();
}
