//! Completion tokens: write an asynchronous operation once, and let each caller
//! choose how the result arrives.
//!
//! # Calling an operation
//!
//! The last argument of an operation is its *completion token*. A closure is
//! one; so is [`UseFuture`]:
//!
//! ```
//! use async_op::{IoContext, Timer};
//! use std::io;
//!
//! # fn main() -> io::Result<()> {
//! let context = IoContext::new()?;
//! let timer = Timer::new(&context);
//! timer.async_wait(|result: io::Result<()>| println!("called back: {result:?}"));
//! assert_eq!(context.run(), 1);
//! # Ok(())
//! # }
//! ```
//!
//! The plain name of the operation leaves the choice open: it returns an
//! [`Operation`] that has not started. Await it on any runtime, block on it,
//! give it a callback:
//!
//! ```
//! use async_op::{SystemExecutor, Timer};
//!
//! # fn main() -> std::io::Result<()> {
//! let timer = Timer::new(&SystemExecutor);
//! timer.wait().blocking()?;
//! pollster::block_on(async { timer.wait().await })?;
//! timer.wait().callback(|result| result.unwrap());
//! # Ok(())
//! # }
//! ```
//!
//! # Writing an operation
//!
//! [`#[async_op]`](macro@async_op) makes an operation of a plain function. An
//! `async fn` is one whose body is the operation:
//!
//! ```
//! use async_op::{Blocking, IoContext, IoExecutor, Timer, async_op};
//! use std::io;
//! use std::time::Duration;
//!
//! #[async_op]
//! async fn async_twice(context: &IoExecutor, pause: Duration) -> io::Result<u32> {
//!     let timer = Timer::new(context);
//!     for _ in 0..2 {
//!         timer.expires_after(pause);
//!         timer.wait().await?;
//!     }
//!     Ok(2)
//! }
//!
//! # fn main() -> io::Result<()> {
//! let context = IoContext::new()?;
//! assert_eq!(async_twice(&context, Duration::from_micros(1), Blocking)?, 2);
//! # Ok(())
//! # }
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
//! use async_op::{Associations, CompletionHandler, Executor, Handler, IoContext, IoExecutor, Timer};
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
//! # fn main() -> io::Result<()> {
//! let (home, elsewhere) = (IoContext::new()?, IoContext::new()?);
//! let timer = Timer::new(&elsewhere); // has expired already
//! timer.async_wait(Handler(AtHome(home.executor())));
//! assert_eq!(elsewhere.run(), 0);
//! assert_eq!(home.run(), 1);
//! # Ok(())
//! # }
//! ```
//!
//! # Out of memory
//!
//! An operation that gets no memory panics, with its name and the size, before anything
//! has started; so does the making of an object, such as a [`Timer`], a
//! [`CancellationSignal`] or a [`Strand`]. What returns an [`io::Result`](std::io::Result)
//! anyway, as sockets do, fails with an error of kind
//! [`OutOfMemory`](std::io::ErrorKind::OutOfMemory) instead.
//!
//! Where the standard library has nothing that could fail, the process is aborted, as it
//! is when a `Box` gets no memory:
//!
//! - in [`IoContext::new`], [`ThreadPool::new`], the first use of the [`SystemContext`],
//!   the first operation that a thread [blocks](Blocking) on, and where a thread joins
//!   a context that has never had so many at once;
//! - in the `new` of [`Channel`](sync::Channel), [`Mutex`](sync::Mutex) and
//!   [`Semaphore`](sync::Semaphore), and that of wrappers around streams of other
//!   libraries;
//! - where a list grows: of operations that wait for one object (the first needs none), or
//!   are woken at once; of the timers of a context; of the values in a channel;
//! - inside of other libraries: signals, the resolver, tokio's tasks, tracing.

#![cfg_attr(docsrs, feature(doc_cfg))]

extern crate self as async_op;

mod adapter;
mod alloc;
mod bind;
mod buffer;
mod cancel;
pub mod capture;
mod completion;
mod context;
mod default_token;
mod erased;
mod executor;
#[doc(hidden)]
pub mod expansion;
pub mod forms;
mod group;
mod handler;
mod initiation;
mod io;
mod is_send;
mod meta;
mod net;
mod post;
mod running;
mod shim;
mod signature;
mod site;
mod spawn;
pub mod sync;
mod task;
pub mod this_op;
mod time;
mod token;
#[cfg(feature = "tracing")]
pub mod trace;
#[cfg(not(feature = "tracing"))]
mod trace;

pub use adapter::{
    Adapted, AdaptedFuture, AdaptedInitiation, Adapter, AdapterAssociations, Append, Consign,
    Prepend, RedirectError, TimeLimit, Timed, TimedInitiation, adapt, append, cancel_after,
    cancel_at, consign, prepend, redirect_error,
};
pub use alloc::{AllocError, Allocator, AnyAllocator, OperationAllocator, Recycling};
pub use async_op_macros::async_op;
pub use bind::{
    BoundAllocator, BoundCancellationSlot, BoundExecutor, BoundImmediateExecutor, OnExecutor,
    bind_allocator, bind_cancellation_slot, bind_executor, bind_immediate_executor,
};
pub use buffer::{AtMost, BufferExt, BufferRange, DynamicBuffer, ReadBuffer, WriteBuffer};
pub use cancel::{
    CancellationGroup, CancellationSignal, CancellationSlot, CancellationState, CancellationType,
    Expire, OperationError, cancelled, is_cancelled, is_timeout,
};
pub use completion::Completion;
pub use context::{IoContext, IoExecutor};
pub use default_token::WithDefaultToken;
#[cfg(feature = "tokio")]
pub use executor::TokioExecutor;
pub use executor::{
    AnyExecutor, Executor, InlineOr, IoObject, PostOnly, Strand, SystemContext, SystemExecutor,
    ThreadPool, Unblock, WorkGuard,
};
pub use group::{
    Chain, Flatten, Group, GroupCondition, Members, Nil, ParallelGroup, RangedFuture, TupleFuture,
    WaitForAll, WaitForOne, WaitForOneError, WaitForOneSuccess, parallel_group, wait_for_all,
    wait_for_one, wait_for_one_error, wait_for_one_success,
};
pub use handler::{Associations, CompletionHandler, Handler, HandlerReturn};
pub use initiation::{
    FromFn, FromFnFuture, FromFuture, FromFutureFuture, Initiation, StartedFuture, async_initiate,
    from_fn, from_future,
};
#[cfg(feature = "futures-io")]
pub use io::FuturesIo;
#[cfg(feature = "tokio-io")]
pub use io::TokioIo;
pub use io::{
    AsyncReadStream, AsyncWriteStream, CompletionCondition, Delimiter, Transfer, async_copy,
    async_read, async_read_exact, async_read_until, async_write, async_write_all, copy, read,
    read_exact, read_until, transfer_all, transfer_at_least, transfer_exactly, write, write_all,
};
pub use meta::Meta;
#[cfg(feature = "resolver")]
pub use net::Resolver;
#[cfg(all(unix, feature = "signal"))]
pub use net::SignalSet;
#[cfg(unix)]
pub use net::{
    Descriptor, ReadablePipe, Readiness, UnixDatagram, UnixListener, UnixStream, WritablePipe,
    connect_pipe,
};
pub use net::{PollIo, TcpListener, TcpStream, UdpSocket};
pub use post::{
    Submitted, defer, defer_call, defer_on, dispatch, dispatch_call, dispatch_on, post, post_call,
    post_on,
};
pub use signature::{ExtendSignature, LeadingSignature, OneOf2, OneOf3, OneOf4, Signature};
pub use spawn::{RunIn, Spawn, run_in, spawn, spawn_with};
pub use task::{FrameBox, Task};
pub use time::{Timer, WallTimer};
pub use token::{
    Blocking, CCallback, CFunction, CallWith, CompletionToken, Deferred, Detached, Each, IntoC,
    Local, Mapped, Operation, Promise, UseFuture, UsePromise, c_callback, each, local,
};

/// The examples of the README, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
