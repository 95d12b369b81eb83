//! Streams that do as they are told.

use std::io::{self, ErrorKind};
use std::sync::mpsc;
use std::time::Duration;

use async_op::io::{DynamicBuffer, Transport, read_exact, read_to_end, read_until, write_all};
use async_op::net::AnyStream;
use async_op::test::{Script, TestContext, TestStream};
use async_op::{Handler, async_op, is_cancelled, is_timeout};
use async_op_tests::{Log, Probe, panic_of};

const SECOND: Duration = Duration::from_secs(1);

/// Sends a line and reads one.
#[async_op]
async fn async_ask(stream: &TestStream, question: &'static str) -> io::Result<String> {
    write_all(stream, question).await?;
    let mut reply = Vec::new();
    read_until(stream, (&mut reply).at_most(80), b'\n').await?;
    String::from_utf8(reply).map_err(|_| ErrorKind::InvalidData.into())
}

/// What there is to read until it fails.
fn read_all(stream: &TestStream) -> (String, io::Result<()>) {
    let mut text = Vec::new();
    let mut byte = [0];
    loop {
        match read_exact(stream, &mut byte).blocking() {
            Ok(_) => text.push(byte[0]),
            Err(error) => return (String::from_utf8(text).unwrap(), Err(error)),
        }
    }
}

#[test]
fn steps_happen_in_their_order() {
    for most in [1, 2, 3, 100] {
        let context = TestContext::new();
        let stream = Script::new()
            .write("one\n")
            .read("o")
            .wait(SECOND)
            .read("k\n")
            .write("two\n")
            .wait(2 * SECOND)
            .read("fine\n")
            .at_most(most)
            .on(&context);
        assert_eq!(ask(&stream, "one\n").blocking().unwrap(), "ok\n");
        assert_eq!(context.elapsed(), SECOND);
        assert_eq!(ask(&stream, "two\n").blocking().unwrap(), "fine\n");
        assert_eq!(context.elapsed(), 3 * SECOND);
        stream.assert_done();
    }
}

#[test]
fn a_write_waits_for_the_reads_before() {
    let context = TestContext::new();
    let stream = Script::new().read("hello").write("x").on(&context);
    let log = Log::new();
    let done = log.clone();
    write_all(&stream, "x").callback(move |result: io::Result<()>| {
        result.unwrap();
        done.push("written");
    });
    context.run_until_stalled();
    assert_eq!(log.take(), "");
    read_exact(&stream, &mut [0; 5]).blocking().unwrap();
    context.run();
    assert_eq!(log.take(), "written");
}

#[test]
fn what_is_not_in_the_script_fails_the_test() {
    let context = TestContext::new();
    let stream = Script::new().write("good").on(&context);
    let message = panic_of(|| write_all(&stream, "gold").blocking());
    assert_eq!(message, r#"the script has "good" written, not "gold""#);

    let stream = Script::new().on(&context);
    let message = panic_of(|| write_all(&stream, "more\r\n").blocking());
    assert_eq!(
        message,
        r#"the script is over, but this is written: "more\r\n""#
    );

    let stream = Script::new()
        .write("a")
        .wait(SECOND)
        .read("b")
        .eof()
        .on(&context);
    let message = panic_of(|| stream.assert_done());
    assert_eq!(
        message,
        r#"of the script this is left: write "a", Wait(1s), read "b", Eof"#
    );
}

#[test]
fn ends_and_errors() {
    let context = TestContext::new();
    let stream = Script::new().read("text").eof().write("bye").on(&context);
    let mut text = Vec::new();
    read_to_end(&stream, &mut text).blocking().unwrap();
    assert_eq!(text, b"text");
    let again = read_exact(&stream, &mut [0]).blocking().unwrap_err();
    assert_eq!(again.kind(), ErrorKind::UnexpectedEof);
    write_all(&stream, "bye").blocking().unwrap();
    stream.assert_done();

    let stream = Script::new().read("te").reset().on(&context);
    let (text, result) = read_all(&stream);
    assert_eq!(text, "te");
    assert_eq!(result.unwrap_err().kind(), ErrorKind::ConnectionReset);
    let write = write_all(&stream, "x").blocking().unwrap_err();
    assert_eq!(write.kind(), ErrorKind::ConnectionReset);

    let kind = ErrorKind::NetworkDown;
    let stream = Script::new()
        .read("a")
        .error(kind)
        .read("b")
        .eof()
        .on(&context);
    let (text, result) = read_all(&stream);
    assert_eq!((&*text, result.unwrap_err().kind()), ("a", kind));
    let (text, result) = read_all(&stream);
    assert_eq!(text, "b");
    assert_eq!(result.unwrap_err().kind(), ErrorKind::UnexpectedEof);
    stream.assert_done();
}

#[test]
fn a_stall_lasts_until_it_is_ended() {
    let context = TestContext::new();
    let stream = Script::new().read("a").stall().read("b").on(&context);
    let limited = read_exact(&stream, &mut [0; 2])
        .cancel_after(30 * SECOND)
        .blocking();
    assert!(is_timeout(&limited.unwrap_err()));
    assert_eq!(context.elapsed(), 30 * SECOND);

    let (sender, results) = mpsc::channel();
    read_exact(&stream, vec![0]).callback(move |result, buffer| {
        sender.send((result, buffer)).unwrap();
    });
    context.run_until_stalled();
    assert!(context.is_stalled());
    let message = panic_of(|| context.run());
    assert!(message.starts_with("nothing can run"), "{message}");
    stream.resume();
    assert!(!context.is_stalled());
    context.run();
    let (result, buffer) = results.try_recv().unwrap();
    assert_eq!((result.unwrap(), buffer), ((), b"b".to_vec()));
}

#[test]
fn it_can_take_whatever_is_written() {
    let context = TestContext::new();
    let stream = Script::new().read("a").any_writes().at_most(2).on(&context);
    write_all(&stream, "hello").blocking().unwrap();
    assert_eq!(stream.written(), b"hello");
    assert_eq!(stream.written(), b"");
    read_exact(&stream, &mut [0]).blocking().unwrap();
}

#[test]
fn a_transport_like_others() {
    let context = TestContext::new();
    let stream = Script::new().write("x").read("ab").on(&context);
    let any = AnyStream::new(stream.clone());
    any.write_some(b"x").blocking().unwrap();
    any.finish().blocking().unwrap();
    let more = write_all(&any, "y").blocking().unwrap_err();
    assert_eq!(more.kind(), ErrorKind::BrokenPipe);
    let mut buffer = [0; 8];
    assert_eq!(any.read_some(&mut buffer).blocking().unwrap(), 2);

    let log = Log::new();
    any.read_some(vec![0; 8]).with(Handler(Probe::calling(
        &log,
        |(result, _): (io::Result<usize>, Vec<u8>)| {
            assert_eq!(result.unwrap(), 0);
        },
    )));
    context.run_until_stalled();
    assert_eq!(log.take(), "");
    stream.close();
    context.run();
    assert_eq!(log.take(), "call");
}

#[test]
fn an_operation_can_be_stopped_and_dropped_and_takes_nothing() {
    let context = TestContext::new();
    let stream = Script::new().wait(SECOND).read("ab").on(&context);
    let (signal, results) = {
        let signal = async_op::cancel::CancellationSignal::new();
        let (sender, results) = mpsc::channel();
        let handler = async_op::bind_cancellation_slot(
            signal.slot(),
            move |result: io::Result<()>, _: Vec<u8>| sender.send(result).unwrap(),
        );
        read_exact(&stream, vec![0; 2]).with(handler);
        (signal, results)
    };
    context.advance(SECOND / 2);
    signal.emit(async_op::cancel::CancellationType::TERMINAL);
    context.run();
    assert!(is_cancelled(&results.try_recv().unwrap().unwrap_err()));
    assert_eq!(context.elapsed(), SECOND / 2);
    {
        let mut buffer = [0; 2];
        let mut read = std::pin::pin!(read_exact(&stream, &mut buffer));
        let polled = pollster::block_on(futures_lite::future::poll_once(read.as_mut()));
        assert!(polled.is_none());
    }
    let mut buffer = [0; 2];
    read_exact(&stream, &mut buffer).blocking().unwrap();
    assert_eq!(&buffer, b"ab");
}

#[test]
fn the_end_of_the_context_is_told() {
    let mut context = TestContext::new();
    context.allow_outstanding();
    let stream = Script::new().wait(SECOND).on(&context);
    let log = Log::new();
    read_exact(&stream, vec![0; 2]).with(Handler(Probe::calling(
        &log,
        |_: (io::Result<()>, Vec<u8>)| {},
    )));
    context.run_until_stalled();
    drop(context);
    assert_eq!(log.take(), "drop");
    let error = read_exact(&stream, &mut [0; 2]).blocking().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Other);
}
