//! More completion tokens: how the result of an operation arrives.
//!
//! Those that nearly everybody uses are in the root: a closure, [`UseFuture`],
//! [`Blocking`], [`Detached`], [`Deferred`] and [`Handler`](crate::Handler). Here are:
//!
//! - [`UsePromise`]: starts the operation at once, and gives a [`Promise`] to be awaited later;
//! - [`each`]: a handler with a method for each signature of an operation that has several;
//! - [`local`]: a handler that is not `Send`, on the thread that runs the executor;
//! - [`c_callback`]: a function pointer of C and its argument;
//! - [`Then`]: an operation that has not completed, for the next one that it starts;
//! - [`WithDefaultToken`]: an object whose operations take a token of their own where none is
//!   passed.
//!
//! One of your own implements [`CompletionToken`].

pub(crate) mod blocking;
mod c_callback;
mod callback;
pub(crate) mod completion_token;
pub(crate) mod deferred;
pub(crate) mod detached;
mod each;
mod handler;
mod local;
mod promise;
mod then;
mod trial;
pub(crate) mod use_future;

pub use crate::completion::Keeping;
pub use crate::default_token::WithDefaultToken;
pub use crate::handler::HandlerReturn;
pub(crate) use blocking::Blocking;
pub use c_callback::{CCallback, CFunction, IntoC, c_callback};
pub use callback::{CallWith, Callback};
pub(crate) use completion_token::CompletionToken;
pub use deferred::Mapped;
pub(crate) use deferred::{Deferred, Operation};
pub(crate) use detached::Detached;
pub use each::{Each, each};
pub use local::{Local, local};
pub use promise::{Promise, UsePromise};
pub use then::Then;
pub use trial::Refused;
pub(crate) use use_future::UseFuture;
