//! An echo server under load, with connections that last or that do not.

use std::io::{self, Read, Write};
use std::net::{self, SocketAddr};
use std::os::fd::AsRawFd;

use async_op::io::{BufferExt, write_all};
use async_op::net::{TcpListener, TcpStream};
use async_op::spawn;
use mio::{Events, Interest, Poll, Token};
use tokio::runtime::Runtime;

use crate::Workload;
use crate::clients::ask;
use crate::lockstep::{self, echoed};
use crate::measure::Run;
use crate::ping_pong::LOOPBACK;
use crate::posts::{current_thread, multi_thread};
use crate::runners::{context_for, run_by};

/// The servers, under a load of so many connections and bytes.
macro_rules! under_load {
    ($name:literal, $round:literal, $rounds:expr, $load:expr) => {
        Workload {
            name: $name,
            round: $round,
            rounds: $rounds,
            contenders: &[
                ("async-op", |run| $load.run(run, callbacks(1, BUFFER))),
                ("async-op 2 threads", |run| {
                    $load.run(run, callbacks(2, BUFFER));
                }),
                ("async-op futures", |run| $load.run(run, futures(1, BUFFER))),
                ("async-op futures 2 threads", |run| {
                    $load.run(run, futures(2, BUFFER));
                }),
                ("mio", |run| $load.run(run, on_mio())),
                ("tokio", |run| {
                    $load.run(run, on_tokio(current_thread(), BUFFER))
                }),
                ("tokio 2 threads", |run| {
                    $load.run(run, on_tokio(multi_thread(), BUFFER));
                }),
                ("smol", |run| $load.run(run, on_smol(BUFFER))),
            ],
        }
    };
}

/// The servers of one thread, which is that of the load, too.
macro_rules! in_lockstep {
    ($name:literal, $round:literal, $rounds:expr, $load:expr) => {
        Workload {
            name: $name,
            round: $round,
            rounds: $rounds,
            contenders: &[
                ("async-op", |run| $load.run(run, callbacks(1, BUFFER))),
                ("async-op futures", |run| $load.run(run, futures(1, BUFFER))),
                ("mio", |run| $load.run(run, on_mio())),
                ("tokio", |run| {
                    $load.run(run, on_tokio(current_thread(), BUFFER))
                }),
            ],
        }
    };
}

pub(crate) const WORKLOADS: &[Workload] = &[
    under_load!(
        "echo-1",
        "message of 64 bytes, 1 connection",
        [1_000, 20_000],
        Load("echo", 1, 64)
    ),
    under_load!(
        "echo-64",
        "message of 64 bytes, 64 connections",
        [4_000, 200_000],
        Load("echo", 64, 64)
    ),
    under_load!(
        "echo-1000",
        "message of 64 bytes, 1000 connections",
        [4_000, 200_000],
        Load("echo", 1000, 64)
    ),
    under_load!(
        "echo-64-16k",
        "message of 16 KiB, 64 connections",
        [2_000, 50_000],
        Load("echo", 64, 16 << 10)
    ),
    under_load!(
        "echo-1000-16k",
        "message of 16 KiB, 1000 connections",
        [2_000, 50_000],
        Load("echo", 1000, 16 << 10)
    ),
    under_load!(
        "churn",
        "connection that is accepted, echoes 64 bytes and is closed",
        [500, 10_000],
        Load("churn", 8, 64)
    ),
    in_lockstep!(
        "lockstep-64",
        "message of 64 bytes, 64 connections, sent by the thread that serves",
        [4_000, 200_000],
        Load("lockstep", 64, 64)
    ),
    in_lockstep!(
        "lockstep-1000",
        "message of 64 bytes, 1000 connections, sent by the thread that serves",
        [4_000, 200_000],
        Load("lockstep", 1000, 64)
    ),
    in_lockstep!(
        "lockstep-1000-16k",
        "message of 16 KiB, 1000 connections, sent by the thread that serves",
        [4_000, 50_000],
        Load("lockstep", 1000, 16 << 10)
    ),
];

/// The kind of load, how many connections at a time, and bytes of a message.
struct Load(&'static str, u64, usize);

impl Load {
    /// Has `server` accept so many connections, and echo until all are closed.
    fn run(&self, run: &mut Run, mut server: impl FnMut(net::TcpListener, u64)) {
        let &Self(kind, at_a_time, size) = self;
        run.measure(|messages| {
            let connections = match kind {
                "churn" => messages.max(at_a_time),
                _ => at_a_time,
            };
            server(under_load(kind, at_a_time, size, messages), connections);
        });
    }
}

/// Asks for a load, and returns the listener that it connects to.
pub(crate) fn under_load(
    kind: &str,
    connections: u64,
    size: usize,
    messages: u64,
) -> net::TcpListener {
    let listener = net::TcpListener::bind(LOOPBACK).unwrap();
    listener.set_nonblocking(true).unwrap();
    // The standard library has 128 wait; others would try again in a second.
    // SAFETY: the descriptor is open.
    assert_eq!(unsafe { libc::listen(listener.as_raw_fd(), 4096) }, 0);
    let address = listener.local_addr().unwrap();
    match kind {
        "lockstep" => lockstep::begin(address, connections, size, messages),
        _ => ask(kind, address, connections, size, messages),
    }
    listener
}

/// Of a connection's buffer, as large as the largest message.
const BUFFER: usize = 16 << 10;

/// So many `threads` run the context.
pub(crate) fn callbacks(threads: u64, room: usize) -> impl FnMut(net::TcpListener, u64) {
    fn accept(listener: TcpListener, connections: u64, room: usize) {
        if connections > 0 {
            let next = listener.clone();
            listener.accept().callback(move |result| {
                let (stream, _): (TcpStream, SocketAddr) = result.unwrap();
                stream.set_nodelay(true).unwrap();
                echo(stream, vec![0; room]);
                accept(next, connections - 1, room);
            });
        }
    }
    let context = context_for(threads);
    move |listener, connections| {
        let listener = TcpListener::from_std(&context, listener).unwrap();
        run_by(&context, threads, || accept(listener, connections, room));
    }
}

/// Echoes until the connection is closed; each step is the callback of the last.
pub(crate) fn echo(stream: TcpStream, buffer: Vec<u8>) {
    stream.read_some(buffer).callback(move |result, buffer| {
        if let Ok(n @ 1..) = result {
            write_all(&stream, buffer.range(..n)).callback(move |result, range| {
                if result.is_ok() {
                    echoed(n);
                    echo(stream, range.into_inner());
                }
            });
        }
    });
}

pub(crate) fn futures(threads: u64, room: usize) -> impl FnMut(net::TcpListener, u64) {
    async fn accept(listener: TcpListener, connections: u64, room: usize) -> io::Result<()> {
        for _ in 0..connections {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            spawn(&listener, echo(stream, room), |_: io::Result<()>| {});
        }
        Ok(())
    }
    async fn echo(stream: TcpStream, room: usize) -> io::Result<()> {
        let mut buffer = vec![0; room];
        loop {
            match stream.read_some(&mut buffer).await? {
                0 => return Ok(()),
                n => {
                    write_all(&stream, &buffer[..n]).await?;
                    echoed(n);
                }
            }
        }
    }
    let context = context_for(threads);
    move |listener, connections| {
        let listener = TcpListener::from_std(&context, listener).unwrap();
        let accept = accept(listener, connections, room);
        run_by(&context, threads, || {
            spawn(&context, accept, |result: io::Result<()>| result.unwrap());
        });
    }
}

/// One buffer for all connections; what cannot be written at once is kept.
pub(crate) fn on_mio() -> impl FnMut(net::TcpListener, u64) {
    struct Connection {
        stream: mio::net::TcpStream,
        unsent: Vec<u8>,
    }
    impl Connection {
        /// Returns whether the connection goes on.
        fn drive(&mut self, buffer: &mut [u8]) -> bool {
            loop {
                while !self.unsent.is_empty() {
                    match self.stream.write(&self.unsent) {
                        Ok(n) => {
                            self.unsent.drain(..n);
                            echoed(n);
                        }
                        Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
                    }
                }
                let read = match self.stream.read(buffer) {
                    Ok(0) => return false,
                    Ok(n) => n,
                    Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
                };
                let sent = match self.stream.write(&buffer[..read]) {
                    Ok(n) => n,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
                    Err(_) => return false,
                };
                echoed(sent);
                self.unsent.extend(&buffer[sent..read]);
                // A short read has taken all there was.
                if sent == read && read < buffer.len() {
                    return true;
                }
            }
        }
    }
    const LISTENER: Token = Token(usize::MAX);
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(1024);
    let mut buffer = vec![0; 64 << 10];
    move |listener, connections| {
        let mut listener = mio::net::TcpListener::from_std(listener);
        let registry = poll.registry().try_clone().unwrap();
        registry
            .register(&mut listener, LISTENER, Interest::READABLE)
            .unwrap();
        let mut slots: Vec<Option<Connection>> = Vec::new();
        let mut free = Vec::new();
        let (mut accepted, mut closed) = (0, 0);
        while closed < connections {
            poll.poll(&mut events, None).unwrap();
            for event in &events {
                if event.token() == LISTENER {
                    while let Ok((mut stream, _)) = listener.accept() {
                        stream.set_nodelay(true).unwrap();
                        let n = free.pop().unwrap_or(slots.len());
                        if n == slots.len() {
                            slots.push(None);
                        }
                        let interest = Interest::READABLE | Interest::WRITABLE;
                        registry.register(&mut stream, Token(n), interest).unwrap();
                        let unsent = Vec::new();
                        slots[n] = Some(Connection { stream, unsent });
                        accepted += 1;
                    }
                    continue;
                }
                let n = event.token().0;
                if let Some(connection) = &mut slots[n] {
                    if (event.is_readable() || !connection.unsent.is_empty())
                        && !connection.drive(&mut buffer)
                    {
                        slots[n] = None;
                        free.push(n);
                        closed += 1;
                    }
                }
            }
        }
        assert_eq!(accepted, closed);
    }
}

pub(crate) fn on_tokio(runtime: Runtime, room: usize) -> impl FnMut(net::TcpListener, u64) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    async fn echo(mut stream: tokio::net::TcpStream, room: usize) -> io::Result<()> {
        let mut buffer = vec![0; room];
        loop {
            match stream.read(&mut buffer).await? {
                0 => return Ok(()),
                n => {
                    stream.write_all(&buffer[..n]).await?;
                    echoed(n);
                }
            }
        }
    }
    move |listener, connections| {
        let accept = async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let mut tasks = tokio::task::JoinSet::new();
            for _ in 0..connections {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                tasks.spawn(echo(stream, room));
                while tasks.try_join_next().is_some() {}
            }
            while tasks.join_next().await.is_some() {}
        };
        runtime.block_on(runtime.spawn(accept)).unwrap();
    }
}

fn on_smol(room: usize) -> impl FnMut(net::TcpListener, u64) {
    use smol::io::{AsyncReadExt, AsyncWriteExt};
    use smol::{Async, channel};

    static EXECUTOR: smol::Executor<'static> = smol::Executor::new();

    async fn echo(mut stream: Async<net::TcpStream>, room: usize) -> io::Result<()> {
        let mut buffer = vec![0; room];
        loop {
            match stream.read(&mut buffer).await? {
                0 => return Ok(()),
                n => stream.write_all(&buffer[..n]).await?,
            }
        }
    }
    move |listener, connections| {
        let accept = EXECUTOR.spawn(async move {
            let listener = Async::new(listener).unwrap();
            let (open, all_closed) = channel::bounded::<()>(1);
            for _ in 0..connections {
                let (stream, _) = listener.accept().await.unwrap();
                stream.get_ref().set_nodelay(true).unwrap();
                let open = open.clone();
                let echo = async move {
                    let _ = (echo(stream, room).await, open);
                };
                EXECUTOR.spawn(echo).detach();
            }
            drop(open);
            assert!(all_closed.recv().await.is_err());
        });
        smol::block_on(EXECUTOR.run(accept));
    }
}
