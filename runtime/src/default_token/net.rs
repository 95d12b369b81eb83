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

default_token!(TcpStream {
    read_some = async_read_some [B: ReadBuffer] (buffer: B) -> B::Completion<io::Result<usize>>;
    write_some = async_write_some [B: WriteBuffer] (buffer: B) -> B::Completion<io::Result<usize>>;
    #[cfg(unix)]
    wait = async_wait [] (readiness: Readiness) -> fn(io::Result<()>);
});

default_token!(AnyStream {
    read_some = async_read_some [B: ReadBuffer] (buffer: B) -> B::Completion<io::Result<usize>>;
    write_some = async_write_some [B: WriteBuffer] (buffer: B) -> B::Completion<io::Result<usize>>;
    finish = async_finish [] () -> fn(io::Result<()>);
});

default_token!(TcpListener {
    accept = async_accept [] () -> fn(io::Result<(TcpStream<E>, SocketAddr)>);
    #[cfg(unix)]
    wait = async_wait [] (readiness: Readiness) -> fn(io::Result<()>);
});

default_token!(UdpSocket {
    receive = async_receive [B: ReadBuffer] (buffer: B) -> B::Completion<io::Result<usize>>;
    receive_from = async_receive_from
        [B: ReadBuffer] (buffer: B) -> B::Completion<io::Result<(usize, SocketAddr)>>;
    send = async_send [B: WriteBuffer] (buffer: B) -> B::Completion<io::Result<usize>>;
    send_to = async_send_to
        [B: WriteBuffer] (buffer: B, address: SocketAddr) -> B::Completion<io::Result<usize>>;
    #[cfg(unix)]
    wait = async_wait [] (readiness: Readiness) -> fn(io::Result<()>);
});

#[cfg(unix)]
default_token!(UnixStream {
    read_some = async_read_some [B: ReadBuffer] (buffer: B) -> B::Completion<io::Result<usize>>;
    write_some = async_write_some [B: WriteBuffer] (buffer: B) -> B::Completion<io::Result<usize>>;
    wait = async_wait [] (readiness: Readiness) -> fn(io::Result<()>);
});

#[cfg(unix)]
default_token!(UnixListener {
    accept = async_accept [] () -> fn(io::Result<(UnixStream<E>, unix::SocketAddr)>);
    wait = async_wait [] (readiness: Readiness) -> fn(io::Result<()>);
});

#[cfg(unix)]
default_token!(UnixDatagram {
    receive = async_receive [B: ReadBuffer] (buffer: B) -> B::Completion<io::Result<usize>>;
    receive_from = async_receive_from
        [B: ReadBuffer] (buffer: B) -> B::Completion<io::Result<(usize, unix::SocketAddr)>>;
    send = async_send [B: WriteBuffer] (buffer: B) -> B::Completion<io::Result<usize>>;
    send_to = async_send_to
        [B: WriteBuffer] (buffer: B, address: unix::SocketAddr) -> B::Completion<io::Result<usize>>;
    wait = async_wait [] (readiness: Readiness) -> fn(io::Result<()>);
});

#[cfg(unix)]
default_token!(ReadablePipe {
    read_some = async_read_some [B: ReadBuffer] (buffer: B) -> B::Completion<io::Result<usize>>;
    wait = async_wait [] (readiness: Readiness) -> fn(io::Result<()>);
});

#[cfg(unix)]
default_token!(WritablePipe {
    write_some = async_write_some [B: WriteBuffer] (buffer: B) -> B::Completion<io::Result<usize>>;
    wait = async_wait [] (readiness: Readiness) -> fn(io::Result<()>);
});

#[cfg(unix)]
default_token!(Descriptor {
    read_some = async_read_some [B: ReadBuffer] (buffer: B) -> B::Completion<io::Result<usize>>;
    write_some = async_write_some [B: WriteBuffer] (buffer: B) -> B::Completion<io::Result<usize>>;
    wait = async_wait [] (readiness: Readiness) -> fn(io::Result<()>);
});

#[cfg(all(any(unix, windows), feature = "signal"))]
default_token!(SignalSet {
    wait = async_wait [] () -> fn(io::Result<i32>);
});

#[cfg(feature = "resolver")]
default_token!(Resolver {
    resolve = async_resolve [] (host: &str, port: u16) -> fn(io::Result<Vec<SocketAddr>>);
});
