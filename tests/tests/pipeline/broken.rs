//! The other end dies, lies or is silent: all who wait are told why, and the next request
//! works.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::channel;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use async_op::IoContext;
use async_op::token::UsePromise;
use async_op_tests::without_hanging;

use crate::Client;
use crate::lines::{Ask, Lines};

type Act = Box<dyn FnOnce(TcpStream) + Send>;

/// A server that calls one of `acts` with each connection, in turn.
fn server(acts: Vec<Act>) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let thread = thread::spawn(move || {
        for act in acts {
            let (stream, _) = listener.accept().unwrap();
            act(stream);
        }
    });
    (address, thread)
}

/// Reads a line for each of `count`, says `reply`, and then keeps still until the end.
fn say(count: usize, reply: &'static [u8]) -> Act {
    Box::new(move |mut stream| {
        read_lines(&mut stream, count);
        stream.write_all(reply).unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
    })
}

/// The same, and closes.
fn say_and_close(count: usize, reply: &'static [u8]) -> Act {
    Box::new(move |mut stream| {
        read_lines(&mut stream, count);
        stream.write_all(reply).unwrap();
    })
}

fn read_lines(stream: &mut TcpStream, count: usize) {
    let mut seen = 0;
    let mut byte = [0];
    while seen < count {
        stream.read_exact(&mut byte).unwrap();
        seen += usize::from(byte[0] == b'\n');
    }
}

fn lines(address: SocketAddr) -> Lines {
    let mut lines = Lines::new(address);
    lines.greeting = false;
    lines
}

/// Has three asked, who are told the same, and then one who is answered.
fn fails_then_works(first: Act, change: impl FnOnce(&mut Lines) + Send + 'static) -> io::Error {
    let (address, _) = server(vec![first, say(1, b"=fine\n")]);
    without_hanging(move || {
        let context = IoContext::new().unwrap();
        let mut lines = lines(address);
        change(&mut lines);
        let client = Client::with(&context.executor(), lines);
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
    })
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
        lines.limits.silence = Some(Duration::from_millis(500));
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
    let (address, _) = server(vec![
        say(1, b"=one\n=two\n"),
        say(1, b"=one\n-part\n"),
        say(1, b"=fine\n"),
    ]);
    without_hanging(move || {
        let context = IoContext::new().unwrap();
        let client = Client::with(&context.executor(), lines(address));
        for _ in 0..2 {
            assert_eq!(client.echo("one"), "one");
            assert!(!client.pipeline.is_connected());
        }
        assert_eq!(client.echo("one"), "fine");
    });
}

/// Messages without end, and nobody who takes them.
#[test]
fn it_has_much_to_tell() {
    let (address, _) = server(vec![
        Box::new(|mut stream| while stream.write_all(&b"!x\n".repeat(100)).is_ok() {}),
        say(1, b"=fine\n"),
    ]);
    without_hanging(move || {
        let context = IoContext::new().unwrap();
        let mut lines = lines(address);
        lines.limits.messages = 1000;
        let client = Client::with(&context.executor(), lines);
        let error = client.ask(Ask::Fired).blocking().unwrap_err();
        assert!(error.to_string().contains("messages"), "{error}");
        assert_eq!(client.echo("next"), "fine");
    });
}

/// It takes nothing: what waits at the door can go.
#[test]
fn it_does_not_read() {
    let (end, may_end) = channel::<()>();
    let (address, _) = server(vec![Box::new(move |_stream| {
        let _ = may_end.recv();
    })]);
    without_hanging(move || {
        let context = IoContext::new().unwrap();
        let client = Client::with(&context.executor(), lines(address));
        let large = "x".repeat(20 << 20);
        let first = client
            .pipeline
            .async_request(client.make(Ask::Echo(large)), UsePromise);
        let limit = Duration::from_millis(10);
        for _ in 0..5 {
            let ask = client.ask(Ask::Fired).cancel_after(limit);
            assert!(async_op::is_timeout(&ask.blocking().unwrap_err()));
            let fire = client.ask(Ask::Fire("x".into())).cancel_after(limit);
            assert!(async_op::is_timeout(&fire.blocking().unwrap_err()));
        }
        client.pipeline.close();
        assert!(async_op::is_cancelled(
            &first.wait().blocking().unwrap_err()
        ));
        assert_eq!(client.token.count(), 1);
        drop(end);
    });
}
