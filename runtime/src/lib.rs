//! Completion tokens: write an asynchronous operation once, and let each caller
//! choose how the result arrives. The [guide] has a page for each question.
//!
//! # Calling an operation
//!
//! The last argument of an operation is its *completion token*. A closure is
//! one; so is [`UseFuture`]:
//!
//! ```
//! use async_op::IoContext;
//! use async_op::time::Timer;
//! use std::io;
//!
//! let context = IoContext::new()?;
//! let timer = Timer::new(&context);
//! timer.async_wait(|result: io::Result<()>| println!("called back: {result:?}"));
//! assert_eq!(context.run(), 1);
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! The plain name of the operation leaves the choice open: it returns an
//! [`Operation`] that has not started. Await it on any runtime, block on it,
//! give it a callback:
//!
//! ```
//! use async_op::SystemExecutor;
//! use async_op::time::Timer;
//!
//! let timer = Timer::new(&SystemExecutor);
//! timer.wait().blocking()?;
//! pollster::block_on(async { timer.wait().await })?;
//! timer.wait().callback(|result| result.unwrap());
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # Writing an operation
//!
//! [`#[async_op]`](macro@async_op) makes an operation of a plain function. An
//! `async fn` is one whose body is the operation:
//!
//! ```
//! use async_op::{Blocking, IoContext, IoExecutor, async_op};
//! use async_op::time::sleep;
//! use std::io;
//! use std::time::Duration;
//!
//! #[async_op]
//! async fn async_twice(context: &IoExecutor, pause: Duration) -> io::Result<u32> {
//!     for _ in 0..2 {
//!         sleep(context, pause).await?;
//!     }
//!     Ok(2)
//! }
//!
//! let context = IoContext::new()?;
//! assert_eq!(async_twice(&context, Duration::from_micros(1), Blocking)?, 2);
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! A function whose last parameter is a [`Completion`] is completed from
//! wherever the result turns up, by [`complete`](Completion::complete_with).
//! What the macro writes for each [form](forms), and which one to take, has a
//! page of its own.
//!
//! # What travels with a handler
//!
//! A completion handler carries its [`Associations`]: the executor that it runs
//! on, the allocator that the operation's memory comes from. They stay with it
//! through every layer:
//!
//! ```
//! use async_op::{Associations, CompletionHandler, Executor, Handler, IoContext, IoExecutor};
//! use async_op::time::Timer;
//! use std::io;
//!
//! /// Runs on the context `home`, whatever it waits for.
//! struct AtHome(IoExecutor);
//!
//! impl Associations for AtHome {
//!     fn executor<E: Executor>(&self, _: &E) -> impl Executor {
//!         self.0
//!     }
//! }
//! impl CompletionHandler<fn(io::Result<()>)> for AtHome {
//!     fn complete(self, (result,): (io::Result<()>,)) {
//!         result.unwrap();
//!     }
//! }
//!
//! let (home, elsewhere) = (IoContext::new()?, IoContext::new()?);
//! let timer = Timer::new(&elsewhere); // has expired already
//! timer.async_wait(Handler(AtHome(home.executor())));
//! assert_eq!(elsewhere.run(), 0);
//! assert_eq!(home.run(), 1);
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # Features
//!
//! `net` is on by default, and no other.
//!
//! | feature | adds |
//! |---|---|
//! | `async-io` | `IoContext::drive_in_async_io`: a context in smol, and the like |
//! | `bytes` | `Bytes` and `BytesMut` of the crate `bytes` as buffers |
//! | `futures-io` | [`PollIo`](io::PollIo) for the traits of that crate, and `io::FuturesIo` |
//! | `native-tls` | `net::tls`, by the library of the system |
//! | `net` | [`net`], `AsFd` of a context: without it a context is one of timers and tasks, on systems without sockets, or in a loop of yours; mio and socket2 are not built |
//! | `parking_lot` | nothing: the locks inside are those of that crate, a few percent faster |
//! | `pipeline` | `net::pipeline`: connections that many requests share |
//! | `resolver` | `net::Resolver` and `TcpStream::connect_host`: names of hosts |
//! | `rustls` | `net::tls`, by `rustls` with a provider of yours |
//! | `signal` | `signal::SignalSet`; on Windows of Ctrl-C and Ctrl-Break |
//! | `test` | `test`: contexts whose clock stands still, scripted streams, seeded schedules |
//! | `tokio` | `executor::TokioExecutor`: handlers run in a runtime of tokio; `IoContext::drive_in_tokio` |
//! | `tokio-io` | [`PollIo`](io::PollIo) for the traits of tokio, and `io::TokioIo`; no runtime |
//! | `tracing` | operations as spans, `IoExecutor::outstanding`, slow handlers |
//!
//! # Out of memory
//!
//! An operation that gets no memory panics, with its name and the size, before anything
//! has started, or gives its handler back ([`try_with`](Operation::try_with)); the making of
//! an object panics as well, such as a
//! [`Timer`](time::Timer), a [`CancellationSignal`](cancel::CancellationSignal) or a
//! [`Strand`](executor::Strand). What returns an [`io::Result`](std::io::Result)
//! anyway, as sockets do, fails with an error of kind
//! [`OutOfMemory`](std::io::ErrorKind::OutOfMemory) instead.
//!
//! Where the standard library has nothing that could fail, the process is aborted, as it
//! is when a `Box` gets no memory:
//!
//! - in [`IoContext::new`], [`ThreadPool::new`](executor::ThreadPool::new), the first use
//!   of the [`SystemContext`](executor::SystemContext),
//!   the first operation that a thread [blocks](Blocking) on, and where a thread joins
//!   a context that has never had so many at once;
//! - in the `new` of [`Channel`](sync::Channel), [`Mutex`](sync::Mutex) and
//!   [`Semaphore`](sync::Semaphore), and that of wrappers around streams of other
//!   libraries;
//! - where a list grows: that of the operations that wait for one object (the first needs
//!   none) or are woken at once, of the timers of a context, of the values in a channel;
//! - in the error that tells why none of several addresses has accepted
//!   (`net::ConnectErrors`);
//! - inside of other libraries: signals, the resolver, tokio's tasks, tracing, and on Windows
//!   the registration of a socket.

#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(
    not(feature = "net"),
    allow(dead_code, unused_imports, reason = "there are no sockets to use it")
)]

extern crate self as async_op;

pub mod adapter;
pub mod alloc;
mod buffer;
pub mod cancel;
#[doc(hidden)]
pub mod capture;
mod completion;
mod context;
mod erased;
pub mod executor;
#[doc(hidden)]
pub mod expansion;
pub mod forms;
pub mod group;
pub mod guide;
mod handler;
pub mod initiation;
pub mod io;
mod is_send;
mod meta;
#[cfg(feature = "net")]
#[cfg_attr(docsrs, doc(cfg(feature = "net")))]
pub mod net;
mod post;
mod release;
mod running;
mod shim;
#[cfg(all(any(unix, windows), feature = "signal"))]
pub mod signal;
mod signature;
mod site;
mod spawn;
pub mod sync;
pub mod task;
#[cfg(feature = "test")]
#[cfg_attr(docsrs, doc(cfg(feature = "test")))]
pub mod test;
#[doc(alias = "this_coro")]
pub mod this_op;
pub mod time;
pub mod token;
#[cfg(feature = "tracing")]
pub mod trace;
#[cfg(not(feature = "tracing"))]
mod trace;

// Last, as is what it adds to the pages of types.
mod default_token;

pub use adapter::bind::{bind_allocator, bind_cancellation_slot, bind_executor};
pub use adapter::cancel_after::cancel_after;
pub use async_op_macros::async_op;
pub use cancel::error::{is_cancelled, is_timeout};
pub use completion::Completion;
pub use context::{IoContext, IoExecutor};
pub use executor::system::SystemExecutor;
pub use executor::traits::{Executor, IoObject};
pub use handler::{Associations, CompletionHandler, Handler};
pub use initiation::traits::{Initiation, async_initiate};
pub use post::post_on;
pub use signature::Signature;
pub use spawn::spawn;
pub use token::blocking::Blocking;
pub use token::completion_token::CompletionToken;
pub use token::deferred::{Deferred, Operation};
pub use token::detached::Detached;
pub use token::use_future::UseFuture;

/// The examples of the README, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// Those of the attribute's page, which its own package could not compile.
#[cfg(doctest)]
#[doc = include_str!("async_op.md")]
struct Attribute;
