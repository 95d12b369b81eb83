//! Completion tokens for Rust.
#![deny(unsafe_op_in_unsafe_fn)]

mod alloc;
mod cancel;
mod completion;
mod executor;
mod handler;
mod initiation;
mod meta;
mod shim;
mod signature;
mod task;
mod token;

pub use alloc::{AllocError, Allocator, OperationAllocator, Recycling};
pub use cancel::{CancellationSlot, CancellationType};
pub use completion::Completion;
pub use executor::{Executor, IoObject, PostOnly, Unblock, WorkGuard};
pub use handler::{Associations, CompletionHandler, Handler, HandlerReturn};
pub use initiation::{
    FromFn, FromFnFuture, FromFuture, FromFutureFuture, Initiation, async_initiate, from_fn,
    from_future,
};
pub use meta::Meta;
pub use signature::{OneOf2, OneOf3, OneOf4, Signature};
pub use task::Task;
pub use token::{Blocking, CompletionToken, Deferred, Detached, Map, Operation, UseFuture};

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;

pub use async_op_macros::async_op;
