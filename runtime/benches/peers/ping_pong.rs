//! One message to and fro between two sockets, on one loop or on two threads.

use std::io::{self, Read, Write};
use std::net::{self, SocketAddr};
use std::os::unix::net::UnixStream;
use std::thread;

use async_op::io::{read_exact, write_all};
use async_op::net::{TcpStream, UdpSocket};
use async_op::{Blocking, IoContext, spawn};
use mio::{Events, Interest, Poll, Registry, Token};

use crate::Workload;
use crate::measure::{Run, lap, start_laps};
use crate::posts::{current_thread, multi_thread};

pub(crate) const WORKLOADS: &[Workload] = &[
    Workload {
        name: "tcp-ping-pong",
        round: "64 bytes to and fro, both ends on one loop",
        rounds: [1_000, 20_000],
        contenders: &[
            ("async-op", callbacks),
            ("async-op futures", futures),
            ("mio", |run| on_mio(run, tcp_pair)),
            ("tokio", |run| on_tokio(run, current_thread())),
            ("tokio 2 threads", |run| on_tokio(run, multi_thread())),
            ("smol", on_smol),
        ],
    },
    Workload {
        name: "tcp-read-exact",
        round: "64 bytes to and fro, read and written whole",
        rounds: [1_000, 20_000],
        contenders: &[
            ("async-op", whole_callbacks),
            ("async-op futures", whole_futures),
            ("tokio", whole_tokio),
        ],
    },
    Workload {
        name: "tcp-two-threads",
        round: "64 bytes to and fro, each end on a thread with a loop",
        rounds: [1_000, 20_000],
        contenders: &[
            ("async-op futures", two_contexts),
            ("mio", two_mios),
            ("tokio", two_tokios),
            ("smol", two_smols),
        ],
    },
    Workload {
        name: "udp-ping-pong",
        round: "64 bytes to and fro, both ends on one loop",
        rounds: [1_000, 20_000],
        contenders: &[
            ("async-op futures", udp_ours),
            ("mio", |run| on_mio(run, udp_pair)),
            ("tokio", udp_tokio),
            ("smol", udp_smol),
        ],
    },
    Workload {
        name: "unix-ping-pong",
        round: "64 bytes to and fro by Unix sockets, both ends on one loop",
        rounds: [1_000, 20_000],
        contenders: &[
            ("async-op futures", unix_ours),
            ("mio", |run| on_mio(run, unix_pair)),
            ("tokio", unix_tokio),
        ],
    },
];

const LENGTH: usize = 64;
/// There is room for more, as in most programs: a read that does not fill it has
/// taken all there was, and those who know that need not read again.
const ROOM: usize = 256;
pub(crate) const LOOPBACK: SocketAddr =
    SocketAddr::new(net::IpAddr::V4(net::Ipv4Addr::LOCALHOST), 0);

/// Two sockets that are connected, and do not block.
fn tcp_pair() -> [net::TcpStream; 2] {
    let listener = net::TcpListener::bind(LOOPBACK).unwrap();
    let client = net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (server, _) = listener.accept().unwrap();
    for stream in [&client, &server] {
        stream.set_nodelay(true).unwrap();
        stream.set_nonblocking(true).unwrap();
    }
    [client, server]
}

fn udp_pair() -> [net::UdpSocket; 2] {
    let sockets = [(); 2].map(|()| net::UdpSocket::bind(LOOPBACK).unwrap());
    for (one, other) in [(0, 1), (1, 0)] {
        let address = sockets[other].local_addr().unwrap();
        sockets[one].connect(address).unwrap();
        sockets[one].set_nonblocking(true).unwrap();
    }
    sockets
}

fn unix_pair() -> [UnixStream; 2] {
    let (a, b) = UnixStream::pair().unwrap();
    [a, b].map(|stream| {
        stream.set_nonblocking(true).unwrap();
        stream
    })
}

fn our_pair(contexts: [&IoContext; 2]) -> [TcpStream; 2] {
    let [a, b] = tcp_pair();
    [(contexts[0], a), (contexts[1], b)]
        .map(|(context, stream)| TcpStream::from_std(context, stream).unwrap())
}

fn callbacks(run: &mut Run) {
    fn client(stream: TcpStream, mut buffer: Vec<u8>, rounds: u64) {
        if rounds == 0 {
            return;
        }
        buffer.truncate(LENGTH);
        stream
            .write_some(buffer)
            .callback(move |result, mut buffer| {
                assert_eq!(result.unwrap(), LENGTH);
                buffer.resize(ROOM, 0);
                stream.read_some(buffer).callback(move |result, buffer| {
                    assert_eq!(result.unwrap(), LENGTH);
                    lap();
                    client(stream, buffer, rounds - 1);
                });
            });
    }
    fn server(stream: TcpStream, mut buffer: Vec<u8>, rounds: u64) {
        if rounds == 0 {
            return;
        }
        buffer.resize(ROOM, 0);
        stream
            .read_some(buffer)
            .callback(move |result, mut buffer| {
                assert_eq!(result.unwrap(), LENGTH);
                buffer.truncate(LENGTH);
                stream.write_some(buffer).callback(move |result, buffer| {
                    assert_eq!(result.unwrap(), LENGTH);
                    server(stream, buffer, rounds - 1);
                });
            });
    }
    let context = IoContext::for_one_thread().unwrap();
    let [a, b] = our_pair([&context; 2]);
    run.measure(|rounds| {
        start_laps();
        server(b.clone(), vec![0; ROOM], rounds);
        client(a.clone(), vec![0; ROOM], rounds);
        context.run();
        context.restart();
    });
}

async fn client(stream: TcpStream, rounds: u64) -> io::Result<()> {
    let mut buffer = [0; ROOM];
    start_laps();
    for _ in 0..rounds {
        assert_eq!(stream.write_some(&buffer[..LENGTH]).await?, LENGTH);
        assert_eq!(stream.read_some(&mut buffer).await?, LENGTH);
        lap();
    }
    Ok(())
}

async fn server(stream: TcpStream, rounds: u64) -> io::Result<()> {
    let mut buffer = [0; ROOM];
    for _ in 0..rounds {
        assert_eq!(stream.read_some(&mut buffer).await?, LENGTH);
        assert_eq!(stream.write_some(&buffer[..LENGTH]).await?, LENGTH);
    }
    Ok(())
}

fn futures(run: &mut Run) {
    let context = IoContext::for_one_thread().unwrap();
    let [a, b] = our_pair([&context; 2]);
    run.measure(|rounds| {
        spawn(
            &context,
            server(b.clone(), rounds),
            |result: io::Result<()>| {
                result.unwrap();
            },
        );
        spawn(
            &context,
            client(a.clone(), rounds),
            |result: io::Result<()>| {
                result.unwrap();
            },
        );
        context.run();
        context.restart();
    });
}

/// The buffer is as long as a message, so that a read does not say that it was all.
fn whole_callbacks(run: &mut Run) {
    fn client(stream: TcpStream, buffer: Vec<u8>, rounds: u64) {
        if rounds > 0 {
            write_all(&stream, buffer).callback(move |result, buffer| {
                result.unwrap();
                read_exact(&stream, buffer).callback(move |result, buffer| {
                    result.unwrap();
                    lap();
                    client(stream, buffer, rounds - 1);
                });
            });
        }
    }
    fn server(stream: TcpStream, buffer: Vec<u8>, rounds: u64) {
        if rounds > 0 {
            read_exact(&stream, buffer).callback(move |result, buffer| {
                result.unwrap();
                write_all(&stream, buffer).callback(move |result, buffer| {
                    result.unwrap();
                    server(stream, buffer, rounds - 1);
                });
            });
        }
    }
    let context = IoContext::for_one_thread().unwrap();
    let [a, b] = our_pair([&context; 2]);
    run.measure(|rounds| {
        start_laps();
        server(b.clone(), vec![0; LENGTH], rounds);
        client(a.clone(), vec![0; LENGTH], rounds);
        context.run();
        context.restart();
    });
}

fn whole_futures(run: &mut Run) {
    async fn client(stream: TcpStream, rounds: u64) -> io::Result<()> {
        let mut buffer = [0; LENGTH];
        start_laps();
        for _ in 0..rounds {
            write_all(&stream, &buffer).await?;
            read_exact(&stream, &mut buffer).await?;
            lap();
        }
        Ok(())
    }
    async fn server(stream: TcpStream, rounds: u64) -> io::Result<()> {
        let mut buffer = [0; LENGTH];
        for _ in 0..rounds {
            read_exact(&stream, &mut buffer).await?;
            write_all(&stream, &buffer).await?;
        }
        Ok(())
    }
    let context = IoContext::for_one_thread().unwrap();
    let [a, b] = our_pair([&context; 2]);
    run.measure(|rounds| {
        let ended = |result: io::Result<()>| result.unwrap();
        spawn(&context, server(b.clone(), rounds), ended);
        spawn(&context, client(a.clone(), rounds), ended);
        context.run();
        context.restart();
    });
}

fn whole_tokio(run: &mut Run) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let runtime = current_thread();
    let inside = runtime.enter();
    let [a, b] = tcp_pair().map(|stream| tokio::net::TcpStream::from_std(stream).unwrap());
    drop(inside);
    let mut streams = Some((a, b));
    run.measure(|rounds| {
        let (mut a, mut b) = streams.take().unwrap();
        let server = runtime.spawn(async move {
            let mut buffer = [0; LENGTH];
            for _ in 0..rounds {
                b.read_exact(&mut buffer).await.unwrap();
                b.write_all(&buffer).await.unwrap();
            }
            b
        });
        let client = runtime.spawn(async move {
            let mut buffer = [0; LENGTH];
            start_laps();
            for _ in 0..rounds {
                a.write_all(&buffer).await.unwrap();
                a.read_exact(&mut buffer).await.unwrap();
                lap();
            }
            (a, server.await.unwrap())
        });
        streams = Some(runtime.block_on(client).unwrap());
    });
}

fn two_contexts(run: &mut Run) {
    let contexts = [(); 2].map(|()| IoContext::for_one_thread().unwrap());
    let [a, b] = our_pair([&contexts[0], &contexts[1]]);
    run.measure(|rounds| {
        thread::scope(|scope| {
            let server = server(b.clone(), rounds);
            scope.spawn(|| spawn(&contexts[1], server, Blocking).unwrap());
            spawn(&contexts[0], client(a.clone(), rounds), Blocking).unwrap();
        });
    });
}

fn udp_ours(run: &mut Run) {
    async fn client(socket: UdpSocket, rounds: u64) -> io::Result<()> {
        let mut buffer = [0; ROOM];
        start_laps();
        for _ in 0..rounds {
            assert_eq!(socket.send(&buffer[..LENGTH]).await?, LENGTH);
            assert_eq!(socket.receive(&mut buffer).await?, LENGTH);
            lap();
        }
        Ok(())
    }
    async fn server(socket: UdpSocket, rounds: u64) -> io::Result<()> {
        let mut buffer = [0; ROOM];
        for _ in 0..rounds {
            assert_eq!(socket.receive(&mut buffer).await?, LENGTH);
            assert_eq!(socket.send(&buffer[..LENGTH]).await?, LENGTH);
        }
        Ok(())
    }
    let context = IoContext::for_one_thread().unwrap();
    let [a, b] = udp_pair().map(|socket| UdpSocket::from_std(&context, socket).unwrap());
    run.measure(|rounds| {
        spawn(
            &context,
            server(b.clone(), rounds),
            |result: io::Result<()>| {
                result.unwrap();
            },
        );
        spawn(
            &context,
            client(a.clone(), rounds),
            |result: io::Result<()>| {
                result.unwrap();
            },
        );
        context.run();
        context.restart();
    });
}

fn unix_ours(run: &mut Run) {
    async fn client(stream: async_op::net::UnixStream, rounds: u64) -> io::Result<()> {
        let mut buffer = [0; ROOM];
        start_laps();
        for _ in 0..rounds {
            assert_eq!(stream.write_some(&buffer[..LENGTH]).await?, LENGTH);
            assert_eq!(stream.read_some(&mut buffer).await?, LENGTH);
            lap();
        }
        Ok(())
    }
    async fn server(stream: async_op::net::UnixStream, rounds: u64) -> io::Result<()> {
        let mut buffer = [0; ROOM];
        for _ in 0..rounds {
            assert_eq!(stream.read_some(&mut buffer).await?, LENGTH);
            assert_eq!(stream.write_some(&buffer[..LENGTH]).await?, LENGTH);
        }
        Ok(())
    }
    let context = IoContext::for_one_thread().unwrap();
    let ours = |stream| async_op::net::UnixStream::from_std(&context, stream).unwrap();
    let [a, b] = unix_pair().map(ours);
    run.measure(|rounds| {
        let ended = |result: io::Result<()>| result.unwrap();
        spawn(&context, server(b.clone(), rounds), ended);
        spawn(&context, client(a.clone(), rounds), ended);
        context.run();
        context.restart();
    });
}

/// A socket of the standard library, and how mio and we use it.
trait Socket: Sized {
    type Mio: mio::event::Source;
    fn into_mio(self) -> Self::Mio;
    fn send(socket: &Self::Mio, bytes: &[u8]) -> io::Result<usize>;
    fn receive(socket: &Self::Mio, bytes: &mut [u8]) -> io::Result<usize>;
}

impl Socket for net::TcpStream {
    type Mio = mio::net::TcpStream;
    fn into_mio(self) -> Self::Mio {
        mio::net::TcpStream::from_std(self)
    }
    fn send(mut socket: &Self::Mio, bytes: &[u8]) -> io::Result<usize> {
        socket.write(bytes)
    }
    fn receive(mut socket: &Self::Mio, bytes: &mut [u8]) -> io::Result<usize> {
        socket.read(bytes)
    }
}

impl Socket for net::UdpSocket {
    type Mio = mio::net::UdpSocket;
    fn into_mio(self) -> Self::Mio {
        mio::net::UdpSocket::from_std(self)
    }
    fn send(socket: &Self::Mio, bytes: &[u8]) -> io::Result<usize> {
        socket.send(bytes)
    }
    fn receive(socket: &Self::Mio, bytes: &mut [u8]) -> io::Result<usize> {
        socket.recv(bytes)
    }
}

impl Socket for UnixStream {
    type Mio = mio::net::UnixStream;
    fn into_mio(self) -> Self::Mio {
        mio::net::UnixStream::from_std(self)
    }
    fn send(mut socket: &Self::Mio, bytes: &[u8]) -> io::Result<usize> {
        socket.write(bytes)
    }
    fn receive(mut socket: &Self::Mio, bytes: &mut [u8]) -> io::Result<usize> {
        socket.read(bytes)
    }
}

fn register(registry: &Registry, source: &mut impl mio::event::Source, token: Token) {
    let interest = Interest::READABLE | Interest::WRITABLE;
    registry.register(source, token, interest).unwrap();
}

/// A short read says that all has been read, so there is no other.
fn on_mio<S: Socket>(run: &mut Run, pair: fn() -> [S; 2]) {
    const CLIENT: Token = Token(0);
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(16);
    let mut sockets = pair().map(S::into_mio);
    for (n, socket) in sockets.iter_mut().enumerate() {
        register(poll.registry(), socket, Token(n));
    }
    let mut buffer = [0; ROOM];
    run.measure(|rounds| {
        let mut left = rounds;
        start_laps();
        S::send(&sockets[CLIENT.0], &[0; LENGTH]).unwrap();
        while left > 0 {
            poll.poll(&mut events, None).unwrap();
            for event in events.iter().filter(|event| event.is_readable()) {
                let socket = &sockets[event.token().0];
                match S::receive(socket, &mut buffer) {
                    Ok(n) => assert_eq!(n, LENGTH),
                    // An event left over from before.
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                    Err(error) => panic!("{error}"),
                }
                if event.token() == CLIENT {
                    lap();
                    left -= 1;
                    if left == 0 {
                        break;
                    }
                }
                S::send(socket, &buffer[..LENGTH]).unwrap();
            }
        }
    });
}

fn two_mios(run: &mut Run) {
    struct End(Poll, Events, mio::net::TcpStream);
    impl End {
        fn read(&mut self) {
            let mut buffer = [0; ROOM];
            loop {
                self.0.poll(&mut self.1, None).unwrap();
                match self.2.read(&mut buffer) {
                    Ok(n) => return assert_eq!(n, LENGTH),
                    Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
                }
            }
        }
        fn write(&mut self) {
            assert_eq!(self.2.write(&[0; LENGTH]).unwrap(), LENGTH);
        }
    }
    let [mut a, mut b] = tcp_pair().map(|stream| {
        let (poll, mut stream) = (Poll::new().unwrap(), stream.into_mio());
        register(poll.registry(), &mut stream, Token(0));
        End(poll, Events::with_capacity(16), stream)
    });
    run.measure(|rounds| {
        thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..rounds {
                    b.read();
                    b.write();
                }
            });
            start_laps();
            for _ in 0..rounds {
                a.write();
                a.read();
                lap();
            }
        });
    });
}

mod tokio_ends {
    use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

    use super::*;

    pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

    impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Stream for S {}

    pub(super) async fn client(stream: &mut impl Stream, rounds: u64) {
        let mut buffer = [0; ROOM];
        start_laps();
        for _ in 0..rounds {
            assert_eq!(stream.write(&buffer[..LENGTH]).await.unwrap(), LENGTH);
            assert_eq!(stream.read(&mut buffer).await.unwrap(), LENGTH);
            lap();
        }
    }

    pub(super) async fn server(stream: &mut impl Stream, rounds: u64) {
        let mut buffer = [0; ROOM];
        for _ in 0..rounds {
            assert_eq!(stream.read(&mut buffer).await.unwrap(), LENGTH);
            assert_eq!(stream.write(&buffer[..LENGTH]).await.unwrap(), LENGTH);
        }
    }
}

fn on_tokio(run: &mut Run, runtime: tokio::runtime::Runtime) {
    let inside = runtime.enter();
    let streams = tcp_pair().map(|stream| tokio::net::TcpStream::from_std(stream).unwrap());
    drop(inside);
    streams_of_tokio(run, &runtime, streams);
}

fn unix_tokio(run: &mut Run) {
    let runtime = current_thread();
    let inside = runtime.enter();
    let streams = unix_pair().map(|stream| tokio::net::UnixStream::from_std(stream).unwrap());
    drop(inside);
    streams_of_tokio(run, &runtime, streams);
}

fn streams_of_tokio<S>(run: &mut Run, runtime: &tokio::runtime::Runtime, streams: [S; 2])
where
    S: tokio_ends::Stream,
{
    let [a, b] = streams;
    let mut streams = Some((a, b));
    run.measure(|rounds| {
        let (mut a, mut b) = streams.take().unwrap();
        let server = runtime.spawn(async move {
            tokio_ends::server(&mut b, rounds).await;
            b
        });
        let client = runtime.spawn(async move {
            tokio_ends::client(&mut a, rounds).await;
            (a, server.await.unwrap())
        });
        streams = Some(runtime.block_on(client).unwrap());
    });
}

fn two_tokios(run: &mut Run) {
    let runtimes = [(); 2].map(|()| current_thread());
    let [a, b] = tcp_pair();
    let [mut a, mut b] = [(a, &runtimes[0]), (b, &runtimes[1])].map(|(stream, runtime)| {
        let _inside = runtime.enter();
        tokio::net::TcpStream::from_std(stream).unwrap()
    });
    run.measure(|rounds| {
        thread::scope(|scope| {
            scope.spawn(|| runtimes[1].block_on(tokio_ends::server(&mut b, rounds)));
            runtimes[0].block_on(tokio_ends::client(&mut a, rounds));
        });
    });
}

fn udp_tokio(run: &mut Run) {
    let runtime = current_thread();
    let _inside = runtime.enter();
    let sockets = udp_pair().map(|socket| {
        let socket = tokio::net::UdpSocket::from_std(socket).unwrap();
        std::sync::Arc::new(socket)
    });
    run.measure(|rounds| {
        let [a, b] = sockets.clone();
        runtime.spawn(async move {
            let mut buffer = [0; ROOM];
            for _ in 0..rounds {
                assert_eq!(b.recv(&mut buffer).await.unwrap(), LENGTH);
                assert_eq!(b.send(&buffer[..LENGTH]).await.unwrap(), LENGTH);
            }
        });
        let client = runtime.spawn(async move {
            let mut buffer = [0; ROOM];
            start_laps();
            for _ in 0..rounds {
                assert_eq!(a.send(&buffer[..LENGTH]).await.unwrap(), LENGTH);
                assert_eq!(a.recv(&mut buffer).await.unwrap(), LENGTH);
                lap();
            }
        });
        runtime.block_on(client).unwrap();
    });
}

mod smol_ends {
    use smol::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    pub(super) type Stream = smol::Async<net::TcpStream>;
    pub(super) static EXECUTOR: smol::Executor<'static> = smol::Executor::new();

    pub(super) async fn client(mut stream: &Stream, rounds: u64) {
        let mut buffer = [0; ROOM];
        start_laps();
        for _ in 0..rounds {
            assert_eq!(stream.write(&buffer[..LENGTH]).await.unwrap(), LENGTH);
            assert_eq!(stream.read(&mut buffer).await.unwrap(), LENGTH);
            lap();
        }
    }

    pub(super) async fn server(mut stream: &Stream, rounds: u64) {
        let mut buffer = [0; ROOM];
        for _ in 0..rounds {
            assert_eq!(stream.read(&mut buffer).await.unwrap(), LENGTH);
            assert_eq!(stream.write(&buffer[..LENGTH]).await.unwrap(), LENGTH);
        }
    }
}

fn on_smol(run: &mut Run) {
    use smol_ends::EXECUTOR;
    let [a, b] = tcp_pair().map(|stream| std::sync::Arc::new(smol::Async::new(stream).unwrap()));
    run.measure(|rounds| {
        let (a, b) = (a.clone(), b.clone());
        let server = EXECUTOR.spawn(async move { smol_ends::server(&b, rounds).await });
        let client = EXECUTOR.spawn(async move {
            smol_ends::client(&a, rounds).await;
            server.await;
        });
        smol::block_on(EXECUTOR.run(client));
    });
}

fn two_smols(run: &mut Run) {
    let [a, b] = tcp_pair().map(|stream| smol::Async::new(stream).unwrap());
    run.measure(|rounds| {
        thread::scope(|scope| {
            scope.spawn(|| smol::block_on(smol_ends::server(&b, rounds)));
            smol::block_on(smol_ends::client(&a, rounds));
        });
    });
}

fn udp_smol(run: &mut Run) {
    use smol_ends::EXECUTOR;
    let sockets = udp_pair().map(|socket| std::sync::Arc::new(smol::Async::new(socket).unwrap()));
    run.measure(|rounds| {
        let [a, b] = sockets.clone();
        let server = EXECUTOR.spawn(async move {
            let mut buffer = [0; ROOM];
            for _ in 0..rounds {
                assert_eq!(b.recv(&mut buffer).await.unwrap(), LENGTH);
                assert_eq!(b.send(&buffer[..LENGTH]).await.unwrap(), LENGTH);
            }
        });
        let client = EXECUTOR.spawn(async move {
            let mut buffer = [0; ROOM];
            start_laps();
            for _ in 0..rounds {
                assert_eq!(a.send(&buffer[..LENGTH]).await.unwrap(), LENGTH);
                assert_eq!(a.recv(&mut buffer).await.unwrap(), LENGTH);
                lap();
            }
            server.await;
        });
        smol::block_on(EXECUTOR.run(client));
    });
}
