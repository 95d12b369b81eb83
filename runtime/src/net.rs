//! Sockets, pipes and other descriptors, and names of hosts.
//!
//! Each is a cheap handle, made with an [`IoExecutor`](crate::IoExecutor), on whose context its
//! operations wait. Clones are the same socket; the last one closes it. A [`TcpSocket`] is what
//! a stream or a listener is made of where options come first. Operations
//! that read or write several times are in [`io`](crate::io).

mod any_stream;
mod byte_stream;
mod connect;
mod connect_errors;
mod datagram;
#[cfg(unix)]
mod descriptor;
#[cfg(unix)]
mod file;
mod handle;
mod keepalive;
mod multicast;
mod operation;
mod options;
mod peek;
#[cfg(unix)]
mod pipe;
#[cfg(feature = "pipeline")]
pub mod pipeline;
pub(crate) mod poll_io;
mod poll_udp;
pub(crate) mod polled;
mod race;
#[cfg(unix)]
mod readiness;
#[cfg(unix)]
mod receive;
#[cfg(feature = "resolver")]
mod resolver;
mod send;
#[cfg(all(unix, feature = "signal"))]
pub(crate) mod signal_set;
mod source;
mod tcp_listener;
mod tcp_socket;
mod tcp_stream;
#[cfg(any(feature = "rustls", feature = "native-tls"))]
pub mod tls;
mod udp_socket;
#[cfg(unix)]
mod unix_datagram;
#[cfg(unix)]
mod unix_listener;
#[cfg(unix)]
mod unix_stream;

pub use any_stream::AnyStream;
pub use connect_errors::ConnectErrors;
#[cfg(unix)]
pub use descriptor::Descriptor;
pub use keepalive::Keepalive;
#[cfg(unix)]
pub use pipe::{ReadablePipe, WritablePipe, connect_pipe};
#[cfg(unix)]
pub use readiness::Readiness;
#[cfg(feature = "resolver")]
#[cfg_attr(docsrs, doc(cfg(feature = "resolver")))]
pub use resolver::Resolver;
pub use tcp_listener::TcpListener;
pub use tcp_socket::TcpSocket;
pub use tcp_stream::TcpStream;
pub use udp_socket::UdpSocket;
#[cfg(unix)]
pub use unix_datagram::UnixDatagram;
#[cfg(unix)]
pub use unix_listener::UnixListener;
#[cfg(unix)]
pub use unix_stream::UnixStream;
