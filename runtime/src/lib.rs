//! Completion tokens for Rust.

extern crate self as async_op;

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
mod alloc;
mod cancel;
mod completion;
mod context;
mod executor;
mod handler;
mod initiation;
mod meta;
mod net;
mod shim;
mod signature;
mod task;
mod time;
mod token;

pub use alloc::{AllocError, Allocator, OperationAllocator, Recycling};
pub use async_op_macros::async_op;
pub use cancel::{CancellationSlot, CancellationType, is_cancelled};
pub use completion::Completion;
pub use context::{IoContext, IoExecutor};
pub use executor::{
    Executor, IoObject, PostOnly, SystemContext, SystemExecutor, Unblock, WorkGuard,
};
pub use handler::{Associations, CompletionHandler, Handler, HandlerReturn};
pub use initiation::{
    FromFn, FromFnFuture, FromFuture, FromFutureFuture, Initiation, async_initiate, from_fn,
    from_future,
};
pub use meta::Meta;
pub use net::{ReadBuffer, TcpListener, TcpStream, WriteBuffer};
pub use signature::{OneOf2, OneOf3, OneOf4, Signature};
pub use task::Task;
pub use time::Timer;
pub use token::{Blocking, CompletionToken, Deferred, Detached, Map, Operation, UseFuture};
