//! Sockets.

mod buffer;
mod source;
mod tcp_listener;
mod tcp_stream;

pub use buffer::{ReadBuffer, WriteBuffer};
pub use tcp_listener::TcpListener;
pub use tcp_stream::TcpStream;
