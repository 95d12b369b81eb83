//! A pipeline goes over a stream of any kind.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use async_op::io::{DynamicBuffer, Transport, read_until, write_all};
use async_op::net::pipeline::{Event, Expect, Id, Input, Limits, Pipeline, Protocol, Session};
use async_op::net::tls::{Acceptor, Connector};
use async_op::net::{AnyStream, TcpListener, TcpStream};
#[cfg(unix)]
use async_op::net::{UnixListener, UnixStream};
use async_op::{IoContext, IoExecutor, SystemExecutor, is_cancelled, spawn};
#[cfg(unix)]
use async_op_tests::Folder;
use async_op_tests::net::listen;
use async_op_tests::without_hanging;

use crate::authority::pairs;

/// Lines, each of which is answered by itself; `close` ends the connection.
struct Lines {
    place: Place,
    connections: Arc<AtomicUsize>,
}

#[derive(Clone)]
enum Place {
    Tcp(std::net::SocketAddr),
    #[cfg(unix)]
    Unix(std::path::PathBuf),
    Tls(std::net::SocketAddr, Connector),
}

impl Protocol for Lines {
    type Stream = AnyStream;
    type Request = String;
    type Reply = String;
    type Part = std::convert::Infallible;
    type Message = std::convert::Infallible;
    type Error = io::Error;
    type Pending = ();
    type Decoder = ();
    type Encoder = ();

    async fn connect(&self, executor: &IoExecutor, _: &mut Input) -> io::Result<(AnyStream, ())> {
        self.connections.fetch_add(1, Ordering::SeqCst);
        let stream = match &self.place {
            Place::Tcp(address) => AnyStream::new(TcpStream::connect(executor, *address).await?),
            #[cfg(unix)]
            Place::Unix(path) => AnyStream::new(UnixStream::connect(executor, path).await?),
            Place::Tls(address, connector) => {
                let stream = TcpStream::connect(executor, *address).await?;
                AnyStream::new(connector.connect(stream, "localhost").await?)
            }
        };
        Ok((stream, ()))
    }

    fn encode(
        &self,
        (): &mut (),
        line: String,
        _: Id,
        out: &mut Vec<u8>,
    ) -> io::Result<Expect<Self>> {
        out.extend_from_slice(line.as_bytes());
        out.push(b'\n');
        Ok(Expect::InOrder(()))
    }

    fn decode(
        &self,
        _: &mut (),
        input: &mut Input,
        _: &mut Session<'_, Self>,
    ) -> io::Result<Option<Event<Self>>> {
        let line = input.take_line(1 << 20)?;
        let line = line.map(|line| String::from_utf8_lossy(line).into_owned());
        Ok(line.map(|line| Event::Reply(Ok(line))))
    }

    fn limits(&self) -> Limits {
        Limits::default()
    }
}

/// Answers each line by itself.
async fn answer(stream: impl Transport) -> io::Result<()> {
    let mut text = Vec::new();
    loop {
        let end = read_until(&stream, (&mut text).at_most(1 << 20), b'\n').await?;
        let line: Vec<u8> = text.drain(..end).collect();
        if line == b"close\n" {
            stream.close();
            return Ok(());
        }
        write_all(&stream, &line).await?;
    }
}

async fn serve_tcp(listener: TcpListener) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            return;
        };
        spawn(&SystemExecutor, answer(stream), |_: io::Result<()>| ());
    }
}

#[cfg(unix)]
async fn serve_unix(listener: UnixListener) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            return;
        };
        spawn(&SystemExecutor, answer(stream), |_: io::Result<()>| ());
    }
}

async fn serve_tls(listener: TcpListener, acceptor: Acceptor) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            return;
        };
        let acceptor = acceptor.clone();
        let serve = async move { answer(acceptor.accept(stream).await?).await };
        spawn(&SystemExecutor, serve, |_: io::Result<()>| ());
    }
}

/// What is asked of a pipeline over TCP is asked of any.
fn check(place: Place) {
    let context = IoContext::new().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let lines = |place: &Place| Lines {
        place: place.clone(),
        connections: connections.clone(),
    };
    let pipeline = Pipeline::new(&context, lines(&place));
    let ask = |text: &str| pipeline.request(text.to_owned());
    assert_eq!(ask("one").blocking().unwrap(), "one");
    // By callback, many at once, large ones among them.
    let count = Arc::new(AtomicUsize::new(0));
    for n in 0..500 {
        let text = "x".repeat(n * n % 5000) + &n.to_string();
        let (count, expected) = (count.clone(), text.clone());
        ask(&text).callback(move |reply| {
            assert_eq!(reply.unwrap(), expected);
            count.fetch_add(1, Ordering::SeqCst);
        });
    }
    context.restart();
    context.run();
    assert_eq!(count.load(Ordering::SeqCst), 500);
    // Dropped, and awaited elsewhere.
    drop(pollster::block_on(async {
        let mut dropped = Box::pin(ask("dropped"));
        futures_lite::future::poll_once(&mut dropped).await
    }));
    assert_eq!(ask("two").blocking().unwrap(), "two");
    assert_eq!(connections.load(Ordering::SeqCst), 1);
    // The end, and another connection.
    let error = ask("close").blocking().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    assert_eq!(ask("three").blocking().unwrap(), "three");
    assert_eq!(connections.load(Ordering::SeqCst), 2);

    // Many threads on one connection.
    let shared = Pipeline::new(&SystemExecutor, lines(&place));
    thread::scope(|scope| {
        for thread in 0..8 {
            let shared = &shared;
            scope.spawn(move || {
                for n in 0..100 {
                    let text = format!("{thread} {n}");
                    assert_eq!(shared.request(text.clone()).blocking().unwrap(), text);
                }
            });
        }
    });
    assert_eq!(connections.load(Ordering::SeqCst), 3);
}

#[test]
fn over_tcp() {
    without_hanging(|| {
        let listener = TcpListener::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into()).unwrap();
        let address = listener.local_addr().unwrap();
        spawn(&SystemExecutor, serve_tcp(listener), |()| ());
        check(Place::Tcp(address));
    });
}

#[cfg(unix)]
#[test]
fn over_a_unix_socket() {
    without_hanging(|| {
        let folder = Folder::new("pipeline");
        let path = folder.path().join("socket");
        let listener = UnixListener::bind(&SystemExecutor, &path).unwrap();
        spawn(&SystemExecutor, serve_unix(listener), |()| ());
        check(Place::Unix(path));
    });
}

#[test]
fn over_tls() {
    without_hanging(|| {
        for (_, connector, acceptor) in pairs() {
            let listener = TcpListener::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into()).unwrap();
            let address = listener.local_addr().unwrap();
            spawn(&SystemExecutor, serve_tls(listener, acceptor), |()| ());
            check(Place::Tls(address, connector));
        }
    });
}

/// A server that is nobody the client trusts, and one that does not answer.
#[test]
fn a_handshake_that_fails_is_told_to_all() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        let (_, connector, _) = pairs().remove(0);
        let (_, _, stranger) = pairs().remove(0);
        let listener = listen(&context);
        let address = listener.local_addr().unwrap();
        spawn(&context, serve_tls(listener, stranger), |()| ());
        let lines = Lines {
            place: Place::Tls(address, connector),
            connections: Arc::default(),
        };
        let pipeline = Pipeline::new(&context, lines);
        let count = Arc::new(AtomicUsize::new(0));
        for _ in 0..3 {
            let count = count.clone();
            pipeline
                .request("x".into())
                .callback(move |reply: io::Result<String>| {
                    let error = reply.unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::InvalidData, "{error}");
                    assert!(!is_cancelled(&error));
                    count.fetch_add(1, Ordering::SeqCst);
                });
        }
        while count.load(Ordering::SeqCst) < 3 {
            context.run_one();
        }
        assert!(!pipeline.is_connected());
    });
}
