use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::os::linux::net::SocketAddrExt;
use std::os::unix;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_op::io::read_buf;
use async_op::net::{
    AnyStream, Descriptor, ReadablePipe, Readiness, TcpListener, TcpSocket, TcpStream, UdpSocket,
    UnixDatagram, UnixListener, UnixStream, WritablePipe,
};
use async_op::signal::SignalSet;
use async_op::{IoContext, IoExecutor};
use async_op_tests::Polled;
use async_op_tests::net::{half_pair, listen};

use crate::case::cases;

/// Writes until that has to wait.
macro_rules! fill {
    ($write:expr) => {
        while let std::task::Poll::Ready(result) = Polled::new($write).poll() {
            result.unwrap();
        }
    };
}

/// Reads all that there is.
fn drain(mut from: impl Read) {
    let mut buffer = [0; 1 << 16];
    while from.read(&mut buffer).is_ok_and(|n| n > 0) {}
}

/// A stream that cannot be written to now, and what empties the other end.
fn full_tcp(context: &IoContext) -> (TcpStream, impl FnMut() + Send + use<>) {
    let (stream, peer) = half_pair(context);
    peer.set_nonblocking(true).unwrap();
    fill!(stream.write_some(&[7; 1 << 14]));
    (stream, move || drain(&peer))
}

fn full_unix(context: &IoContext) -> (UnixStream, impl FnMut() + Send + use<>) {
    let (stream, peer) = half_unix(context);
    peer.set_nonblocking(true).unwrap();
    fill!(stream.write_some(&[7; 1 << 14]));
    (stream, move || drain(&peer))
}

fn half_unix(context: &IoContext) -> (UnixStream, unix::net::UnixStream) {
    let (stream, peer) = unix::net::UnixStream::pair().unwrap();
    (UnixStream::from_std(context, stream).unwrap(), peer)
}

fn full_pipe(context: &IoContext) -> (WritablePipe, impl FnMut() + Send + use<>) {
    let (reader, writer) = io::pipe().unwrap();
    // Made non-blocking.
    let reader = ReadablePipe::new(context, reader)
        .unwrap()
        .into_fd()
        .unwrap();
    let reader = std::fs::File::from(reader);
    let writer = WritablePipe::new(context, writer).unwrap();
    fill!(writer.write_some(&[7; 1 << 14]));
    (writer, move || drain(&reader))
}

fn half_pipe(context: &IoContext) -> (ReadablePipe, io::PipeWriter) {
    let (reader, writer) = io::pipe().unwrap();
    (ReadablePipe::new(context, reader).unwrap(), writer)
}

fn half_descriptor(context: &IoContext) -> (Descriptor, unix::net::UnixStream) {
    let (a, b) = unix::net::UnixStream::pair().unwrap();
    (Descriptor::new(context, a).unwrap(), b)
}

fn full_descriptor(context: &IoContext) -> (Descriptor, impl FnMut() + Send + use<>) {
    let (descriptor, peer) = half_descriptor(context);
    peer.set_nonblocking(true).unwrap();
    fill!(descriptor.write_some(&[7; 1 << 14]));
    (descriptor, move || drain(&peer))
}

fn udp(context: &IoContext) -> (UdpSocket, std::net::UdpSocket) {
    let peer = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let socket = UdpSocket::bind(context, ([127, 0, 0, 1], 0).into()).unwrap();
    socket.connect(peer.local_addr().unwrap()).unwrap();
    peer.connect(socket.local_addr().unwrap()).unwrap();
    (socket, peer)
}

fn unix_datagram(context: &IoContext) -> (UnixDatagram, unix::net::UnixDatagram) {
    let (socket, peer) = unix::net::UnixDatagram::pair().unwrap();
    peer.set_nonblocking(true).unwrap();
    (UnixDatagram::from_std(context, socket).unwrap(), peer)
}

/// An address that nobody else has.
fn unix_address() -> unix::net::SocketAddr {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("async-op-every-{}-{n}", std::process::id());
    unix::net::SocketAddr::from_abstract_name(name).unwrap()
}

fn unix_listener(context: &IoContext) -> UnixListener {
    UnixListener::bind_addr(context, &unix_address()).unwrap()
}

/// A signal that nobody else waits for.
fn signal() -> i32 {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    let signal = libc::SIGRTMIN() + i32::try_from(n).unwrap();
    assert!(signal <= libc::SIGRTMAX());
    signal
}

fn raise(signal: i32) {
    // SAFETY: a number of a signal, which has a handler.
    let raised = unsafe { libc::raise(signal) };
    assert_eq!(raised, 0);
}

/// Connects to a listener, and keeps the connections.
fn clients(listener: &TcpListener) -> impl FnMut() + Send + use<> {
    let (address, mut clients) = (listener.local_addr().unwrap(), Vec::new());
    move || clients.push(std::net::TcpStream::connect(address).unwrap())
}

fn unix_clients(listener: &UnixListener) -> impl FnMut() + Send + use<> {
    let (address, mut clients) = (listener.local_addr().unwrap(), Vec::new());
    move || clients.push(unix::net::UnixStream::connect_addr(&address).unwrap())
}

type N = io::Result<usize>;

cases! {
    TcpConnect: fn(io::Result<TcpStream>), on (IoExecutor, SocketAddr) {
        waiting: |context| {
            // Its queue has room.
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            ((context.executor(), address), move || { let _ = &listener; })
        },
        make: |(executor, address)| TcpStream::connect(&executor, address),
        result: |result| result.map(drop),
        const WAITS: bool = false;
        const REPEATS: bool = false;
    }

    TcpConnectAny: fn(io::Result<(TcpStream, SocketAddr)>), on (IoExecutor, SocketAddr) {
        waiting: |context| {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            ((context.executor(), address), move || { let _ = &listener; })
        },
        make: |(executor, address)| {
            TcpStream::connect_any(&executor, vec![address, address])
        },
        result: |result| result.map(drop),
        const WAITS: bool = false;
        const REPEATS: bool = false;
        // The list of addresses.
        const HEAP: usize = 1;
    }

    TcpConnectAnyOn: fn(io::Result<(TcpStream<IoExecutor>, SocketAddr)>), on (IoExecutor, SocketAddr) {
        waiting: |context| {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            ((context.executor(), address), move || { let _ = &listener; })
        },
        make: |(executor, address)| {
            TcpStream::connect_any_on(&executor, &executor, [address, address])
        },
        result: |result| result.map(drop),
        const WAITS: bool = false;
        const REPEATS: bool = false;
    }

    TcpConnectHost: fn(io::Result<(TcpStream, SocketAddr)>), on (IoExecutor, SocketAddr) {
        waiting: |context| {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            ((context.executor(), address), move || { let _ = &listener; })
        },
        // An address in writing: a name is found by another thread.
        make: |(executor, address)| {
            TcpStream::connect_host(&executor, "127.0.0.1", address.port())
        },
        result: |result| result.map(drop),
        const WAITS: bool = false;
        const REPEATS: bool = false;
        // The name, and the list of addresses.
        const HEAP: usize = 2;
    }

    TcpSocketConnect: fn(io::Result<TcpStream>), on (IoExecutor, SocketAddr) {
        waiting: |context| {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            ((context.executor(), address), move || { let _ = &listener; })
        },
        make: |(executor, address)| TcpSocket::new_v4(&executor).unwrap().connect(address),
        result: |result| result.map(drop),
        const WAITS: bool = false;
        const REPEATS: bool = false;
    }

    TcpAccept: fn(io::Result<(TcpStream, SocketAddr)>), on TcpListener {
        waiting: |context| {
            let listener = listen(context);
            let clients = clients(&listener);
            (listener, clients)
        },
        make: |listener| listener.accept(),
        result: |result| result.map(drop),
    }

    TcpListenerWait: fn(io::Result<()>), on TcpListener {
        waiting: |context| {
            let listener = listen(context);
            let clients = clients(&listener);
            (listener, clients)
        },
        make: |listener| listener.wait(Readiness::Read),
        result: |result| result,
    }

    TcpRead: fn(N, [u8; 8]), on TcpStream {
        waiting: |context| {
            let (stream, mut peer) = half_pair(context);
            (stream, move || peer.write_all(b"12345678").unwrap())
        },
        make: |stream| stream.read_some([0; 8]),
        result: |(result, _)| result.map(|n| assert_eq!(n, 8)),
    }

    TcpPeek: fn(N, [u8; 8]), on TcpStream {
        waiting: |context| {
            let (stream, mut peer) = half_pair(context);
            (stream, move || peer.write_all(b"12345678").unwrap())
        },
        make: |stream| stream.peek([0; 8]),
        result: |(result, bytes)| result.map(|n| assert_eq!((n, &bytes), (8, b"12345678"))),
    }

    TcpReadBuf: fn(N, Vec<u8>), on TcpStream {
        waiting: |context| {
            let (stream, mut peer) = half_pair(context);
            (stream, move || peer.write_all(b"12345678").unwrap())
        },
        make: |stream| read_buf(&stream, Vec::with_capacity(8)),
        result: |(result, _)| result.map(|n| assert_eq!(n, 8)),
        // The buffer.
        const HEAP: usize = 1;
    }

    AnyRead: fn(N, [u8; 8]), on AnyStream {
        waiting: |context| {
            let (stream, mut peer) = half_pair(context);
            (AnyStream::new(stream), move || peer.write_all(b"12345678").unwrap())
        },
        make: |stream| stream.read_some([0; 8]),
        result: |(result, _)| result.map(|n| assert_eq!(n, 8)),
    }

    AnyWrite: fn(N, ([u8; 3], [u8; 5])), on AnyStream {
        waiting: |context| {
            let (stream, empty) = full_tcp(context);
            (AnyStream::new(stream), empty)
        },
        make: |stream| stream.write_some(([1; 3], [2; 5])),
        result: |(result, _)| result.map(|n| assert_eq!(n, 8)),
    }

    TcpReadInParts: fn(N, ([u8; 3], [u8; 1], [u8; 4])), on TcpStream {
        waiting: |context| {
            let (stream, mut peer) = half_pair(context);
            (stream, move || peer.write_all(b"12345678").unwrap())
        },
        make: |stream| stream.read_some(([0; 3], [0; 1], [0; 4])),
        result: |(result, parts)| {
            result.map(|n| assert_eq!((n, parts), (8, (*b"123", *b"4", *b"5678"))))
        },
    }

    TcpWrite: fn(N, [u8; 8]), on TcpStream {
        waiting: |context| full_tcp(context),
        make: |stream| stream.write_some([1; 8]),
        result: |(result, _)| result.map(|n| assert_eq!(n, 8)),
    }

    TcpWriteInParts: fn(N, ([u8; 3], [u8; 5])), on TcpStream {
        waiting: |context| full_tcp(context),
        make: |stream| stream.write_some(([1; 3], [2; 5])),
        result: |(result, _)| result.map(|n| assert_eq!(n, 8)),
    }

    TcpWaitRead: fn(io::Result<()>), on TcpStream {
        waiting: |context| {
            let (stream, mut peer) = half_pair(context);
            (stream, move || peer.write_all(b"1").unwrap())
        },
        make: |stream| stream.wait(Readiness::Read),
        result: |result| result,
    }

    TcpWaitWrite: fn(io::Result<()>), on TcpStream {
        waiting: |context| full_tcp(context),
        make: |stream| stream.wait(Readiness::Write),
        result: |result| result,
    }

    UnixAccept: fn(io::Result<(UnixStream, unix::net::SocketAddr)>), on UnixListener {
        waiting: |context| {
            let listener = unix_listener(context);
            let clients = unix_clients(&listener);
            (listener, clients)
        },
        make: |listener| listener.accept(),
        result: |result| result.map(drop),
    }

    UnixListenerWait: fn(io::Result<()>), on UnixListener {
        waiting: |context| {
            let listener = unix_listener(context);
            let clients = unix_clients(&listener);
            (listener, clients)
        },
        make: |listener| listener.wait(Readiness::Read),
        result: |result| result,
    }

    // These two never wait.
    UnixConnect: fn(io::Result<UnixStream>), on (IoExecutor, std::path::PathBuf) {
        waiting: |context| {
            let path = std::env::temp_dir().join(format!(
                "async-op-every-{}-{}",
                std::process::id(),
                number(),
            ));
            let listener = UnixListener::bind(context, &path).unwrap();
            let remove = Removed(path.clone());
            ((context.executor(), path), move || { let _ = (&listener, &remove); })
        },
        make: |(executor, path)| UnixStream::connect(&executor, &path),
        result: |result| result.map(drop),
        // A copy of the path.
        const HEAP: usize = 1;
    }

    UnixConnectAddr: fn(io::Result<UnixStream>), on (IoExecutor, unix::net::SocketAddr) {
        waiting: |context| {
            let address = unix_address();
            let listener = UnixListener::bind_addr(context, &address).unwrap();
            ((context.executor(), address), move || { let _ = &listener; })
        },
        make: |(executor, address)| UnixStream::connect_addr(&executor, &address),
        result: |result| result.map(drop),
    }

    UnixRead: fn(N, [u8; 8]), on UnixStream {
        waiting: |context| {
            let (stream, mut peer) = half_unix(context);
            (stream, move || peer.write_all(b"12345678").unwrap())
        },
        make: |stream| stream.read_some([0; 8]),
        result: |(result, _)| result.map(|n| assert_eq!(n, 8)),
    }

    UnixPeek: fn(N, [u8; 8]), on UnixStream {
        waiting: |context| {
            let (stream, mut peer) = half_unix(context);
            (stream, move || peer.write_all(b"12345678").unwrap())
        },
        make: |stream| stream.peek([0; 8]),
        result: |(result, bytes)| result.map(|n| assert_eq!((n, &bytes), (8, b"12345678"))),
    }

    UnixWrite: fn(N, [u8; 8]), on UnixStream {
        waiting: |context| full_unix(context),
        make: |stream| stream.write_some([1; 8]),
        result: |(result, _)| result.map(|n| assert_eq!(n, 8)),
    }

    UnixWaitWrite: fn(io::Result<()>), on UnixStream {
        waiting: |context| full_unix(context),
        make: |stream| stream.wait(Readiness::Write),
        result: |result| result,
    }

    PipeRead: fn(N, [u8; 8]), on ReadablePipe {
        waiting: |context| {
            let (reader, mut writer) = half_pipe(context);
            (reader, move || writer.write_all(b"12345678").unwrap())
        },
        make: |reader| reader.read_some([0; 8]),
        result: |(result, _)| result.map(|n| assert_eq!(n, 8)),
    }

    PipeWaitRead: fn(io::Result<()>), on ReadablePipe {
        waiting: |context| {
            let (reader, mut writer) = half_pipe(context);
            (reader, move || writer.write_all(b"1").unwrap())
        },
        make: |reader| reader.wait(Readiness::Read),
        result: |result| result,
    }

    PipeWrite: fn(N, [u8; 8]), on WritablePipe {
        waiting: |context| full_pipe(context),
        make: |writer| writer.write_some([1; 8]),
        result: |(result, _)| result.map(|n| assert_eq!(n, 8)),
    }

    PipeWaitWrite: fn(io::Result<()>), on WritablePipe {
        waiting: |context| full_pipe(context),
        make: |writer| writer.wait(Readiness::Write),
        result: |result| result,
    }

    DescriptorRead: fn(N, [u8; 8]), on Descriptor {
        waiting: |context| {
            let (descriptor, mut peer) = half_descriptor(context);
            (descriptor, move || peer.write_all(b"12345678").unwrap())
        },
        make: |descriptor| descriptor.read_some([0; 8]),
        result: |(result, _)| result.map(|n| assert_eq!(n, 8)),
    }

    DescriptorWrite: fn(N, [u8; 8]), on Descriptor {
        waiting: |context| full_descriptor(context),
        make: |descriptor| descriptor.write_some([1; 8]),
        result: |(result, _)| result.map(|n| assert_eq!(n, 8)),
    }

    DescriptorWait: fn(io::Result<()>), on Descriptor {
        waiting: |context| {
            let (descriptor, mut peer) = half_descriptor(context);
            (descriptor, move || peer.write_all(b"1").unwrap())
        },
        make: |descriptor| descriptor.wait(Readiness::Read),
        result: |result| result,
    }

    UdpReceive: fn(N, [u8; 8]), on UdpSocket {
        waiting: |context| {
            let (socket, peer) = udp(context);
            (socket, move || assert_eq!(peer.send(b"12345678").unwrap(), 8))
        },
        make: |socket| socket.receive([0; 8]),
        result: |(result, _)| result.map(|n| assert_eq!(n, 8)),
    }

    UdpReceiveFrom: fn(io::Result<(usize, SocketAddr)>, ([u8; 3], [u8; 5])), on UdpSocket {
        waiting: |context| {
            let (socket, peer) = udp(context);
            (socket, move || assert_eq!(peer.send(b"12345678").unwrap(), 8))
        },
        make: |socket| socket.receive_from(([0; 3], [0; 5])),
        result: |(result, parts)| {
            result.map(|(n, _)| assert_eq!((n, parts), (8, (*b"123", *b"45678"))))
        },
    }

    UdpPeek: fn(N, [u8; 8]), on UdpSocket {
        waiting: |context| {
            let (socket, peer) = udp(context);
            (socket, move || assert_eq!(peer.send(b"12345678").unwrap(), 8))
        },
        make: |socket| socket.peek([0; 8]),
        result: |(result, bytes)| result.map(|n| assert_eq!((n, &bytes), (8, b"12345678"))),
    }

    UdpPeekFrom: fn(io::Result<(usize, SocketAddr)>, ([u8; 3], [u8; 5])), on UdpSocket {
        waiting: |context| {
            let (socket, peer) = udp(context);
            (socket, move || assert_eq!(peer.send(b"12345678").unwrap(), 8))
        },
        make: |socket| socket.peek_from(([0; 3], [0; 5])),
        result: |(result, parts)| {
            result.map(|(n, _)| assert_eq!((n, parts), (8, (*b"123", *b"45678"))))
        },
    }

    UdpWaitRead: fn(io::Result<()>), on UdpSocket {
        waiting: |context| {
            let (socket, peer) = udp(context);
            (socket, move || assert_eq!(peer.send(b"12345678").unwrap(), 8))
        },
        make: |socket| socket.wait(Readiness::Read),
        result: |result| result,
    }

    // There is always room, or else what is sent is lost.
    UdpSend: fn(N, [u8; 8]), on UdpSocket {
        waiting: |context| {
            let (socket, peer) = udp(context);
            (socket, move || { let _ = &peer; })
        },
        make: |socket| socket.send([1; 8]),
        result: |(result, _)| result.map(|n| assert_eq!(n, 8)),
    }

    UdpSendTo: fn(N, [u8; 8]), on (UdpSocket, SocketAddr) {
        waiting: |context| {
            let (socket, peer) = udp(context);
            let address = peer.local_addr().unwrap();
            ((socket, address), move || { let _ = &peer; })
        },
        make: |(socket, address)| socket.send_to([1; 8], address),
        result: |(result, _)| result.map(|n| assert_eq!(n, 8)),
    }

    UnixReceive: fn(N, [u8; 8]), on UnixDatagram {
        waiting: |context| {
            let (socket, peer) = unix_datagram(context);
            (socket, move || assert_eq!(peer.send(b"12345678").unwrap(), 8))
        },
        make: |socket| socket.receive([0; 8]),
        result: |(result, _)| result.map(|n| assert_eq!(n, 8)),
    }

    UnixReceiveFrom:
        fn(io::Result<(usize, unix::net::SocketAddr)>, [u8; 8]), on UnixDatagram {
        waiting: |context| {
            let (socket, peer) = unix_datagram(context);
            (socket, move || assert_eq!(peer.send(b"12345678").unwrap(), 8))
        },
        make: |socket| socket.receive_from([0; 8]),
        result: |(result, _)| result.map(|(n, _)| assert_eq!(n, 8)),
    }

    UnixSend: fn(N, [u8; 8]), on UnixDatagram {
        waiting: |context| {
            let (socket, peer) = unix_datagram(context);
            fill!(socket.send(b"1234"));
            (socket, move || while peer.recv(&mut [0; 8]).is_ok() {})
        },
        make: |socket| socket.send([1; 8]),
        result: |(result, _)| result.map(|n| assert_eq!(n, 8)),
    }

    UnixSendTo: fn(N, ([u8; 3], [u8; 5])), on (UnixDatagram, unix::net::SocketAddr) {
        waiting: |context| {
            let address = unix_address();
            let peer = unix::net::UnixDatagram::bind_addr(&address).unwrap();
            peer.set_nonblocking(true).unwrap();
            let socket = UnixDatagram::unbound(context).unwrap();
            fill!(socket.send_to(b"1234", address.clone()));
            ((socket, address), move || while peer.recv(&mut [0; 8]).is_ok() {})
        },
        make: |(socket, address)| socket.send_to(([1; 3], [2; 5]), address),
        result: |(result, _)| result.map(|n| assert_eq!(n, 8)),
    }

    Signal: fn(io::Result<i32>), on SignalSet {
        waiting: |context| {
            let signal = signal();
            let set = SignalSet::new(context, [signal]).unwrap();
            (set, move || raise(signal))
        },
        make: |signals| signals.wait(),
        result: |result| result.map(drop),
    }
}

fn number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// A file that is removed at the end.
struct Removed(std::path::PathBuf);

impl Drop for Removed {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
