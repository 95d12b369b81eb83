//! Looking at operations: what is in flight, where it was started, and what
//! takes too long. With the feature `tracing`.
//!
//! Each operation is a span of the crate [`tracing`], with the target
//! `async_op`, the level `TRACE` and the name `operation`. Its fields:
//!
//! | field | |
//! |---|---|
//! | `operation` | the name of the initiating function |
//! | `id` | a number that no other operation of the process has |
//! | `parent` | the `id` of the operation in whose body or handler this one was started; 0 outside any |
//! | `location` | the line that made the operation: file, line and column |
//!
//! The span is entered while the initiating function's body runs, while its
//! future is polled, and while its handler runs; so what a handler logs belongs
//! to its operation. It is closed when the handler has returned. In it are these
//! events:
//!
//! | event | |
//! |---|---|
//! | `started` | the operation has begun |
//! | `completed` | it has its result; `immediate` says that it had it within the initiating function |
//! | `cancel requested` | somebody asked it to stop; `requested` says how |
//! | `handler called` | the result has reached the handler |
//! | `abandoned` | it will never have a result: its `Completion`, its task or its future was dropped |
//! | `slow` | a warning: `step` took `elapsed`, more than the limit of [`on_slow_handler`] |
//!
//! An operation whose result is awaited ends with `completed`: what comes then
//! is up to whoever awaits.
//!
//! [`IoExecutor::outstanding`] lists what has not ended, whether anybody listens
//! to the events or not.
//!
//! The line is that of the call of the initiating function. One that is written
//! by hand, as a function around [`from_fn`](crate::initiation::from_fn) or
//! [`from_future`](crate::initiation::from_future), passes its caller's on when it says
//! `#[track_caller]`.
//!
//! # What it costs
//!
//! Without the feature nothing: not an instruction, not a byte. With it, and
//! nobody listening, each operation costs some 800 instructions more (to note it in the
//! list, with the time, and to take it off again), and no allocation. What a subscriber does with the spans is the subscriber's.
//!
//! [`IoExecutor::outstanding`]: crate::IoExecutor::outstanding

#[cfg(feature = "tracing")]
mod operation;
#[cfg(feature = "tracing")]
mod outstanding;
#[cfg(feature = "tracing")]
mod registry;
#[cfg(feature = "tracing")]
mod slow;
#[cfg(not(feature = "tracing"))]
mod untraced;

#[cfg(feature = "tracing")]
pub(crate) use self::operation::{Entered, Trace, cancel_requested};
#[cfg(feature = "tracing")]
pub use self::outstanding::OutstandingOperation;
#[cfg(feature = "tracing")]
pub use self::slow::{SlowHandler, Step, on_slow_handler};
#[cfg(not(feature = "tracing"))]
pub(crate) use self::untraced::{Entered, Trace, cancel_requested};
