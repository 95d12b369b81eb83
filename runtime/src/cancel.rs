//! Asking an operation to stop.
//!
//! A [`CancellationSignal`] asks, through a [`CancellationSlot`] that travels with the handler
//! ([`bind_cancellation_slot`](crate::bind_cancellation_slot())); a [`CancellationGroup`] asks
//! several. For a limit on time there is [`cancel_after`](crate::cancel_after()); a future asks by
//! being dropped. An operation that has been asked completes all the same, with
//! [`cancelled`] as its error or with its result: see [`CancellationType`].

mod cancellation_type;
pub(crate) mod error;
mod function;
mod group;
mod hook;
mod signal;
mod state;

pub use cancellation_type::CancellationType;
pub(crate) use error::is_cancelled;
pub use error::{Expire, OperationError, cancelled};
pub(crate) use function::Function;
pub use group::CancellationGroup;
pub(crate) use hook::Hook;
pub use signal::{CancellationSignal, CancellationSlot};
pub use state::CancellationState;
