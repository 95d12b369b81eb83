//! Executors: where handlers run.
//!
//! - [`Strand`]: one handler at a time, in order, on another executor;
//! - [`ThreadPool`]: a context and any number of threads that run it; [`SystemContext`]: one for
//!   the whole process, with threads of its own, whose handle is [`SystemExecutor`];
//! - [`AnyExecutor`]: an executor whose type is erased; [`InlineOr`] and [`PostOnly`]: whether
//!   handlers may be called at once;
//! - [`HomeExecutor`]: where the operations of an I/O object run, [`Home`] or another executor;
//! - [`WorkGuard`]: keeps `run` from returning.
//!
//! A context and its handle are in the root: [`IoContext`](crate::IoContext) and
//! [`IoExecutor`](crate::IoExecutor), as is the trait [`Executor`] for your own.
//!
//! [`post_on`](crate::post_on()) gives a function to an executor; the rest of its family is here,
//! told apart as in Asio: to *post* is to queue, to *dispatch* is to call at once where that is
//! allowed, to *defer* is to queue behind the running handler.

mod any;
pub(crate) mod home;
mod immediate;
mod inline_or;
mod io;
mod of_context;
mod on;
mod post_only;
mod strand;
pub(crate) mod system;
mod thread_pool;
#[cfg(feature = "tokio")]
mod tokio;

pub(crate) mod traits;
mod unblock;
mod work_guard;

pub use any::AnyExecutor;
pub use home::{Home, HomeExecutor};
pub(crate) use immediate::{Immediate, erase, is_post_to, is_same};
pub use inline_or::InlineOr;
pub(crate) use of_context::OfContext;
pub use on::On;
pub use post_only::PostOnly;
pub use strand::Strand;

#[cfg(feature = "tokio")]
pub use self::tokio::TokioExecutor;
pub use crate::post::{
    Submitted, defer, defer_call, defer_on, dispatch, dispatch_call, dispatch_on, post, post_call,
};
pub use system::SystemContext;
pub(crate) use system::{SystemExecutor, timers_of};
pub use thread_pool::ThreadPool;
pub(crate) use traits::{Executor, IoObject};
pub(crate) use unblock::Follower;
pub use unblock::Unblock;
pub use work_guard::WorkGuard;
