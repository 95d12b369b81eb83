//! Completion tokens: how the result of an operation arrives.

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
pub(crate) mod use_future;

pub use crate::default_token::WithDefaultToken;
pub use crate::handler::HandlerReturn;
pub(crate) use blocking::Blocking;
pub use c_callback::{CCallback, CFunction, IntoC, c_callback};
pub use callback::CallWith;
pub(crate) use completion_token::CompletionToken;
pub use deferred::Mapped;
pub(crate) use deferred::{Deferred, Operation};
pub(crate) use detached::Detached;
pub use each::{Each, each};
pub use local::{Local, local};
pub use promise::{Promise, UsePromise};
pub(crate) use use_future::UseFuture;
