//! Executors: where handlers run.

mod any;
mod inline_or;
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
pub use inline_or::InlineOr;
pub use post_only::PostOnly;
pub use strand::Strand;

#[cfg(feature = "tokio")]
pub use self::tokio::TokioExecutor;
pub use crate::post::{
    Submission, Submitted, defer, defer_call, defer_on, dispatch, dispatch_call, dispatch_on, post,
    post_call,
};
pub use system::SystemContext;
pub(crate) use system::SystemExecutor;
pub use thread_pool::ThreadPool;
pub(crate) use traits::{Executor, IoObject, is_same, timers_of};
pub(crate) use unblock::Follower;
pub use unblock::Unblock;
pub use work_guard::WorkGuard;
