//! What operations wait for each other with: [`Channel`], [`Mutex`] and
//! [`Semaphore`].
//!
//! All three are handles: clones are the same object, and may be used on any
//! thread. Operations that wait are served in the order in which they came.
//! Waiting is an operation: it takes any completion token, can be cancelled and
//! limited in time, and loses nothing when its future is dropped.
//!
//! [`Returnable`] is for operations of yours that receive: what was under way to one that is
//! gone is not lost.
//!
//! An object belongs to the executor that it is made with. When the context of
//! that executor is dropped, so are the operations that run there; those that run
//! elsewhere, and all that come later, complete with an error.
//!
//! ```
//! use async_op::sync::Channel;
//! use async_op::{Blocking, IoContext, cancel_after, is_timeout, spawn};
//! use std::time::Duration;
//!
//! let context = IoContext::new()?;
//! let numbers = Channel::new(&context, 1);
//! let sender = numbers.clone();
//! spawn(
//!     &context,
//!     async move {
//!         for n in 1..=3 {
//!             sender.send(n).await?;
//!         }
//!         sender.close();
//!         Ok(())
//!     },
//!     |result: std::io::Result<()>| result.unwrap(),
//! );
//! let mut sum = 0;
//! while let Ok(n) = numbers.async_receive(cancel_after(Duration::from_secs(1), Blocking)) {
//!     sum += n;
//! }
//! assert_eq!(sum, 6);
//! # Ok::<(), std::io::Error>(())
//! ```

mod channel;
mod deliver;
mod mutex;
pub(crate) mod queue;
mod returnable;
mod semaphore;
mod send_error;
mod wait;

pub use channel::Channel;
pub use deliver::Deliver;
pub use mutex::{Mutex, MutexGuard};
pub use returnable::{Returnable, TakeBack};
pub use semaphore::{Permit, Semaphore};
pub use send_error::SendError;
