//! The functions without token of sockets, and what else is in `net`.

use std::io;
use std::net::SocketAddr;
#[cfg(unix)]
use std::os::unix::net as unix;

use super::WithDefaultToken;
use crate::buffer::{ReadBuffer, WriteBuffer};
use crate::executor::HomeExecutor;
use crate::initiation::Initiation;
#[cfg(feature = "resolver")]
use crate::net::Resolver;
use crate::net::{AnyStream, TcpListener, TcpStream, UdpSocket};
#[cfg(unix)]
use crate::net::{
    Descriptor, ReadablePipe, Readiness, UnixDatagram, UnixListener, UnixStream, WritablePipe,
};
#[cfg(all(any(unix, windows), feature = "signal"))]
use crate::signal::SignalSet;
use crate::token::CompletionToken;

default_token!(
    /// ```
    /// use async_op::net::{TcpListener, TcpStream};
    /// use async_op::{Blocking, SystemExecutor};
    ///
    /// let listener = TcpListener::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
    /// let address = listener.local_addr()?;
    /// let stream = TcpStream::connect(&SystemExecutor, address).blocking()?;
    /// let stream = stream.with_default_token::<Blocking>();
    /// assert_eq!(stream.write_some("hello")?, 5);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    TcpStream {
        read_some = async_read_some [B: ReadBuffer] (buffer: B) -> B::Completion<io::Result<usize>>;
        peek = async_peek [B: ReadBuffer] (buffer: B) -> B::Completion<io::Result<usize>>;
        write_some = async_write_some [B: WriteBuffer] (buffer: B) -> B::Completion<io::Result<usize>>;
        #[cfg(unix)]
        wait = async_wait [] (readiness: Readiness) -> fn(io::Result<()>);
    }
);

default_token!(
    /// ```
    /// use async_op::net::{AnyStream, UnixStream};
    /// use async_op::{Blocking, SystemExecutor};
    ///
    /// let (a, b) = UnixStream::pair(&SystemExecutor)?;
    /// let a = AnyStream::new(a).with_default_token::<Blocking>();
    /// assert_eq!(a.write_some("hello")?, 5);
    /// # drop(b);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    AnyStream {
        read_some = async_read_some [B: ReadBuffer] (buffer: B) -> B::Completion<io::Result<usize>>;
        write_some = async_write_some [B: WriteBuffer] (buffer: B) -> B::Completion<io::Result<usize>>;
        finish = async_finish [] () -> fn(io::Result<()>);
    }
);

default_token!(
    /// ```
    /// use async_op::net::{TcpListener, TcpStream};
    /// use async_op::{Blocking, SystemExecutor};
    ///
    /// let listener = TcpListener::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
    /// let address = listener.local_addr()?;
    /// let _client = TcpStream::connect(&SystemExecutor, address).blocking()?;
    /// let (_server, _peer) = listener.with_default_token::<Blocking>().accept()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    TcpListener {
        accept = async_accept [] () -> fn(io::Result<(TcpStream<E>, SocketAddr)>);
        #[cfg(unix)]
        wait = async_wait [] (readiness: Readiness) -> fn(io::Result<()>);
    }
);

default_token!(
    /// ```
    /// use async_op::net::UdpSocket;
    /// use async_op::{Blocking, SystemExecutor};
    ///
    /// let socket = UdpSocket::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
    /// let socket = socket.with_default_token::<Blocking>();
    /// assert_eq!(socket.send_to("hello", socket.local_addr()?)?, 5);
    /// assert_eq!(socket.receive(&mut [0; 16])?, 5);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    UdpSocket {
        receive = async_receive [B: ReadBuffer] (buffer: B) -> B::Completion<io::Result<usize>>;
        receive_from = async_receive_from
            [B: ReadBuffer] (buffer: B) -> B::Completion<io::Result<(usize, SocketAddr)>>;
        peek = async_peek [B: ReadBuffer] (buffer: B) -> B::Completion<io::Result<usize>>;
        peek_from = async_peek_from
            [B: ReadBuffer] (buffer: B) -> B::Completion<io::Result<(usize, SocketAddr)>>;
        send = async_send [B: WriteBuffer] (buffer: B) -> B::Completion<io::Result<usize>>;
        send_to = async_send_to
            [B: WriteBuffer] (buffer: B, address: SocketAddr) -> B::Completion<io::Result<usize>>;
        #[cfg(unix)]
        wait = async_wait [] (readiness: Readiness) -> fn(io::Result<()>);
    }
);

#[cfg(unix)]
default_token!(
    /// ```
    /// use async_op::net::UnixStream;
    /// use async_op::{Blocking, SystemExecutor};
    ///
    /// let (a, b) = UnixStream::pair(&SystemExecutor)?;
    /// a.try_write_some(b"hello")?;
    /// assert_eq!(b.with_default_token::<Blocking>().read_some(&mut [0; 16])?, 5);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    UnixStream {
        read_some = async_read_some [B: ReadBuffer] (buffer: B) -> B::Completion<io::Result<usize>>;
        peek = async_peek [B: ReadBuffer] (buffer: B) -> B::Completion<io::Result<usize>>;
        write_some = async_write_some [B: WriteBuffer] (buffer: B) -> B::Completion<io::Result<usize>>;
        wait = async_wait [] (readiness: Readiness) -> fn(io::Result<()>);
    }
);

#[cfg(unix)]
default_token!(
    /// ```
    /// use async_op::net::{UnixListener, UnixStream};
    /// use async_op::{Blocking, SystemExecutor};
    ///
    /// let path = std::env::temp_dir().join(format!("async-op-token-{}", std::process::id()));
    /// let listener = UnixListener::bind(&SystemExecutor, &path)?;
    /// let _client = UnixStream::connect(&SystemExecutor, &path).blocking()?;
    /// let (_server, _peer) = listener.with_default_token::<Blocking>().accept()?;
    /// std::fs::remove_file(path)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    UnixListener {
        accept = async_accept [] () -> fn(io::Result<(UnixStream<E>, unix::SocketAddr)>);
        wait = async_wait [] (readiness: Readiness) -> fn(io::Result<()>);
    }
);

#[cfg(unix)]
default_token!(
    /// ```
    /// use async_op::net::UnixDatagram;
    /// use async_op::{Blocking, SystemExecutor};
    ///
    /// let (a, b) = UnixDatagram::pair(&SystemExecutor)?;
    /// a.try_send(b"hello")?;
    /// assert_eq!(b.with_default_token::<Blocking>().receive(&mut [0; 16])?, 5);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    UnixDatagram {
        receive = async_receive [B: ReadBuffer] (buffer: B) -> B::Completion<io::Result<usize>>;
        receive_from = async_receive_from
            [B: ReadBuffer] (buffer: B) -> B::Completion<io::Result<(usize, unix::SocketAddr)>>;
        send = async_send [B: WriteBuffer] (buffer: B) -> B::Completion<io::Result<usize>>;
        send_to = async_send_to
            [B: WriteBuffer] (buffer: B, address: unix::SocketAddr) -> B::Completion<io::Result<usize>>;
        wait = async_wait [] (readiness: Readiness) -> fn(io::Result<()>);
    }
);

#[cfg(unix)]
default_token!(
    /// ```
    /// use async_op::net::connect_pipe;
    /// use async_op::{Blocking, SystemExecutor};
    ///
    /// let (reader, writer) = connect_pipe(&SystemExecutor)?;
    /// drop(writer);
    /// assert_eq!(reader.with_default_token::<Blocking>().read_some(&mut [0; 16])?, 0);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ReadablePipe {
        read_some = async_read_some [B: ReadBuffer] (buffer: B) -> B::Completion<io::Result<usize>>;
        wait = async_wait [] (readiness: Readiness) -> fn(io::Result<()>);
    }
);

#[cfg(unix)]
default_token!(
    /// ```
    /// use async_op::net::connect_pipe;
    /// use async_op::{Blocking, SystemExecutor};
    ///
    /// let (reader, writer) = connect_pipe(&SystemExecutor)?;
    /// assert_eq!(writer.with_default_token::<Blocking>().write_some("hello")?, 5);
    /// # drop(reader);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    WritablePipe {
        write_some = async_write_some [B: WriteBuffer] (buffer: B) -> B::Completion<io::Result<usize>>;
        wait = async_wait [] (readiness: Readiness) -> fn(io::Result<()>);
    }
);

#[cfg(unix)]
default_token!(
    /// ```
    /// use async_op::net::Descriptor;
    /// use async_op::{Blocking, SystemExecutor};
    ///
    /// let (reader, writer) = std::io::pipe()?;
    /// drop(writer);
    /// let reader = Descriptor::new(&SystemExecutor, reader)?.with_default_token::<Blocking>();
    /// assert_eq!(reader.read_some(&mut [0; 16])?, 0);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    Descriptor {
        read_some = async_read_some [B: ReadBuffer] (buffer: B) -> B::Completion<io::Result<usize>>;
        write_some = async_write_some [B: WriteBuffer] (buffer: B) -> B::Completion<io::Result<usize>>;
        wait = async_wait [] (readiness: Readiness) -> fn(io::Result<()>);
    }
);

#[cfg(all(any(unix, windows), feature = "signal"))]
default_token!(
    /// ```
    /// use async_op::signal::SignalSet;
    /// use async_op::{Blocking, SystemExecutor};
    ///
    /// let signals = SignalSet::new(&SystemExecutor, [libc::SIGUSR1])?;
    /// # signal_hook::low_level::raise(libc::SIGUSR1)?;
    /// assert_eq!(signals.with_default_token::<Blocking>().wait()?, libc::SIGUSR1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    SignalSet {
        wait = async_wait [] () -> fn(io::Result<i32>);
    }
);

#[cfg(feature = "resolver")]
default_token!(
    /// ```
    /// use async_op::net::Resolver;
    /// use async_op::{Blocking, SystemExecutor};
    ///
    /// let resolver = Resolver::new(&SystemExecutor).with_default_token::<Blocking>();
    /// assert_eq!(resolver.resolve("192.0.2.1", 80)?, [([192, 0, 2, 1], 80).into()]);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    Resolver {
        resolve = async_resolve [] (host: &str, port: u16) -> fn(io::Result<Vec<SocketAddr>>);
    }
);
