//! TLS over any stream, by the crate `rustls` or the system's library.
//!
//! A [`Connector`] or an [`Acceptor`] is made of a configuration of `rustls` (feature
//! `rustls`) or of the connectors and acceptors of `native-tls` (feature `native-tls`), which
//! say whom to trust. What they make is a [`TlsStream`], whichever it was, for all that is in
//! [`io`](crate::io) and for a [`pipeline`](crate::net), under every token, and without a
//! runtime of anybody's. An [`AnyStream`](super::AnyStream) is any of them, or none.
#![cfg_attr(feature = "rustls", doc = "")]
#![cfg_attr(feature = "rustls", doc = include_str!("tls/example.md"))]
//!
//! # Which provider
//!
//! `rustls` leaves cryptography to a provider, and the feature of this crate chooses none: the
//! configuration that you make has one. `rustls = { version = "0.23", default-features =
//! false, features = ["ring", "std", "tls12"] }` needs no more than a compiler of C to be
//! built.
//!
//! With `native-tls` it is the system's: OpenSSL (whose servers speak TLS 1.2 then, and no
//! more), SChannel or Security.framework.
//!
//! # The end
//!
//! Who has said all says so: [`finish`](TlsStream::async_finish). A read returns 0 bytes only
//! after that. Where the stream below just ends, somebody may have cut it: the read fails with
//! [`UnexpectedEof`](std::io::ErrorKind::UnexpectedEof). Where the end of a message is told by
//! what is in it, as in most protocols, that is no loss.

mod acceptor;
mod connector;
mod engine;
#[cfg(feature = "native-tls")]
mod of_native;
#[cfg(feature = "rustls")]
mod of_rustls;
mod session;
mod stream;

#[cfg(feature = "native-tls")]
pub use ::native_tls;
#[cfg(feature = "rustls")]
pub use ::rustls;
pub use acceptor::Acceptor;
pub use connector::Connector;
pub use stream::TlsStream;

use std::time::Duration;

/// A handshake that takes longer fails, unless it is said otherwise.
const HANDSHAKE: Duration = Duration::from_secs(30);
