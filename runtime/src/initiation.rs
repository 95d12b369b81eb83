//! Operations by hand: what [`#[async_op]`](macro@crate::async_op) makes of a function.
//!
//! One that completes a [`Completion`](crate::Completion) is made with [`from_fn`], one that is
//! a future with [`from_future`]; both name their executor, and describe themselves with a
//! [`Meta`].

mod from_attempt;
mod from_fn;
mod from_future;
mod launched;
pub(crate) mod traits;
mod work;

pub use crate::meta::Meta;
pub(crate) use from_attempt::from_attempt;
pub use from_fn::{FromFn, from_fn};
pub use from_future::{FromFuture, from_future};
pub use launched::{Launch, Launched};
pub(crate) use traits::{Initiation, async_initiate};
