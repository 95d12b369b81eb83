//! Requests that have to know the connection that they are written for.

use std::convert::Infallible;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream as Socket};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread::{self, JoinHandle};

use async_op::cancel::{CancellationSignal, CancellationType};
use async_op::net::TcpStream;
use async_op::net::pipeline::{Event, Expect, Id, Input, Pipeline, Protocol, Session};
use async_op::token::UsePromise;
use async_op::{IoContext, IoExecutor, bind_cancellation_slot, is_cancelled};
use async_op_tests::{panic_of, without_hanging};

use crate::lines::{Ask, Lines, Reply, Request, Server, Token};

/// What a connection is told in greeting: each request begins with that.
struct Named(SocketAddr);

impl Protocol for Named {
    type Stream = TcpStream;
    type Request = &'static str;
    type Reply = String;
    type Part = Infallible;
    type Message = Infallible;
    type Error = io::Error;
    type Pending = ();
    type Decoder = String;
    type Encoder = String;

    async fn connect(
        &self,
        executor: &IoExecutor,
        input: &mut Input,
    ) -> io::Result<(TcpStream, String)> {
        let stream = TcpStream::connect(executor, self.0).await?;
        loop {
            if let Some(name) = input.take_line(100)? {
                return Ok((stream, String::from_utf8_lossy(name).into_owned()));
            }
            input.read_more(&stream).await?;
        }
    }

    fn encoder(&self, name: &mut String) -> String {
        std::mem::take(name)
    }

    fn encode(
        &self,
        name: &mut String,
        request: &'static str,
        _: Id,
        out: &mut Vec<u8>,
    ) -> io::Result<Expect<Self>> {
        writeln!(out, "{name} {request}")?;
        Ok(Expect::InOrder(()))
    }

    fn decode(
        &self,
        _: &mut String,
        input: &mut Input,
        _: &mut Session<'_, Self>,
    ) -> io::Result<Option<Event<Self>>> {
        let line = input.take_line(100)?;
        let reply = line.map(|line| String::from_utf8_lossy(line).into_owned());
        Ok(reply.map(|reply| Event::Reply(Ok(reply))))
    }
}

/// Names its connections by these, and repeats what it is told; `end` ends one.
fn server(names: [&'static str; 2]) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serve = move || {
        for name in names {
            let (mut stream, _): (Socket, _) = listener.accept().unwrap();
            writeln!(stream, "{name}").unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            for line in lines.map_while(Result::ok) {
                if line.ends_with("end") {
                    break;
                }
                writeln!(stream, "{line}").unwrap();
            }
        }
    };
    (address, thread::spawn(serve))
}

#[test]
fn it_is_asked_when_there_is_a_connection() {
    without_hanging(|| {
        let (address, server) = server(["north", "south"]);
        let context = IoContext::new().unwrap();
        let pipeline = Pipeline::new(&context, Named(address));
        let asked = ["one", "two", "three"].map(|it| pipeline.async_request(it, UsePromise));
        let replies = asked.map(|it| it.wait().blocking().unwrap());
        assert_eq!(replies, ["north one", "north two", "north three"]);
        let last = pipeline.request("end").blocking().unwrap_err();
        assert_eq!(last.kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(pipeline.request("four").blocking().unwrap(), "south four");
        drop(pipeline);
        drop(context);
        server.join().unwrap();
    });
}

fn with_numbers(body: impl FnOnce(&Server, &IoContext, &Pipeline<Lines<1>>) + Send + 'static) {
    without_hanging(|| {
        let server = Server::start();
        let context = IoContext::new().unwrap();
        let pipeline = Pipeline::new(&context, Lines::new(server.address));
        body(&server, &context, &pipeline);
        assert_eq!(server.misnumbered(), 0);
    });
}

fn make(ask: Ask) -> Request {
    Request(ask, Token::default())
}

fn echo(pipeline: &Pipeline<Lines<1>>, text: &str) -> String {
    let echo = pipeline.request(make(Ask::Echo(text.into())));
    echo.blocking().unwrap().0
}

/// In the order in which they are sent, whoever sends them.
#[test]
fn one_at_a_time_is_encoded() {
    with_numbers(|server, _, pipeline| {
        thread::scope(|scope| {
            for caller in 0..8 {
                scope.spawn(move || {
                    for n in 0..250 {
                        let text = format!("{caller}-{n}");
                        assert_eq!(echo(pipeline, &text), text);
                    }
                });
            }
        });
        assert_eq!(server.accepted(), 1);
    });
}

/// Where nothing of a request is sent its number is the next one's.
#[test]
fn one_is_refused() {
    with_numbers(|server, context, pipeline| {
        let (sender, receiver) = channel();
        // Before there is a connection, and then.
        for round in 0..2 {
            for n in 0..6 {
                let sender = sender.clone();
                let ask = match n % 3 {
                    1 => Ask::Refused,
                    _ => Ask::Echo(n.to_string()),
                };
                let handler = move |reply: io::Result<Reply>| {
                    sender.send((round, n, reply.map(|it| it.0))).unwrap();
                };
                pipeline.request(make(ask)).callback(handler);
            }
            context.restart();
            context.run();
        }
        drop(sender);
        let mut all: Vec<_> = receiver.iter().collect();
        all.sort_by_key(|it| (it.0, it.1));
        assert_eq!(all.len(), 12);
        for (_, n, reply) in all {
            match reply {
                Ok(text) => assert_eq!(text, n.to_string()),
                Err(error) => {
                    assert_eq!(n % 3, 1);
                    assert_eq!(error.to_string(), "refused");
                }
            }
        }
        assert_eq!(server.accepted(), 1);
    });
}

/// Nobody can tell what the encoder knows then.
#[test]
fn a_panic_ends_the_connection() {
    with_numbers(|server, context, pipeline| {
        assert_eq!(echo(pipeline, "before"), "before");
        let behind = pipeline.async_request(make(Ask::Fired), UsePromise);
        let panic = panic_of(|| pipeline.request(make(Ask::EncodePanics)).callback(drop));
        assert!(panic.contains("on purpose"));
        let error = behind.wait().blocking().unwrap_err();
        assert!(error.to_string().contains("panicked"), "{error}");
        assert_eq!(echo(pipeline, "anew"), "anew");
        assert_eq!(server.accepted(), 2);

        // The same of one that has waited for the connection.
        pipeline.close();
        let waiting = pipeline.async_request(make(Ask::EncodePanics), UsePromise);
        let behind = pipeline.async_request(make(Ask::Fired), UsePromise);
        context.restart();
        assert!(panic_of(|| context.run()).contains("on purpose"));
        for lost in [waiting, behind] {
            let error = lost.wait().blocking().unwrap_err();
            assert!(error.to_string().contains("panicked"), "{error}");
        }
        assert_eq!(echo(pipeline, "again"), "again");
    });
}

/// Opened before there is a connection, and behind an upload; and given up at the door.
#[test]
fn exchanges() {
    with_numbers(|server, _, pipeline| {
        let rows = pipeline.open(make(Ask::Rows(3))).unwrap();
        let given_up = pipeline.open(make(Ask::Put)).unwrap();
        drop(given_up);
        let upload = pipeline.open(make(Ask::Put)).unwrap();
        let chunk = upload.async_send(make(Ask::Chunk("four".into())), UsePromise);
        let behind = pipeline.async_request(make(Ask::Echo("behind".into())), UsePromise);
        for row in 0..3 {
            let part = rows.next_part().blocking().unwrap();
            assert_eq!(part.unwrap(), row.to_string());
        }
        assert_eq!(rows.reply().blocking().unwrap().0, "3");
        chunk.wait().blocking().unwrap();
        upload.finish(make(Ask::LastChunk("four".into()))).unwrap();
        assert_eq!(upload.reply().blocking().unwrap().0, "8");
        assert_eq!(behind.wait().blocking().unwrap().0, "behind");
        assert_eq!(server.accepted(), 1);

        // A request is no upload, and what begins one cannot be unsaid.
        let error = pipeline.request(make(Ask::Put)).blocking().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert_eq!(echo(pipeline, "anew"), "anew");
        assert_eq!(server.accepted(), 2);
    });
}

/// Asked to stop while it is encoded, a request is sent all the same: it has a number.
#[test]
fn given_up_in_its_turn() {
    with_numbers(|server, _, pipeline| {
        // As it comes from the door, and at once.
        for _ in 0..2 {
            let signal = Arc::new(CancellationSignal::new());
            let token = bind_cancellation_slot(signal.slot(), UsePromise);
            let given_up = pipeline.async_request(make(Ask::Stops(signal)), token);
            assert_eq!(echo(pipeline, "behind"), "behind");
            let error = given_up.wait().blocking().err().unwrap();
            assert!(is_cancelled(&error));
        }
        assert_eq!(server.accepted(), 1);
    });
}

/// Those who give up while there is no connection yet are not sent.
#[test]
fn given_up_at_the_door() {
    with_numbers(|server, _, pipeline| {
        let signal = CancellationSignal::new();
        let token = bind_cancellation_slot(signal.slot(), UsePromise);
        let given_up = pipeline.async_request(make(Ask::Fire("no".into())), token);
        let answered = pipeline.async_request(make(Ask::Echo("yes".into())), UsePromise);
        signal.emit(CancellationType::TERMINAL);
        assert_eq!(answered.wait().blocking().unwrap().0, "yes");
        assert!(is_cancelled(&given_up.wait().blocking().err().unwrap()));
        let fired = pipeline.request(make(Ask::Fired)).blocking().unwrap();
        assert_eq!((fired.0.as_str(), server.accepted()), ("0", 1));
    });
}
